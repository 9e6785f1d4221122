//! The command line: which targets, for how long, and what is said of them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::run::{self, Report, Until};
use crate::target::Target;
use crate::targets;

/// Which targets to try, and with what.
#[derive(Debug, clap::Args)]
#[non_exhaustive]
pub struct Choice {
    /// Try only this target; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub target: Vec<String>,
    /// Give the target this one input.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Repeat the run that told this seed.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
}

/// The command line.
#[derive(Debug, clap::Parser)]
#[command(about = "Tries what foreign bytes reach with inputs that are nearly valid")]
#[non_exhaustive]
pub struct Args {
    /// What is tried.
    #[command(flatten)]
    pub choice: Choice,
    /// Spend this much time on all targets together.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub seconds: u64,
    /// Go on until so many messages were refused by the targets that take messages.
    #[arg(long, value_name = "COUNT")]
    pub messages: Option<u64>,
    /// Where inputs that break something are kept.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/fuzz-findings")]
    pub findings: PathBuf,
    /// Write the valid inputs of the target into this directory and try nothing.
    #[arg(long, value_name = "DIRECTORY")]
    pub seeds: Option<PathBuf>,
    /// Name the targets and try nothing.
    #[arg(long)]
    pub list: bool,
}

/// Does what the command line says.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    match go(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn go(args: &Args) -> Result<()> {
    let chosen = chosen(&args.choice.target)?;
    if args.list {
        for target in &chosen {
            say(&format!("{:<12} {}", target.name, target.about));
        }
        return Ok(());
    }
    match (&args.choice.input, &args.seeds, chosen.as_slice()) {
        (Some(file), _, [target]) => replay(target, file),
        (None, Some(directory), [target]) => export(target, directory),
        (None, None, _) => campaign(args, &chosen),
        _ => bail!("one target must be named with --target"),
    }
}

fn chosen(names: &[String]) -> Result<Vec<Target>> {
    if names.is_empty() {
        return Ok(targets::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            let found = targets::ALL.iter().find(|target| target.name == name);
            found.copied().with_context(|| {
                let known: Vec<_> = targets::ALL.iter().map(|target| target.name).collect();
                format!(
                    "there is no target `{name}`; there are {}",
                    known.join(", ")
                )
            })
        })
        .collect()
}

fn replay(target: &Target, file: &Path) -> Result<()> {
    let input = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    match run::attempt(target, &input) {
        Ok(tally) => {
            say(&format!(
                "{}: nothing breaks; {} accepted, {} rejected",
                target.name, tally.accepted, tally.rejected
            ));
            Ok(())
        }
        Err(breach) => bail!("`{}` breaks: {breach}", target.name),
    }
}

fn export(target: &Target, directory: &Path) -> Result<()> {
    let shown = directory.display();
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make `{shown}`"))?;
    for (number, seed) in (target.seeds)().iter().enumerate() {
        let file = directory.join(format!("seed-{number:03}"));
        std::fs::write(&file, seed).with_context(|| format!("cannot write into `{shown}`"))?;
    }
    Ok(())
}

/// How long a target that takes messages is tried before it is the next one's turn, in a run that counts messages.
const TURN: Duration = Duration::from_secs(5);

/// Tries all targets, and fails if one broke or took everything the same way.
fn campaign(args: &Args, chosen: &[Target]) -> Result<()> {
    let seed = args.choice.seed;
    say(&format!(
        "generated inputs, without coverage guidance; the seed is {seed}"
    ));
    let mut tried: Vec<(Target, Report)> = Vec::new();
    let (counted, timed): (Vec<Target>, Vec<Target>) = chosen
        .iter()
        .partition(|target| args.messages.is_some() && target.takes_messages);
    if let Some(messages) = args.messages {
        tried.extend(in_turns(&counted, seed, messages)?);
    }
    let share = Duration::from_secs(args.seconds) / u32::try_from(timed.len()).unwrap_or(1).max(1);
    for target in timed {
        let report = turn(&target, seed, 0, share)?;
        tried.push((target, report));
    }
    say(
        "target           inputs   per second   accepted   rejected   share   slowest   peak memory",
    );
    let mut faults = Vec::new();
    let (mut refused, mut taken) = (0, 0);
    for (target, report) in &tried {
        say(&row(target, report));
        if target.takes_messages {
            refused += report.tally.rejected;
            taken += report.tally.accepted;
        }
        faults.extend(fault(target, report, args)?);
    }
    say(&format!(
        "messages of clients: {refused} refused, {taken} taken, nearly all of them changed from valid ones"
    ));
    if faults.is_empty() {
        return Ok(());
    }
    bail!(
        "{} of {} targets broke:\n{}",
        faults.len(),
        chosen.len(),
        faults.join("\n")
    )
}

/// Tries targets in turns until they have refused so many messages together, or one breaks.
fn in_turns(targets: &[Target], seed: u64, messages: u64) -> Result<Vec<(Target, Report)>> {
    let mut tried: Vec<_> = targets
        .iter()
        .map(|target| (*target, Report::default()))
        .collect();
    let mut refused = 0;
    while refused < messages && !tried.is_empty() {
        for (target, report) in &mut tried {
            let more = turn(target, seed, report.next, TURN)?;
            refused += more.tally.rejected;
            let broke = more.failure.is_some();
            report.add(more);
            if broke {
                return Ok(tried);
            }
            if refused >= messages {
                break;
            }
        }
        progress(&format!("{refused} of {messages} messages refused"));
    }
    Ok(tried)
}

/// Tries one target for a while.
fn turn(target: &Target, seed: u64, first: u64, time: Duration) -> Result<Report> {
    let name = target.name;
    progress(&format!("{name} from input {first} on"));
    let until = Until {
        first,
        inputs: u64::MAX,
        time,
    };
    let tell = |report: &Report| {
        progress(&format!(
            "{name}: {} inputs, {} rejected",
            report.inputs, report.tally.rejected
        ));
    };
    run::run(target, seed, until, &tell).context("cannot start a thread")
}

/// Progress is for those who watch.
fn progress(line: &str) {
    // Nobody may be watching.
    let _ = writeln!(std::io::stderr().lock(), "  … {line}");
}

/// What is wrong with a target, if anything is; an input that breaks it is kept.
fn fault(target: &Target, report: &Report, args: &Args) -> Result<Option<String>> {
    let name = target.name;
    if let Some(failure) = &report.failure {
        let directory = &args.findings;
        let shown = directory.display();
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make `{shown}`"))?;
        let stem = format!("{name}-{}-{}", args.choice.seed, failure.index);
        let file = directory.join(stem);
        let keep = |bytes: &[u8]| {
            std::fs::write(&file, bytes).with_context(|| format!("cannot write into `{shown}`"))
        };
        keep(&failure.input)?;
        if failure.breach.0.starts_with("took longer") {
            // Trying it again would take as long again.
        } else {
            keep(&run::shrink(target, &failure.input))?;
        }
        return Ok(Some(format!(
            "  {name}: {}\n    again: cargo xtask fuzz --target {name} --input {}",
            failure.breach,
            file.display()
        )));
    }
    Ok(is_one_sided(report).then(|| {
        format!("  {name}: it takes, or refuses, next to everything, so nothing is tried behind its first check")
    }))
}

/// Whether nearly all was taken the same way.
fn is_one_sided(report: &Report) -> bool {
    let (taken, refused) = (report.tally.accepted, report.tally.rejected);
    // A run that was too short says nothing.
    taken + refused >= 1000 && taken.min(refused) * 1000 < taken + refused
}

fn row(target: &Target, report: &Report) -> String {
    let seconds = report.elapsed.as_secs_f64().max(0.001);
    let all = (report.tally.accepted + report.tally.rejected).max(1);
    let peak = report.peak_kib.map_or_else(
        || "unknown".to_owned(),
        |kib| format!("{} MiB", kib.div_ceil(1024)),
    );
    format!(
        "{:<12} {:>10} {:>12.0} {:>10} {:>10} {:>5} % {:>6} ms {:>13}",
        target.name,
        report.inputs,
        as_f64(report.inputs) / seconds,
        report.tally.accepted,
        report.tally.rejected,
        report.tally.rejected * 100 / all,
        report.slowest.as_millis(),
        peak,
    )
}

/// A count as a number to divide; counts of a run are far below 2⁵².
fn as_f64(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

fn say(line: &str) {
    // A closed standard output is no reason to give up a run.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Tally;

    #[test]
    fn targets_are_found_by_their_names() {
        assert_eq!(chosen(&[]).unwrap().len(), targets::ALL.len());
        assert_eq!(chosen(&["http".to_owned()]).unwrap()[0].name, "http");
        assert!(
            chosen(&["htp".to_owned()])
                .unwrap_err()
                .to_string()
                .contains("http")
        );
    }

    #[test]
    fn a_target_that_takes_everything_is_suspicious() {
        let check = |accepted, rejected, expected: bool| {
            let tally = Tally { accepted, rejected };
            let report = Report {
                tally,
                ..Report::default()
            };
            assert_eq!(is_one_sided(&report), expected, "{accepted} {rejected}");
        };
        check(0, 1000, true);
        check(5000, 1, true);
        check(900, 100, false);
        check(0, 10, false);
    }

    #[test]
    fn a_large_count_is_still_a_number() {
        assert_eq!(as_f64(10_000_000_000).to_string(), "10000000000");
    }
}
