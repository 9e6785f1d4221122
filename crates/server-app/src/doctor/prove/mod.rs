//! `doctor --prove`: attacks our own sandboxes on this host and judges what came of it: from outside
//! where this host shows it, else by the word of the engine or of the program inside, and says which.
//!
//! Five kinds of programs run, each in a sandbox of its own: one that waits while it is looked at from
//! outside, one that looks around and tries what is forbidden, some that use more than they may, one
//! that tries every way out to listeners of ours, and two of which the second looks for what the
//! first left.

mod fresh;
mod inside;
mod outside;
mod outward;
mod promises;
mod proof;
mod remedy;
mod shown;
mod strain;

use executor_core::backend::SandboxBackend as _;
use executor_core::capabilities::Capability;
use executor_core::{Ending, ExecutionRequest, Executor, Outcome};
use serde_json::Value;

pub(crate) use self::proof::{Proof, broken};
pub(crate) use self::shown::{json, table};

use crate::assembly::Assembly;
use crate::environment::ProcessEnvironment;
use crate::settings::Settings;

/// Tries everything. Takes some ten seconds on two processors; what cannot be run cannot be judged
/// and says so.
pub(crate) async fn prove(assembly: &Assembly, settings: &Settings) -> Vec<Proof> {
    let executor = assembly.executor();
    let ground = Ground::of(assembly).await;
    // Before the others, so that its sandbox is looked at on a machine that has nothing else to do.
    let outside = outside::look(assembly, &ground).await;
    let (mut proofs, way_out, strain, fresh) = tokio::join!(
        inside::prove(executor, settings, &ProcessEnvironment, &ground, &outside),
        outward::prove(executor),
        strain::prove(assembly, ground.own_kernel),
        fresh::prove(executor),
    );
    for more in [strain, way_out, fresh] {
        proofs.extend(more);
    }
    proofs
}

/// What sandboxes stand on, where it changes what can be promised of them.
#[derive(Debug, Default)]
pub(crate) struct Ground {
    /// Whether the engine is Podman.
    podman: bool,
    /// Whether programs call a kernel of the sandbox's own, and nobody found that they do not.
    pub(crate) own_kernel: bool,
    /// The version of the host's kernel.
    kernel: String,
    /// Where sandboxes see the store of module sets, if there is one.
    store: Option<String>,
}

impl Ground {
    /// As the engine tells; nothing is allowed for where it does not.
    pub(crate) async fn of(assembly: &Assembly) -> Self {
        let gaps = assembly.backend().gaps();
        let is_isolated = gaps
            .iter()
            .all(|gap| gap.capability != Capability::Isolation);
        match assembly.backend().describe().await {
            Ok(engine) => Self {
                podman: engine.name == "Podman",
                own_kernel: engine.own_kernel && is_isolated,
                kernel: engine.kernel,
                store: assembly.backend().store().map(|store| store.place),
            },
            Err(_) => Self::default(),
        }
    }
}

/// Runs `program` and gives how it ended.
async fn run(executor: &Executor, program: &str, args: Vec<String>) -> Outcome {
    match executor.execute(ExecutionRequest::new(program.to_owned()).with_args(args)) {
        Ok(execution) => execution.outcome().await,
        Err(error) => Outcome::of(Ending::Failed(error)),
    }
}

/// The JSON object that a program printed, or why there is none.
fn told(outcome: &Outcome) -> Result<Value, String> {
    if !outcome.ending.is_success() {
        let stderr = outcome.stderr.to_bytes();
        let words = String::from_utf8_lossy(&stderr);
        let last = words.lines().last().unwrap_or_default();
        return Err(format!(
            "the program did not end well: {} {last}",
            outcome.ending
        ));
    }
    serde_json::from_slice(&outcome.stdout.to_bytes())
        .map_err(|error| format!("its answer cannot be read: {error}"))
}

/// What a sandbox said, as it may be shown: short, and without control characters.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    text.chars()
        .filter(|char| !char.is_control())
        .take(LONGEST)
        .collect()
}
