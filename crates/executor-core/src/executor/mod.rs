//! The facade: takes requests, gives executions, and owns everything that lives between them.

mod attend;
mod backstage;
mod build;
mod hot;
mod install;
mod layout;
mod places;
mod pool;
mod preparation;
mod program;
mod raise;
mod record;
mod refill;
mod run;
mod sets;
mod settings;
mod shape;
mod stored;
#[cfg(test)]
mod tests;
mod turns;
mod verdict;
mod way_out;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::hot::{HotSet, HotSetError};
pub use self::pool::PoolSettings;
pub use self::settings::ExecutorSettings;
pub use self::shape::ShapeSettings;
pub use self::stored::{BuildError, BuiltSet};
use crate::audit::{Entry, ExecutionAudit};
use crate::backend::{Progress, SandboxBackend, SweepReport};
use crate::capabilities::Capabilities;
use crate::error::{ErrorKind, Result, SandboxError};
use crate::execution::Execution;
use crate::gateway::Gateway;
use crate::request::ExecutionRequest;
use crate::runner::Runner;

/// Runs programs, each in a fresh sandbox of its own.
///
/// Cheap to clone; all clones are one executor. It lives in the tokio runtime that it was built
/// in. Dropping the last clone cancels every run; [`shutdown`](Self::shutdown) also waits until
/// nothing is left of them.
#[derive(Debug, Clone)]
pub struct Executor {
    shared: Arc<Shared>,
    _stop_on_drop: Arc<StopOnDrop>,
}

#[derive(Debug)]
struct Shared {
    backend: Arc<dyn SandboxBackend>,
    settings: ExecutorSettings,
    gateway: Gateway,
    audit: Option<Arc<dyn ExecutionAudit>>,
    preparation: preparation::Preparation,
    places: places::Places,
    shapes: shape::Shapes,
    sets: sets::Sets,
    runner: Runner,
    backstage: backstage::Backstage,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Runs hold `Shared` themselves, so its drop cannot be what ends them.
#[derive(Debug)]
struct StopOnDrop(CancellationToken);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Between the first two sweeps: an engine may go on for a moment with what a server asked for that
/// was killed just before this one started.
const FIRST_PAUSE: Duration = Duration::from_secs(3);

/// Collects what an [`Executor`] needs.
#[derive(Debug)]
pub struct ExecutorBuilder {
    backend: Arc<dyn SandboxBackend>,
    settings: ExecutorSettings,
    gateway: Option<Gateway>,
    audit: Option<Arc<dyn ExecutionAudit>>,
}

impl ExecutorBuilder {
    /// With these settings instead of the defaults.
    #[must_use]
    pub fn settings(mut self, settings: ExecutorSettings) -> Self {
        self.settings = settings;
        self
    }

    /// With this gateway, that has its own resolver, upstream proxy or audit.
    #[must_use]
    pub fn gateway(mut self, gateway: Gateway) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// With this sink for the record of every execution; without one nothing is written down.
    #[must_use]
    pub fn audit(mut self, sink: Arc<dyn ExecutionAudit>) -> Self {
        self.audit = Some(sink);
        self
    }

    /// Builds the executor and starts its sweeper. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` if a limit is out of bounds, with both bounds.
    pub fn build(self) -> Result<Executor> {
        let Self {
            backend,
            settings,
            gateway,
            audit,
        } = self;
        settings.limits.check().map_err(|error| {
            SandboxError::new(ErrorKind::InvalidRequest, "build the executor")
                .with_hint(error.to_string())
                .with_source(error)
        })?;
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let shapes = shape::Shapes::new(&settings.pool, &settings.shapes);
        let shared = Arc::new(Shared {
            preparation: preparation::Preparation::new(
                Arc::clone(&backend),
                settings.required.clone(),
                tasks.clone(),
                stop.clone(),
            ),
            places: places::Places::new(
                settings.concurrency,
                settings.queue,
                settings.queue_timeout,
                shapes.most(),
            ),
            shapes,
            sets: sets::Sets::new(),
            runner: Runner::default(),
            backstage: backstage::Backstage::default(),
            gateway: gateway.unwrap_or_else(|| Gateway::builder().build()),
            audit,
            backend,
            settings,
            tasks,
            stop: stop.clone(),
        });
        let executor = Executor {
            shared,
            _stop_on_drop: Arc::new(StopOnDrop(stop)),
        };
        executor.start_sweeper();
        let keeper = refill::keep(Arc::clone(&executor.shared));
        executor.shared.tasks.spawn(keeper);
        let noting = sets::keep(Arc::clone(&executor.shared));
        executor.shared.tasks.spawn(noting);
        Ok(executor)
    }
}

impl Executor {
    /// Starts to build an executor on `backend`.
    #[must_use]
    pub fn builder(backend: Arc<dyn SandboxBackend>) -> ExecutorBuilder {
        ExecutorBuilder {
            backend,
            settings: ExecutorSettings::default(),
            gateway: None,
            audit: None,
        }
    }

    /// Runs one program. Returns at once; the run waits for its place on its own.
    ///
    /// # Errors
    ///
    /// `Busy` when the queue is full, `InvalidRequest` when the request is out of bounds,
    /// `ShuttingDown`. Whatever fails later is the execution's ending.
    pub fn execute(&self, request: ExecutionRequest) -> Result<Execution> {
        let settings = &self.shared.settings;
        let entry = Entry::open(
            self.shared.audit.as_ref(),
            &request,
            &settings.limits,
            settings.timeout,
            &settings.network,
        );
        let ticket = match self.admit(&request) {
            Ok(ticket) => ticket,
            Err(error) => {
                entry.refused(&error);
                return Err(error);
            }
        };
        self.shared.shapes.open();
        let (execution, events, cancel) = Execution::new();
        let shared = Arc::clone(&self.shared);
        self.shared
            .tasks
            .spawn(run::drive(shared, request, ticket, events, cancel, entry));
        Ok(execution)
    }

    fn admit(&self, request: &ExecutionRequest) -> Result<places::Ticket> {
        request.check(self.shared.settings.max_timeout)?;
        if self.shared.stop.is_cancelled() {
            return Err(SandboxError::new(ErrorKind::ShuttingDown, "queue the run"));
        }
        self.shared.places.enter()
    }

    /// Makes the backend ready, or waits until somebody else's call has. A run does so itself;
    /// calling it early saves the first run the wait.
    ///
    /// # Errors
    ///
    /// What [`SandboxBackend::prepare`] says, and `Unsupported` when the backend does not enforce
    /// what the settings require. The next call tries again.
    pub async fn prepare(&self, progress: &dyn Progress) -> Result<()> {
        self.shared.preparation.ready(progress).await?;
        self.shared.shapes.look();
        Ok(())
    }

    /// Begins to start sandboxes ahead, as the pool's settings say, once the backend is ready. The first run begins it
    /// as well: a server calls this when somebody is there whose first run is yet to come.
    ///
    /// From then on it also builds those sets of modules that its settings want to lie ready.
    pub fn fill_pool(&self) {
        self.shared.shapes.open();
        sets::begin_ahead(&self.shared);
    }

    /// How many sandboxes wait for runs just now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.shapes.waiting()
    }

    /// What the backend enforces on this host.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.shared.backend.capabilities()
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &ExecutorSettings {
        &self.shared.settings
    }

    /// Looks for leftovers now, besides the regular sweeps.
    ///
    /// # Errors
    ///
    /// When the backend does not answer.
    pub async fn sweep(&self) -> Result<SweepReport> {
        self.shared.backend.sweep().await
    }

    /// Cancels every run and waits until their sandboxes are gone. New requests are refused.
    /// The caller bounds the time; what is left when it gives up is for the next sweep.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        self.shared.backend.settle().await;
    }

    /// Sweeps at once, soon again, then regularly (promise 3).
    fn start_sweeper(&self) {
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.spawn(async move {
            let sweep = async {
                let usual = shared.settings.sweep_interval;
                let mut pause = FIRST_PAUSE.min(usual);
                loop {
                    match shared.backend.sweep().await {
                        Ok(report) if report.removed > 0 || report.failed > 0 => {
                            tracing::info!(?report, "swept leftovers");
                        }
                        Ok(_) => {}
                        Err(error) => tracing::debug!(kind = %error.kind(), "{}", error.chain()),
                    }
                    tokio::time::sleep(pause).await;
                    pause = usual;
                }
            };
            shared.stop.run_until_cancelled(sweep).await;
        });
    }
}
