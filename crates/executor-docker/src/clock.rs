//! The engine's clock, which may differ from ours: deadlines in labels are by it, so that all
//! servers of one engine agree whatever their own clocks say.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

/// The engine's time as it was last told, carried forward by our monotonic clock.
///
/// It is told anew with every sweep: a clock may be set, and a machine that slept has a monotonic
/// clock that knows nothing of it.
#[derive(Debug, Default)]
pub(crate) struct EngineClock {
    told: Mutex<Option<Told>>,
}

/// More than this between what the clock says and what it should is no drift and no slow answer: it was set.
const SET: i64 = 60;

#[derive(Debug, Clone, Copy)]
struct Told {
    unix_seconds: i64,
    at: Instant,
    leap: Option<Leap>,
}

/// A clock that was set forward. What was made before has lost nothing of its time by that.
#[derive(Debug, Clone, Copy)]
struct Leap {
    /// The last second by the clock as it was.
    from: i64,
    seconds: i64,
}

impl Told {
    fn now(&self) -> i64 {
        let passed = i64::try_from(self.at.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.unix_seconds.saturating_add(passed)
    }

    /// The leap behind `unix_seconds`, told after this.
    fn leap_to(&self, unix_seconds: i64) -> Option<Leap> {
        let from = self.now();
        match unix_seconds.saturating_sub(from) {
            seconds if seconds > SET => Some(Leap {
                from,
                seconds: seconds.saturating_add(self.leap.map_or(0, |leap| leap.seconds)),
            }),
            // Set back: times of before would look like times of after the leap.
            seconds if seconds < -SET => None,
            _ => self.leap,
        }
    }
}

impl EngineClock {
    /// Takes `system_time` as the engine writes it: RFC 3339 with any offset. What is no time
    /// leaves the clock as it was.
    pub(crate) fn hear(&self, system_time: &str) {
        if let Ok(time) = system_time.parse::<Timestamp>() {
            let unix_seconds = time.as_second();
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let leap = told.and_then(|before| before.leap_to(unix_seconds));
            *told = Some(Told {
                unix_seconds,
                at: Instant::now(),
                leap,
            });
        }
    }

    /// How many seconds the clock was set forward, as far as we heard of it, after `created` was written by it.
    pub(crate) fn leapt_since(&self, created: i64) -> i64 {
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let leap = told.and_then(|told| told.leap);
        leap.filter(|leap| created <= leap.from)
            .map_or(0, |leap| leap.seconds)
    }

    /// Seconds since 1970 by the engine's clock, if it ever told.
    pub(crate) fn now(&self) -> Option<i64> {
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.map(|told| told.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_writes_its_time_with_any_offset() {
        let clock = EngineClock::default();
        assert_eq!(clock.now(), None);
        for text in [
            "2026-11-22T17:48:44.123456789Z",
            "2026-11-22T18:48:44.1+01:00",
            "2026-11-22T12:48:44-05:00",
        ] {
            clock.hear(text);
            let now = clock.now().unwrap();
            assert!((now - 1_795_369_724).abs() <= 1, "{text}: {now}");
        }
    }

    #[test]
    fn what_was_told_last_counts() {
        let clock = EngineClock::default();
        clock.hear("2026-11-22T17:48:44Z");
        clock.hear("2026-11-22T19:48:44Z");
        clock.hear("yesterday");
        assert!((clock.now().unwrap() - 1_795_376_924).abs() <= 1);
    }

    #[test]
    fn what_was_made_before_the_clock_was_set_forward_is_known() {
        let clock = EngineClock::default();
        clock.hear("2026-11-22T17:00:00Z");
        let before = clock.now().unwrap();
        clock.hear("2026-11-22T17:00:30Z");
        assert_eq!(clock.leapt_since(before), 0, "a slow answer is no leap");
        clock.hear("2026-11-22T18:00:30Z");
        let behind = clock.now().unwrap();
        assert!((3590..=3600).contains(&clock.leapt_since(before)));
        assert_eq!(clock.leapt_since(behind), 0);
        clock.hear("2027-11-22T18:00:30Z");
        assert!(clock.leapt_since(before) > 365 * 86_400);
        clock.hear("2026-11-22T18:00:30Z");
        assert_eq!(clock.leapt_since(before), 0, "set back, nobody knows");
    }
}
