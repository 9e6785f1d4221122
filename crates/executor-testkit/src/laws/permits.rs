//! Law 25: concurrent runs respect permits.

use executor_core::ExecutionRequest;
use futures_util::future::join_all;

use super::ground::{Breach, Ground, hold};

/// Each run tells when it began and ended, by a clock that all sandboxes of a machine share.
const PROGRAM: &str = "import time
begun = time.CLOCK()
time.sleep(0.3)
print(begun, time.CLOCK())";

/// The program with the clock to ask: the monotonic one, which nobody sets, and for a kernel of one's
/// own, whose monotonic clock begins with itself, that of the day.
fn program(ground: &Ground) -> String {
    let clock = if ground.has_own_kernel() {
        "time_ns"
    } else {
        "monotonic_ns"
    };
    PROGRAM.replace("CLOCK", clock)
}

pub(super) async fn law_25_concurrent_runs_respect_permits(ground: &Ground) -> Result<(), Breach> {
    const PERMITS: usize = 2;
    const RUNS: usize = 6;
    let executor = ground.executor(|settings| settings.concurrency = PERMITS)?;
    let runs: Vec<_> = (0..RUNS)
        .map(|_| executor.execute(ExecutionRequest::new(program(ground))))
        .collect::<Result<_, _>>()?;
    let mut spans = Vec::new();
    for outcome in join_all(runs.into_iter().map(executor_core::Execution::outcome)).await {
        let text = String::from_utf8_lossy(&outcome.stdout.to_bytes()).into_owned();
        let span = text.split_once(' ').and_then(|(begun, ended)| {
            Some((
                begun.trim().parse::<u64>().ok()?,
                ended.trim().parse::<u64>().ok()?,
            ))
        });
        spans.push(span.ok_or_else(|| {
            Breach::new(format!(
                "a run ended as `{}` and printed `{text}`",
                outcome.ending
            ))
        })?);
    }
    let most = most_at_once(&spans);
    hold!(most <= PERMITS, "{most} runs at once had {PERMITS} permits");
    executor.shutdown().await;
    Ok(())
}

/// How many of these spans, beginning and end, overlap at the busiest moment.
#[must_use]
pub fn most_at_once(spans: &[(u64, u64)]) -> usize {
    let covering = |moment| {
        spans
            .iter()
            .filter(|(from, to)| (*from..*to).contains(&moment))
            .count()
    };
    spans
        .iter()
        .map(|(from, _)| covering(*from))
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_counted() {
        assert_eq!(most_at_once(&[]), 0);
        assert_eq!(most_at_once(&[(0, 5), (5, 9)]), 1);
        assert_eq!(most_at_once(&[(0, 5), (1, 9), (4, 6)]), 3);
    }
}
