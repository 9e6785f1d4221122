//! Foreign MCP clients from PyPI and npm, which the tests let call our servers.
//!
//! Each lies in a directory of its own under the cache, is installed once, and is found by the
//! tests through `EXECUTOR_TEST_CLIENTS`; `docs/testing.md` has the layout. What they are asked
//! to do, and whether they saw what they should, is the tests' business.

mod python;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, anyhow};

use crate::node::Node;
use crate::places::{Places, make_dir};
use crate::{install, say};

/// The TypeScript SDK of the old era, the client package of the new one, and MCP Inspector for its command line.
const NODE_PACKAGES: &[&str] = &[
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/inspector@2.12.0",
];
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
    if !python::has_venv() {
        install::packages(
            places,
            &["python3", "python3-venv"],
            "installing test clients",
        )?;
    }
    thread::scope(|scope| {
        let mut installs = vec![scope.spawn(|| from_npm(places, &root.join("node")))];
        for client in python::CLIENTS {
            let dir = root.join(client.directory);
            installs.push(scope.spawn(move || {
                let what = client.requirements.join(" ");
                once(&dir, &what, || python::install(places, &dir, *client))
            }));
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

/// The packages from npm beside each other, and a `bin/node` that runs them.
fn from_npm(places: &Places, dir: &Path) -> Result<()> {
    let node = Node::ensure(places)?;
    // Another Node is another installation: the link must lead to the one that is there.
    let what = format!(
        "{} for {}",
        NODE_PACKAGES.join(" "),
        node.program().display()
    );
    once(dir, &what, || {
        make_dir(&dir.join("bin"))?;
        std::os::unix::fs::symlink(node.program(), dir.join("bin").join("node"))
            .context("cannot link `node`")?;
        node.install(dir, NODE_PACKAGES, &places.log("client-node")?)
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
