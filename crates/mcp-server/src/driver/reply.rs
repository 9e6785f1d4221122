//! What comes back for one message over HTTP: a stream of ready-made JSON texts.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::Stream;
use mcp_protocol::jsonrpc::{ErrorCode, OutgoingFrame};
use tokio::sync::mpsc;

use super::room::{self, Fitted};
use crate::MAX_QUESTIONS;
use crate::budget::{Budget, Charge};

/// How many messages may wait for the client of one exchange.
pub(super) const BUFFER: usize = 32;

/// How many messages may be on their way from the queue of a session to its one stream.
const ONE_STREAM: usize = 4;

/// The places that are kept for the answer and for the questions of its call; notifications that find no other are left
/// out.
const KEPT: usize = 1 + MAX_QUESTIONS;

/// A message for the client. It takes a part of [`ServerLimits::waiting_bytes`](crate::ServerLimits::waiting_bytes)
/// until it is dropped, or what was made of it is.
#[derive(Clone, Debug)]
pub struct Reply {
    json: Arc<String>,
    is_answer: bool,
    error: Option<ErrorCode>,
    event: Option<EventId>,
    /// None while it is kept for later: that has a bound of its own.
    charge: Option<Arc<Charge>>,
}

/// The bytes of a message, which count as waiting until this is dropped: a transport hands it to its writer whole.
#[derive(Debug)]
pub struct HeldText {
    json: Arc<String>,
    _charge: Option<Arc<Charge>>,
}

impl AsRef<[u8]> for HeldText {
    fn as_ref(&self) -> &[u8] {
        self.json.as_bytes()
    }
}

/// Names a message of a session, so that its client can take its stream up again after it (2025-11-25). It is no
/// secret: it means something within its session only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventId {
    /// Which stream of the session.
    pub stream: u64,
    /// Which message of it; 0 is before the first.
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream, self.number)
    }
}

impl EventId {
    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (stream, number) = text.split_once('-')?;
        let id = Self {
            stream: stream.parse().ok()?,
            number: number.parse().ok()?,
        };
        // Numbers have other spellings (`+1`, `01`), which are not what was given out.
        (id.to_string() == text).then_some(id)
    }
}

/// What it says, and not what it counts for.
impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json && self.event == other.event
    }
}

impl Eq for Reply {}

impl Reply {
    /// Makes a message of a frame; none if it may be left out, and there is no room.
    pub(super) fn fit(frame: OutgoingFrame, droppable: bool, budget: &Budget) -> Option<Self> {
        let Fitted {
            json,
            charge,
            is_answer,
            error,
        } = room::fit(frame, droppable, budget)?;
        Some(Self {
            json: Arc::new(json),
            is_answer,
            error,
            event: None,
            charge: Some(Arc::new(charge)),
        })
    }

    /// The same message, to be kept for later.
    pub(super) fn to_keep(&self) -> Self {
        Self {
            charge: None,
            ..self.clone()
        }
    }

    /// A message that was kept, to be sent; none if there is no room.
    pub(super) fn to_send(&self, budget: &Budget) -> Option<Self> {
        let charge = budget.take(self.len())?;
        Some(Self {
            charge: Some(Arc::new(charge)),
            ..self.clone()
        })
    }

    pub(super) const fn with_event(mut self, event: EventId) -> Self {
        self.event = Some(event);
        self
    }

    /// How much of a bound it takes.
    pub(super) fn len(&self) -> usize {
        self.json.len()
    }

    /// Its name, if the stream can be taken up again after it.
    #[must_use]
    pub const fn event(&self) -> Option<EventId> {
        self.event
    }

    /// Whether it answers what was sent, so that nothing follows.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        self.is_answer
    }

    /// The code, if it is one error (and not a batch).
    #[must_use]
    pub const fn error(&self) -> Option<ErrorCode> {
        self.error
    }

    /// The JSON text, without a line break in it. It does not count as waiting any more.
    #[must_use]
    pub fn into_json(self) -> String {
        Arc::unwrap_or_clone(self.json)
    }

    /// The bytes of the same text, which go on to count.
    #[must_use]
    pub fn into_held(self) -> HeldText {
        HeldText {
            json: self.json,
            _charge: self.charge,
        }
    }
}

/// The messages for one exchange, or of one server-to-client stream. It ends after the answer; at once, when there is
/// nothing to answer; and without an answer, when its client has cancelled the request.
///
/// What dropping it means is said where it is handed out.
#[derive(Debug)]
pub struct Replies {
    receiver: mpsc::Receiver<Reply>,
    start: Option<EventId>,
    streaming: Streaming,
}

/// Whether the messages of an exchange go out as a stream of events already. Shared by both ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Streaming(Arc<AtomicBool>);

impl Streaming {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Replies {
    pub(crate) fn channel(buffer: usize) -> (mpsc::Sender<Reply>, Self) {
        let (sender, receiver) = mpsc::channel(buffer);
        let replies = Self {
            receiver,
            start: None,
            streaming: Streaming::default(),
        };
        (sender, replies)
    }

    /// The one stream of a session, whose messages wait in the session's own queue.
    pub(crate) fn one_stream() -> (mpsc::Sender<Reply>, Self) {
        Self::channel(ONE_STREAM)
    }

    pub(super) const fn starting_at(mut self, start: Option<EventId>) -> Self {
        self.start = start;
        self
    }

    pub(super) fn streaming(&self) -> Streaming {
        self.streaming.clone()
    }

    /// Says that the messages will go out as events from now on. Gives back the name of the event to send first, with
    /// no data, if the stream can be taken up again.
    pub fn begin_stream(&self) -> Option<EventId> {
        self.streaming.begin();
        self.start
    }

    /// Waits for the next message. Cancel safe.
    pub async fn next(&mut self) -> Option<Reply> {
        self.receiver.recv().await
    }
}

impl Stream for Replies {
    type Item = Reply;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Reply>> {
        self.receiver.poll_recv(cx)
    }
}

/// Puts a message into the channel of one exchange, which never has to wait.
pub(super) fn put(
    sender: &mpsc::Sender<Reply>,
    frame: OutgoingFrame,
    droppable: bool,
    budget: &Budget,
) {
    if droppable && is_crowded(sender) {
        return;
    }
    // An exchange has one answer and some questions, for which places were kept; if the receiver is gone, nobody wants
    // them.
    if let Some(reply) = Reply::fit(frame, droppable, budget) {
        let _ = sender.try_send(reply);
    }
}

/// Waits until more than what must not be left out finds a place. Cancel safe.
pub(super) async fn has_room(sender: &mpsc::Sender<Reply>) {
    // The places are given back at once. An error means that nobody reads any more.
    let _ = sender.reserve_many(KEPT + 1).await;
}

/// Whether only what must not be left out still finds a place.
pub(super) fn is_crowded(sender: &mpsc::Sender<Reply>) -> bool {
    sender.capacity() <= KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_event_has_one_spelling() {
        let check = |text: &str, expected: Option<(u64, u64)>| {
            let id = EventId::parse(text);
            assert_eq!(id.map(|id| (id.stream, id.number)), expected, "{text}");
        };
        check("0-0", Some((0, 0)));
        check("17-4", Some((17, 4)));
        check("18446744073709551615-1", Some((u64::MAX, 1)));
        for other in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "01-1",
            "1-01",
            "+1-1",
            "1-+1",
            "1--1",
            "1-1-1",
            " 1-1",
            "1-1\n",
            "18446744073709551616-1",
            "١-1",
        ] {
            check(other, None);
        }
    }
}
