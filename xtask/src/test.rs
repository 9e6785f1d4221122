//! All tests, with everything that they need: engine, image, foreign clients.
//!
//! `docs/testing.md` says what a test finds in its environment and how it reports a skip.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use crate::engine::{Afterwards, Engine};
use crate::places::Places;
use crate::report::{Report, SKIP_MARK, Totals};
use crate::{attack, clients, image, install, process, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run without an engine: tests that need one are skipped, and counted.
    #[arg(long)]
    no_docker: bool,
    /// Leave a private engine that this command starts running.
    #[arg(long)]
    keep_engine: bool,
    /// Only tests whose name contains one of these, and options of the test harness.
    #[arg(last = true)]
    harness: Vec<String>,
}

/// `cargo xtask test`.
pub(crate) fn test(places: &Places, args: &Args) -> Result<()> {
    let started = Instant::now();
    let needs = provide(places, args)?;
    say::progress("test", "running the tests");
    let (totals, skips, cargo_succeeded) = run(places, args, &needs)?;
    // Tests that need the engine fail without it by themselves; what is left are tools that a
    // developer's machine may lack. Our own continuous integration has them all.
    let skips_allowed = needs.engine.is_none() || !in_continuous_integration();
    let skips_allowed = skips_allowed || totals.skipped == beyond_us(&skips);
    let attacks = match &needs.engine {
        // Who asks for some tests wants only these.
        Some(engine) if args.harness.is_empty() => {
            say::progress("test", "trying the short set of attacks");
            Some(attack::short(places, engine)?)
        }
        _ => None,
    };
    drop(needs);

    for skip in &skips {
        say::result(&format!("{SKIP_MARK}{skip}"));
    }
    if totals.skipped > 0 && !skips_allowed {
        say::result("In the continuous integration no test may be skipped: this run has failed.");
    }
    say::progress(
        "test",
        &format!("done in {}", say::seconds(started.elapsed())),
    );
    // Cargo fails without a failed test when a test binary cannot even be started.
    let failed = if cargo_succeeded {
        totals.failed
    } else {
        totals.failed.max(1)
    };
    let (held, broken) = attacks.unwrap_or_default();
    let failed = failed.saturating_add(broken);
    say::result(&format!(
        "{} passed, {failed} failed, {} skipped",
        totals.passed.saturating_add(held),
        totals.skipped
    ));
    if failed > 0 || (totals.skipped > 0 && !skips_allowed) {
        return Err(say::Told.into());
    }
    Ok(())
}

/// What the tests need besides themselves, for as long as they run.
#[derive(Debug)]
struct Needs {
    engine: Option<Engine>,
    clients: PathBuf,
    schemas: Option<PathBuf>,
}

impl Needs {
    fn point(&self, command: &mut Command) {
        process::without_server_settings(command)
            .env("EXECUTOR_TEST_CLIENTS", &self.clients)
            .env("EXECUTOR_TEST_IMAGE", image::IMAGE)
            .env("MCP_PYTHON_IMAGE", image::IMAGE);
        if let Some(schemas) = &self.schemas {
            command.env(SCHEMAS, schemas);
        }
        match &self.engine {
            Some(engine) => {
                engine.point(command);
                command.env("EXECUTOR_TEST_DOCKER", "require");
            }
            None => {
                command.env("EXECUTOR_TEST_DOCKER", "off");
            }
        }
    }
}

/// Compiles the tests while the engine, the image and the clients are made ready.
fn provide(places: &Places, args: &Args) -> Result<Needs> {
    thread::scope(|scope| {
        let engine = scope.spawn(|| {
            if args.no_docker {
                return Ok(None);
            }
            let engine = image::on_engine(places, Afterwards::from_flag(args.keep_engine))?;
            if install::may_install() {
                install::packages(places, &["docker-registry"], "the test of image pulls")?;
            }
            anyhow::Ok(Some(engine))
        });
        let clients = scope.spawn(|| clients::ensure(places));
        let built = build(&places.workspace);
        let engine = engine
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the thread that provides the engine panicked")));
        let clients = clients
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the thread that provides the clients panicked")));
        built?;
        Ok(Needs {
            engine: engine?,
            clients: clients?,
            schemas: schemas(&places.workspace),
        })
    })
}

/// The variable that names the directory of the protocol's official schemas, a `<revision>.json`
/// for each.
const SCHEMAS: &str = "MCP_SCHEMA_DIR";

/// That directory, if it lies beside the checkout and the environment does not name another.
fn schemas(workspace: &Path) -> Option<PathBuf> {
    let beside = workspace.parent()?.join("shared/mcp/schema");
    (std::env::var_os(SCHEMAS).is_none() && beside.is_dir()).then_some(beside)
}

/// What a skip may name that no chore can bring up: a bare clone has it nowhere.
const BEYOND_US: &[&str] = &["the official schemas"];

/// How many of the skips are for want of something that no chore can bring up.
fn beyond_us(skips: &[String]) -> usize {
    let named = |skip: &&String| {
        let what = skip.split_once(": ").map(|(what, _)| what);
        what.is_some_and(|what| BEYOND_US.contains(&what))
    };
    skips.iter().filter(named).count()
}

fn in_continuous_integration() -> bool {
    std::env::var_os("CI").is_some()
}

fn build(workspace: &Path) -> Result<()> {
    say::progress("test", "compiling the servers and the tests");
    process::run(process::cargo(workspace).args(["build", "--workspace", "--bins"]))?;
    process::run(process::cargo(workspace).args(["test", "--workspace", "--no-run"]))
        .context("the tests do not compile")
}

/// Runs all test binaries and the documentation's examples, and reads what they say.
fn run(places: &Places, args: &Args, needs: &Needs) -> Result<(Totals, Vec<String>, bool)> {
    let mut command = process::cargo(&places.workspace);
    command
        .args(["test", "--workspace", "--no-fail-fast", "--"])
        .arg("--show-output")
        .args(&args.harness)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    needs.point(&mut command);
    let mut child = command.spawn().context("cannot start cargo")?;
    let mut report = Report::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("cannot read the tests' output")?;
            let line = String::from_utf8_lossy(&line);
            if report.line(&line) {
                say::result(&line);
            }
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    let skips = report.skips().to_vec();
    Ok((report.totals(), skips, status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_chore_can_bring_up_may_be_missing_everywhere() {
        let skips = [
            "the official schemas: MCP_SCHEMA_DIR names no directory of them",
            "the official clients: not installed",
            "the official schemas",
        ]
        .map(str::to_owned);
        assert_eq!(beyond_us(&skips), 1);
    }
}
