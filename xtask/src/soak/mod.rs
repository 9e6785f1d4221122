//! A long run of innocent and hostile programs through the real server on a real engine, with faults: every
//! call has one answer and the right one, and in the end the machine is as it was.
//!
//! What happens when is drawn from a seed; how long things take is the machine's.

mod audit;
mod chance;
mod machine;
mod programs;
mod run;
mod server;
mod sum;

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};

use crate::engine::{Afterwards, Engine};
use crate::places::Places;
use crate::{image, process, say};
use run::Run;

/// The package of the server's binary, and its name.
const SERVER: (&str, &str) = ("server-stdio", "mcp-python-stdio");

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many programs to run.
    #[arg(long, default_value_t = 300, value_name = "NUMBER")]
    runs: u64,
    /// Draw what happens from this number, as a run before printed it.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Begin no program after so many minutes.
    #[arg(long, default_value_t = 120, value_name = "NUMBER")]
    minutes: u64,
    /// How many programs run at once.
    #[arg(long, default_value_t = 4, value_name = "NUMBER")]
    at_once: usize,
    /// Leave a private engine that this command starts running.
    #[arg(long)]
    keep_engine: bool,
}

/// `cargo xtask soak`.
pub(crate) fn soak(places: &Places, args: &Args) -> Result<()> {
    let engine = provide(places, args)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = args
        .seed
        .unwrap_or_else(|| now.map_or(1, |now| u64::from(now.subsec_nanos())));
    let log = places.log("soak")?;
    say::progress(
        "soak",
        &format!(
            "{} programs from the seed {seed}; what happens is written to {}",
            args.runs,
            log.display()
        ),
    );
    let until = Instant::now() + Duration::from_secs(args.minutes.saturating_mul(60));
    let mut run = Run::begin(places, &engine, seed, &log)?;
    let broken = run.play(args.runs, args.at_once.max(1), until);
    if let Err(error) = broken {
        run.find(format!("the soak broke off: {error:#}"));
    }
    let sum = run
        .end()
        .context("cannot compare the machine with before")?;
    if sum.say() {
        return Ok(());
    }
    say::result(&format!(
        "It is drawn again with: cargo xtask soak --runs {} --seed {seed}",
        args.runs
    ));
    Err(say::Told.into())
}

/// Compiles the server while the engine and the image are made ready.
fn provide(places: &Places, args: &Args) -> Result<Engine> {
    thread::scope(|scope| {
        let engine = scope.spawn(|| {
            let engine = Engine::ensure(places, Afterwards::from_flag(args.keep_engine))?;
            image::ensure(places, &engine)?;
            anyhow::Ok(engine)
        });
        say::progress("soak", "compiling the server");
        let mut build = process::cargo(&places.workspace);
        let built = process::run(build.args(["build", "--package", SERVER.0, "--bins"]));
        let engine = engine
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the thread that provides the engine panicked")))?;
        built.map(|()| engine)
    })
}
