//! Tells a client what happens while its call goes on, in whichever way it hears: progress, the status of a task, or log
//! messages.

use std::time::Duration;

use mcp_protocol::logging::{LogLevel, LogMessage};
use mcp_server::CallContext;
use tokio::time::Instant;

/// Between two log messages of a call. What comes meanwhile waits, and the newest of it is told.
const LOG_INTERVAL: Duration = Duration::from_millis(250);

/// Who speaks in log messages.
const LOGGER: &str = "execute-python";

/// The way to one client.
#[derive(Debug)]
pub(crate) struct Teller<'a> {
    context: &'a CallContext,
    held: Held,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(context: &'a CallContext, now: Instant) -> Self {
        let held = Held {
            message: None,
            from: now,
        };
        Self { context, held }
    }

    /// Tells a line. The server spaces progress by itself.
    pub(crate) fn tell(&mut self, line: String, now: Instant) {
        // Whoever hears progress would hear everything twice.
        if !self.context.hears_progress() {
            self.held.message = Some(line.clone());
            self.release(now);
        }
        self.context.progress(line);
    }

    /// When something that waits may be told.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.held.message.as_ref().map(|_| self.held.from)
    }

    /// Tells what has waited long enough.
    pub(crate) fn release(&mut self, now: Instant) {
        if let Some(line) = self.held.take(now) {
            self.log(line);
        }
    }

    /// Tells what still waits, since the result comes next.
    pub(crate) fn finish(mut self) {
        if let Some(line) = self.held.message.take() {
            self.log(line);
        }
    }

    fn log(&self, line: String) {
        let message = LogMessage::new(LogLevel::Info, line).with_logger(LOGGER);
        self.context.log(message);
    }
}

/// The newest line, until it may go.
#[derive(Debug)]
struct Held {
    message: Option<String>,
    from: Instant,
}

impl Held {
    fn take(&mut self, now: Instant) -> Option<String> {
        if now < self.from {
            return None;
        }
        let line = self.message.take()?;
        self.from = now + LOG_INTERVAL;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_at_once_and_then_the_newest_after_a_while() {
        let now = Instant::now();
        let mut held = Held {
            message: None,
            from: now,
        };
        let mut tells = |line: Option<&str>, after: Duration| {
            if let Some(line) = line {
                held.message = Some(line.to_owned());
            }
            held.take(now + after)
        };
        let millis = Duration::from_millis;
        assert_eq!(tells(Some("one"), millis(0)).as_deref(), Some("one"));
        assert_eq!(tells(Some("two"), millis(10)), None);
        assert_eq!(tells(Some("three"), millis(249)), None);
        assert_eq!(tells(None, millis(250)).as_deref(), Some("three"));
        assert_eq!(tells(None, millis(900)), None, "told once");
        assert_eq!(tells(Some("four"), millis(901)).as_deref(), Some("four"));
    }
}
