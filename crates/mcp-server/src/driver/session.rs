//! One handshake session over HTTP, served message by message. Finding a session by its id is the transport's.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcp_protocol::Revision;
use mcp_protocol::jsonrpc::{DecodeError, Frame, OutgoingFrame};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::reply::{BUFFER, EventId, Streaming};
use super::streams::{Resumption, Streams};
use super::{Core, Delivery, Replies, Reply};
use crate::Principal;
use crate::engine::{Channel, ExchangeId, Input};
use crate::server::Shared;

/// How many messages of its client may wait for a session's turn.
const INBOX: usize = 16;

/// How long the end of a session waits for its one stream to take the last answers.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A session with one client. Dropping it ends it: what runs is cancelled.
#[derive(Debug)]
pub struct Session {
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
    received: AtomicU64,
    end: CancellationToken,
    _end_on_drop: DropGuard,
}

/// The session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the session has ended")]
#[non_exhaustive]
pub struct SessionClosed;

/// What others may see of a session.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    revision: Option<Revision>,
    calls: usize,
    /// Messages that wait for the one stream of the session.
    waiting: usize,
}

#[derive(Debug)]
enum Command {
    Message {
        exchange: ExchangeId,
        frame: Result<Frame, DecodeError>,
        sender: Option<(mpsc::Sender<Reply>, Streaming)>,
        kept: Kept,
    },
    Attach {
        sender: mpsc::Sender<Reply>,
        streaming: Streaming,
        accepted: oneshot::Sender<bool>,
    },
    Resume {
        event: EventId,
        resumed: oneshot::Sender<Option<Replies>>,
    },
}

/// What goes when its message has been taken from the queue.
struct Kept(#[expect(dead_code, reason = "it matters by being dropped")] Box<dyn Send>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

/// Where the answers of a session go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Each message has its own stream; the common one may come and go (Streamable HTTP).
    StreamEach,
    /// All share one stream, with which the session ends (HTTP+SSE).
    OneStream,
}

impl Session {
    /// Hands over a message of the client, which came readable or not. The replies are its own stream; **dropping
    /// them cancels nothing**, as losing a connection does not in the revisions with a handshake.
    ///
    /// `kept` is dropped when the message has been taken out of the queue, or was lost with the session: a transport
    /// puts in it what bounds the memory of messages that wait, over all sessions.
    ///
    /// # Errors
    ///
    /// The session has ended.
    pub async fn send(
        &self,
        frame: Result<Frame, DecodeError>,
        kept: impl Send + 'static,
    ) -> Result<Replies, SessionClosed> {
        let exchange = self.next_exchange();
        let (sender, replies) = Replies::channel(BUFFER);
        self.command(Command::Message {
            exchange,
            frame,
            sender: Some((sender, replies.streaming())),
            kept: Kept(Box::new(kept)),
        })
        .await?;
        Ok(replies.starting_at(self.start_of(exchange)))
    }

    /// Hands over a message whose answers go to the one stream of the session. Waits while the client does not read
    /// that stream and too many messages wait already.
    ///
    /// `kept` is what it is for [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// The session has ended.
    pub async fn post(
        &self,
        frame: Result<Frame, DecodeError>,
        kept: impl Send + 'static,
    ) -> Result<(), SessionClosed> {
        self.command(Command::Message {
            exchange: self.next_exchange(),
            frame,
            sender: None,
            kept: Kept(Box::new(kept)),
        })
        .await
    }

    /// The stream for messages that belong to no request; none while another one is open.
    ///
    /// # Errors
    ///
    /// The session has ended.
    pub async fn server_stream(&self) -> Result<Option<Replies>, SessionClosed> {
        let (sender, replies) = Replies::channel(BUFFER);
        let (accepted, answer) = oneshot::channel();
        self.command(Command::Attach {
            sender,
            streaming: replies.streaming(),
            accepted,
        })
        .await?;
        let accepted = answer.await.map_err(|_| SessionClosed)?;
        Ok(accepted.then_some(replies))
    }

    /// Takes up a stream of this session after the event that its client saw last; none if that event is unknown, or
    /// what came after it is no longer kept ([`ServerLimits::resume_bytes`](crate::ServerLimits::resume_bytes)).
    /// Whoever read that stream before reads no more.
    ///
    /// # Errors
    ///
    /// The session has ended.
    pub async fn resume(&self, event: EventId) -> Result<Option<Replies>, SessionClosed> {
        let (resumed, answer) = oneshot::channel();
        self.command(Command::Resume { event, resumed }).await?;
        answer.await.map_err(|_| SessionClosed)
    }

    /// The revision that the handshake settled on; none before.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.state.borrow().revision
    }

    /// Calls whose futures have not ended.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.state.borrow().calls
    }

    /// Waits until nothing runs in this session, and every answer is on its stream.
    pub async fn quiet(&self) {
        let mut state = self.state.clone();
        // An error means that the session has ended, and then nothing runs either.
        let quiet = |state: &State| state.calls == 0 && state.waiting == 0;
        let _ = state.wait_for(quiet).await;
    }

    /// Ends the session: what runs is cancelled, its streams end.
    pub fn end(&self) {
        self.end.cancel();
    }

    fn next_exchange(&self) -> ExchangeId {
        ExchangeId(self.received.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// What to name the beginning of a stream, where it can be taken up again.
    fn start_of(&self, exchange: ExchangeId) -> Option<EventId> {
        let offered = resumption(self.revision()) == Resumption::Offered;
        offered.then_some(EventId {
            stream: exchange.0,
            number: 0,
        })
    }

    async fn command(&self, command: Command) -> Result<(), SessionClosed> {
        self.commands.send(command).await.map_err(|_| SessionClosed)
    }
}

/// Opens a session in which each message has a stream of its own, or, with `one_stream`, all share the returned one.
pub(crate) fn open(
    shared: &Arc<Shared>,
    principal: Principal,
    one_stream: Option<mpsc::Sender<Reply>>,
) -> Session {
    let (commands, inbox) = mpsc::channel(INBOX);
    let (publish, state) = watch::channel(State::default());
    let end = shared.stop.child_token();
    let actor = Actor {
        core: Core::new(Arc::clone(shared), Channel::Session, principal),
        style: if one_stream.is_some() {
            Style::OneStream
        } else {
            Style::StreamEach
        },
        common: one_stream,
        outbox: Outbox::new(shared),
        streams: Streams::new(Arc::clone(shared)),
        publish,
    };
    shared.tasks.spawn(actor.run(inbox, end.clone()));
    Session {
        commands,
        state,
        received: AtomicU64::new(0),
        _end_on_drop: end.clone().drop_guard(),
        end,
    }
}

/// The task of a session.
#[derive(Debug)]
struct Actor {
    core: Core,
    style: Style,
    /// The one stream of [`Style::OneStream`].
    common: Option<mpsc::Sender<Reply>>,
    /// What waits for the one stream of [`Style::OneStream`].
    outbox: Outbox,
    /// The streams of [`Style::StreamEach`].
    streams: Streams,
    publish: watch::Sender<State>,
}

impl Actor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>, end: CancellationToken) {
        loop {
            tokio::select! {
                () = end.cancelled() => break,
                () = stream_gone(self.style, self.common.as_ref()) => break,
                inputs = self.core.event() => {
                    for input in inputs {
                        self.step(input);
                    }
                }
                sent = send_one(self.common.as_ref(), &mut self.outbox),
                    if !self.outbox.queue.is_empty() => {
                    if !sent {
                        break;
                    }
                    self.publish_load();
                }
                command = inbox.recv(), if !self.outbox.is_full() => match command {
                    Some(Command::Message { exchange, frame, sender, kept }) => {
                        drop(kept);
                        if let Some((sender, streaming)) = sender {
                            self.streams.open(exchange, sender, streaming);
                        }
                        self.step(Input::Received { exchange, frame });
                    }
                    Some(Command::Attach { sender, streaming, accepted }) => {
                        self.attach(sender, streaming, accepted);
                    }
                    Some(Command::Resume { event, resumed }) => {
                        let _ = resumed.send(self.streams.resume(event));
                    }
                    None => break,
                },
            }
        }
        inbox.close();
        self.step(Input::Closed);
        self.streams.close_all();
        // What waits for the one stream still goes there, if it is being read.
        let last_words = async {
            while !self.outbox.queue.is_empty()
                && send_one(self.common.as_ref(), &mut self.outbox).await
            {}
            self.common = None;
        };
        let ((), ()) = tokio::join!(
            async {
                let _ = time::timeout(LAST_WORDS, last_words).await;
            },
            self.core.all_gone(),
        );
        self.publish.send_replace(State::default());
    }

    fn attach(
        &mut self,
        sender: mpsc::Sender<Reply>,
        streaming: Streaming,
        accepted: oneshot::Sender<bool>,
    ) {
        let free = self.style == Style::StreamEach && !self.streams.is_read(ExchangeId::NONE);
        if free {
            self.streams.open(ExchangeId::NONE, sender, streaming);
        }
        let _ = accepted.send(free);
    }

    fn step(&mut self, input: Input) {
        let deliveries = self.core.step(input);
        // Published first: who has read the answer to `initialize` may rely on the revision.
        let revision = self.core.engine.session_revision();
        self.publish.send_modify(|state| state.revision = revision);
        for delivery in deliveries {
            match delivery {
                Delivery::Send {
                    exchange,
                    frame,
                    droppable,
                } => match self.style {
                    Style::OneStream => self.outbox.put(frame, droppable),
                    Style::StreamEach => {
                        self.streams
                            .put(exchange, frame, droppable, resumption(revision));
                    }
                },
                Delivery::Close { exchange } => {
                    self.streams.close(exchange, resumption(revision));
                }
                Delivery::Done { exchange } => self.streams.done(exchange),
            }
        }
        self.publish_load();
    }

    /// Published last: a session that is quiet has told everything.
    fn publish_load(&self) {
        let calls = self.core.engine.calls_in_flight();
        let waiting = self.outbox.queue.len();
        self.publish.send_if_modified(|state| {
            let changed = (state.calls, state.waiting) != (calls, waiting);
            (state.calls, state.waiting) = (calls, waiting);
            changed
        });
    }
}

/// 2025-11-25, transports: clients of older revisions cannot read the event that names the beginning of a stream.
fn resumption(revision: Option<Revision>) -> Resumption {
    if revision == Some(Revision::V2025_11_25) {
        Resumption::Offered
    } else {
        Resumption::NotOffered
    }
}

/// Ends when the one stream of a session was dropped by its reader; never in the other style.
async fn stream_gone(style: Style, common: Option<&mpsc::Sender<Reply>>) {
    match (style, common) {
        (Style::OneStream, Some(sender)) => sender.closed().await,
        _ => std::future::pending().await,
    }
}

/// Sends the first message that waits; false when nobody reads any more. Cancel safe.
async fn send_one(common: Option<&mpsc::Sender<Reply>>, outbox: &mut Outbox) -> bool {
    let Some(sender) = common else { return false };
    let Ok(place) = sender.reserve().await else {
        return false;
    };
    if let Some(reply) = outbox.take() {
        place.send(reply);
    }
    true
}

/// What waits for the one stream of a session.
#[derive(Debug)]
struct Outbox {
    queue: VecDeque<Reply>,
    /// The bytes in the queue.
    bytes: usize,
    shared: Arc<Shared>,
}

impl Outbox {
    fn new(shared: &Arc<Shared>) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            shared: Arc::clone(shared),
        }
    }

    fn put(&mut self, frame: OutgoingFrame, droppable: bool) {
        if droppable && self.is_full() {
            return;
        }
        if let Some(reply) = Reply::fit(frame, droppable, &self.shared.waiting) {
            self.bytes += reply.len();
            self.queue.push_back(reply);
        }
    }

    fn take(&mut self) -> Option<Reply> {
        let reply = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(reply.len());
        Some(reply)
    }

    /// Whether so much waits that nothing more should be asked for.
    fn is_full(&self) -> bool {
        let limits = &self.shared.limits;
        self.queue.len() >= limits.outbox || self.bytes >= limits.outbox_bytes
    }
}
