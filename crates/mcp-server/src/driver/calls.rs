//! The tasks of the calls of one engine. A panic ends at the boundary of its task.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::ErrorObject;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use uuid::Uuid;

use super::board::{Board, CallLine};
use super::{detached, work};
use crate::budget::Charge;
use crate::context::Rounds;
use crate::engine::{CallId, CallOutcome, Input, Product, Question, Start, Ticket};
use crate::failure::Kind;
use crate::server::Shared;
use crate::tasks::Detachment;
use crate::{CallContext, Principal, ToolError};

/// The tasks, and the board on which they leave their progress.
#[derive(Debug)]
pub(super) struct RunningCalls {
    tasks: JoinSet<End>,
    running: HashMap<Id, Running>,
    handles: HashMap<CallId, AbortHandle>,
    board: Arc<Board>,
    shared: Arc<Shared>,
    principal: Principal,
}

/// A handler at work.
pub(super) type Handling = Pin<Box<dyn Future<Output = Result<Product, ToolError>> + Send>>;

/// How the task of a call ended.
enum End {
    /// The handler did.
    Done(Result<Product, ToolError>),
    /// The handler goes on, as a task that outlives the connection.
    Detached(Handling, Arc<Detachment>),
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Done",
            Self::Detached(..) => "Detached",
        })
    }
}

/// One call, and what it has learnt from its client.
#[derive(Debug)]
struct Running {
    call: CallId,
    rounds: Arc<Mutex<Rounds>>,
}

impl RunningCalls {
    pub(super) fn new(shared: Arc<Shared>, principal: Principal) -> Self {
        Self {
            tasks: JoinSet::new(),
            running: HashMap::new(),
            handles: HashMap::new(),
            board: Arc::default(),
            shared,
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
            may_detach,
            held,
            rounds,
        } = start;
        let (permit, charge) = match self.room(held) {
            Ok(room) => room,
            Err(error) => {
                let outcome = CallOutcome::Failed(error);
                return Some(Input::Finished { call, outcome });
            }
        };
        let line = CallLine {
            call,
            board: Arc::clone(&self.board),
            news: self.shared.news.clone(),
            wants_progress,
            patience: self.shared.limits.answer_timeout,
        };
        let rounds = Arc::new(Mutex::new(rounds));
        let tasks = Arc::clone(&self.shared.detached);
        let detachment = may_detach
            .then(|| Arc::new(Detachment::new(Arc::clone(&tasks), self.principal.clone())));
        let context = CallContext::new(revision)
            .with_client_info(client_info)
            .with_capabilities(capabilities)
            .with_principal(self.principal.clone())
            .with_line(Arc::new(line), Arc::clone(&rounds))
            .with_detachment(detachment.clone());
        let mut handling: Handling = Box::pin(async move {
            let _room = (permit, charge);
            work::run(work, context, &tasks).await
        });
        let handle = self.tasks.spawn(async move {
            let Some(detachment) = detachment else {
                return End::Done(handling.await);
            };
            tokio::select! {
                biased;
                () = detachment.wished() => End::Detached(handling, detachment),
                result = &mut handling => End::Done(result),
            }
        });
        self.running.insert(handle.id(), Running { call, rounds });
        self.handles.insert(call, handle);
        None
    }

    /// A place for one more call, and for what its parameters take.
    fn room(&self, held: usize) -> Result<(OwnedSemaphorePermit, Charge), ErrorObject> {
        let permit = Arc::clone(&self.shared.permits).try_acquire_owned();
        let permit = permit.map_err(|_| {
            let most = self.shared.limits.calls;
            let why = format!(
                "busy: the server has {most} calls in flight, which is the most it may have"
            );
            ErrorObject::busy(why, most)
        })?;
        let arguments = &self.shared.arguments;
        let charge = arguments.take(held).ok_or_else(|| {
            let most = arguments.most();
            let why = format!("busy: the arguments of the calls in flight take {most} bytes of memory, which is the most they may");
            ErrorObject::busy(why, most)
        })?;
        Ok((permit, charge))
    }

    pub(super) fn answer(&self, ticket: Ticket, answer: Result<Value, ErrorObject>) {
        self.board.answer(ticket, answer);
    }

    pub(super) fn cancel(&mut self, call: CallId) {
        if let Some(handle) = self.handles.remove(&call) {
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

    fn ended(&mut self, ended: Result<(Id, End), JoinError>) -> Option<Input> {
        let (id, result) = match ended {
            Ok((id, result)) => (id, Ok(result)),
            Err(error) => (error.id(), Err(error)),
        };
        let Running { call, rounds } = self.running.remove(&id)?;
        let is_wanted = self.handles.remove(&call).is_some();
        let outcome = match result {
            Ok(End::Done(Ok(product))) => CallOutcome::Returned(product),
            Ok(End::Done(Err(error))) => outcome_of(&error, &rounds),
            Ok(End::Detached(handling, detachment)) => match detachment.task() {
                Some(task) if is_wanted => {
                    let created = task.created();
                    detached::run(&self.shared, handling, detachment);
                    CallOutcome::Detached(created)
                }
                // Cancelled on its way: dropping the handler is the cancel.
                _ => CallOutcome::Failed(ErrorObject::internal("cancelled")),
            },
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
        Kind::Input(requests) => CallOutcome::Input(question(requests.clone(), rounds)),
        Kind::Pages(pages) => {
            let pages = pages.iter().cloned();
            let requests = pages.map(|page| (page.id.clone(), InputRequest::Url(page)));
            CallOutcome::Pages(question(requests.collect(), rounds))
        }
    }
}

fn question(requests: BTreeMap<String, InputRequest>, rounds: &Mutex<Rounds>) -> Question {
    let mut rounds = rounds.lock().unwrap_or_else(PoisonError::into_inner);
    Question {
        requests,
        rounds: std::mem::take(&mut rounds),
    }
}

/// Logs what a tool says of its failure, and makes of it what the client may know.
pub(super) fn report(error: &ToolError) -> ErrorObject {
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
    match error.try_into_panic() {
        Ok(payload) => report_panic(payload.as_ref()),
        Err(_) => internal("internal error", &new_reference()),
    }
}

/// The same for the payload of a panic.
pub(super) fn report_panic(payload: &(dyn Any + Send)) -> ErrorObject {
    let reference = new_reference();
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(%reference, ?message, "a tool panicked");
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
