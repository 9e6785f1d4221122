//! Server-sent events as text. Written by hand for the one event that libraries leave out: a name with empty data.

use std::fmt::Write as _;
use std::time::Duration;

use mcp_server::{EventId, Reply};

/// What keeps a stream from looking dead: a comment, which every client passes over.
pub(crate) const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// The start of a stream that can be taken up again: a name, no data, and how long to wait before coming back.
pub(crate) fn start(id: EventId, retry: Duration) -> String {
    format!("id: {id}\nretry: {}\ndata: \n\n", retry.as_millis())
}

/// Where clients of the old transport post to.
pub(crate) fn endpoint(path: &str) -> String {
    format!("event: endpoint\ndata: {path}\n\n")
}

/// A message. Its JSON has no line break in it.
pub(crate) fn message(reply: Reply) -> String {
    let mut text = "event: message\n".to_owned();
    if let Some(id) = reply.event() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "id: {id}");
    }
    text.push_str("data: ");
    text.push_str(&reply.into_json());
    text.push_str("\n\n");
    text
}
