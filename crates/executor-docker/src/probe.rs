//! A look from inside: one fresh sandbox tells what it finds, and it must be what is promised.
//!
//! An engine's own word that it can limit something is not enough to promise it to anybody.

mod judge;

use std::collections::BTreeMap;
use std::time::Duration;

use executor_core::backend::{Sandbox, SandboxSpec, StoreAccess};
use executor_core::limits::SandboxLimits;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use crate::error::DockerError;
use crate::facts::{EngineFacts, Kernel};
use crate::gap::Gap;

/// How long each try may take. Starting an interpreter and looking around takes a fraction of a second; on a busy disk more.
/// A second try is for those whose sandbox somebody else has paused, killed or removed.
pub(crate) const TRIES: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(60)];
/// The answer is one short line.
const MAX_ANSWER: u64 = 16 * 1024;

/// What the probing sandbox is started with: what a program's is, the store of module sets included where there is one.
pub(crate) fn spec() -> SandboxSpec {
    let command = ["python3", "-I", "-S", "-c", include_str!("probe.py")];
    SandboxSpec::new(
        command.map(str::to_owned).into(),
        SandboxLimits::default(),
        120,
    )
    .with_store(StoreAccess::ReadOnly)
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether `localhost` and the sandbox's own name resolve.
    pub(crate) names_resolve: bool,
    /// Whether it shows how many the memory limit has killed.
    pub(crate) counts_kills: bool,
    /// The promises that do not hold, each with everything that was seen of it.
    pub(crate) gaps: Vec<Gap>,
}

/// Hears what `sandbox`, started with [`spec`], finds, and holds it against the promises.
pub(crate) async fn listen(
    sandbox: &mut dyn Sandbox,
    patience: Duration,
    facts: &EngineFacts,
    kernel: Kernel,
) -> Result<Verdict, DockerError> {
    let stream = sandbox
        .stream()
        .ok_or_else(|| DockerError::Probe("the probe has no stream".to_owned()))?;
    let mut answer = Vec::new();
    let mut reader = stream.reader.take(MAX_ANSWER);
    match tokio::time::timeout(patience, reader.read_to_end(&mut answer)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(DockerError::Probe(format!("its stream broke: {error}"))),
        Err(_elapsed) => {
            return Err(DockerError::Probe(format!(
                "the probe gave no answer for {} s",
                patience.as_secs()
            )));
        }
    }
    let found: Found = serde_json::from_slice(&answer)
        .map_err(|error| DockerError::BadPython(format!("the probe did not answer: {error}")))?;
    judge::hold_against(&found, &SandboxLimits::default(), facts, kernel)
}

/// What the probe says.
#[derive(Debug, Clone, Deserialize)]
struct Found {
    python: (u32, u32),
    #[serde(rename = "CapEff")]
    effective: String,
    #[serde(rename = "CapBnd")]
    bounding: String,
    #[serde(rename = "CapInh")]
    inheritable: String,
    #[serde(rename = "CapAmb")]
    ambient: String,
    #[serde(rename = "NoNewPrivs")]
    no_new_privileges: String,
    #[serde(rename = "Seccomp")]
    seccomp: String,
    /// Release and version, as the kernel that is called says them.
    kernel: (String, String),
    uid: u32,
    pid: u32,
    interfaces: Vec<String>,
    hostname: String,
    /// -1 is without limit, here and below.
    open_files: i64,
    core: i64,
    resolves: Vec<String>,
    writable: Vec<String>,
    sizes: BTreeMap<String, u64>,
    inodes: BTreeMap<String, u64>,
    memory: Option<String>,
    memory_and_swap: Option<String>,
    swap: Option<String>,
    counts_kills: bool,
    processes: Option<String>,
    /// Quota and period, in microseconds.
    cpu: Option<(String, String)>,
    users: Option<String>,
    visible: Vec<String>,
    calls: Vec<String>,
}
