//! The catalogue of attacks, tried on the real server: what a program does must fail in the sandbox
//! and succeed in a deliberately weak container, or it proves nothing.
//!
//! The catalogue is in [`catalogue`]; `docs/attacks.md` is made from it and from a complete run.

mod abroad;
mod browsers;
mod case;
mod catalogue;
mod evidence;
mod group;
mod held;
mod installs;
mod judge;
mod limits;
mod listeners;
mod neighbours;
mod peers;
mod program;
mod scene;
mod servers;
mod stage;
mod subject;
mod table;
mod watch;
mod ways_out;
mod weak;
mod world;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::engine::{Afterwards, Engine};
use crate::places::Places;
use crate::{say, server};
use scene::{Controls, Outcome};
use servers::Servers;
use stage::Stage;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only attacks whose id contains this; may be given several times.
    #[arg(long, value_name = "PART")]
    filter: Vec<String>,
    /// Only the short set, which takes a minute.
    #[arg(long)]
    short: bool,
    /// The runtime of the sandboxes; the engine's own without it.
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,
    /// Try all of it so often, and fail where a verdict is not the same every time.
    #[arg(long, default_value_t = 1, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=20))]
    times: u32,
    /// List the catalogue instead of trying it.
    #[arg(long)]
    list: bool,
    /// Leave a private engine that this command starts running.
    #[arg(long)]
    keep_engine: bool,
}

/// `cargo xtask attack`.
pub(crate) fn attack(places: &Places, args: &Args) -> Result<()> {
    if args.list {
        table::list();
        return Ok(());
    }
    let started = Instant::now();
    let engine = server::provide(places, "attack", Afterwards::from_flag(args.keep_engine))?;
    let outcomes = play(places, &engine, args)?;
    if outcomes.is_empty() {
        bail!("no attack has such an id; `cargo xtask attack --list` names them");
    }
    let mut changed = Vec::new();
    for time in 2..=args.times {
        say::progress("attack", &format!("once more, {time} of {}", args.times));
        changed.extend(scene::differences(&outcomes, &play(places, &engine, args)?));
    }
    conclude(places, args, &outcomes, &changed)?;
    say::progress(
        "attack",
        &format!("done in {}", say::seconds(started.elapsed())),
    );
    Ok(())
}

/// Tries the short set on the server as it was compiled last; how many promises stood, and how many did not.
pub(crate) fn short(places: &Places, engine: &Engine) -> Result<(usize, usize)> {
    let args = Args {
        filter: Vec::new(),
        short: true,
        runtime: None,
        times: 1,
        list: false,
        keep_engine: false,
    };
    let outcomes = play(places, engine, &args)?;
    say::result(&table::sum(&outcomes));
    let stood = outcomes.iter().filter(|outcome| outcome.verdict.is_good());
    let stood = stood.count();
    Ok((stood, outcomes.len().saturating_sub(stood)))
}

/// Tries what `args` choose.
fn play(places: &Places, engine: &Engine, args: &Args) -> Result<Vec<Outcome>> {
    let stage = Stage::set(places, engine, args.runtime.clone())?;
    let mut servers = Servers::default();
    let mut outcomes = Vec::new();
    for scene in catalogue::SCENES {
        let cases = scene.chosen(&args.filter);
        if cases.is_empty() || (args.short && !scene.short) {
            continue;
        }
        say::progress("attack", &format!("{} ({})", scene.name, cases.len()));
        let played = scene.play(&stage, &mut servers, &cases);
        for outcome in &played {
            table::say(outcome);
        }
        // After a scene that nobody could judge the server may be in any state.
        if played
            .iter()
            .any(|outcome| matches!(outcome.verdict, case::Verdict::Unclear(_)))
        {
            servers.give_up();
        }
        outcomes.extend(played);
    }
    servers.stop(&stage)?;
    Ok(outcomes)
}

/// Says the sum, writes the page after a complete run, and fails if a promise does not stand.
fn conclude(places: &Places, args: &Args, outcomes: &[Outcome], changed: &[String]) -> Result<()> {
    say::result(&table::sum(outcomes));
    let mut defects: Vec<String> = held::defects(&places.workspace)
        .iter()
        .map(|defect| format!("no test holds {defect}"))
        .collect();
    defects.extend_from_slice(changed);
    // A page tells of one runtime and of all attacks; so does the share of the controls.
    let is_complete = args.filter.is_empty() && !args.short;
    let controls = Controls::of(outcomes);
    if is_complete && !controls.are_enough() {
        defects.push(format!("too few controls succeeded: {controls}"));
    }
    for defect in &defects {
        say::result(defect);
    }
    if !defects.is_empty() || outcomes.iter().any(|outcome| !outcome.verdict.is_good()) {
        return Err(say::Told.into());
    }
    match table::Page::of(args.runtime.as_deref().unwrap_or("runc")) {
        Some(page) if is_complete => page.write(places, outcomes),
        _ => Ok(()),
    }
}
