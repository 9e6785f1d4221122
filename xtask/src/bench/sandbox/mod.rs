//! The product's own measurements: programs in fresh sandboxes, beside what one would do without us.
//!
//! | module | concern |
//! |---|---|
//! | `stage`, `server`, `installed` | what all of them share |
//! | `python`, `docker`, `peer` | what ours is held against |
//! | `calls`, `pool`, `many`, `cost`, `modules`, `hot`, `browser`, `throughput` | the measurements |
//! | `fresh` | whether what was measured was fresh |

mod browser;
mod calls;
mod cost;
mod docker;
mod fresh;
mod hot;
mod installed;
mod many;
mod modules;
mod peer;
mod pool;
mod python;
mod server;
mod stage;
mod throughput;

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::scenario::Scenario;
use super::usage;
use crate::process;
pub(super) use stage::Stage;

/// The image's own Python, bare.
const PY: &str = "py";
/// `docker run` for each program.
const DRUN: &str = "docker run";
/// `docker exec` in a container that lives.
const DEXEC: &str = "docker exec";
/// The best that `docker run` comes to side by side.
const DPAR: &str = "docker run, side by side";
/// pip with its cache.
const PIP: &str = "pip";
/// uv with its cache.
const UVW: &str = "uv";
/// The script in a plain container.
const PW: &str = "docker run";
/// A session of its own for each program.
const PEER: &str = "llm-sandbox";
/// One session for all programs.
const USED_PEER: &str = "llm-sandbox, used";

/// Between calls that are to find a sandbox that waits: longer than a start and an end take together.
const GAP: Duration = Duration::from_millis(300);
/// Between calls that are to fall into the starts which the ones before have caused.
const SHORT_GAP: Duration = Duration::from_millis(40);

/// All of them; what says whether they count is the last.
pub(super) fn scenarios<'s>(stage: &'s Stage<'s>) -> Vec<Box<dyn Scenario + 's>> {
    vec![
        Box::new(calls::Calls { stage }),
        Box::new(pool::Pool { stage }),
        Box::new(many::Many { stage }),
        Box::new(cost::Cost { stage }),
        Box::new(cost::Idle { stage }),
        Box::new(modules::Modules { stage }),
        Box::new(hot::Hot { stage }),
        Box::new(browser::Browser { stage }),
        Box::new(throughput::Throughput { stage }),
    ]
}

/// Says whether they count; always measured, and last.
pub(super) fn freshness<'s>(stage: &'s Stage<'s>) -> Box<dyn Scenario + 's> {
    Box::new(fresh::Fresh { stage })
}

/// The engine's process beside a container, whose child is the container's process 1.
fn engine_process(stage: &Stage<'_>, container: &str) -> Result<u32> {
    let mut inspect = stage.docker()?;
    inspect.args(["inspect", "--format", "{{.State.Pid}}", container]);
    let first = process::read(&mut inspect)?
        .parse()
        .context("the engine names no process")?;
    usage::parent(first)
}

fn mean(values: &[u64]) -> Result<u64> {
    let count = u64::try_from(values.len())?;
    let sum = values.iter().sum::<u64>();
    sum.checked_div(count).context("there is nothing to count")
}
