//! `doctor --prove`: attacks our own sandboxes on this host and judges from outside what came of
//! it.
//!
//! Four kinds of programs run, each in a sandbox of its own: one that looks around and tries what
//! is forbidden, some that use more than they may, one that tries every way out to listeners of
//! ours, and two of which the second looks for what the first left.

mod fresh;
mod inside;
mod outward;
mod promises;
mod proof;
mod strain;

use executor_core::capabilities::Capability;
use executor_core::{Ending, ExecutionRequest, Executor, Outcome};
use serde_json::Value;

pub(crate) use self::proof::{Proof, broken, json, table};

use self::proof::{Held, Keeper};
use crate::assembly::Assembly;
use crate::environment::ProcessEnvironment;
use crate::settings::Settings;

/// Tries everything. Takes some ten seconds on two processors; what cannot be run cannot be judged
/// and says so.
pub(crate) async fn prove(assembly: &Assembly, settings: &Settings) -> Vec<Proof> {
    let executor = assembly.executor();
    let engine = assembly.backend().describe().await;
    let podman = engine.is_ok_and(|engine| engine.name == "Podman");
    let (mut proofs, way_out, strain, fresh) = tokio::join!(
        inside::prove(executor, settings, &ProcessEnvironment, podman),
        outward::prove(executor),
        strain::prove(assembly),
        fresh::prove(executor),
    );
    for more in [strain, way_out, fresh] {
        proofs.extend(more);
    }
    proofs
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

/// A promise that nothing can be said of, and why.
fn unknown(id: &str, what: &str, capability: Capability, keeper: Keeper, why: &str) -> Proof {
    Proof {
        id: id.to_owned(),
        what: what.to_owned(),
        capability,
        keeper,
        held: Held::Unknown,
        seen: shown(why),
    }
}
