//! Settings as a running thing: backend, gateway, executor, tool, server, in this order.

use std::sync::Arc;
use std::time::Duration;

use executor_core::backend::Progress;
use executor_core::capabilities::{Capabilities, Capability};
use executor_core::gateway::Gateway;
use executor_core::modules::InstallSettings;
use executor_core::{ErrorKind, Executor, ExecutorSettings, SandboxError};
use executor_docker::DockerBackend;
use executor_tools::ExecutePython;
use mcp_protocol::lifecycle::Implementation;
use mcp_server::{Server, ServerLimits};
use tokio::task::JoinSet;

use crate::audit::Audit;
use crate::gaps;
use crate::log_queue::Flushed;
use crate::settings::Settings;

/// Everything that the settings describe, put together. Nothing of it has spoken to the engine yet.
#[derive(Debug)]
pub(crate) struct Assembly {
    backend: Arc<DockerBackend>,
    executor: Executor,
    server: Server,
    audit: Audit,
    /// Dropped last: it waits for the last records.
    _audited: Flushed,
}

impl Assembly {
    /// Puts it together. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// When the engine's address makes no sense, the audit's file cannot be opened, or a number is out of bounds.
    pub(crate) fn new(settings: &Settings) -> Result<Self, SandboxError> {
        let backend = Arc::new(DockerBackend::connect(settings.engine.clone())?);
        let (audit, audited) = Audit::start(&settings.audit)?;
        let gateway = Gateway::builder()
            .host_proxies(settings.network.proxies.clone())
            .audit(audit.clone())
            .build();
        let mut executor = Executor::builder(Arc::clone(&backend) as Arc<_>)
            .settings(executor_settings(settings))
            .gateway(gateway);
        if let Some(sink) = audit.of_executions() {
            executor = executor.audit(sink);
        }
        let executor = executor.build()?;
        let tool = ExecutePython::new(executor.clone())
            .with_budget(settings.results.budget)
            .with_store(settings.results.store)
            .with_task_after(settings.times.task_after)
            .with_heartbeat(settings.times.heartbeat);
        let mut server = Server::builder(ourselves())
            .instructions(INSTRUCTIONS)
            .resources(Arc::clone(tool.results()) as Arc<_>)
            .tool(Arc::new(tool))
            .logging_when_asked();
        // What never happens is not offered.
        if settings.times.task_after.is_some() {
            server = server.tasks();
        }
        let server = server.limits(server_limits(settings)).build();
        let server = server.map_err(|refused| {
            SandboxError::new(ErrorKind::Internal, "offer the tool").with_source(refused)
        })?;
        Ok(Self {
            backend,
            executor,
            server,
            audit,
            _audited: audited,
        })
    }

    pub(crate) const fn backend(&self) -> &Arc<DockerBackend> {
        &self.backend
    }

    pub(crate) const fn executor(&self) -> &Executor {
        &self.executor
    }

    pub(crate) const fn audit(&self) -> &Audit {
        &self.audit
    }

    pub(crate) fn server(&self) -> Server {
        self.server.clone()
    }

    /// Makes the engine ready while clients are served already; a call that comes first waits for
    /// the same work, which begins behind the first answer, or when nobody has asked in [`SILENCE`].
    /// A failure is told by the executor's log, and the next call tries again.
    /// Dropping the set stops telling how far it is; the work itself is the executor's.
    ///
    /// Sandboxes are started ahead once a client was answered.
    pub(crate) fn prepare_in_background(&self, accepted: &Capabilities) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let (executor, server) = (self.executor.clone(), self.server());
        let (backend, accepted) = (Arc::clone(&self.backend), accepted.clone());
        tasks.spawn(async move {
            let _asked = tokio::time::timeout(SILENCE, server.spoken()).await;
            if executor.prepare(&LogProgress).await.is_ok() {
                for warning in gaps::warnings(&accepted, &backend.gaps()) {
                    tracing::warn!("{warning}");
                }
                tracing::info!("ready to run programs");
            }
        });
        let (executor, server) = (self.executor.clone(), self.server());
        tasks.spawn(async move {
            server.spoken().await;
            executor.fill_pool();
        });
        tasks
    }
}

/// How long a client has for its first question before the engine is asked anything: who starts a server asks at
/// once, and would wait for the processor.
const SILENCE: Duration = Duration::from_millis(50);

/// What clients see of us.
fn ourselves() -> Implementation {
    Implementation::new("python-executor", env!("CARGO_PKG_VERSION"))
        .with_title("Python Executor")
        .with_description("Runs Python programs, each in a fresh isolated sandbox")
}

const INSTRUCTIONS: &str = "\
Use `execute-python` to run a Python program in a fresh isolated sandbox. Nothing is kept from one \
call to the next, neither files nor variables nor modules, so each program must be complete. \
Print what you want to see, or let it be the last line. Name packages that are not part of Python in `modules`.";

/// The bounds of the MCP side, with room for the results that the settings allow: a task keeps a whole one.
fn server_limits(settings: &Settings) -> ServerLimits {
    let mut limits = ServerLimits::default();
    let results = &settings.results;
    let longest = usize::try_from(results.budget.longest(&results.limits)).unwrap_or(usize::MAX);
    limits.task_result_bytes = limits.task_result_bytes.max(longest);
    limits
}

/// The executor's part of the settings.
fn executor_settings(settings: &Settings) -> ExecutorSettings {
    let mut install = InstallSettings::default();
    install.index = settings.modules.index.clone();
    install.extra_indexes = settings.modules.extra_indexes.clone();
    install.file_hosts = settings.modules.file_hosts.clone();
    install.source_packages = settings.modules.sources;
    install.constraints = settings.modules.constraints.clone();
    install.allowed.clone_from(&settings.modules.allowed);
    install.denied.clone_from(&settings.modules.denied);
    let mut executor = ExecutorSettings::default();
    let accepted = &settings.engine.accepted;
    let required = Capability::ALL.into_iter();
    executor.required = Capabilities::of(required.filter(|one| !accepted.has(*one)));
    executor.limits = settings.limits.clone();
    executor.output = settings.output;
    executor.results = settings.results.limits;
    executor.timeout = settings.times.program;
    executor.max_timeout = settings.times.ceiling;
    executor.install_timeout = settings.times.install;
    executor.concurrency = settings.concurrency;
    executor.queue = settings.queue;
    executor.pool = settings.pool.clone();
    executor.shapes = settings.shapes.clone();
    executor.network = settings.network.policy.clone();
    executor.opened = settings.network.opened.clone();
    executor.install = install;
    executor.environments = settings.modules.environments.clone();
    executor.extra_certificates = settings.network.certificates.for_sandboxes();
    executor
}

/// Tells the log how far preparations are.
#[derive(Debug)]
struct LogProgress;

impl Progress for LogProgress {
    fn report(&self, message: &str) {
        tracing::info!("{message}");
    }
}
