//! One handshake session over HTTP, served message by message. Finding a session by its id is the transport's.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use mcp_protocol::Revision;
use mcp_protocol::jsonrpc::{DecodeError, Frame};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::reply::{self, BUFFER};
use super::{Core, Delivery, Replies, Reply};
use crate::Principal;
use crate::engine::{Channel, ExchangeId, Input};
use crate::server::Shared;

/// How many messages of its client may wait for a session's turn.
const INBOX: usize = 16;

/// A session with one client. Dropping it ends it: what runs is cancelled.
#[derive(Debug)]
pub struct Session {
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
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
        frame: Result<Frame, DecodeError>,
        sender: Option<mpsc::Sender<Reply>>,
        kept: Kept,
    },
    Attach {
        sender: mpsc::Sender<Reply>,
        accepted: oneshot::Sender<bool>,
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
    /// # Errors
    ///
    /// The session has ended.
    pub async fn send(&self, frame: Result<Frame, DecodeError>) -> Result<Replies, SessionClosed> {
        let (sender, replies) = Replies::channel(BUFFER);
        self.command(Command::Message {
            frame,
            sender: Some(sender),
            kept: Kept(Box::new(())),
        })
        .await?;
        Ok(replies)
    }

    /// Hands over a message whose answers go to the one stream of the session. Waits while the client does not read
    /// that stream and too many messages wait already.
    ///
    /// `kept` is dropped when the message has been taken out of the queue, or was lost with the session: a transport
    /// puts in it what bounds the memory of messages that wait, over all sessions.
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
        self.command(Command::Attach { sender, accepted }).await?;
        let accepted = answer.await.map_err(|_| SessionClosed)?;
        Ok(accepted.then_some(replies))
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
        outbox: VecDeque::new(),
        exchanges: HashMap::new(),
        received: 0,
        publish,
    };
    shared.tasks.spawn(actor.run(inbox, end.clone()));
    Session {
        commands,
        state,
        _end_on_drop: end.clone().drop_guard(),
        end,
    }
}

/// The task of a session.
#[derive(Debug)]
struct Actor {
    core: Core,
    style: Style,
    /// The stream that belongs to no request, while there is one.
    common: Option<mpsc::Sender<Reply>>,
    /// What waits for the one stream of [`Style::OneStream`].
    outbox: VecDeque<Reply>,
    /// The streams of the messages that wait for answers.
    exchanges: HashMap<ExchangeId, mpsc::Sender<Reply>>,
    received: u64,
    publish: watch::Sender<State>,
}

impl Actor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>, end: CancellationToken) {
        let limit = self.core.shared.limits.outbox;
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
                    if !self.outbox.is_empty() => {
                    if !sent {
                        break;
                    }
                    self.publish_load();
                }
                command = inbox.recv(), if self.outbox.len() < limit => match command {
                    Some(Command::Message { frame, sender, kept }) => {
                        drop(kept);
                        self.message(frame, sender);
                    }
                    Some(Command::Attach { sender, accepted }) => self.attach(sender, accepted),
                    None => break,
                },
            }
        }
        inbox.close();
        self.step(Input::Closed);
        // What waits for the one stream still goes there, as far as there is room.
        while let (Some(common), Some(reply)) = (&self.common, self.outbox.pop_front()) {
            if common.try_send(reply).is_err() {
                break;
            }
        }
        self.exchanges.clear();
        self.common = None;
        self.core.all_gone().await;
        self.publish.send_replace(State::default());
    }

    fn message(&mut self, frame: Result<Frame, DecodeError>, sender: Option<mpsc::Sender<Reply>>) {
        self.received += 1;
        let exchange = ExchangeId(self.received);
        if let Some(sender) = sender {
            self.exchanges.insert(exchange, sender);
        }
        self.step(Input::Received { exchange, frame });
    }

    fn attach(&mut self, sender: mpsc::Sender<Reply>, accepted: oneshot::Sender<bool>) {
        let free = self.style == Style::StreamEach
            && self.common.as_ref().is_none_or(mpsc::Sender::is_closed);
        if free {
            self.common = Some(sender);
        }
        let _ = accepted.send(free);
    }

    fn step(&mut self, input: Input) {
        let deliveries = self.core.step(input);
        // Published first: who has read the answer to `initialize` may rely on the revision.
        let revision = self.core.engine.session_revision();
        self.publish.send_modify(|state| state.revision = revision);
        let limit = self.core.shared.limits.outbox;
        for delivery in deliveries {
            match delivery {
                Delivery::Send {
                    exchange,
                    frame,
                    droppable,
                } => match (self.exchanges.get(&exchange), self.style) {
                    (Some(sender), _) => reply::put(sender, frame, droppable),
                    (None, Style::OneStream) if droppable && self.outbox.len() >= limit => {}
                    (None, Style::OneStream) => self.outbox.push_back(Reply::new(frame)),
                    (None, Style::StreamEach) => {
                        // What belongs to no message goes to the common stream, if one is open.
                        if let Some(common) = self
                            .common
                            .as_ref()
                            .filter(|_| exchange == ExchangeId::NONE)
                        {
                            reply::put(common, frame, droppable);
                        }
                    }
                },
                Delivery::Done { exchange } => {
                    self.exchanges.remove(&exchange);
                }
            }
        }
        self.publish_load();
    }

    /// Published last: a session that is quiet has told everything.
    fn publish_load(&self) {
        let calls = self.core.engine.calls_in_flight();
        let waiting = self.outbox.len();
        self.publish.send_if_modified(|state| {
            let changed = (state.calls, state.waiting) != (calls, waiting);
            (state.calls, state.waiting) = (calls, waiting);
            changed
        });
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
async fn send_one(common: Option<&mpsc::Sender<Reply>>, outbox: &mut VecDeque<Reply>) -> bool {
    let Some(sender) = common else { return false };
    let Ok(place) = sender.reserve().await else {
        return false;
    };
    if let Some(reply) = outbox.pop_front() {
        place.send(reply);
    }
    true
}
