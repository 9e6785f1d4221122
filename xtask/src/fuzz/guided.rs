//! The same targets under libFuzzer, which follows the coverage: it needs a nightly toolchain for its instrumentation, and a
//! C++ compiler for itself. Its project lies in the build directory, with a lock file made from the workspace's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::places::Places;
use crate::{process, say};

/// What libFuzzer wants to see of the code (the flags of cargo-fuzz).
const INSTRUMENTED: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/// The binding to libFuzzer, which brings its source.
const LIBFUZZER: &str = "0.4.10";

/// The longest input that it makes: long ones are the plain run's business.
const MAX_BYTES: u32 = 16 * 1024;

/// A built fuzzer.
#[derive(Debug)]
pub(super) struct Guided {
    binary: PathBuf,
    project: PathBuf,
    toolchain: String,
}

impl Guided {
    /// Builds it, if this machine has what that needs.
    pub(super) fn find(places: &Places) -> Result<Option<Self>> {
        let Some((toolchain, host)) = nightly() else {
            return Ok(None);
        };
        if process::find("c++").is_none() {
            return Ok(None);
        }
        say::progress(
            "fuzz",
            &format!("compiling the targets with {toolchain}, instrumented"),
        );
        let project = places.target().join("guided");
        write_project(&places.workspace, &project)?;
        let log = places.log("fuzz-guided-build")?;
        let mut cargo = Command::new("rustup");
        cargo
            .args([
                "run",
                "nightly",
                "cargo",
                "build",
                "--release",
                "--target",
                &host,
            ])
            .current_dir(&project)
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("CARGO_TARGET_DIR", project.join("target"))
            .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTED.join("\u{1f}"));
        process::run_logged(&mut cargo, &log).context("the instrumented targets do not compile")?;
        let binary = project
            .join("target")
            .join(&host)
            .join("release")
            .join("guided");
        Ok(Some(Self {
            binary,
            project,
            toolchain,
        }))
    }

    /// Tries each of these targets for its share of the time.
    pub(super) fn run(
        &self,
        places: &Places,
        targets: &[String],
        seed: u64,
        seconds: u64,
    ) -> Result<()> {
        say::result(&format!(
            "coverage-guided inputs (libFuzzer, {}); the seed is {seed}",
            self.toolchain
        ));
        say::result("target           inputs   edges and features   corpus");
        let count = u64::try_from(targets.len()).unwrap_or(u64::MAX).max(1);
        let share = (seconds / count).max(1);
        let mut broken = false;
        for target in targets {
            broken |= !self.one(places, target, seed, share)?;
        }
        if broken {
            return Err(say::Told.into());
        }
        Ok(())
    }

    /// Tries one target; whether nothing broke.
    fn one(&self, places: &Places, target: &str, seed: u64, seconds: u64) -> Result<bool> {
        let make = |kind: &str| -> Result<PathBuf> {
            let path = self.project.join(kind).join(target);
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot make `{}`", path.display()))?;
            Ok(path)
        };
        let (corpus, seeds) = (make("corpus")?, make("seeds")?);
        let findings = places.target().join("fuzz-findings");
        fs::create_dir_all(&findings)
            .with_context(|| format!("cannot make `{}`", findings.display()))?;
        // libFuzzer takes 32 bits and no 0.
        let seed = seed % u64::from(u32::MAX) + 1;
        let log = places.log(&format!("fuzz-guided-{target}"))?;
        let mut command = Command::new(&self.binary);
        command
            .env("FUZZ_TARGET", target)
            .env("FUZZ_SEEDS", &seeds)
            .arg(format!("-seed={seed}"))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={MAX_BYTES}"))
            .args(["-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/{target}-", findings.display()))
            .args([&corpus, &seeds])
            .stdin(Stdio::null());
        process::without_server_settings(&mut command);
        let outcome = process::run_logged(&mut command, &log);
        let text = fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        say::result(&row(target, &text));
        let Err(error) = outcome else {
            return Ok(true);
        };
        match finding(&text) {
            Some((breach, file)) => say::result(&format!(
                "  {target}: {breach}\n    again: cargo xtask fuzz --target {target} --input {file}"
            )),
            None => say::result(&format!("  {target}: {error:#}")),
        }
        Ok(false)
    }
}

/// The nightly toolchain and the machine that it is for.
fn nightly() -> Option<(String, String)> {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "rustc", "-vV"])
        .env_remove("RUSTUP_TOOLCHAIN");
    let told = process::read(&mut command).ok()?;
    let name = told.lines().next()?.to_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "))?;
    Some((name, host.to_owned()))
}

fn write_project(workspace: &Path, project: &Path) -> Result<()> {
    let shown = project.display();
    fs::create_dir_all(project).with_context(|| format!("cannot make `{shown}`"))?;
    let targets = workspace.join("crates/fuzz-targets");
    let manifest = format!(
        "[package]\nname = \"guided\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n\
         [dependencies]\nfuzz-targets = {{ path = {targets:?} }}\nlibfuzzer-sys = \"{LIBFUZZER}\"\n\n\
         [[bin]]\nname = \"guided\"\npath = {main:?}\n\n\
         [profile.release]\ndebug-assertions = true\noverflow-checks = true\n",
        main = targets.join("guided/main.rs"),
    );
    let file = project.join("Cargo.toml");
    // An unchanged manifest stays as it is, or everything would be built again.
    if fs::read_to_string(&file).ok().as_deref() != Some(&manifest) {
        fs::write(&file, manifest).with_context(|| format!("cannot write into `{shown}`"))?;
    }
    // The versions are the workspace's; what libFuzzer needs comes on top.
    let lock = project.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(workspace.join("Cargo.lock"), lock)
            .with_context(|| format!("cannot write into `{shown}`"))?;
    }
    Ok(())
}

/// What libFuzzer said last, in a line.
fn row(target: &str, text: &str) -> String {
    let stat = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or("?").trim().to_owned()
    };
    let last = text
        .lines()
        .rev()
        .find(|line| line.contains(" cov: "))
        .unwrap_or_default();
    let mut words = last.split_whitespace();
    let mut after = |word: &str| {
        words
            .by_ref()
            .skip_while(|found| *found != word)
            .nth(1)
            .unwrap_or("?")
    };
    let (edges, features, corpus) = (after("cov:"), after("ft:"), after("corp:"));
    format!(
        "{target:<12} {:>10} {edges:>10} {features:>10} {corpus:>10}",
        stat("stat::number_of_executed_units:")
    )
}

/// What broke, and the file with the input that broke it.
fn finding(text: &str) -> Option<(&str, &str)> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.contains(" panicked at "));
    let breach = lines.nth(1)?;
    let (_, file) = lines.find_map(|line| line.split_once("Test unit written to "))?;
    Some((breach, file.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_is_put_into_a_line() {
        let text = "#2\tINITED cov: 10 ft: 11 corp: 1/4b exec/s: 0 rss: 30Mb\n\
                    #9\tDONE   cov: 120 ft: 250 corp: 31/900b lim: 16 exec/s: 9 rss: 40Mb\n\
                    stat::number_of_executed_units: 4711\n";
        assert_eq!(
            row("line", text),
            "line               4711        120        250    31/900b"
        );
        assert_eq!(
            row("line", "nothing"),
            "line                  ?          ?          ?          ?"
        );
    }

    #[test]
    fn what_broke_is_found_with_its_input() {
        let text = "INFO: Seed: 1\n\nthread '<unnamed>' (7) panicked at main.rs:35:9:\na batch of 129\nnote: run with\n\
                    ==7== ERROR: libFuzzer: deadly signal\n\
                    artifact_prefix='/t/batch-'; Test unit written to /t/batch-crash-0a\nBase64: W10=\n";
        assert_eq!(finding(text), Some(("a batch of 129", "/t/batch-crash-0a")));
        assert_eq!(finding("ERROR: libFuzzer: out-of-memory"), None);
    }
}
