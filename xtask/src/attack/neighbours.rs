//! An innocent program beside one that storms: its output must be what it always is, and it must get its work done.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::case::{Finding, Weakness};
use super::evidence::Evidence;
use super::program::Program;
use super::scene::Side;
use super::servers::Kind;
use super::stage::Stage;
use super::{watch, weak};
use crate::{process, say};

const STORM: &str = include_str!("programs/storm.py");
const NEIGHBOUR: &str = include_str!("programs/neighbour.py");
/// How long the storm lasts: more than one of the neighbour's windows of two seconds.
const STORMS: Duration = Duration::from_millis(4500);
/// How long the neighbour works: before, during and after.
const WORKS: u64 = 9;
/// How long it is left alone before the storm.
const ALONE: Duration = Duration::from_millis(2500);
/// How long it may take until it is at work.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// What either may take, a start on a busy machine included.
const TIME: Duration = Duration::from_secs(60);
/// How often a digest is made of a digest in a piece of work: some milliseconds.
const ROUNDS: u32 = 4000;
/// Who gets less than this part of what he got in his best time is starved. A fair share of two processors beside a
/// sandbox is the half at least; the rest is room for whatever else the machine does.
const STARVED: u64 = 20;

/// A neighbour without a limit of ours, and with no more weight than any.
const PLAIN: Weakness = Weakness::new("a plain neighbour", &["--cpus", "1"]);

/// Plays each storm beside a neighbour of its own.
pub(super) fn play(
    stage: &Stage<'_>,
    side: &mut Side<'_>,
    ids: &[&'static str],
) -> Result<Evidence> {
    let mut evidence = Evidence::default();
    for id in ids {
        let finding = one(stage, side, id)?;
        evidence.findings.insert(id, finding);
    }
    Ok(evidence)
}

fn one(stage: &Stage<'_>, side: &mut Side<'_>, id: &'static str) -> Result<Finding> {
    let storm = Program::new(STORM, &[id], json!({ "seconds": STORMS.as_secs_f64() }))?;
    let told = json!({ "attack": id, "rounds": ROUNDS, "seconds": WORKS });
    let neighbour = Program::new(NEIGHBOUR, &[id], told)?;
    let beside = match side {
        Side::Sandbox(servers) => {
            let mut other = servers.take(stage, Kind::Other)?;
            let own = servers.get(stage, Kind::Closed)?;
            let beside = thread::scope(|scope| {
                let working = scope.spawn(|| neighbour.in_sandbox(stage, own, TIME));
                until_at_work(stage, &neighbour)?;
                // However it ends: only what its neighbour has of it counts.
                other.run(&storm.source(stage), TIME)?;
                joined(working)
            })?;
            own.is_sound(stage, beside.seen.container.as_deref())?;
            other.is_sound(stage, None)?;
            servers.put(Kind::Other, other);
            beside
        }
        Side::Weak(weakness) => thread::scope(|scope| {
            let working = scope.spawn(|| {
                let ended = weak::run(stage, &PLAIN, &neighbour.source(stage), TIME)?;
                let mut evidence = Evidence {
                    output: ended.output,
                    ..Evidence::default()
                };
                evidence.read_answers();
                Ok(evidence)
            });
            until_at_work(stage, &neighbour)?;
            weak::run(stage, weakness, &storm.source(stage), TIME)?;
            joined(working)
        })?,
    };
    let finding = judged(beside.answer(id));
    if let Finding::Succeeded(words) | Finding::Refused(words) = &finding {
        let place = match side {
            Side::Sandbox(_) => "beside a sandbox",
            Side::Weak(_) => "beside the weak container",
        };
        say::progress("attack", &format!("{id}: {place} {words}"));
    }
    Ok(finding)
}

/// Waits until the neighbour works and was alone for a while.
fn until_at_work(stage: &Stage<'_>, neighbour: &Program) -> Result<()> {
    let waited = Instant::now();
    // A kernel of the sandbox's own shows no processes; by then it has come.
    while !stage.has_own_kernel() && watch::find(&neighbour.mark, "works").is_none() {
        if waited.elapsed() > READY_WITHIN {
            bail!("the neighbour does not work");
        }
        process::pause(Duration::from_millis(20));
    }
    process::pause(ALONE);
    Ok(())
}

fn joined(running: thread::ScopedJoinHandle<'_, Result<Evidence>>) -> Result<Evidence> {
    running
        .join()
        .unwrap_or_else(|_| bail!("the thread of the neighbour panicked"))
}

/// By what the neighbour says that it got done, and what came of it.
fn judged(answer: Option<&str>) -> Finding {
    let mut words = answer.unwrap_or_default().split(' ');
    let mut count = || words.next().and_then(|word| word.parse::<u64>().ok());
    let (Some(best), Some(worst)) = (count(), count()) else {
        return Finding::Unknown(format!("the neighbour said {answer:?}"));
    };
    let told: Vec<&str> = words.collect();
    if told != [work()] {
        return Finding::Succeeded("the neighbour's work came out otherwise".to_owned());
    }
    let words = format!("the neighbour got {worst} pieces done, at best {best}");
    if worst * STARVED < best {
        Finding::Succeeded(words)
    } else {
        Finding::Refused(words)
    }
}

/// What comes of a piece of the neighbour's work.
fn work() -> String {
    let mut word = b"neighbour".to_vec();
    for _ in 0..ROUNDS {
        word = Sha256::digest(&word).to_vec();
    }
    hex::encode(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_harmed_who_is_starved_or_led_astray() {
        let check = |counts: &str, digests: &str, harmed: bool| {
            let answer = format!("{counts} {digests}");
            let finding = judged(Some(&answer));
            assert_eq!(matches!(finding, Finding::Succeeded(_)), harmed, "{answer}");
            assert!(!matches!(finding, Finding::Unknown(_)), "{answer}");
        };
        let right = work();
        check("100 90", &right, false);
        check("100 5", &right, false);
        check("100 4", &right, true);
        check("100 0", &right, true);
        check("100 90", "otherwise", true);
        check("100 90", &format!("{right} otherwise"), true);
        for answer in [None, Some(""), Some("broken: x")] {
            assert!(matches!(judged(answer), Finding::Unknown(_)), "{answer:?}");
        }
    }
}
