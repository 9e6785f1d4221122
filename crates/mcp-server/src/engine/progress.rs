//! The progress of one call: numbered, so that it grows strictly, and limited in its rate.

use std::time::{Duration, Instant};

use mcp_protocol::progress::{Progress, ProgressToken};

use crate::MAX_PROGRESS_BYTES;
use crate::context::Report;

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
    /// The number of the last notification.
    sent: Option<u64>,
    clock: Instant,
    /// What was held back; a newer message takes its place.
    held: Option<Report>,
}

impl Meter {
    pub(super) const fn new(now: Instant, token: ProgressToken) -> Self {
        Self {
            token,
            sent: None,
            clock: now,
            held: None,
        }
    }

    pub(super) fn offer(
        &mut self,
        now: Instant,
        rate: Rate,
        mut report: Report,
    ) -> Option<Progress> {
        if let Some(message) = &mut report.message {
            message.truncate(message.floor_char_boundary(MAX_PROGRESS_BYTES));
        }
        self.held = Some(report);
        self.due(now, rate)
    }

    pub(super) fn due(&mut self, now: Instant, rate: Rate) -> Option<Progress> {
        if self.clock > now + rate.slack() {
            return None;
        }
        let report = self.held.take()?;
        let (number, total) = match report.done {
            // All revisions, progress: the number must grow with each notification.
            Some((done, _)) if self.sent.is_some_and(|sent| sent >= done) => return None,
            Some(done) => done,
            None => (self.sent.map_or(1, |sent| sent.saturating_add(1)), None),
        };
        self.clock = self.clock.max(now) + rate.interval;
        self.sent = Some(number);
        Some(Progress::new(self.token.clone(), number, report.message).with_total(total))
    }

    /// When what is held back may go.
    pub(super) fn wake_at(&self, rate: Rate) -> Option<Instant> {
        self.held.as_ref()?;
        Some(self.clock.checked_sub(rate.slack()).unwrap_or(self.clock))
    }
}

/// Spaces things that this does not hold back: it only says whether one may go.
#[derive(Debug)]
pub(super) struct Spacing {
    clock: Instant,
}

impl Spacing {
    pub(super) const fn new(now: Instant) -> Self {
        Self { clock: now }
    }

    /// Whether one more may go now.
    pub(super) fn admits(&mut self, now: Instant, rate: Rate) -> bool {
        let admitted = self.clock <= now + rate.slack();
        if admitted {
            self.clock = self.clock.max(now) + rate.interval;
        }
        admitted
    }

    /// When the next one may go.
    pub(super) fn free_at(&self, rate: Rate) -> Instant {
        self.clock.checked_sub(rate.slack()).unwrap_or(self.clock)
    }
}
