//! What a law stands on: a backend, a witness, and short ways to run programs.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::backend::{Sandbox, SandboxBackend, SandboxSpec, Silent};
use executor_core::capabilities::Capabilities;
use executor_core::limits::SandboxLimits;
use executor_core::{Event, ExecutionRequest, Executor, ExecutorSettings, Outcome, SandboxError};

use crate::engine::Turn;
use crate::probes::ProbeError;
use crate::witness::{self, Witness, WitnessError};

/// A backend under test, with who watches it.
#[derive(Debug, Clone)]
pub struct Ground {
    backend: Arc<dyn SandboxBackend>,
    witness: Arc<dyn Witness>,
    own_kernel: bool,
    _turn: Option<Arc<Turn>>,
}

/// How a law was broken.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Breach(String);

impl Breach {
    /// Broken in this way.
    #[must_use]
    pub fn new(how: impl fmt::Display) -> Self {
        Self(how.to_string())
    }

    /// A law fails as well when it cannot be looked at.
    pub(super) fn because(error: &SandboxError) -> Self {
        Self(error.chain())
    }
}

impl From<SandboxError> for Breach {
    fn from(error: SandboxError) -> Self {
        Self::because(&error)
    }
}

impl From<WitnessError> for Breach {
    fn from(error: WitnessError) -> Self {
        Self::new(error)
    }
}

impl From<ProbeError> for Breach {
    fn from(error: ProbeError) -> Self {
        Self::new(error)
    }
}

/// Breaks the law unless the condition holds.
macro_rules! hold {
    ($condition:expr, $($how:tt)+) => {
        if !$condition {
            return Err($crate::laws::Breach::new(format!($($how)+)));
        }
    };
}
pub(super) use hold;

impl Ground {
    /// A backend and its witness.
    #[must_use]
    pub fn new(backend: Arc<dyn SandboxBackend>, witness: Arc<dyn Witness>) -> Self {
        Self {
            backend,
            witness,
            own_kernel: false,
            _turn: None,
        }
    }

    /// A backend on an engine that nobody else measures meanwhile, and which is its witness.
    #[must_use]
    pub fn on(turn: Turn, backend: Arc<dyn SandboxBackend>) -> Self {
        let witness = Arc::new(turn.engine.clone());
        Self {
            backend,
            witness,
            own_kernel: false,
            _turn: Some(Arc::new(turn)),
        }
    }

    /// The same, where sandboxes have a kernel of their own, as gVisor's have: it shows no control
    /// groups and process 1's environment, counts time by a clock of its own, and is itself what the
    /// memory limit strikes. Nothing is allowed for this on a ground that does not say so.
    #[must_use]
    pub fn with_own_kernel(self) -> Self {
        Self {
            own_kernel: true,
            ..self
        }
    }

    /// Whether its sandboxes have a kernel of their own.
    pub(super) fn has_own_kernel(&self) -> bool {
        self.own_kernel
    }

    /// The backend under test.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn SandboxBackend> {
        &self.backend
    }

    /// Who watches it.
    #[must_use]
    pub fn witness(&self) -> &Arc<dyn Witness> {
        &self.witness
    }

    /// An executor on the backend, which requires exactly what the backend declares.
    pub(super) fn executor(
        &self,
        change: impl FnOnce(&mut ExecutorSettings),
    ) -> Result<Executor, Breach> {
        let mut settings = ExecutorSettings::default();
        settings.required = self.backend.capabilities();
        change(&mut settings);
        Ok(Executor::builder(Arc::clone(&self.backend))
            .settings(settings)
            .build()?)
    }

    /// Runs one program with the default settings and gives its outcome.
    pub(super) async fn run(&self, program: &str) -> Result<Outcome, Breach> {
        let executor = self.executor(|_| {})?;
        let outcome = run_in(&executor, program).await?;
        executor.shutdown().await;
        Ok(outcome)
    }

    /// Starts a sandbox whose process 1 waits for the end of its input. `marker` is a word in its
    /// command.
    pub(super) async fn start_waiting(
        &self,
        marker: &str,
        lifetime_seconds: u64,
    ) -> Result<Box<dyn Sandbox>, Breach> {
        self.backend.prepare(&Silent).await?;
        let spec = SandboxSpec::new(waiting(marker), SandboxLimits::default(), lifetime_seconds);
        Ok(self.backend.start(&spec).await?)
    }

    /// Starts a sandbox under these limits, whose process 1 waits for the end of its input.
    pub(super) async fn start_within(
        &self,
        limits: SandboxLimits,
    ) -> Result<Box<dyn Sandbox>, Breach> {
        let spec = SandboxSpec::new(waiting("within"), limits, 600);
        Ok(self.backend.start(&spec).await?)
    }

    /// Waits until the witness sees no sandbox with that marker.
    pub(super) async fn until_gone(&self, marker: &str, within: Duration) -> Result<(), Breach> {
        let begun = Instant::now();
        loop {
            let left = self.witness.sandboxes(marker).await?;
            if left == 0 {
                return Ok(());
            }
            hold!(
                begun.elapsed() < within,
                "{left} sandboxes were left after {within:?}"
            );
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// How many sandboxes the witness sees with that marker.
    pub(super) async fn seen(&self, marker: &str) -> Result<usize, Breach> {
        Ok(self.witness.sandboxes(marker).await?)
    }
}

/// A command that lives until its input ends.
fn waiting(marker: &str) -> Vec<String> {
    let wait = format!("import sys\nsys.stdin.buffer.read() # {marker}");
    ["python3", "-I", "-c", &wait].map(str::to_owned).to_vec()
}

/// A word that nobody else has.
pub(super) fn marker() -> Result<String, Breach> {
    Ok(witness::marker()?)
}

/// Runs one program on an executor that is there.
pub(super) async fn run_in(executor: &Executor, program: &str) -> Result<Outcome, Breach> {
    let request = ExecutionRequest::new(program.to_owned());
    Ok(executor.execute(request)?.outcome().await)
}

/// All events of one run.
pub(super) async fn events_of(executor: &Executor, program: &str) -> Result<Vec<Event>, Breach> {
    let mut execution = executor.execute(ExecutionRequest::new(program.to_owned()))?;
    let mut events = Vec::new();
    while let Some(event) = execution.next().await {
        events.push(event);
    }
    Ok(events)
}

/// The settings' requirement for laws that speak of an undeclared capability.
pub(super) fn nothing() -> Capabilities {
    Capabilities::default()
}
