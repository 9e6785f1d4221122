//! Server-sent events as text. Written by hand for the one event that libraries leave out: a name with empty data.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Bytes;
use mcp_server::{EventId, Reply};

/// What keeps a stream from looking dead: a comment, which every client passes over.
pub(crate) const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// From this length on a message is written from where it lies, in a piece of its own, and counts as waiting until it is
/// written. Shorter ones are copied: what a connection holds of those is bounded by its buffer.
const COPIED: usize = 16 * 1024;

/// The start of a stream that can be taken up again: a name, no data, and how long to wait before coming back.
pub(crate) fn start(id: EventId, retry: Duration) -> Bytes {
    format!("id: {id}\nretry: {}\ndata: \n\n", retry.as_millis()).into()
}

/// Where clients of the old transport post to.
pub(crate) fn endpoint(path: &str) -> Bytes {
    format!("event: endpoint\ndata: {path}\n\n").into()
}

/// A message, in pieces. Its JSON has no line break in it.
pub(crate) fn message(reply: Reply) -> impl Iterator<Item = Bytes> {
    let mut text = "event: message\n".to_owned();
    if let Some(id) = reply.event() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "id: {id}");
    }
    text.push_str("data: ");
    let held = reply.into_held();
    let json: &[u8] = held.as_ref();
    if json.len() >= COPIED {
        let pieces = [
            text.into(),
            Bytes::from_owner(held),
            Bytes::from_static(b"\n\n"),
        ];
        return Pieces::Many(pieces.into_iter());
    }
    let mut event = text.into_bytes();
    event.extend_from_slice(json);
    event.extend_from_slice(b"\n\n");
    Pieces::One(std::iter::once(event.into()))
}

/// The pieces of one event.
enum Pieces {
    One(std::iter::Once<Bytes>),
    Many(std::array::IntoIter<Bytes, 3>),
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::One(piece) => piece.next(),
            Self::Many(pieces) => pieces.next(),
        }
    }
}
