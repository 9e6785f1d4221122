//! `cargo xtask bench`: ours beside others, interleaved, in one run, with bounds.
//!
//! | module | concern |
//! |---|---|
//! | `scenario` | what a measurement is |
//! | `talk`, `streams`, `start` | the measurements |
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
mod scenario;
mod start;
mod stats;
mod streams;
mod subject;
mod talk;
mod usage;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::engine::{Afterwards, Engine};
use crate::places::{Places, make_dir};
use crate::{image, process, say};
use judge::Measured;
use machine::Machine;
use message::Era;
use report::Run;
use scenario::{Readings, Row, Scale, Scenario};
use start::{PYTHON, Product, Start};
use streams::Streams;
use subject::{Output, Subject};
use talk::{Talk, Transport};

/// What `cargo xtask bench` may be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the rows whose name, or whose scenario's, contains this.
    #[arg(long, value_name = "PATTERN")]
    rows: Option<String>,
    /// How often everything is measured; the medians count.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
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
        rounds: usize::from(args.rounds),
        quick: args.quick,
    };
    let wanted = Wanted(args.rows.as_deref().unwrap_or_default());
    let mut all = Vec::new();
    let built = places.built_for_release();
    // The product alone wants an engine, and the image that its sandboxes are made of.
    let wants_product = products(&built, None)
        .iter()
        .any(|scenario| !wanted.of(scenario.as_ref()).is_empty());
    let engine = wants_product
        .then(|| image::on_engine(places, Afterwards::Stop))
        .transpose()?;
    let scenarios = echoes(&built)
        .into_iter()
        .chain(products(&built, engine.as_ref()));
    for scenario in scenarios {
        let rows = wanted.of(scenario.as_ref());
        if rows.is_empty() {
            continue;
        }
        let measured = measure(scenario.as_ref(), rows, run);
        for line in report::lines(&measured) {
            say::result(&line);
        }
        all.push(measured);
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

/// The product's own servers, beside the start of a Python.
fn products(built: &Path, engine: Option<&Engine>) -> Vec<Box<dyn Scenario>> {
    let mut environment = Command::new("");
    environment.env("MCP_PYTHON_IMAGE", image::IMAGE);
    if let Some(engine) = engine {
        engine.point(&mut environment);
    }
    let stdio = Subject::new("ours", built.join("mcp-python-stdio"), &[]);
    let bind = ["--bind", "127.0.0.1:0"];
    let http = Subject::new("ours", built.join("mcp-python-sse"), &bind)
        .saying_its_address_on(Output::Log);
    let python = Subject::new(PYTHON, python(), &["-I", "-c", "pass"]);
    [(Transport::Stdio, stdio), (Transport::Http, http)]
        .map(|(transport, server)| {
            let server = server.in_environment_of(&environment);
            let subjects = vec![server, python.clone()];
            Box::new(Product {
                transport,
                subjects,
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

/// Measures all subjects of a scenario, in turn, in every round; their order changes from round to round, so that none
/// always has the other's leavings.
fn measure(scenario: &dyn Scenario, rows: Vec<Row>, run: Run) -> Measured {
    let name = scenario.name();
    let scale = Scale { quick: run.quick };
    let subjects = scenario.subjects();
    let mut read: Vec<(&'static str, Vec<Readings>)> = subjects
        .iter()
        .map(|subject| (subject.name, Vec::new()))
        .collect();
    let mut errors = Vec::new();
    for round in 0..run.rounds {
        say::progress("bench", &format!("{name}, round {}", round + 1));
        let mut turns: Vec<_> = subjects.iter().zip(&mut read).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (subject, (_, rounds)) in turns {
            match scenario.measure(subject, &scale) {
                Ok(readings) => rounds.push(readings),
                Err(error) => errors.push(format!("{}: {error:#}", subject.name)),
            }
        }
    }
    Measured::judge(name, read, rows, errors)
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
