//! The two halves of a window: what we may still send, and what the other side may.
//!
//! A channel begins with [`WINDOW`] bytes of credit in each direction. Data uses it up; the receiver gives it
//! back when it has disposed of the data. So a window is also the most that waits on the receiver's side.

use super::error::StreamError;

/// Credit at the start of a channel, and the most there can be, in bytes.
///
/// Four data frames: enough to keep a local stream busy, and little enough that 64 connections both ways
/// cost a host 32 MiB at the worst.
pub(super) const WINDOW: u32 = 256 * 1024;

/// Credit is given back in pieces of at least this size, so that it costs few frames.
const STEP: u32 = WINDOW / 4;

/// What we may still send on a channel.
#[derive(Debug)]
pub(super) struct SendWindow {
    channel: u32,
    left: u32,
}

impl SendWindow {
    pub(super) const fn new(channel: u32) -> Self {
        Self {
            channel,
            left: WINDOW,
        }
    }

    /// How much of `wanted` bytes may be sent now; it counts as sent.
    pub(super) fn take(&mut self, wanted: usize) -> usize {
        let taken = u32::try_from(wanted).unwrap_or(u32::MAX).min(self.left);
        self.left -= taken;
        usize::try_from(taken).unwrap_or(0)
    }

    /// Credit that the other side gives back. More than the window would be a lie.
    pub(super) fn grant(&mut self, bytes: u32) -> Result<(), StreamError> {
        match self.left.checked_add(bytes) {
            Some(left) if bytes > 0 && left <= WINDOW => {
                self.left = left;
                Ok(())
            }
            _ => Err(StreamError::BadCredit(self.channel)),
        }
    }
}

/// What the other side may still send on a channel.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    channel: u32,
    left: u32,
    /// Disposed of, but not given back yet.
    owed: u32,
}

impl ReceiveWindow {
    pub(super) const fn new(channel: u32) -> Self {
        Self {
            channel,
            left: WINDOW,
            owed: 0,
        }
    }

    /// Data that arrived.
    pub(super) fn accept(&mut self, bytes: usize) -> Result<(), StreamError> {
        let bytes = u32::try_from(bytes).ok();
        match bytes.and_then(|bytes| self.left.checked_sub(bytes)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(StreamError::OverCredit(self.channel)),
        }
    }

    /// Data that was disposed of; never more than arrived counts.
    pub(super) fn release(&mut self, bytes: usize) {
        let held = WINDOW - self.left - self.owed;
        self.owed += u32::try_from(bytes).unwrap_or(u32::MAX).min(held);
    }

    /// As [`release`](Self::release), when `waiting` bytes of what arrived have not been handed out.
    pub(super) fn release_all_but(&mut self, waiting: usize, bytes: usize) {
        let held = usize::try_from(WINDOW - self.left - self.owed).unwrap_or(usize::MAX);
        self.release(bytes.min(held.saturating_sub(waiting)));
    }

    /// The credit to give back now, if it is worth a frame.
    pub(super) fn due(&mut self) -> Option<u32> {
        if self.owed < STEP {
            return None;
        }
        let due = std::mem::take(&mut self.owed);
        self.left += due;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sending_stops_at_the_window_and_goes_on_with_credit() {
        let mut window = SendWindow::new(7);
        assert_eq!(window.take(1), 1);
        assert_eq!(window.take(usize::MAX), 256 * 1024 - 1);
        assert_eq!(window.take(1), 0);
        window.grant(10).unwrap();
        assert_eq!(window.take(100), 10);
    }

    #[test]
    fn impossible_grants_are_refused() {
        let mut window = SendWindow::new(7);
        assert_eq!(window.grant(1), Err(StreamError::BadCredit(7)));
        window.take(5);
        assert_eq!(window.grant(0), Err(StreamError::BadCredit(7)));
        assert_eq!(window.grant(6), Err(StreamError::BadCredit(7)));
        assert_eq!(window.grant(u32::MAX), Err(StreamError::BadCredit(7)));
        window.grant(5).unwrap();
    }

    #[test]
    fn more_than_credited_is_refused() {
        let mut window = ReceiveWindow::new(1);
        window.accept(256 * 1024).unwrap();
        assert_eq!(window.accept(1), Err(StreamError::OverCredit(1)));
        assert_eq!(window.accept(usize::MAX), Err(StreamError::OverCredit(1)));
    }

    #[test]
    fn credit_comes_back_in_steps_and_never_exceeds_what_arrived() {
        let mut window = ReceiveWindow::new(1);
        window.release(usize::MAX);
        assert_eq!(window.due(), None);
        window.accept(100_000).unwrap();
        window.release(65_535);
        assert_eq!(window.due(), None);
        window.release(usize::MAX);
        assert_eq!(window.due(), Some(100_000));
        assert_eq!(window.due(), None);
    }
}
