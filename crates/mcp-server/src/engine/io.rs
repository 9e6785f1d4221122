//! What goes into the engine and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use mcp_protocol::Revision;
use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::{DecodeError, ErrorObject, Frame, Outgoing, OutgoingFrame};
use mcp_protocol::lifecycle::{ClientCapabilities, Implementation};
use mcp_protocol::logging::LogMessage;
use mcp_protocol::subscriptions::Change;
use mcp_protocol::tasks::{DetailedTask, Task};
use serde_json::{Map, Value};

use super::{Product, Work};
use crate::context::{Report, Rounds};
use crate::tasks::RunningTask;

/// What an engine is at the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channel {
    /// A pipe: both eras at once, one space of ids.
    Pipe,
    /// A session over HTTP: opened by `initialize`, legacy only.
    Session,
    /// One stateless request over HTTP.
    Exchange,
}

/// Names one frame that was received, and the place where its answers go. Chosen by the driver, used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a plain number")]
pub struct ExchangeId(pub u64);

impl ExchangeId {
    /// What belongs to no frame that was received: it goes to the stream that the peer keeps open for that.
    pub const NONE: Self = Self(0);
}

/// Names one question of a call. Chosen by the driver, used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a plain number")]
pub struct Ticket(pub u64);

/// Names one call of a handler. Chosen by the engine, used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a plain number")]
pub struct CallId(pub u64);

/// What the tables of an engine hold. Each is bounded: by [`ServerLimits`](crate::ServerLimits), or by a constant that the
/// field names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Calls whose future has neither ended nor been dropped.
    pub calls: usize,
    /// Frames that were received and still wait for answers: no more than there are calls and streams.
    pub exchanges: usize,
    /// Questions that the client has not answered, at most [`MAX_QUESTIONS`](crate::MAX_QUESTIONS) for each call.
    pub questions: usize,
    /// Streams of changes.
    pub streams: usize,
    /// Resources that a session subscribes to, at most
    /// [`MAX_URIS`](mcp_protocol::subscriptions::MAX_URIS).
    pub subscriptions: usize,
}

/// Something happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// A frame came in, readable or not.
    Received {
        /// Where its answers go.
        exchange: ExchangeId,
        /// What it says.
        frame: Result<Frame, DecodeError>,
    },
    /// A call has something to tell.
    Told {
        /// Which call.
        call: CallId,
        /// What it tells.
        told: Told,
    },
    /// A call has something to ask, and waits for [`Output::Answered`].
    Ask {
        /// Which call.
        call: CallId,
        /// How the driver calls the question.
        ticket: Ticket,
        /// What is asked.
        request: InputRequest,
    },
    /// Something changed that clients may want to know.
    Changed(Change),
    /// So much changed that it is not known what.
    ChangedUnknown,
    /// The user is done at the page with this id.
    PageDone(Arc<str>),
    /// What became of [`Output::Watch`].
    Watched {
        /// Which exchange.
        exchange: ExchangeId,
        /// Those of the named tasks that there are, for this principal.
        tasks: Vec<WatchedTask>,
    },
    /// The task with this id, which is watched, is not as it was.
    TaskChanged(String),
    /// The server is about to stop: those who wait for changes are told that nothing more will come.
    EndSubscriptions,
    /// A call has ended, or its future was dropped after [`Output::Cancel`].
    Finished {
        /// Which call.
        call: CallId,
        /// How; of no interest for a cancelled call.
        outcome: CallOutcome,
    },
    /// The time that [`Engine::next_wake`](super::Engine::next_wake) named has come.
    Wake,
    /// The peer is gone, or the server stops: every call is ended, is answered with an error that says so, and nothing
    /// more is answered.
    Closed,
}

/// A task that streams of changes tell of.
#[derive(Clone)]
pub struct WatchedTask(Arc<RunningTask>);

impl WatchedTask {
    pub(crate) const fn new(task: Arc<RunningTask>) -> Self {
        Self(task)
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// What it is now.
    #[must_use]
    pub fn detailed(&self) -> DetailedTask {
        self.0.detailed()
    }
}

impl fmt::Debug for WatchedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WatchedTask").field(&self.id()).finish()
    }
}

/// What a call tells while it works.
#[derive(Debug)]
#[non_exhaustive]
pub enum Told {
    /// How far it is.
    #[non_exhaustive]
    Progress {
        /// What happens.
        message: Option<String>,
        /// How much is done, and of how much.
        done: Option<(u64, Option<u64>)>,
    },
    /// Something for the log.
    Log(LogMessage),
    /// That its client need not hold its connection.
    Close,
}

impl Told {
    /// What happens now.
    pub fn progress(message: impl Into<String>) -> Self {
        Self::Progress {
            message: Some(message.into()),
            done: None,
        }
    }
}

impl From<Report> for Told {
    fn from(report: Report) -> Self {
        Self::Progress {
            message: report.message,
            done: report.done,
        }
    }
}

/// How a call ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallOutcome {
    /// The handler did its work.
    Returned(Product),
    /// It did not; this is what to say.
    Failed(ErrorObject),
    /// The client would have to be asked for what it did not declare.
    Incapable(Map<String, Value>),
    /// The client must be asked first, and the call made again.
    Input(Question),
    /// The user must open some pages first, which the question has by their ids, and the call be made again.
    Pages(Question),
    /// It goes on as this task.
    Detached(Task),
}

/// What a call must ask before it can go on in a next round.
#[derive(Debug)]
pub struct Question {
    pub(crate) requests: BTreeMap<String, InputRequest>,
    pub(crate) rounds: Rounds,
}

/// Something is to be done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Send this. Notifications may be left out if the peer is slow, answers may not.
    Send {
        /// Where to.
        exchange: ExchangeId,
        /// What.
        frame: OutgoingFrame,
        /// Whether it is an answer, or may be left out.
        droppable: bool,
    },
    /// The connection of this exchange may end, if its client can come back for the rest.
    Close {
        /// Which exchange.
        exchange: ExchangeId,
    },
    /// Nothing more will be sent to this exchange.
    Done {
        /// Which exchange.
        exchange: ExchangeId,
    },
    /// Start a call.
    Start(Start),
    /// Hand the answer of the client to the call that asked; it may be gone.
    Answered {
        /// Which question.
        ticket: Ticket,
        /// What the client says, or why it says nothing.
        answer: Result<Value, ErrorObject>,
    },
    /// Find these tasks, report [`Input::Watched`], and from then on [`Input::TaskChanged`] whenever one of them changes.
    Watch {
        /// Which exchange names them.
        exchange: ExchangeId,
        /// Their ids.
        tasks: BTreeSet<String>,
    },
    /// Drop the future of a call, and report [`Input::Finished`] when that is done.
    Cancel {
        /// Which call.
        call: CallId,
    },
}

impl Output {
    pub(super) const fn notify(exchange: ExchangeId, message: Outgoing) -> Self {
        Self::Send {
            exchange,
            frame: OutgoingFrame::Single(message),
            droppable: true,
        }
    }

    pub(super) const fn answer(exchange: ExchangeId, frame: OutgoingFrame) -> Self {
        Self::Send {
            exchange,
            frame,
            droppable: false,
        }
    }
}

/// A call to start.
#[derive(Debug)]
#[non_exhaustive]
pub struct Start {
    /// How the engine calls it.
    pub call: CallId,
    /// What is to be done.
    pub work: Work,
    /// What the caller speaks.
    pub revision: Revision,
    /// Which program calls.
    pub client_info: Option<Arc<Implementation>>,
    /// What that program can do.
    pub capabilities: Arc<ClientCapabilities>,
    /// Whether progress is of use.
    pub wants_progress: bool,
    /// Whether the call may go on as a task.
    pub may_detach: bool,
    /// How much memory its parameters take.
    pub held: usize,
    pub(crate) rounds: Rounds,
}
