//! What goes into the engine and what comes out of it.

use std::sync::Arc;

use mcp_protocol::Revision;
use mcp_protocol::jsonrpc::{DecodeError, ErrorObject, Frame, Outgoing, OutgoingFrame};
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::CallToolResult;
use serde_json::{Map, Value};

use crate::Tool;

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

/// Names one call of a tool. Chosen by the engine, used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a plain number")]
pub struct CallId(pub u64);

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
    Progress {
        /// Which call.
        call: CallId,
        /// What happens.
        message: String,
    },
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

/// How a call ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallOutcome {
    /// The tool did its work.
    Returned(CallToolResult),
    /// It did not; this is what to say.
    Failed(ErrorObject),
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
    /// Nothing more will be sent to this exchange.
    Done {
        /// Which exchange.
        exchange: ExchangeId,
    },
    /// Start a call.
    Start(Start),
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
    /// What to call.
    pub tool: Arc<dyn Tool>,
    /// With which arguments.
    pub arguments: Map<String, Value>,
    /// What the caller speaks.
    pub revision: Revision,
    /// Which program calls.
    pub client_info: Option<Arc<Implementation>>,
    /// Whether [`Input::Progress`] is of use.
    pub wants_progress: bool,
}
