//! What a client reads when *we* did not do our work: a safe sentence, the way out, and an id that finds the whole
//! story in the server's log.

use executor_core::{ErrorKind, SandboxError};
use mcp_protocol::tools::CallToolResult;
use uuid::Uuid;

use crate::visible;

/// The result of a call that failed through no fault of the program. Logs the error under the id that it shows.
pub(crate) fn result(error: &SandboxError) -> CallToolResult {
    let reference = reference();
    match error.kind() {
        // The caller's own mistake, or a full house: worth a line, not an alarm.
        ErrorKind::InvalidRequest | ErrorKind::Busy | ErrorKind::ShuttingDown => {
            tracing::info!(%reference, kind = %error.kind(), "{}", error.chain());
        }
        _ => tracing::error!(%reference, kind = %error.kind(), "{}", error.chain()),
    }
    CallToolResult::error(text(error, &reference))
}

fn text(error: &SandboxError, reference: &str) -> String {
    let mut text = error.kind().safe_message().to_owned();
    match error.hint() {
        Some(hint) => {
            text.push_str("\nhint: ");
            text.push_str(&visible::line(hint, MAX_HINT));
        }
        None if error.is_retryable() => text.push_str("\nhint: try again"),
        None => {}
    }
    text.push_str("\nreference: ");
    text.push_str(reference);
    text
}

/// Short enough to be read out, long enough not to meet another one in a log.
fn reference() -> String {
    Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .take(12)
        .collect()
}

/// The longest hint that is shown.
const MAX_HINT: usize = 600;

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn nothing_of_the_host_is_shown() {
        let error = SandboxError::new(ErrorKind::EngineUnavailable, "reach the engine")
            .with_context("/var/run/docker.sock")
            .with_source(std::io::Error::other("container 0123abcd"));
        expect![[r"
            the container engine does not answer
            hint: try again
            reference: 42"]]
        .assert_eq(&text(&error, "42"));
        let error = SandboxError::new(ErrorKind::Busy, "queue the run")
            .with_hint("256 calls wait already; try again in a moment");
        expect![[r"
            all sandboxes are busy and the queue is full
            hint: 256 calls wait already; try again in a moment
            reference: 42"]]
        .assert_eq(&text(&error, "42"));
        assert_eq!(reference().len(), 12);
        assert_ne!(reference(), reference());
    }
}
