//! What a handler knows of its caller, and its ways to tell and to ask the client something while it works.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_protocol::Revision;
use mcp_protocol::input::{InputAnswer, InputRequest};
use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::lifecycle::{ClientCapabilities, Implementation};
use mcp_protocol::logging::LogMessage;
use mcp_protocol::subscriptions::Change;
use mcp_protocol::tasks;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::tasks::{Detachment, RunningTask};
use crate::{Principal, ToolError};

/// What a call knows of its caller, and its way to report progress, to log, and to ask. Clones are the same call.
#[derive(Clone)]
pub struct CallContext {
    revision: Revision,
    client_info: Option<Arc<Implementation>>,
    capabilities: Arc<ClientCapabilities>,
    principal: Principal,
    progress: Option<Arc<dyn Fn(String) + Send + Sync>>,
    line: Option<Arc<dyn Line>>,
    rounds: Arc<Mutex<Rounds>>,
    detachment: Option<Arc<Detachment>>,
}

/// The way from a call to its client. Nothing of it blocks.
pub(crate) trait Line: Send + Sync {
    fn report(&self, report: Report);
    /// Whether the client asked for progress.
    fn wants_progress(&self) -> bool;
    fn log(&self, message: LogMessage);
    fn ask(&self, request: InputRequest) -> Answering;
    fn announce(&self, change: Change);
    fn close(&self);
    /// How long an answer may take.
    fn patience(&self) -> Duration;
}

/// An answer that is awaited; an error means that nobody will give one.
pub(crate) type Answering = oneshot::Receiver<Result<Value, ErrorObject>>;

/// How far a call is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) message: Option<String>,
    /// How much is done, and of how much.
    pub(crate) done: Option<(u64, Option<u64>)>,
}

/// What a call has learnt from its client in this round and the earlier ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rounds {
    /// What the client has answered, by key.
    pub(crate) given: BTreeMap<String, Value>,
    /// What of it the handler has asked for.
    pub(crate) used: BTreeMap<String, Value>,
    /// What the handler wants to find again.
    pub(crate) kept: Option<Value>,
}

impl CallContext {
    /// A call by nobody in particular, whose progress goes nowhere; the `with_` methods make it more than that. Tests
    /// of tools use it too.
    #[must_use]
    pub fn new(revision: Revision) -> Self {
        Self {
            revision,
            client_info: None,
            capabilities: Arc::default(),
            principal: Principal::local(),
            progress: None,
            line: None,
            rounds: Arc::default(),
            detachment: None,
        }
    }

    /// Says which program calls.
    #[must_use]
    pub fn with_client_info(mut self, client_info: Option<Arc<Implementation>>) -> Self {
        self.client_info = client_info;
        self
    }

    /// Says what the client can do.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Arc<ClientCapabilities>) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Says on whose behalf.
    #[must_use]
    pub fn with_principal(mut self, principal: Principal) -> Self {
        self.principal = principal;
        self
    }

    /// Says where progress goes. `sink` must be cheap and must not block.
    #[must_use]
    pub fn with_progress(mut self, sink: impl Fn(String) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(sink));
        self
    }

    /// Gives answers of the client beforehand, by key, as they stand on the wire (2026-07-28).
    #[must_use]
    pub fn with_answers(self, answers: BTreeMap<String, Value>) -> Self {
        self.rounds().given = answers;
        self
    }

    pub(crate) fn with_line(mut self, line: Arc<dyn Line>, rounds: Arc<Mutex<Rounds>>) -> Self {
        self.line = Some(line);
        self.rounds = rounds;
        self
    }

    pub(crate) fn with_detachment(mut self, detachment: Option<Arc<Detachment>>) -> Self {
        self.detachment = detachment;
        self
    }

    /// Tells the client what happens now, if it asked for progress. Cheap, never blocks; when there is more to tell
    /// than the rate allows, the newest message wins. A message is cut after
    /// [`MAX_PROGRESS_BYTES`](crate::MAX_PROGRESS_BYTES).
    pub fn progress(&self, message: impl Into<String>) {
        self.report(Report {
            message: Some(message.into()),
            done: None,
        });
    }

    /// Tells the client how much is done, and of how much if that is known, as [`progress`](Self::progress) does. A
    /// number that is not greater than the one before is not sent.
    pub fn progress_at(&self, done: u64, total: Option<u64>, message: Option<String>) {
        self.report(Report {
            message,
            done: Some((done, total)),
        });
    }

    /// Whether what [`progress`](Self::progress) is told reaches the client in words: it asked for progress in a revision
    /// that has messages for it (since 2025-03-26), or the call is a task, which has a status.
    #[must_use]
    pub fn hears_progress(&self) -> bool {
        if self.task().is_some() {
            return true;
        }
        let asked = match &self.line {
            Some(line) => line.wants_progress(),
            None => self.progress.is_some(),
        };
        asked && self.revision >= Revision::V2025_03_26
    }

    /// Logs to the client, if the server offers that and the client wants messages of this level. Cheap, never blocks;
    /// what is more than the rate allows is left out.
    pub fn log(&self, message: LogMessage) {
        // 2026-07-28: log messages belong to the stream of a request, which a task has no more.
        let line = self.line.as_ref().filter(|_| self.task().is_none());
        if let Some(line) = line {
            line.log(message);
        }
    }

    /// Lets go of the connection that waits for this call, where the client can come back for what follows (2025-11-25
    /// over HTTP); elsewhere nothing happens. For long calls behind proxies that end idle connections.
    pub fn close_stream(&self) {
        if let Some(line) = &self.line {
            line.close();
        }
    }

    /// Tells all clients that want to know that something changed, as [`Server::announce`](crate::Server::announce).
    pub fn announce(&self, change: Change) {
        if let Some(line) = &self.line {
            line.announce(change);
        }
    }

    /// Whether the client can be asked for this.
    #[must_use]
    pub fn can_ask(&self, request: &InputRequest) -> bool {
        request.is_possible(&self.capabilities, self.revision)
    }

    /// Asks the client for something, under a key that is unique in this call, and waits for the answer.
    ///
    /// In 2026-07-28 the handler is **run again from its start** once the answer is there, and this returns it then; so
    /// ask before doing what must be done once, and ask for the same under the same key each time. In the older
    /// revisions the handler simply waits here, for as long as
    /// [`ServerLimits::answer_timeout`](crate::ServerLimits::answer_timeout).
    ///
    /// # Errors
    ///
    /// To be passed on with `?`: the client must be asked first, or cannot be asked for this, or gave an answer that is
    /// none.
    pub async fn ask(&self, key: &str, request: InputRequest) -> Result<InputAnswer, ToolError> {
        let requests = BTreeMap::from([(key.to_owned(), request)]);
        let mut answers = self.ask_all(requests).await?;
        answers
            .remove(key)
            .ok_or_else(|| ToolError::new("the answer was lost"))
    }

    /// Asks the client for several things at once, as [`ask`](Self::ask) does for one. What was answered before is not
    /// asked again. At most [`MAX_QUESTIONS`](crate::MAX_QUESTIONS) of them.
    ///
    /// # Errors
    ///
    /// As for [`ask`](Self::ask).
    pub async fn ask_all(
        &self,
        requests: BTreeMap<String, InputRequest>,
    ) -> Result<BTreeMap<String, InputAnswer>, ToolError> {
        let mut required = Map::new();
        for request in requests.values().filter(|request| !self.can_ask(request)) {
            required.extend(request.required());
        }
        if !required.is_empty() {
            return Err(ToolError::incapable(required));
        }
        if requests.len() > crate::MAX_QUESTIONS {
            return Err(ToolError::new("a tool asked for too much at once"));
        }
        if let Some(task) = self.task() {
            let ask = |key: &str, request| task.ask(key, request);
            Self::wait_for(requests, ask, task.patience()).await
        } else if self.revision.is_modern() {
            self.look_up(requests)
        } else {
            let Some(line) = &self.line else {
                return Err(ToolError::new("there is nobody to ask"));
            };
            let ask = |_: &str, request| line.ask(request);
            Self::wait_for(requests, ask, line.patience()).await
        }
    }

    /// Goes on as a task, if the client knows tasks and there is a place for one: its request is answered now, with the
    /// task's id, and what the handler returns is kept for the client to fetch. Gives back whether it is a task now; if
    /// not, the call goes on as it was.
    ///
    /// A task outlives its connection: only `tasks/cancel` and the end of the server drop its future, so
    /// [`Server::stop`](crate::Server::stop) belongs to the end of every server that has tasks. What it tells as
    /// progress, the newest message from before included, becomes the task's status message: clients see it when they
    /// ask, or at once if they listen for it (`notifications/tasks`). Its result is kept for
    /// [`ServerLimits::task_ttl`](crate::ServerLimits::task_ttl); [`ask`](Self::ask) waits for the answer in place, as in the older
    /// revisions.
    pub async fn become_task(&self) -> bool {
        match &self.detachment {
            Some(detachment) => detachment.detach().await,
            None => false,
        }
    }

    /// The same for a handler that cannot do without.
    ///
    /// # Errors
    ///
    /// To be passed on with `?`: the client does not know tasks, or there is no place for one.
    pub async fn require_task(&self) -> Result<(), ToolError> {
        let Some(detachment) = &self.detachment else {
            return Err(ToolError::incapable(tasks::required()));
        };
        if detachment.detach().await {
            Ok(())
        } else {
            let error = ErrorObject::internal("the server keeps as many tasks as it may");
            Err(ToolError::refused(error))
        }
    }

    /// Keeps something for the next round of this call: [`kept`](Self::kept) finds it when the handler is run again.
    /// It travels through the client, which can read it but not change it.
    pub fn keep(&self, value: Value) {
        self.rounds().kept = Some(value);
    }

    /// What an earlier round of this call has kept.
    #[must_use]
    pub fn kept(&self) -> Option<Value> {
        self.rounds().kept.clone()
    }

    /// The revision that the caller speaks.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The calling program, as it calls itself: for logs, never for trust.
    #[must_use]
    pub fn client_info(&self) -> Option<&Implementation> {
        self.client_info.as_deref()
    }

    /// What the client can do, as it declared it.
    #[must_use]
    pub fn capabilities(&self) -> &ClientCapabilities {
        &self.capabilities
    }

    /// On whose behalf the call is made, as far as the transport knows.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    fn task(&self) -> Option<&Arc<RunningTask>> {
        self.detachment.as_ref()?.task()
    }

    fn report(&self, report: Report) {
        if let Some(task) = self.task() {
            if let Some(message) = report.message {
                task.tell(message);
            }
            return;
        }
        if let (Some(detachment), Some(message)) = (&self.detachment, &report.message) {
            detachment.note(message);
        }
        if let Some(line) = &self.line {
            line.report(report);
        } else if let (Some(sink), Some(message)) = (&self.progress, report.message) {
            sink(message);
        }
    }

    /// The answers of this round and the earlier ones; what is missing becomes the question of the next.
    fn look_up(
        &self,
        requests: BTreeMap<String, InputRequest>,
    ) -> Result<BTreeMap<String, InputAnswer>, ToolError> {
        let mut rounds = self.rounds();
        let mut answers = BTreeMap::new();
        let mut missing = BTreeMap::new();
        for (key, request) in requests {
            let Some(given) = rounds.given.get(&key).cloned() else {
                missing.insert(key, request);
                continue;
            };
            let answer = request.read(&given).map_err(ToolError::refused)?;
            rounds.used.insert(key.clone(), given);
            answers.insert(key, answer);
        }
        if missing.is_empty() {
            Ok(answers)
        } else {
            Err(ToolError::input(missing))
        }
    }

    /// Asks, and waits for the answers in place.
    async fn wait_for(
        requests: BTreeMap<String, InputRequest>,
        ask: impl Fn(&str, InputRequest) -> Answering,
        patience: Duration,
    ) -> Result<BTreeMap<String, InputAnswer>, ToolError> {
        let asked: Vec<_> = requests
            .into_iter()
            .map(|(key, request)| {
                let answer = ask(&key, request.clone());
                (key, answer, request)
            })
            .collect();
        let deadline = tokio::time::Instant::now() + patience;
        let mut answers = BTreeMap::new();
        for (key, answer, request) in asked {
            let answer = tokio::time::timeout_at(deadline, answer)
                .await
                .map_err(|_| ToolError::new("the client took too long to answer a question"))?
                .map_err(|_| ToolError::new("the client is gone"))?
                .map_err(ToolError::refused)?;
            let answer = request.read(&answer).map_err(ToolError::refused)?;
            answers.insert(key, answer);
        }
        Ok(answers)
    }

    fn rounds(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("revision", &self.revision)
            .field("client_info", &self.client_info)
            .field("principal", &self.principal)
            .field("wants_progress", &self.progress.is_some())
            .finish_non_exhaustive()
    }
}
