//! Tries a target: makes inputs on all processors, counts how they were taken, and keeps the first that breaks.

mod memory;
mod shrink;

use std::num::NonZero;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::generate::Generator;
use crate::target::{Breach, Tally, Target};

pub use memory::{forget_peak, peak_kib};
pub use shrink::shrink;

/// How long one input may take before it counts as a hang. Honest ones take well under a second, on a machine that does
/// much else as well.
pub const HANG: Duration = Duration::from_secs(60);

/// How many inputs a worker takes at a time.
const CHUNK: u64 = 64;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// From where and until when a target is tried: the first bound that is reached ends it.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an argument, written out by its callers"
)]
pub struct Until {
    /// The number of the first input.
    pub first: u64,
    /// So many inputs were made.
    pub inputs: u64,
    /// So much time has passed.
    pub time: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The number of the next input, behind all that were tried.
    pub next: u64,
    /// Inputs that were tried.
    pub inputs: u64,
    /// What was in them.
    pub tally: Tally,
    /// How long it took.
    pub elapsed: Duration,
    /// The most memory that the process had meanwhile, in KiB, where the system tells.
    pub peak_kib: Option<u64>,
    /// The longest that one input took.
    pub slowest: Duration,
    /// The first input that broke something.
    pub failure: Option<Failure>,
}

impl Report {
    /// Adds what came of going on.
    pub fn add(&mut self, more: Self) {
        self.next = more.next;
        self.inputs += more.inputs;
        self.tally.accepted += more.tally.accepted;
        self.tally.rejected += more.tally.rejected;
        self.elapsed += more.elapsed;
        self.peak_kib = self.peak_kib.max(more.peak_kib);
        self.slowest = self.slowest.max(more.slowest);
        self.failure = more.failure;
    }
}

/// An input that broke something.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Its number under the seed of the run.
    pub index: u64,
    /// The input.
    pub input: Vec<u8>,
    /// What broke.
    pub breach: Breach,
}

/// Gives a target one input. A panic in it is a breach.
///
/// # Errors
///
/// What did not hold.
pub fn attempt(target: &Target, input: &[u8]) -> Result<Tally, Breach> {
    let run = target.run;
    catch_unwind(|| run(input)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Breach(format!(
            "panicked: {}",
            text.unwrap_or("without a text")
        )))
    })
}

/// What the workers share.
#[derive(Debug)]
struct Shared {
    target: Target,
    generator: Generator,
    seed: u64,
    until: Until,
    started: Instant,
    next: AtomicU64,
    inputs: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    slowest_micros: AtomicU64,
    stop: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

/// Tries a target until a bound is reached or something breaks. `tell` hears of progress every few seconds.
///
/// # Errors
///
/// A thread could not be started.
pub fn run(
    target: &Target,
    seed: u64,
    until: Until,
    tell: &dyn Fn(&Report),
) -> std::io::Result<Report> {
    forget_peak();
    let shared = Arc::new(Shared {
        target: *target,
        generator: target.generator(),
        seed,
        until,
        started: Instant::now(),
        next: AtomicU64::new(until.first),
        inputs: AtomicU64::new(0),
        accepted: AtomicU64::new(0),
        rejected: AtomicU64::new(0),
        slowest_micros: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
    });
    let count = thread::available_parallelism().map_or(1, NonZero::get);
    let mut workers = Vec::new();
    for _ in 0..count {
        let shared = Arc::clone(&shared);
        let current = Arc::new(Current::default());
        let watched = Arc::clone(&current);
        let worker = thread::Builder::new()
            .name(target.name.to_owned())
            .spawn(move || shared.work(&current))?;
        workers.push((worker, watched));
    }
    let mut told = Instant::now();
    while workers.iter().any(|(worker, _)| !worker.is_finished()) {
        thread::park_timeout(Duration::from_millis(20));
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(&shared.report());
        }
        let hanging = workers
            .iter()
            .find_map(|(_, current)| current.hanging(&shared));
        if let Some(index) = hanging {
            // The thread that hangs cannot be ended. It is left to the end of the process.
            shared.fail(index, Breach(format!("took longer than {HANG:?}")));
            return Ok(shared.report());
        }
    }
    for (worker, _) in workers {
        // A worker catches what its target throws.
        let _ = worker.join();
    }
    Ok(shared.report())
}

/// What a worker is at.
#[derive(Debug, Default)]
struct Current {
    index: AtomicU64,
    /// When it began, in milliseconds since the start and one more; 0 in between.
    since: AtomicU64,
}

impl Current {
    fn hanging(&self, shared: &Shared) -> Option<u64> {
        let since = self.since.load(Ordering::Relaxed).checked_sub(1)?;
        let now = shared.millis();
        let limit = u64::try_from(HANG.as_millis()).unwrap_or(u64::MAX);
        (now.saturating_sub(since) > limit).then(|| self.index.load(Ordering::Relaxed))
    }
}

impl Shared {
    fn work(&self, current: &Current) {
        while !self.is_over() {
            let first = self.next.fetch_add(CHUNK, Ordering::Relaxed);
            for index in first..first.saturating_add(CHUNK) {
                if self.is_over() {
                    break;
                }
                self.one(index, current);
            }
        }
    }

    fn one(&self, index: u64, current: &Current) {
        let input = self.generator.input(self.target.name, self.seed, index);
        current.index.store(index, Ordering::Relaxed);
        current.since.store(self.millis() + 1, Ordering::Relaxed);
        let begun = Instant::now();
        let outcome = attempt(&self.target, &input);
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        current.since.store(0, Ordering::Relaxed);
        self.slowest_micros.fetch_max(micros, Ordering::Relaxed);
        self.inputs.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(tally) => {
                self.accepted.fetch_add(tally.accepted, Ordering::Relaxed);
                self.rejected.fetch_add(tally.rejected, Ordering::Relaxed);
            }
            Err(breach) => self.fail(index, breach),
        }
    }

    fn fail(&self, index: u64, breach: Breach) {
        self.stop.store(true, Ordering::Relaxed);
        let input = self.generator.input(self.target.name, self.seed, index);
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(Failure {
            index,
            input,
            breach,
        });
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.inputs.load(Ordering::Relaxed) >= self.until.inputs
            || self.started.elapsed() >= self.until.time
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn report(&self) -> Report {
        Report {
            next: self.next.load(Ordering::Relaxed),
            inputs: self.inputs.load(Ordering::Relaxed),
            tally: Tally {
                accepted: self.accepted.load(Ordering::Relaxed),
                rejected: self.rejected.load(Ordering::Relaxed),
            },
            elapsed: self.started.elapsed(),
            peak_kib: peak_kib(),
            slowest: Duration::from_micros(self.slowest_micros.load(Ordering::Relaxed)),
            failure: self
                .failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Shape;
    use crate::target::hold;

    fn seeds() -> Vec<Vec<u8>> {
        vec![br#"{"a":1,"b":[2,3]}"#.to_vec()]
    }

    fn until(inputs: u64) -> Until {
        Until {
            first: 0,
            inputs,
            time: Duration::from_secs(60),
        }
    }

    const SOUND: Target = Target {
        name: "sound",
        about: "",
        shape: Shape::Json,
        seeds,
        run: |input| Ok(Tally::one(input.starts_with(b"{"))),
        takes_messages: false,
    };

    #[test]
    fn what_is_tried_is_counted() {
        let report = run(&SOUND, 1, until(5000), &|_| {}).unwrap();
        assert!(report.failure.is_none());
        assert!((5000..5010).contains(&report.inputs), "{}", report.inputs);
        assert_eq!(report.tally.accepted + report.tally.rejected, report.inputs);
        assert!(report.tally.accepted > 0 && report.tally.rejected > 0);
        let mut going_on = report.clone();
        let until = Until {
            first: report.next,
            ..until(1000)
        };
        going_on.add(run(&SOUND, 1, until, &|_| {}).unwrap());
        assert!(going_on.next > report.next && going_on.inputs >= report.inputs + 1000);
    }

    #[test]
    fn what_breaks_is_kept_and_breaks_again() {
        let picky = Target {
            run: |input| {
                hold(!input.contains(&0), || "a NUL".to_owned())?;
                Ok(Tally::one(true))
            },
            ..SOUND
        };
        let sudden = Target {
            run: |input| {
                assert!(!input.contains(&0), "a {}", "NUL");
                Ok(Tally::one(true))
            },
            ..SOUND
        };
        for (target, expected) in [(picky, "a NUL"), (sudden, "panicked: a NUL")] {
            let failure = run(&target, 1, until(1_000_000), &|_| {})
                .unwrap()
                .failure
                .unwrap();
            assert_eq!(failure.breach.0, expected);
            assert_eq!(
                target.generator().input("sound", 1, failure.index),
                failure.input
            );
            assert_eq!(attempt(&target, &failure.input).unwrap_err().0, expected);
            assert_eq!(shrink(&target, &failure.input), [0]);
        }
    }
}
