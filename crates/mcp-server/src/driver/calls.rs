//! The tasks of the calls of one engine. A panic ends at the boundary of its task.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::tools::CallToolResult;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use uuid::Uuid;

use crate::engine::{CallId, CallOutcome, Input, Start};
use crate::tool::{CallContext, Principal, ToolError};

/// How many progress messages may wait for the driver; it takes them at its next turn, so more than that are a tool
/// in a hurry, whose newest messages count.
const BOARD: usize = 256;

/// The tasks, and the board on which they leave their progress.
#[derive(Debug)]
pub(super) struct RunningCalls {
    tasks: JoinSet<Result<CallToolResult, ToolError>>,
    running: HashMap<Id, CallId>,
    handles: HashMap<CallId, AbortHandle>,
    board: Arc<Board>,
    permits: Arc<Semaphore>,
    principal: Principal,
}

impl RunningCalls {
    pub(super) fn new(permits: Arc<Semaphore>, principal: Principal) -> Self {
        Self {
            tasks: JoinSet::new(),
            running: HashMap::new(),
            handles: HashMap::new(),
            board: Arc::default(),
            permits,
            principal,
        }
    }

    /// Starts a call; gives back its end if it cannot even start.
    pub(super) fn start(&mut self, start: Start) -> Option<Input> {
        let Start {
            call,
            tool,
            arguments,
            revision,
            client_info,
            wants_progress,
            ..
        } = start;
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let error = ErrorObject::internal("the server has as many calls in flight as it may")
                .with_data(json!({ "retryable": true }));
            return Some(Input::Finished {
                call,
                outcome: CallOutcome::Failed(error),
            });
        };
        let mut context = CallContext::new(revision)
            .with_client_info(client_info)
            .with_principal(self.principal.clone());
        if wants_progress {
            let board = Arc::clone(&self.board);
            context = context.with_progress(move |message| board.put(call, message));
        }
        let handle = self.tasks.spawn(async move {
            let _permit = permit;
            tool.call(arguments, context).await
        });
        self.running.insert(handle.id(), call);
        self.handles.insert(call, handle);
        None
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
            () = self.board.written.notified() => self.board.take(),
        }
    }

    pub(super) async fn all_gone(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended);
        }
    }

    fn ended(
        &mut self,
        ended: Result<(Id, Result<CallToolResult, ToolError>), JoinError>,
    ) -> Option<Input> {
        let (id, outcome) = match ended {
            Ok((id, Ok(result))) => (id, CallOutcome::Returned(result)),
            Ok((id, Err(error))) => (id, CallOutcome::Failed(report(&error))),
            Err(error) => (error.id(), CallOutcome::Failed(report_lost(error))),
        };
        let call = self.running.remove(&id)?;
        self.handles.remove(&call);
        Some(Input::Finished { call, outcome })
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

/// Where calls leave their progress without waiting.
#[derive(Debug, Default)]
struct Board {
    messages: Mutex<VecDeque<(CallId, String)>>,
    written: Notify,
}

impl Board {
    fn put(&self, call: CallId, message: String) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() >= BOARD {
            messages.pop_front();
        }
        messages.push_back((call, message));
        drop(messages);
        self.written.notify_one();
    }

    fn take(&self) -> Vec<Input> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages
            .drain(..)
            .map(|(call, message)| Input::Progress { call, message })
            .collect()
    }
}
