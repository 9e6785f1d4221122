//! Tries what foreign bytes reach: builds the targets and runs them, with coverage guidance where a nightly toolchain is
//! installed. What is tried is `fuzz-targets`'.

mod guided;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};

use crate::places::Places;
use crate::{process, say};
use guided::Guided;

/// How many messages the long run wants to see refused.
const LONG_MESSAGES: u64 = 10_000_000;

/// What the long run gives to each target that takes no messages, or to all of them under guidance, in seconds.
const LONG_SECONDS: u64 = 120;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Go on until ten million messages were refused.
    #[arg(long)]
    long: bool,
    /// Spend this much time on all targets together.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 20,
        conflicts_with = "long"
    )]
    seconds: u64,
    /// Try only this target; may be given several times.
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Give the target this one input.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
    /// Repeat the run that told this seed.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Do without coverage guidance, whatever is installed.
    #[arg(long)]
    unguided: bool,
}

/// `cargo xtask fuzz`.
pub(crate) fn fuzz(places: &Places, args: &Args) -> Result<()> {
    let workspace = &places.workspace;
    let plain = build(places)?;
    if let Some(input) = &args.input {
        // The targets run in the workspace, wherever this was typed.
        let input = std::path::absolute(input)
            .with_context(|| format!("cannot resolve `{}`", input.display()))?;
        return run(targeted(plain.command(workspace), args)
            .arg("--input")
            .arg(input));
    }
    let seed = args.seed.unwrap_or_else(any_seed);
    let guided = if args.unguided {
        None
    } else {
        Guided::find(places)?
    };
    match (&guided, args.long) {
        (Some(guided), false) => {
            let names = plain.names(workspace, &args.target)?;
            return guided.run(places, &names, seed, args.seconds);
        }
        (None, _) if !args.unguided => say::result(
            "no coverage guidance: it needs the nightly toolchain and a C++ compiler (`rustup toolchain install nightly`)",
        ),
        _ => {}
    }
    let mut command = targeted(plain.command(workspace), args);
    command.arg("--seed").arg(seed.to_string());
    command
        .arg("--findings")
        .arg(places.target().join("fuzz-findings"));
    if args.long {
        command.args(["--messages", &LONG_MESSAGES.to_string()]);
        command.args(["--seconds", &LONG_SECONDS.to_string()]);
    } else {
        command.args(["--seconds", &args.seconds.to_string()]);
    }
    run(&mut command)?;
    match &guided {
        Some(guided) => {
            let names = plain.names(workspace, &args.target)?;
            guided.run(places, &names, seed, LONG_SECONDS)
        }
        None => Ok(()),
    }
}

/// The binary that needs no guidance.
#[derive(Debug)]
struct Plain(PathBuf);

fn build(places: &Places) -> Result<Plain> {
    say::progress("fuzz", "compiling the targets");
    let profile = [
        "--profile",
        "fuzz",
        "--package",
        "fuzz-targets",
        "--bin",
        "fuzz",
    ];
    process::run(process::cargo(&places.workspace).arg("build").args(profile))
        .context("the targets do not compile")?;
    Ok(Plain(places.target().join("fuzz").join("fuzz")))
}

impl Plain {
    fn command(&self, workspace: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.current_dir(workspace);
        process::without_server_settings(&mut command);
        command
    }

    /// The names of the targets that are meant.
    fn names(&self, workspace: &Path, chosen: &[String]) -> Result<Vec<String>> {
        if !chosen.is_empty() {
            return Ok(chosen.to_vec());
        }
        let list = process::read(self.command(workspace).arg("--list"))?;
        let names = list
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        Ok(names.map(str::to_owned).collect())
    }
}

fn targeted(mut command: Command, args: &Args) -> Command {
    for name in &args.target {
        command.args(["--target", name]);
    }
    command
}

/// Runs it and lets it speak for itself; a process that was killed could not.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot start the targets")?;
    match status.code() {
        Some(0) => Ok(()),
        Some(_) => Err(say::Told.into()),
        None => bail!(
            "the targets died ({status}): a stack that overflows cannot be caught; the last lines name the target, and \
             `cargo xtask fuzz --target NAME` finds its input again under the same seed"
        ),
    }
}

/// New ground in every run; the seed is told.
fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs()).unwrap_or_default()
}
