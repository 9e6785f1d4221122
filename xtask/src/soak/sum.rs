//! What came of a soak: counts, the memory of the server over its longest lives, and findings.

use std::collections::BTreeMap;

use crate::say;

/// So much growth in a thousand programs is no noise, in KiB.
const GROWTH: f64 = 2.0 * 1024.0;
/// So much more memory than before is no noise in the engine, in KiB. Its collector gives back late what a busy hour took,
/// and others may use it meanwhile; but 64 KiB that stay of each container would be more than this in a soak of 5000.
const ENGINE_GROWTH: u32 = 256 * 1024;
/// Fewer samples than this say nothing about growth.
const ENOUGH: usize = 1000;
/// While a server is warming up its memory grows: the part of the samples that is left out.
const WARMING_UP: usize = 4;
/// How many findings are told in full.
const TOLD: usize = 40;

/// The whole of it.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub(super) endings: BTreeMap<(&'static str, String), usize>,
    pub(super) faults: BTreeMap<&'static str, usize>,
    pub(super) findings: Vec<String>,
    /// The server's memory after each answer of one life, in KiB; of the longest life in each world.
    pub(super) memory: BTreeMap<&'static str, Vec<u32>>,
    pub(super) records: usize,
    /// Of the engine's processes, before and after, in KiB.
    pub(super) engine: (u32, u32),
    /// The descriptors of each server that lived on, with its world: at first and at last, with nothing to do.
    pub(super) descriptors: Vec<(&'static str, usize, usize)>,
    pub(super) seconds: f64,
}

impl Sum {
    /// Prints it; whether there is no finding.
    pub(super) fn say(mut self) -> bool {
        let programs: usize = self.endings.values().sum();
        for ((name, ending), count) in &self.endings {
            say::result(&format!("{count:>6}  {name}: {ending}"));
        }
        for (fault, count) in &self.faults {
            say::result(&format!("{count:>6}  fault: {fault}"));
        }
        for (world, memory) in &self.memory {
            let growth = growth(memory);
            say::result(&format!(
                "The server's memory in the {world} world: {} KiB after {} answers of its longest life, {}.",
                memory.last().copied().unwrap_or(0),
                memory.len(),
                growth.map_or_else(
                    || "too few to say whether it grows".to_owned(),
                    |growth| format!("{growth:+.0} KiB for a thousand programs"),
                ),
            ));
            if let Some(growth) = growth.filter(|growth| *growth > GROWTH) {
                let what = format!("the server grows by {growth:.0} KiB in a thousand programs");
                self.findings.push(what);
            }
        }
        for (world, first, last) in &self.descriptors {
            say::result(&format!(
                "Descriptors of an idle server in the {world} world: {first} at first, {last} at last."
            ));
        }
        let (before, after) = self.engine;
        say::result(&format!(
            "The engine's memory: {before} KiB before, {after} KiB after."
        ));
        if after > before.saturating_add(ENGINE_GROWTH) {
            let what = format!("the engine grew from {before} to {after} KiB");
            self.findings.push(what);
        }
        for finding in self.findings.iter().take(TOLD) {
            say::result(&format!("FOUND: {finding}"));
        }
        say::result(&format!(
            "{programs} programs in {:.0} s, {} records, {} findings",
            self.seconds,
            self.records,
            self.findings.len()
        ));
        self.findings.is_empty()
    }
}

/// By how much the server grows in a thousand programs, in KiB, if there are enough of them to say.
fn growth(samples: &[u32]) -> Option<f64> {
    slope(samples)
        .filter(|_| samples.len() >= ENOUGH)
        .map(|slope| slope * 1000.0)
}

/// By how much the later samples grow from one to the next: the least squares.
fn slope(samples: &[u32]) -> Option<f64> {
    let warm = samples.get(samples.len() / WARMING_UP..)?;
    let count = f64::from(u32::try_from(warm.len()).ok().filter(|count| *count > 1)?);
    let middle = (count - 1.0) / 2.0;
    let mean = warm.iter().copied().map(f64::from).sum::<f64>() / count;
    let mut at = -middle;
    let (mut together, mut alone) = (0.0, 0.0);
    for sample in warm {
        together += at * (f64::from(*sample) - mean);
        alone += at * at;
        at += 1.0;
    }
    Some(together / alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_seen_and_warming_up_is_not() {
        let near = |samples: &[u32], expected: f64| {
            let found = slope(samples).unwrap();
            assert!((found - expected).abs() < 1e-9, "{found} for {samples:?}");
        };
        near(&[1, 500, 500, 500, 500, 500, 500, 500], 0.0);
        near(&[0, 0, 10, 12, 14, 16, 18, 20], 2.0);
        assert_eq!(slope(&[]), None);
        assert_eq!(slope(&[7]), None);
        assert_eq!(growth(&[7; ENOUGH - 1]), None);
        assert_eq!(growth(&[7; ENOUGH]), Some(0.0));
    }
}
