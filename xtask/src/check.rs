//! The static gate: what can be said of the source without running it.
//!
//! Every check runs, whatever the others say; what could not run is counted and named.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::places::{Places, make_dir};
use crate::{process, say, tidy};

/// The release of cargo-deny that reads our `deny.toml`.
const CARGO_DENY: &str = "0.20.2";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only these checks.
    #[arg(value_enum)]
    only: Vec<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Check {
    /// The formatter has nothing to change.
    Fmt,
    /// Map, file sizes, headings: the rules of this repository that no other tool knows.
    Tidy,
    /// The compiler and clippy have nothing to say.
    Clippy,
    /// The documentation builds without a warning.
    Doc,
    /// Licences, sources and versions of the dependencies are what `deny.toml` allows.
    Deny,
    /// No dependency has a published vulnerability.
    Advisories,
}

/// In the order of their cost.
const ALL: [Check; 6] = [
    Check::Fmt,
    Check::Tidy,
    Check::Clippy,
    Check::Doc,
    Check::Deny,
    Check::Advisories,
];

/// How a check ended that did not fail.
#[derive(Debug)]
enum Verdict {
    Passed,
    Skipped { why: String },
}

/// `cargo xtask check`.
pub(crate) fn check(places: &Places, args: &Args) -> Result<()> {
    let (mut passed, mut failed, mut skipped) = (0_u32, 0_u32, 0_u32);
    for check in ALL {
        if !args.only.is_empty() && !args.only.contains(&check) {
            continue;
        }
        let name = format!("{check:?}").to_lowercase();
        say::progress("check", &format!("{name} …"));
        let started = Instant::now();
        let outcome = run(places, check);
        let took = say::seconds(started.elapsed());
        match outcome {
            Ok(Verdict::Passed) => {
                passed += 1;
                say::progress("check", &format!("{name} passed in {took}"));
            }
            Ok(Verdict::Skipped { why }) => {
                skipped += 1;
                say::result(&format!("SKIPPED: {name}: {why}"));
            }
            Err(error) => {
                failed += 1;
                say::failure(&error.context(format!("the check `{name}` failed")));
            }
        }
    }
    say::result(&format!(
        "{passed} checks passed, {failed} failed, {skipped} skipped"
    ));
    if failed > 0 {
        return Err(say::Told.into());
    }
    Ok(())
}

fn run(places: &Places, check: Check) -> Result<Verdict> {
    let mut cargo = process::cargo(&places.workspace);
    match check {
        Check::Fmt => process::run(cargo.args(["fmt", "--all", "--check"]))?,
        Check::Tidy => tidy::check(&places.workspace)?,
        Check::Clippy => process::run(
            cargo
                .args(["clippy", "--workspace", "--all-targets"])
                .args(["--", "--deny", "warnings"]),
        )?,
        Check::Doc => process::run(
            cargo
                .args(["doc", "--workspace", "--no-deps"])
                .env("RUSTDOCFLAGS", "--deny warnings"),
        )?,
        Check::Deny => process::run(cargo_deny(places)?.args([
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]))?,
        Check::Advisories => return advisories(places),
    }
    Ok(Verdict::Passed)
}

/// Looks the dependencies up in the advisory database, which lies in a Git repository elsewhere.
fn advisories(places: &Places) -> Result<Verdict> {
    match process::read(cargo_deny(places)?.args(["check", "--hide-inclusion-graph", "advisories"]))
    {
        Ok(_) => Ok(Verdict::Passed),
        Err(error) if is_unreachable(&error.to_string()) => Ok(Verdict::Skipped {
            why: "the advisory database cannot be fetched from here".to_owned(),
        }),
        Err(error) => Err(error),
    }
}

fn is_unreachable(message: &str) -> bool {
    message.contains("failed to fetch advisory database")
        || message.contains("failed to load advisory database")
}

/// The cargo-deny of our release, compiled on first use.
fn cargo_deny(places: &Places) -> Result<Command> {
    let root = places
        .cache
        .join("tools")
        .join(format!("cargo-deny-{CARGO_DENY}"));
    let program = root.join("bin").join("cargo-deny");
    if !program.exists() {
        install_cargo_deny(places, &root)?;
    }
    let mut command = Command::new(&program);
    command.current_dir(&places.workspace).args([
        "--workspace",
        "--all-features",
        "--log-level",
        "warn",
    ]);
    Ok(command)
}

fn install_cargo_deny(places: &Places, root: &Path) -> Result<()> {
    say::progress(
        "check",
        &format!("installing cargo-deny {CARGO_DENY}; compiling it takes some minutes, once"),
    );
    make_dir(root)?;
    let log: PathBuf = places.log("cargo-deny")?;
    let mut compiled = 0_u32;
    let mut last = String::new();
    let mut command = process::cargo(&places.workspace);
    command
        .args([
            "install",
            "--locked",
            "cargo-deny",
            "--version",
            CARGO_DENY,
            "--root",
        ])
        .arg(root)
        // Our own flags and target directory would only make it compile twice.
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS");
    process::run_watched(&mut command, |line| {
        if line.trim_start().starts_with("Compiling") {
            compiled += 1;
            if compiled.is_multiple_of(50) {
                say::progress("check", &format!("cargo-deny: {compiled} crates compiled"));
            }
        }
        last.push_str(line);
        last.push('\n');
    })
    .with_context(|| {
        // The log is for the person; a failure to write it must not hide the one that matters.
        let _ = std::fs::write(&log, &last);
        format!(
            "failed to install cargo-deny; its output is in `{}`",
            log.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vulnerability_is_not_taken_for_a_missing_database() {
        assert!(is_unreachable(
            "[ERROR] failed to fetch advisory database https://…"
        ));
        assert!(!is_unreachable(
            "error[vulnerability]: use after free in `x`"
        ));
    }
}
