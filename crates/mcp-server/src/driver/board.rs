//! Where calls leave what they tell and ask, without waiting. The driver takes it at its next turn.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::logging::LogMessage;
use mcp_protocol::subscriptions::Change;
use serde_json::Value;
use tokio::sync::{Notify, broadcast, oneshot};

use crate::context::{Line, Report};
use crate::engine::{CallId, Input, Ticket, Told};
use crate::server::News;

/// How many messages may wait for the driver; it takes them at its next turn, so more than that are a tool in a hurry,
/// whose newest messages count. Questions are not counted: a call waits for their answers.
const BOARD: usize = 256;

/// The board of one connection.
#[derive(Debug, Default)]
pub(super) struct Board {
    notes: Mutex<Notes>,
    written: Notify,
}

#[derive(Debug, Default)]
struct Notes {
    inputs: VecDeque<Input>,
    waiting: HashMap<Ticket, oneshot::Sender<Result<Value, ErrorObject>>>,
    last: u64,
}

impl Board {
    /// Waits until something stands on the board.
    pub(super) async fn written(&self) {
        self.written.notified().await;
    }

    pub(super) fn take(&self) -> Vec<Input> {
        self.notes().inputs.drain(..).collect()
    }

    /// Hands an answer to the call that waits for it.
    pub(super) fn answer(&self, ticket: Ticket, answer: Result<Value, ErrorObject>) {
        let waiting = self.notes().waiting.remove(&ticket);
        if let Some(waiting) = waiting {
            // An error means that the call is gone.
            let _ = waiting.send(answer);
        }
    }

    fn tell(&self, call: CallId, told: Told) {
        let mut notes = self.notes();
        if notes.inputs.len() >= BOARD {
            let droppable = |input: &Input| matches!(input, Input::Told { .. });
            if let Some(oldest) = notes.inputs.iter().position(droppable) {
                notes.inputs.remove(oldest);
            }
        }
        notes.inputs.push_back(Input::Told { call, told });
        drop(notes);
        self.written.notify_one();
    }

    fn ask(
        &self,
        call: CallId,
        request: InputRequest,
    ) -> oneshot::Receiver<Result<Value, ErrorObject>> {
        let (sender, answer) = oneshot::channel();
        let mut notes = self.notes();
        // Those whose calls are gone are forgotten here, so the table holds no more than calls can ask.
        notes.waiting.retain(|_, waiting| !waiting.is_closed());
        notes.last += 1;
        let ticket = Ticket(notes.last);
        notes.waiting.insert(ticket, sender);
        notes.inputs.push_back(Input::Ask {
            call,
            ticket,
            request,
        });
        drop(notes);
        self.written.notify_one();
        answer
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way from one call to the board.
pub(super) struct CallLine {
    pub(super) call: CallId,
    pub(super) board: Arc<Board>,
    pub(super) news: broadcast::Sender<News>,
    pub(super) wants_progress: bool,
    pub(super) patience: Duration,
}

impl Line for CallLine {
    fn report(&self, report: Report) {
        if self.wants_progress {
            self.board.tell(self.call, report.into());
        }
    }

    fn wants_progress(&self) -> bool {
        self.wants_progress
    }

    fn log(&self, message: LogMessage) {
        self.board.tell(self.call, Told::Log(message));
    }

    fn ask(&self, request: InputRequest) -> oneshot::Receiver<Result<Value, ErrorObject>> {
        self.board.ask(self.call, request)
    }

    fn announce(&self, change: Change) {
        // An error means that nobody is connected.
        let _ = self.news.send(News::Changed(change));
    }

    fn close(&self) {
        self.board.tell(self.call, Told::Close);
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

impl fmt::Debug for CallLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallLine")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
