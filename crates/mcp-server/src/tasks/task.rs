//! One task: its status, what it asks, what came of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{Timestamp, Unit};
use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::tasks::{DetailedTask, Task, TaskDetail, TaskStatus};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::result::{Outcome, bounded};
use crate::{MAX_PROGRESS_BYTES, Principal, ServerLimits};

/// A task. It ends once, and then stays as it is.
#[derive(Debug)]
pub(crate) struct RunningTask {
    id: String,
    principal: Principal,
    created: Instant,
    /// How long it is kept after its end.
    kept: Duration,
    result_bytes: usize,
    patience: Duration,
    cancelled: CancellationToken,
    changed: watch::Sender<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    task: Task,
    outcome: Option<Outcome>,
    /// When its time is up; none while it runs.
    over_at: Option<Instant>,
    pending: BTreeMap<String, Pending>,
    /// How many questions were asked; it keeps their keys apart for ever.
    asked: u64,
}

#[derive(Debug)]
struct Pending {
    request: InputRequest,
    answer: oneshot::Sender<Result<Value, ErrorObject>>,
}

impl RunningTask {
    pub(super) fn new(id: &str, principal: Principal, limits: &ServerLimits) -> Self {
        Self {
            id: id.to_owned(),
            principal,
            created: Instant::now(),
            kept: limits.task_ttl,
            result_bytes: limits.task_result_bytes,
            patience: limits.answer_timeout,
            cancelled: CancellationToken::new(),
            changed: watch::Sender::new(()),
            state: Mutex::new(State {
                task: Task::new(id, now(), limits.task_ttl, limits.task_poll),
                outcome: None,
                over_at: None,
                pending: BTreeMap::new(),
                asked: 0,
            }),
        }
    }

    pub(super) fn belongs_to(&self, principal: &Principal) -> bool {
        self.principal == *principal
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it stays as it is.
    pub(crate) fn has_ended(&self) -> bool {
        self.state().task.status.is_terminal()
    }

    /// Whether it has ended and its time is up.
    pub(super) fn is_over(&self) -> bool {
        let over_at = self.state().over_at;
        over_at.is_some_and(|over_at| Instant::now() >= over_at)
    }

    /// Says when anything of it changes from now on; several changes may be told as one.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// As the result that creates it shows it.
    pub(crate) fn created(&self) -> Task {
        self.state().task.clone()
    }

    pub(crate) fn detailed(&self) -> DetailedTask {
        let mut state = self.state();
        if !state.task.status.is_terminal() {
            state.task.ttl = self.ttl();
        }
        let detail = match &state.outcome {
            Some(Ok(result)) => TaskDetail::Result(result.clone()),
            Some(Err(error)) => TaskDetail::Error(error.clone()),
            None if state.pending.is_empty() => TaskDetail::Nothing,
            None => TaskDetail::Input(
                state
                    .pending
                    .iter()
                    .map(|(key, pending)| (key.clone(), pending.request.clone()))
                    .collect(),
            ),
        };
        DetailedTask::new(state.task.clone(), detail)
    }

    /// Says what the task does just now.
    pub(crate) fn tell(&self, mut message: String) {
        message.truncate(message.floor_char_boundary(MAX_PROGRESS_BYTES));
        self.change(|state| state.task.status_message = Some(message));
    }

    /// Asks the client, under a key that begins with the handler's.
    pub(crate) fn ask(
        &self,
        key: &str,
        request: InputRequest,
    ) -> oneshot::Receiver<Result<Value, ErrorObject>> {
        let (answer, receiver) = oneshot::channel();
        self.change(|state| {
            // A question nobody waits for any more is not asked any more.
            state
                .pending
                .retain(|_, pending| !pending.answer.is_closed());
            state.asked += 1;
            let key = format!("{key}-{}", state.asked);
            state.pending.insert(key, Pending { request, answer });
            state.task.status = TaskStatus::InputRequired;
        });
        receiver
    }

    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn answer(&self, answers: BTreeMap<String, Value>) -> Result<(), ErrorObject> {
        // All are read before any is taken, so that a refused update changes nothing.
        for (key, answer) in &answers {
            if let Some(pending) = self.state().pending.get(key) {
                pending.request.read(answer)?;
            }
        }
        self.change(|state| {
            for (key, answer) in answers {
                if let Some(pending) = state.pending.remove(&key) {
                    // An error means that the handler no longer waits.
                    let _ = pending.answer.send(Ok(answer));
                }
            }
            if state.pending.is_empty() {
                state.task.status = TaskStatus::Working;
            }
        });
        Ok(())
    }

    /// Ends it as cancelled, if it has not ended. Its runner drops the handler.
    pub(crate) fn cancel(&self) {
        self.end(TaskStatus::Cancelled, None);
        self.cancelled.cancel();
    }

    /// Waits for the cancel.
    pub(crate) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Ends it with what came of it, as far as that is kept.
    pub(crate) fn finish(&self, outcome: Outcome) {
        let outcome = bounded(outcome, self.result_bytes);
        let status = match &outcome {
            Ok(_) => TaskStatus::Completed,
            Err(_) => TaskStatus::Failed,
        };
        self.end(status, Some(outcome));
    }

    /// Ends it without anything, because its handler is gone.
    pub(super) fn abandon(&self) {
        self.end(TaskStatus::Cancelled, None);
    }

    fn end(&self, status: TaskStatus, outcome: Option<Outcome>) {
        self.change(|state| {
            state.task.status = status;
            // Extension, tasks, "error handling": a task that failed should say why here, too.
            state.task.status_message = match &outcome {
                Some(Err(error)) => Some(error.message.clone()),
                _ => None,
            };
            state.task.ttl = self.ttl();
            state.over_at = self.created.checked_add(state.task.ttl);
            state.outcome = outcome;
            state.pending.clear();
        });
    }

    /// How long it can be asked after, from its beginning, if it ended now.
    fn ttl(&self) -> Duration {
        self.created.elapsed().saturating_add(self.kept)
    }

    /// Changes it, unless it has ended.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        if !state.task.status.is_terminal() {
            change(&mut state);
            state.task.last_updated_at = now();
            drop(state);
            self.changed.send_replace(());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time of the calendar, to the millisecond.
fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now).to_string()
}
