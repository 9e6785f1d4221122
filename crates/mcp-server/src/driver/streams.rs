//! The response streams of a session over HTTP, and what was last sent on each: a client that lost one can take it up
//! again where it broke off (2025-11-25, transports, "resumability").

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use mcp_protocol::jsonrpc::OutgoingFrame;
use tokio::sync::mpsc;

use super::archive::Place;
use super::reply::{self, BUFFER, EventId, Replies, Reply, Streaming};
use crate::engine::ExchangeId;
use crate::server::Shared;

/// The streams of one session. What is kept of them is bounded by a number of messages and of bytes, for this session
/// and, in bytes, for all together; the oldest go first, whichever stream they belong to.
#[derive(Debug)]
pub(super) struct Streams {
    streams: HashMap<ExchangeId, Stream>,
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Stream {
    /// None once its client is not expected to read it any more, unless it comes back.
    sender: Option<mpsc::Sender<Reply>>,
    streaming: Streaming,
    /// The number of the last message.
    last: u64,
    /// Nothing more will be sent.
    done: bool,
}

#[derive(Debug)]
struct Kept {
    exchange: ExchangeId,
    number: u64,
    bytes: usize,
    /// Where it is, unless it had to go for others.
    place: Place,
}

/// Whether what is sent can be taken up again: in one revision only, for older clients choke on what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumption {
    Offered,
    NotOffered,
}

impl Streams {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            streams: HashMap::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            shared,
        }
    }

    /// Ends all streams. Nothing of them is kept.
    pub(super) fn close_all(&mut self) {
        self.streams.clear();
        self.shared
            .archive
            .remove(self.kept.drain(..).map(|kept| kept.place));
        self.kept_bytes = 0;
    }

    /// Opens the stream of a message, or the common one again, which goes on counting.
    pub(super) fn open(
        &mut self,
        exchange: ExchangeId,
        sender: mpsc::Sender<Reply>,
        streaming: Streaming,
    ) {
        let last = self.streams.get(&exchange).map_or(0, |stream| stream.last);
        let stream = Stream {
            sender: Some(sender),
            streaming,
            last,
            done: false,
        };
        self.streams.insert(exchange, stream);
    }

    /// Whether somebody reads a stream.
    pub(super) fn is_read(&self, exchange: ExchangeId) -> bool {
        let stream = self.streams.get(&exchange);
        let sender = stream.and_then(|stream| stream.sender.as_ref());
        sender.is_some_and(|sender| !sender.is_closed())
    }

    /// Sends a message on a stream, and keeps it where it may be asked for again.
    pub(super) fn put(
        &mut self,
        exchange: ExchangeId,
        frame: OutgoingFrame,
        droppable: bool,
        resumption: Resumption,
    ) {
        let Some(stream) = self.streams.get_mut(&exchange) else {
            return;
        };
        let reader = stream.sender.as_ref().filter(|sender| !sender.is_closed());
        if droppable && reader.is_some_and(reply::is_crowded) {
            return;
        }
        let Some(mut reply) = Reply::fit(frame, droppable, &self.shared.waiting) else {
            return;
        };
        if resumption == Resumption::Offered {
            stream.last += 1;
            let number = stream.last;
            reply = reply.with_event(EventId {
                stream: exchange.0,
                number,
            });
            // An answer that comes first, to a client that reads, goes out as plain JSON, which has no events.
            let is_plain = number == 1
                && reply.is_answer()
                && reader.is_some()
                && !stream.streaming.has_begun();
            if !is_plain {
                self.keep(exchange, number, &reply);
            }
        }
        let sender = self
            .streams
            .get(&exchange)
            .and_then(|stream| stream.sender.as_ref());
        if let Some(sender) = sender {
            // Places were kept for what must not be left out; if the receiver is gone, it may come back.
            let _ = sender.try_send(reply);
        }
    }

    /// Ends the connection of a stream while the stream goes on; only where the client can come back for the rest.
    pub(super) fn close(&mut self, exchange: ExchangeId, resumption: Resumption) {
        if let (Some(stream), Resumption::Offered) = (self.streams.get_mut(&exchange), resumption) {
            stream.sender = None;
        }
    }

    /// Nothing more will be sent on a stream. It can be taken up for as long as anything of it is kept.
    pub(super) fn done(&mut self, exchange: ExchangeId) {
        let is_kept = self.kept.iter().any(|kept| kept.exchange == exchange);
        if !is_kept {
            self.streams.remove(&exchange);
        } else if let Some(stream) = self.streams.get_mut(&exchange) {
            stream.done = true;
            stream.sender = None;
        }
    }

    /// Takes a stream up after an event: what was sent since comes again, then what follows. None if the event is
    /// unknown, or something after it is no longer kept.
    pub(super) fn resume(&mut self, event: EventId) -> Option<Replies> {
        let exchange = ExchangeId(event.stream);
        let stream = self.streams.get_mut(&exchange)?;
        let missed = stream.last.checked_sub(event.number)?;
        let shared = &self.shared;
        let again: Vec<Reply> = self
            .kept
            .iter()
            .filter(|kept| kept.exchange == exchange && kept.number > event.number)
            .filter_map(|kept| shared.archive.get(kept.place)?.to_send(&shared.waiting))
            .collect();
        if u64::try_from(again.len()) != Ok(missed) {
            return None;
        }
        let (sender, replies) = Replies::channel(BUFFER + again.len());
        for reply in again {
            let _ = sender.try_send(reply);
        }
        stream.streaming.begin();
        // Whoever read it before reads no more: a message goes out on one connection only.
        stream.sender = (!stream.done).then_some(sender);
        Some(replies)
    }

    fn keep(&mut self, exchange: ExchangeId, number: u64, reply: &Reply) {
        let bytes = reply.len();
        self.kept_bytes += bytes;
        self.kept.push_back(Kept {
            exchange,
            number,
            bytes,
            place: self.shared.archive.put(reply.to_keep()),
        });
        let limits = &self.shared.limits;
        while self.kept.len() > limits.resume_events || self.kept_bytes > limits.resume_bytes {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.shared.archive.remove([oldest.place]);
            self.kept_bytes = self.kept_bytes.saturating_sub(oldest.bytes);
            let is_kept = self
                .kept
                .iter()
                .any(|kept| kept.exchange == oldest.exchange);
            let is_done = |stream: &Stream| stream.done;
            if !is_kept && self.streams.get(&oldest.exchange).is_some_and(is_done) {
                self.streams.remove(&oldest.exchange);
            }
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.close_all();
    }
}

#[cfg(test)]
mod tests {
    use mcp_protocol::jsonrpc::Outgoing;
    use mcp_protocol::lifecycle::Implementation;
    use serde_json::{Map, json};

    use super::*;
    use crate::{Server, ServerLimits};

    const CALL: ExchangeId = ExchangeId(7);

    /// The streams of a session that keeps so many messages and bytes.
    fn keeping(events: usize, bytes: usize) -> Streams {
        streams_of(&server(events, bytes, 10_000))
    }

    fn server(events: usize, bytes: usize, together: usize) -> Server {
        let limits = ServerLimits {
            resume_events: events,
            resume_bytes: bytes,
            resume_bytes_together: together,
            ..ServerLimits::default()
        };
        let info = Implementation::new("t", "1");
        Server::builder(info).limits(limits).build().unwrap()
    }

    fn streams_of(server: &Server) -> Streams {
        Streams::new(Arc::clone(&server.shared))
    }

    fn told() -> OutgoingFrame {
        OutgoingFrame::Single(Outgoing::Notification {
            method: "notifications/x",
            params: Map::new(),
        })
    }

    fn answered() -> OutgoingFrame {
        let result = Map::from_iter([("text".to_owned(), json!("x".repeat(100)))]);
        OutgoingFrame::Single(Outgoing::Result {
            id: 1.into(),
            result,
        })
    }

    fn open(streams: &mut Streams) -> Replies {
        let (sender, replies) = Replies::channel(BUFFER);
        streams.open(CALL, sender, replies.streaming());
        replies
    }

    async fn numbers(mut replies: Replies) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some(reply) = replies.next().await {
            numbers.push(reply.event().unwrap().number);
        }
        numbers
    }

    fn after(number: u64) -> EventId {
        EventId {
            stream: CALL.0,
            number,
        }
    }

    #[tokio::test]
    async fn what_was_missed_comes_again_and_the_rest_follows() {
        let mut streams = keeping(8, 10_000);
        let lost = open(&mut streams);
        streams.put(CALL, told(), true, Resumption::Offered);
        drop(lost);
        streams.put(CALL, told(), true, Resumption::Offered);
        let replies = streams.resume(after(1)).unwrap();
        streams.put(CALL, answered(), false, Resumption::Offered);
        streams.done(CALL);
        assert_eq!(numbers(replies).await, [2, 3]);
        assert_eq!(numbers(streams.resume(after(0)).unwrap()).await, [1, 2, 3]);
        assert_eq!(numbers(streams.resume(after(3)).unwrap()).await, [0; 0]);
        assert!(streams.resume(after(4)).is_none(), "not sent yet");
        let other = EventId {
            stream: 8,
            number: 0,
        };
        assert!(streams.resume(other).is_none(), "no such stream");
    }

    #[tokio::test]
    async fn a_stream_taken_up_is_taken_from_its_reader() {
        let mut streams = keeping(8, 10_000);
        let first = open(&mut streams);
        let second = streams.resume(after(0)).unwrap();
        streams.put(CALL, told(), true, Resumption::Offered);
        streams.done(CALL);
        assert_eq!(numbers(first).await, [0; 0]);
        assert_eq!(numbers(second).await, [1]);
    }

    #[tokio::test]
    async fn a_plain_answer_is_not_kept_and_what_is_kept_is_bounded() {
        let mut streams = keeping(8, 10_000);
        let replies = open(&mut streams);
        streams.put(CALL, answered(), false, Resumption::Offered);
        streams.done(CALL);
        assert_eq!(numbers(replies).await, [1]);
        assert!(streams.resume(after(0)).is_none());

        let mut streams = keeping(2, 10_000);
        let _reader = open(&mut streams);
        for _ in 0..3 {
            streams.put(CALL, told(), true, Resumption::Offered);
        }
        assert!(streams.resume(after(0)).is_none(), "the first is gone");
        assert!(streams.resume(after(1)).is_some());

        let mut streams = keeping(8, 200);
        drop(open(&mut streams));
        streams.put(CALL, answered(), false, Resumption::Offered);
        streams.put(CALL, answered(), false, Resumption::Offered);
        assert_eq!(streams.kept.len(), 1);
        assert!(streams.kept_bytes <= 200);
    }

    #[tokio::test]
    async fn all_sessions_share_a_bound_and_the_oldest_message_goes_first() {
        let server = server(8, 10_000, 350);
        let (mut first, mut second) = (streams_of(&server), streams_of(&server));
        drop(open(&mut first));
        drop(open(&mut second));
        first.put(CALL, answered(), false, Resumption::Offered);
        second.put(CALL, answered(), false, Resumption::Offered);
        assert!(first.resume(after(0)).is_some() && second.resume(after(0)).is_some());
        second.put(CALL, answered(), false, Resumption::Offered);
        assert!(first.resume(after(0)).is_none(), "the oldest went");
        assert!(second.resume(after(0)).is_some());
        drop(second);
        assert_eq!(
            server.shared.archive.bytes(),
            0,
            "what a session kept goes with it"
        );
        assert_eq!(server.shared.waiting.used(), 0);
    }

    #[tokio::test]
    async fn without_resumption_nothing_is_kept() {
        let mut streams = keeping(8, 10_000);
        let mut replies = open(&mut streams);
        streams.put(CALL, told(), true, Resumption::NotOffered);
        streams.close(CALL, Resumption::NotOffered);
        streams.put(CALL, answered(), false, Resumption::NotOffered);
        streams.done(CALL);
        assert_eq!(replies.next().await.unwrap().event(), None);
        assert!(replies.next().await.unwrap().is_answer());
        assert!(replies.next().await.is_none());
        assert!(streams.kept.is_empty() && streams.streams.is_empty());
    }
}
