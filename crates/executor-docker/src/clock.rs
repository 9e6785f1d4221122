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

#[derive(Debug, Clone, Copy)]
struct Told {
    unix_seconds: i64,
    at: Instant,
}

impl EngineClock {
    /// Takes `system_time` as the engine writes it: RFC 3339 with any offset. What is no time
    /// leaves the clock as it was.
    pub(crate) fn hear(&self, system_time: &str) {
        if let Ok(time) = system_time.parse::<Timestamp>() {
            let told = Told {
                unix_seconds: time.as_second(),
                at: Instant::now(),
            };
            *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        }
    }

    /// Seconds since 1970 by the engine's clock, if it ever told.
    pub(crate) fn now(&self) -> Option<i64> {
        let told = (*self.told.lock().unwrap_or_else(PoisonError::into_inner))?;
        let passed = i64::try_from(told.at.elapsed().as_secs()).unwrap_or(i64::MAX);
        Some(told.unix_seconds.saturating_add(passed))
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
}
