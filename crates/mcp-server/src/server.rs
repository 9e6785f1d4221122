//! The server as its owner sees it: built once, cheap to clone, served over any number of connections.

use std::sync::Arc;

use mcp_protocol::http::ParamHeader;
use mcp_protocol::jsonrpc::Incoming;
use mcp_protocol::lifecycle::{Feature, Implementation};
use mcp_protocol::subscriptions::Change;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, SetOnce, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::budget::Budget;
use crate::driver::{self, Archive, Replies, ServeError, Session};
use crate::engine::{Channel, Engine};
use crate::memory::MemoryClient;
use crate::registry::Registry;
use crate::seal::Seal;
use crate::stdio::stdio;
use crate::tasks::Tasks;
use crate::{Completer, Principal, Prompt, ResourceProvider, ServerLimits, Tool, ToolRefused};

/// How much news may wait for a connection that is busy. If there is more, it is told of everything it listens to, and
/// of pages nothing, which clients have to expect.
const NEWS: usize = 256;

/// What all connections hear of, each of which knows whether its client wants to.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// Something that is offered changed.
    Changed(Change),
    /// The user is done at the page with this id.
    PageDone(Arc<str>),
}

/// An MCP server: a name, its tools, its limits. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

/// What all connections of one server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Arc<Registry>,
    pub(crate) limits: ServerLimits,
    /// One for each call that may be in flight, over all connections.
    pub(crate) permits: Arc<Semaphore>,
    /// What the arguments of the calls in flight take, over all connections.
    pub(crate) arguments: Budget,
    /// What waits for clients to read it, over all connections.
    pub(crate) waiting: Budget,
    /// What sessions keep for clients that lost a stream.
    pub(crate) archive: Archive,
    /// The sessions and exchanges, which live in tasks of the server's.
    pub(crate) tasks: TaskTracker,
    /// Ends all of these.
    pub(crate) stop: CancellationToken,
    /// Ends what waits for changes; calls go on.
    pub(crate) quiesce: CancellationToken,
    /// What happened, for all connections.
    pub(crate) news: broadcast::Sender<News>,
    /// Calls that go on as tasks, over all connections.
    pub(crate) detached: Arc<Tasks>,
    /// Set once there was something to be sent.
    pub(crate) spoken: SetOnce<()>,
}

impl Server {
    /// Starts building a server that calls itself `info`.
    pub fn builder(info: Implementation) -> ServerBuilder {
        ServerBuilder {
            registry: Registry::new(info),
            limits: ServerLimits::default(),
        }
    }

    /// Serves one client over a pair of byte streams, a message a line, until the input ends, the output breaks, or
    /// `shutdown` is cancelled. All revisions are served.
    ///
    /// Then the calls of this connection are cancelled and answered with an error that says so, for whoever still
    /// reads, and it returns when their futures have been dropped (at the
    /// latest after [`ServerLimits::drain`]). Dropping the future cancels them too, without waiting. Answers that are
    /// ready are still written.
    ///
    /// # Errors
    ///
    /// The input or the output failed. A peer that goes away is no error.
    pub async fn serve<R, W>(
        self,
        reader: R,
        writer: W,
        shutdown: CancellationToken,
    ) -> Result<(), ServeError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        driver::serve(self.shared, reader, writer, shutdown).await
    }

    /// Serves the client at the standard input and output of this process, see [`stdio`]. As
    /// [`serve`](Self::serve), but in a task of its own: what wakes a task reaches it on the thread that polls for
    /// input, which is quicker than the thread of `main`.
    ///
    /// # Errors
    ///
    /// As for [`serve`](Self::serve).
    pub async fn serve_stdio(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let (reader, writer) = stdio();
        let tasks = self.shared.tasks.clone();
        let serving = AbortOnDropHandle::new(tasks.spawn(self.serve(reader, writer, shutdown)));
        match serving.await {
            Ok(served) => served,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => std::panic::resume_unwind(payload),
                // The runtime is going away, and everything with it.
                Err(_) => Ok(()),
            },
        }
    }

    /// Serves one self-describing message (2026-07-28). **Dropping the replies cancels the request.** Its envelope is
    /// checked here, its HTTP headers are the transport's.
    ///
    /// Must be called inside a Tokio runtime.
    #[must_use]
    pub fn exchange(&self, message: Incoming, principal: Principal) -> Replies {
        self.exchange_keeping(message, principal, ())
    }

    /// The same; `kept` is dropped when the message has been taken in: a transport puts in it what bounds the memory of
    /// messages on their way.
    #[must_use]
    pub fn exchange_keeping(
        &self,
        message: Incoming,
        principal: Principal,
        kept: impl Send + 'static,
    ) -> Replies {
        driver::exchange(&self.shared, message, principal, kept)
    }

    /// Opens a session for a handshake, in which every message has a response stream of its own.
    ///
    /// Must be called inside a Tokio runtime.
    #[must_use]
    pub fn open_session(&self, principal: Principal) -> Session {
        driver::open(&self.shared, principal, None)
    }

    /// Opens a session for a handshake, in which everything for the client goes through one stream. Dropping the
    /// stream ends the session and cancels what runs in it.
    ///
    /// Must be called inside a Tokio runtime.
    #[must_use]
    pub fn open_stream_session(&self, principal: Principal) -> (Session, Replies) {
        let (sender, replies) = Replies::one_stream();
        (driver::open(&self.shared, principal, Some(sender)), replies)
    }

    /// Whether so much waits for clients to read it, more than half of [`ServerLimits::waiting_bytes`], that those who
    /// do not read should be given up before others find no room.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        let waiting = &self.shared.waiting;
        waiting.used() > waiting.most() / 2
    }

    /// Waits until the first answer to any client is on its way. What is worth preparing only for a client who stays can
    /// begin then: some start a server just to ask what it speaks.
    pub async fn spoken(&self) {
        self.shared.spoken.wait().await;
    }

    /// Who this server says it is.
    #[must_use]
    pub fn info(&self) -> &Implementation {
        self.shared.registry.info()
    }

    /// Tells all clients that want to know that something changed. What the server was not built to announce is told to
    /// nobody. Never blocks.
    pub fn announce(&self, change: Change) {
        // An error means that nobody is connected.
        let _ = self.shared.news.send(News::Changed(change));
    }

    /// Tells the client that was asked to have a page opened that its user is done there (2025-11-25), so that it need not
    /// ask again and again whether it can make its call now. Only a session that was asked for the page with this id hears
    /// of it, by [`CallContext::ask`](crate::CallContext::ask) or [`ToolError::pages`](crate::ToolError::pages), and once;
    /// it remembers [`MAX_PAGES`](crate::MAX_PAGES) of them. Never blocks.
    pub fn page_done(&self, id: &str) {
        // An error means that nobody is connected.
        let _ = self.shared.news.send(News::PageDone(id.into()));
    }

    /// Ends the streams of those who wait for changes (2026-07-28), now and from now on: they would stay open for ever
    /// and hold up a shutdown. Calls go on.
    pub fn end_subscriptions(&self) {
        self.shared.quiesce.cancel();
    }

    /// The headers that must repeat arguments of a tool over HTTP (2026-07-28); comparing them is the transport's. None
    /// for a tool that is not there.
    #[must_use]
    pub fn param_headers(&self, tool: &str) -> &[ParamHeader] {
        self.shared.registry.param_headers(tool)
    }

    /// Connects a client in the same process.
    ///
    /// Must be called inside a Tokio runtime.
    #[must_use]
    pub fn in_memory(&self) -> MemoryClient {
        MemoryClient::connect(self)
    }

    /// Ends all sessions and exchanges, cancels what runs in them, and waits until the futures of their calls have
    /// been dropped. New ones end at once. Connections of [`serve`](Self::serve) have a shutdown of their own.
    pub async fn stop(&self) {
        self.shared.quiesce.cancel();
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// A fresh engine, for a driver of one's own or for tests.
    #[must_use]
    pub fn engine(&self, channel: Channel) -> Engine {
        Engine::new(
            Arc::clone(&self.shared.registry),
            &self.shared.limits,
            channel,
            Principal::local(),
        )
    }
}

/// Collects what a [`Server`] consists of.
#[derive(Debug)]
#[must_use]
pub struct ServerBuilder {
    registry: Registry,
    limits: ServerLimits,
}

impl ServerBuilder {
    /// A hint for the model on how to use the server.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.registry.set_instructions(instructions.into());
        self
    }

    /// Adds a tool. Tools are listed in the order in which they were added; one of the same name as an earlier one
    /// takes its place. Whether it can be offered is told by [`build`](Self::build).
    pub fn tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.registry.add_tool(tool);
        self
    }

    /// Offers resources. There is one provider; a later one takes its place.
    pub fn resources(mut self, provider: Arc<dyn ResourceProvider>) -> Self {
        self.registry.set_resources(provider);
        self
    }

    /// Adds a prompt, in the manner of [`tool`](Self::tool).
    pub fn prompt(mut self, prompt: Arc<dyn Prompt>) -> Self {
        self.registry.add_prompt(prompt);
        self
    }

    /// Offers proposals for arguments. There is one completer; a later one takes its place.
    pub fn completions(mut self, completer: Arc<dyn Completer>) -> Self {
        self.registry.set_completer(completer);
        self
    }

    /// Lets handlers log to their clients, see [`CallContext::log`](crate::CallContext::log).
    pub fn logging(mut self) -> Self {
        self.registry.offer(Feature::Logging);
        self
    }

    /// As [`logging`](Self::logging), but a session whose client has not set a level gets no messages.
    pub fn logging_when_asked(mut self) -> Self {
        self.registry.log_when_asked();
        self.logging()
    }

    /// Lets calls of tools go on as tasks, see [`CallContext::become_task`](crate::CallContext::become_task).
    pub fn tasks(mut self) -> Self {
        self.registry.offer(Feature::Tasks);
        self
    }

    /// Promises to announce changes of the list of tools, see [`Server::announce`].
    pub fn announces_tools(mut self) -> Self {
        self.registry.offer(Feature::ToolsListChanged);
        self
    }

    /// Promises to announce changes of the list of prompts.
    pub fn announces_prompts(mut self) -> Self {
        self.registry.offer(Feature::PromptsListChanged);
        self
    }

    /// Promises to announce changes of the list of resources.
    pub fn announces_resources(mut self) -> Self {
        self.registry.offer(Feature::ResourcesListChanged);
        self
    }

    /// Promises to announce changes of single resources to those who subscribe to them.
    pub fn announces_updates(mut self) -> Self {
        self.registry.offer(Feature::ResourcesSubscribe);
        self
    }

    /// Sets the key under which cursors and the state between rounds are authenticated. Servers that stand in for one
    /// another share it; without it each server makes its own.
    pub fn seal_key(mut self, key: &[u8; 32]) -> Self {
        self.registry.set_seal(Seal::new(key));
        self
    }

    /// Sets the limits.
    pub fn limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The server.
    ///
    /// # Errors
    ///
    /// A tool cannot be offered: its name or one of its schemas is not what clients can read, see
    /// [`Tool::definition`](crate::Tool::definition).
    pub fn build(mut self) -> Result<Server, ToolRefused> {
        if let Some(refused) = self.registry.take_refused() {
            return Err(refused);
        }
        let detached = Arc::new(Tasks::new(&self.limits));
        let permits = self.limits.calls.min(Semaphore::MAX_PERMITS);
        let arguments = Budget::new(self.limits.call_bytes);
        let waiting = Budget::new(self.limits.waiting_bytes);
        let archive = Archive::new(self.limits.resume_bytes_together);
        Ok(Server {
            shared: Arc::new(Shared {
                registry: Arc::new(self.registry),
                limits: self.limits,
                permits: Arc::new(Semaphore::new(permits)),
                arguments,
                waiting,
                archive,
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
                quiesce: CancellationToken::new(),
                news: broadcast::Sender::new(NEWS),
                detached,
                spoken: SetOnce::new(),
            }),
        })
    }
}
