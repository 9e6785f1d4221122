//! The progress of one call: numbered, so that it grows strictly, and limited in its rate.

use std::time::{Duration, Instant};

use mcp_protocol::progress::{Progress, ProgressToken};

use crate::MAX_PROGRESS_BYTES;

/// How often progress may be sent: some at once, then one each interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u32,
    pub(super) interval: Duration,
}

impl Rate {
    /// How far a meter may run ahead of the time.
    fn slack(self) -> Duration {
        self.interval.saturating_mul(self.burst.saturating_sub(1))
    }
}

/// Counts and spaces the notifications of one call (a virtual clock that each notification moves on by an interval).
#[derive(Debug)]
pub(super) struct Meter {
    token: ProgressToken,
    sent: u64,
    clock: Instant,
    /// What was held back; a newer message takes its place.
    held: Option<String>,
}

impl Meter {
    pub(super) const fn new(now: Instant, token: ProgressToken) -> Self {
        Self {
            token,
            sent: 0,
            clock: now,
            held: None,
        }
    }

    pub(super) fn offer(
        &mut self,
        now: Instant,
        rate: Rate,
        mut message: String,
    ) -> Option<Progress> {
        message.truncate(message.floor_char_boundary(MAX_PROGRESS_BYTES));
        self.held = Some(message);
        self.due(now, rate)
    }

    pub(super) fn due(&mut self, now: Instant, rate: Rate) -> Option<Progress> {
        if self.clock > now + rate.slack() {
            return None;
        }
        let message = self.held.take()?;
        self.clock = self.clock.max(now) + rate.interval;
        self.sent += 1;
        Some(Progress::new(self.token.clone(), self.sent, Some(message)))
    }

    /// When what is held back may go.
    pub(super) fn wake_at(&self, rate: Rate) -> Option<Instant> {
        self.held.as_ref()?;
        Some(self.clock.checked_sub(rate.slack()).unwrap_or(self.clock))
    }
}
