//! A long run of innocent and hostile programs through the real server on a real engine, with faults: every
//! call has one answer and the right one, and in the end the machine is as it was.
//!
//! What happens when is drawn from a seed; how long things take is the machine's.

mod audit;
mod chance;
mod machine;
mod outside;
mod programs;
mod run;
mod server;
mod sum;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use crate::engine::Afterwards;
use crate::places::Places;
use crate::say;
use run::Run;

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
    let engine = crate::server::provide(places, "soak", Afterwards::from_flag(args.keep_engine))?;
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
