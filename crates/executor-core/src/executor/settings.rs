//! What an executor is built with.

use std::time::Duration;

use super::pool::PoolSettings;
use super::shape::ShapeSettings;
use crate::capabilities::Capabilities;
use crate::certificates::ExtraCertificates;
use crate::environments::EnvironmentSettings;
use crate::gateway::{NetworkPolicy, OpenedHost};
use crate::limits::{OutputLimits, ResultLimits, SandboxLimits, WallTime};
use crate::modules::InstallSettings;

/// Every number and rule of an executor. [`Default`] is what `docs/architecture.md` lists.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExecutorSettings {
    /// What one sandbox may use.
    pub limits: SandboxLimits,
    /// What one run may print, and what is kept of it.
    pub output: OutputLimits,
    /// What one run may leave to be seen besides.
    pub results: ResultLimits,
    /// How long a program may run if its request does not say.
    pub timeout: WallTime,
    /// The most that a request may ask for.
    pub max_timeout: WallTime,
    /// How long installing modules may take.
    pub install_timeout: WallTime,
    /// How many programs run at once: at least 1.
    pub concurrency: usize,
    /// How many requests may wait for a place; one more is answered with `Busy`.
    pub queue: usize,
    /// The longest wait for a place, after which the request is answered with `Busy`.
    pub queue_timeout: Duration,
    /// How many sandboxes wait for programs.
    pub pool: PoolSettings,
    /// How many wait with something made ready.
    pub shapes: ShapeSettings,
    /// What a program may reach.
    pub network: NetworkPolicy,
    /// Names that the operator opened to programs, private addresses included.
    pub opened: Vec<OpenedHost>,
    /// Where modules come from, and what may be built. Its `python` and `target` are the executor's.
    pub install: InstallSettings,
    /// How sets of modules are built and kept, where the backend has a store for them.
    pub environments: EnvironmentSettings,
    /// Certificates that the host trusts beyond the usual ones.
    pub extra_certificates: ExtraCertificates,
    /// What the backend must enforce, or [`prepare`](crate::Executor::prepare) refuses.
    pub required: Capabilities,
    /// How often leftovers are looked for.
    pub sweep_interval: Duration,
    /// The interpreter in the image, looked up on its `PATH`.
    pub python: String,
}

impl Default for ExecutorSettings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            limits: SandboxLimits::default(),
            output: OutputLimits::default(),
            results: ResultLimits::default(),
            timeout: WallTime::PROGRAM,
            max_timeout: WallTime::CEILING,
            install_timeout: WallTime::INSTALL,
            concurrency: processors.saturating_mul(2),
            queue: 256,
            queue_timeout: Duration::from_secs(300),
            pool: PoolSettings::default(),
            shapes: ShapeSettings::default(),
            network: NetworkPolicy::Public,
            opened: Vec::new(),
            install: InstallSettings::default(),
            environments: EnvironmentSettings::default(),
            extra_certificates: ExtraCertificates::default(),
            required: Capabilities::all(),
            sweep_interval: Duration::from_secs(10),
            python: "python3".to_owned(),
        }
    }
}
