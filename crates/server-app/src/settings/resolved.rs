//! Settings as the program uses them: typed, checked, with nothing left to parse.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use executor_core::environments::EnvironmentSettings;
use executor_core::gateway::{HostProxies, NetworkPolicy, OpenedHost};
use executor_core::limits::{ByteSize, OutputLimits, ResultLimits, SandboxLimits, WallTime};
use executor_core::modules::{Constraints, IndexHost, IndexUrl, ProjectName, SourcePackages};
use executor_core::{PoolSettings, ShapeSettings};
use executor_docker::DockerSettings;
use executor_tools::{ResultBudget, StoreLimits};

use super::authorization::AuthorizationSettings;
use crate::audit::AuditTo;
use crate::secret::Secret;
use crate::trust::TrustedCertificates;

/// Every setting, checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Where the engine is and what it starts.
    pub engine: DockerSettings,
    /// What one sandbox may use.
    pub limits: SandboxLimits,
    /// What one run may print.
    pub output: OutputLimits,
    /// What one run may leave to be seen.
    pub results: ResultSettings,
    /// How long things may take.
    pub times: Times,
    /// Sandboxes at once.
    pub concurrency: usize,
    /// Calls that may wait for one.
    pub queue: usize,
    /// Sandboxes that wait for programs.
    pub pool: PoolSettings,
    /// Sandboxes that wait with something made ready.
    pub shapes: ShapeSettings,
    /// What programs may reach.
    pub network: NetworkSettings,
    /// Where modules come from.
    pub modules: ModuleSettings,
    /// How `mcp-python-sse` listens.
    pub http: HttpSettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// Where it is written down what was run.
    pub audit: AuditTo,
    /// What the operator should know of these settings: everything that loosens security, one
    /// sentence each. For the log at start.
    pub warnings: Vec<String>,
}

/// What one run may leave to be seen, how much of that a result shows, and how long the rest is kept.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ResultSettings {
    /// What a run may leave.
    pub limits: ResultLimits,
    /// What a result shows.
    pub budget: ResultBudget,
    /// What is kept for links.
    pub store: StoreLimits,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Times {
    /// A program, when its call does not say.
    pub program: WallTime,
    /// The most that a call may ask for.
    pub ceiling: WallTime,
    /// Installing the modules of one call.
    pub install: WallTime,
    /// A call, before it becomes a task; none if it never does.
    pub task_after: Option<Duration>,
    /// The silence of a call, before its client is told that it goes on.
    pub heartbeat: Duration,
}

/// What programs may reach, and through what.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NetworkSettings {
    /// The policy.
    pub policy: NetworkPolicy,
    /// What is opened beside it, by name.
    pub opened: Vec<OpenedHost>,
    /// The proxies of this host, through which the gateway dials.
    pub proxies: HostProxies,
    /// The certificates that sandboxes trust beyond the usual ones.
    pub certificates: TrustedCertificates,
}

/// Where modules come from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModuleSettings {
    /// The package index.
    pub index: IndexUrl,
    /// Further ones.
    pub extra_indexes: Vec<IndexUrl>,
    /// Hosts that an index links to for its files, beyond itself.
    pub file_hosts: Vec<IndexHost>,
    /// Whether packages without a wheel are built.
    pub sources: SourcePackages,
    /// What binds every install.
    pub constraints: Constraints,
    /// The only projects that calls may name, if not all.
    pub allowed: Option<BTreeSet<ProjectName>>,
    /// Projects that are never installed.
    pub denied: BTreeSet<ProjectName>,
    /// How sets of them are kept.
    pub environments: EnvironmentSettings,
}

/// How `mcp-python-sse` listens.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpSettings {
    /// Where.
    pub bind: SocketAddr,
    /// What every request must bear, if anything.
    pub token: Option<Secret>,
    /// Whose access tokens are taken, if any are. Then there is no [`token`](Self::token).
    pub authorization: Option<AuthorizationSettings>,
    /// Further hosts that requests may name.
    pub allowed_hosts: Vec<String>,
    /// Further origins that may call.
    pub allowed_origins: Vec<String>,
    /// The path in front of ours, without a slash at its end; usually empty.
    pub public_prefix: String,
    /// The longest request body.
    pub max_body: ByteSize,
    /// Sessions at once.
    pub max_sessions: usize,
    /// After so long without a request a session ends.
    pub session_idle: Duration,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSettings {
    /// From which level on.
    pub level: LogLevel,
    /// As what.
    pub format: LogFormat,
}

/// From which level on something is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are their meaning")]
#[expect(clippy::exhaustive_enums, reason = "these are the levels of `tracing`")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// As what the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
