//! The engine's clock, which may differ from ours: deadlines in labels are by it, so that all
//! servers of one engine agree whatever their own clocks say.

use std::time::Instant;

use jiff::Timestamp;

/// The engine's time as it was once told, carried forward by our monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineClock {
    unix_seconds: i64,
    told_at: Instant,
}

impl EngineClock {
    /// Starts from `system_time` as the engine writes it: RFC 3339 with any offset.
    pub(crate) fn from_system_time(system_time: &str) -> Option<Self> {
        let time: Timestamp = system_time.parse().ok()?;
        Some(Self {
            unix_seconds: time.as_second(),
            told_at: Instant::now(),
        })
    }

    /// Seconds since 1970 by the engine's clock.
    pub(crate) fn now(&self) -> i64 {
        let passed = i64::try_from(self.told_at.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.unix_seconds.saturating_add(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_writes_its_time_with_any_offset() {
        for text in [
            "2026-11-22T17:48:44.123456789Z",
            "2026-11-22T18:48:44.1+01:00",
            "2026-11-22T12:48:44-05:00",
        ] {
            let clock = EngineClock::from_system_time(text).unwrap();
            assert!(
                (clock.now() - 1_795_369_724).abs() <= 1,
                "{text}: {}",
                clock.now()
            );
        }
        assert!(EngineClock::from_system_time("yesterday").is_none());
    }
}
