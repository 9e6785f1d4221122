//! The tasks of the calls of one engine. A panic ends at the boundary of its task.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::subscriptions::Change;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use uuid::Uuid;

use super::board::{Board, CallLine};
use super::work;
use crate::context::Rounds;
use crate::engine::{CallId, CallOutcome, Input, Product, Question, Start, Ticket};
use crate::failure::Kind;
use crate::server::Shared;
use crate::{CallContext, Principal, ToolError};

/// The tasks, and the board on which they leave their progress.
#[derive(Debug)]
pub(super) struct RunningCalls {
    tasks: JoinSet<Result<Product, ToolError>>,
    running: HashMap<Id, Running>,
    handles: HashMap<CallId, AbortHandle>,
    board: Arc<Board>,
    permits: Arc<Semaphore>,
    changes: broadcast::Sender<Change>,
    patience: Duration,
    principal: Principal,
}

/// One call, and what it has learnt from its client.
#[derive(Debug)]
struct Running {
    call: CallId,
    rounds: Arc<Mutex<Rounds>>,
}

impl RunningCalls {
    pub(super) fn new(shared: &Shared, principal: Principal) -> Self {
        Self {
            tasks: JoinSet::new(),
            running: HashMap::new(),
            handles: HashMap::new(),
            board: Arc::default(),
            permits: Arc::clone(&shared.permits),
            changes: shared.changes.clone(),
            patience: shared.limits.answer_timeout,
            principal,
        }
    }

    /// Starts a call; gives back its end if it cannot even start.
    pub(super) fn start(&mut self, start: Start) -> Option<Input> {
        let Start {
            call,
            work,
            revision,
            client_info,
            capabilities,
            wants_progress,
            rounds,
        } = start;
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let error = ErrorObject::internal("the server has as many calls in flight as it may")
                .with_data(json!({ "retryable": true }));
            return Some(Input::Finished {
                call,
                outcome: CallOutcome::Failed(error),
            });
        };
        let line = CallLine {
            call,
            board: Arc::clone(&self.board),
            changes: self.changes.clone(),
            wants_progress,
            patience: self.patience,
        };
        let rounds = Arc::new(Mutex::new(rounds));
        let context = CallContext::new(revision)
            .with_client_info(client_info)
            .with_capabilities(capabilities)
            .with_principal(self.principal.clone())
            .with_line(Arc::new(line), Arc::clone(&rounds));
        let handle = self.tasks.spawn(async move {
            let _permit = permit;
            work::run(work, context).await
        });
        self.running.insert(handle.id(), Running { call, rounds });
        self.handles.insert(call, handle);
        None
    }

    pub(super) fn answer(&self, ticket: Ticket, answer: Result<Value, ErrorObject>) {
        self.board.answer(ticket, answer);
    }

    pub(super) fn cancel(&mut self, call: CallId) {
        if let Some(handle) = self.handles.get(&call) {
            handle.abort();
        }
    }

    /// Waits for a call to end or to tell something. Cancel safe.
    pub(super) async fn event(&mut self) -> Vec<Input> {
        tokio::select! {
            Some(ended) = self.tasks.join_next_with_id() => {
                // What a call told before it ended goes out before its answer.
                let mut inputs = self.board.take();
                inputs.extend(self.ended(ended));
                inputs
            }
            () = self.board.written() => self.board.take(),
        }
    }

    pub(super) async fn all_gone(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended);
        }
    }

    fn ended(
        &mut self,
        ended: Result<(Id, Result<Product, ToolError>), JoinError>,
    ) -> Option<Input> {
        let (id, result) = match ended {
            Ok((id, result)) => (id, Ok(result)),
            Err(error) => (error.id(), Err(error)),
        };
        let Running { call, rounds } = self.running.remove(&id)?;
        self.handles.remove(&call);
        let outcome = match result {
            Ok(Ok(product)) => CallOutcome::Returned(product),
            Ok(Err(error)) => outcome_of(&error, &rounds),
            Err(error) => CallOutcome::Failed(report_lost(error)),
        };
        Some(Input::Finished { call, outcome })
    }
}

/// What is to be made of an error.
fn outcome_of(error: &ToolError, rounds: &Mutex<Rounds>) -> CallOutcome {
    match error.kind() {
        Kind::Internal => CallOutcome::Failed(report(error)),
        Kind::Refused(error) => CallOutcome::Failed(error.clone()),
        Kind::Incapable(required) => CallOutcome::Incapable(required.clone()),
        Kind::Input(requests) => {
            let mut rounds = rounds.lock().unwrap_or_else(PoisonError::into_inner);
            CallOutcome::Input(Question {
                requests: requests.clone(),
                rounds: std::mem::take(&mut rounds),
            })
        }
    }
}

/// Logs what a tool says of its failure, and makes of it what the client may know.
fn report(error: &ToolError) -> ErrorObject {
    let reference = error.reference().map_or_else(new_reference, str::to_owned);
    let mut causes = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(%reference, "a tool did not do its work: {error}{causes}");
    internal(&error.to_string(), &reference)
}

/// The same for a call whose task panicked, or was cancelled, of which nobody will hear.
fn report_lost(error: JoinError) -> ErrorObject {
    let reference = new_reference();
    if let Ok(payload) = error.try_into_panic() {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(%reference, ?message, "a tool panicked");
    }
    internal("internal error", &reference)
}

fn internal(sentence: &str, reference: &str) -> ErrorObject {
    ErrorObject::internal(format!("{sentence} (reference {reference})"))
        .with_data(json!({ "reference": reference }))
}

fn new_reference() -> String {
    let mut reference = Uuid::new_v4().simple().to_string();
    reference.truncate(12);
    reference
}
