//! `cargo xtask bench`: ours beside others, interleaved, in one run, with bounds.
//!
//! | module | concern |
//! |---|---|
//! | `scenario` | what a measurement is |
//! | `talk`, `streams`, `start` | the measurements of the protocol |
//! | `sandbox` | those of programs in sandboxes |
//! | `subject`, `usage` | what is measured, and what it takes |
//! | `client`, `pipe`, `http`, `response`, `message` | the client that asks |
//! | `processor` | where the scheduler may put them |
//! | `stats`, `judge` | from readings to verdicts |
//! | `report`, `chart`, `machine` | what a person sees of it |

mod chart;
mod client;
mod http;
mod judge;
mod machine;
mod message;
mod pipe;
mod processor;
mod report;
mod response;
mod sandbox;
mod scenario;
mod start;
mod stats;
mod streams;
mod subject;
mod talk;
mod usage;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::places::{Places, make_dir};
use crate::{process, say};
use judge::Measured;
use machine::Machine;
use message::Era;
use report::Run;
use sandbox::Stage;
use scenario::{Readings, Row, Scale, Scenario};
use start::{PYTHON, Product, Start};
use streams::Streams;
use subject::Subject;
use talk::{Talk, Transport};

/// What `cargo xtask bench` may be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the rows whose name, or whose scenario's, contains this.
    #[arg(long, value_name = "PATTERN")]
    rows: Option<String>,
    /// How often everything is measured; the medians count.
    ///
    /// Five if this is not said, or one with `--quick`. Scenarios that take long have fewer.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: Option<u8>,
    /// A look instead of a measurement: little of everything.
    #[arg(long)]
    quick: bool,
    /// Measure the programs as they were built last.
    #[arg(long)]
    as_built: bool,
    /// Renew `docs/benchmarks.md` and what belongs to it.
    #[arg(long, conflicts_with_all = ["rows", "quick"])]
    record: bool,
}

/// `cargo xtask bench`.
pub(crate) fn bench(places: &Places, args: &Args) -> Result<()> {
    if cfg!(debug_assertions) {
        return again_optimised(places);
    }
    if !args.as_built {
        say::progress("bench", "compiling the servers");
        build(places)?;
    }
    let run = Run {
        // A look is one look, unless somebody wants more.
        rounds: usize::from(args.rounds.unwrap_or(if args.quick { 1 } else { 5 })),
        quick: args.quick,
    };
    let wanted = Wanted(args.rows.as_deref().unwrap_or_default());
    let built = places.built_for_release();
    let stage = Stage::new(places);
    let mut all = Vec::new();
    let mut measure_all = |scenarios: Vec<Box<dyn Scenario + '_>>| -> Result<bool> {
        let before = all.len();
        for scenario in scenarios {
            let rows = wanted.of(scenario.as_ref());
            if rows.is_empty() {
                continue;
            }
            let measured = measure(scenario.as_ref(), rows, run)?;
            for line in report::lines(&measured) {
                say::result(&line);
            }
            all.push(measured);
        }
        Ok(all.len() > before)
    };
    measure_all(echoes(&built))?;
    measure_all(starts(&stage))?;
    if measure_all(sandbox::scenarios(&stage))? {
        let fresh = sandbox::freshness(&stage);
        let measured = measure(fresh.as_ref(), fresh.rows(), run)?;
        for line in report::lines(&measured) {
            say::result(&line);
        }
        all.push(measured);
    }
    if let Some(breach) = stage.breach() {
        bail!("no figure of this run counts: {breach}");
    }
    let machine = Machine::find();
    let dir = places.target().join("bench");
    make_dir(&dir)?;
    write(&dir, run, &machine, &all)?;
    say::progress("bench", &format!("everything is in `{}`", dir.display()));
    if args.record {
        write(&places.workspace.join("docs"), run, &machine, &all)?;
    }
    let rows = || all.iter().flat_map(|measured| &measured.rows);
    let bad = rows().filter(|row| !row.verdict.is_good()).count();
    say::result(&format!(
        "\n{} of {} rows passed",
        rows().count() - bad,
        rows().count()
    ));
    if bad > 0 {
        return Err(say::Told.into());
    }
    Ok(())
}

/// Runs the same chore with an optimised client: a slow one would mostly measure itself.
fn again_optimised(places: &Places) -> Result<()> {
    say::progress("bench", "compiling the client");
    let mut cargo = process::cargo(&places.workspace);
    cargo.args(["run", "--release", "--quiet", "--package=xtask", "--"]);
    cargo.args(std::env::args_os().skip(1));
    // What went wrong was told by the other one.
    process::run(&mut cargo).map_err(|_| say::Told.into())
}

/// The programs that are measured, as their users would build them.
fn build(places: &Places) -> Result<()> {
    process::run(process::cargo(&places.workspace).args([
        "build",
        "--release",
        "--package=mcp-conformance",
        "--bin=mcp-echo",
        "--package=rmcp-peer",
        "--bin=rmcp-echo",
        "--package=server-stdio",
        "--bin=mcp-python-stdio",
        "--package=server-sse",
        "--bin=mcp-python-sse",
    ]))
}

/// Servers of the same shape: ours, and one on rmcp.
fn echoes(built: &Path) -> Vec<Box<dyn Scenario>> {
    let subjects = |transport: Transport| {
        let arguments: &[&str] = match transport {
            Transport::Stdio => &[],
            Transport::Http => &["http"],
        };
        vec![
            Subject::new("ours", built.join("mcp-echo"), arguments),
            Subject::new("rmcp", built.join("rmcp-echo"), arguments),
        ]
    };
    let mut scenarios: Vec<Box<dyn Scenario>> = Vec::new();
    for transport in [Transport::Stdio, Transport::Http] {
        for era in [Era::Session, Era::Stateless] {
            scenarios.push(Box::new(Talk {
                transport,
                era,
                subjects: subjects(transport),
            }));
            scenarios.push(Box::new(Start {
                transport,
                era,
                subjects: subjects(transport),
            }));
        }
    }
    for era in [Era::Session, Era::Stateless] {
        let subjects = subjects(Transport::Http);
        scenarios.push(Box::new(Streams { era, subjects }));
    }
    scenarios
}

/// The start of the product's own servers, beside that of a Python.
fn starts<'s>(stage: &'s Stage<'s>) -> Vec<Box<dyn Scenario + 's>> {
    [Transport::Stdio, Transport::Http]
        .map(|transport| {
            let python = Subject::new(PYTHON, python(), &["-I", "-c", "pass"]);
            Box::new(Product {
                transport,
                stage,
                python,
            }) as Box<dyn Scenario>
        })
        .into()
}

/// The system's own Python; what else a search path names may be a script that chooses one first.
fn python() -> PathBuf {
    let system = PathBuf::from("/usr/bin/python3");
    if system.is_file() {
        return system;
    }
    process::find("python3").unwrap_or(system)
}

/// Measures the subjects of a scenario that its rows are about, in turn, in every round; their order changes from round
/// to round, so that none always has the other's leavings.
fn measure(scenario: &dyn Scenario, rows: Vec<Row>, run: Run) -> Result<Measured> {
    let name = scenario.name();
    let scale = Scale {
        quick: run.quick,
        wanted: rows.iter().map(|row| row.reading.clone()).collect(),
    };
    let mut subjects = scenario.subjects();
    let ours = subjects.first().copied();
    subjects.retain(|subject| {
        Some(*subject) == ours || rows.iter().any(|row| row.anchor == Some(*subject))
    });
    let mut read: Vec<(&'static str, Vec<Readings>)> = subjects
        .iter()
        .map(|subject| (*subject, Vec::new()))
        .collect();
    let mut errors = Vec::new();
    if let Err(error) = scenario.prepare(&scale) {
        errors.push(format!("{error:#}"));
    }
    for round in 0..run.rounds.min(scenario.most_rounds()) {
        say::progress("bench", &format!("{name}, round {}", round + 1));
        let mut turns: Vec<_> = read.iter_mut().collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (subject, rounds) in turns {
            // What was under way has failed with its children; nothing further is begun.
            if process::is_interrupted() {
                bail!("interrupted");
            }
            match scenario.measure(subject, &scale) {
                Ok(readings) => rounds.push(readings),
                Err(error) => errors.push(format!("{subject}: {error:#}")),
            }
        }
    }
    if process::is_interrupted() {
        bail!("interrupted");
    }
    Ok(Measured::judge(name, read, rows, errors))
}

fn write(dir: &Path, run: Run, machine: &Machine, all: &[Measured]) -> Result<()> {
    let record = serde_json::to_string_pretty(&report::record(run, machine, all))
        .context("cannot write down the readings")?;
    for (name, text) in [
        ("benchmarks.md", report::page(run, machine, all)),
        ("benchmarks.json", record + "\n"),
        ("benchmarks.svg", chart::draw(all)),
    ] {
        let path = dir.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// The part of a name that is asked for; nothing asks for everything.
struct Wanted<'a>(&'a str);

impl Wanted<'_> {
    fn of(&self, scenario: &dyn Scenario) -> Vec<Row> {
        let name = scenario.name();
        let rows = scenario.rows();
        rows.into_iter()
            .filter(|row| format!("{name}: {}", row.reading).contains(self.0))
            .collect()
    }
}
