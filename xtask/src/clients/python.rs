//! Clients from PyPI, each in a virtual environment of its own.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::places::Places;
use crate::process;

/// A client: the directory it lies in, and what pip is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) directory: &'static str,
    pub(super) requirements: &'static [&'static str],
}

/// The official SDK from its first release to its newest, and what is built on it.
pub(super) const CLIENTS: &[Client] = &[
    client("python-1.0.0", &["mcp==1.0.0"]),
    // These two do not know later releases of pydantic yet.
    client("python-1.9.4", &["mcp==1.9.4", "pydantic<2.12"]),
    client("python-1.12.4", &["mcp==1.12.4", "pydantic<2.12"]),
    client("python-1.30.0", &["mcp==1.30.0"]),
    client("python-2.3.0", &["mcp==2.3.0"]),
    client("fastmcp-4.1.1", &["fastmcp==4.1.1"]),
];

const fn client(directory: &'static str, requirements: &'static [&'static str]) -> Client {
    Client {
        directory,
        requirements,
    }
}

/// Whether this machine's Python can make virtual environments.
pub(super) fn has_venv() -> bool {
    process::read(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok()
}

/// Installs a client into `dir`, which is empty.
pub(super) fn install(places: &Places, dir: &Path, client: Client) -> Result<()> {
    let log = places.log(&format!("client-{}", client.directory))?;
    process::run_logged(Command::new("python3").args(["-m", "venv"]).arg(dir), &log)?;
    let mut pip = Command::new(dir.join("bin").join("python"));
    // Most of what comes along is never imported: compiling it all would cost more than it saves.
    pip.args(["-m", "pip", "install", "--quiet", "--no-compile"])
        .arg("--disable-pip-version-check")
        .args(client.requirements);
    process::run_logged(&mut pip, &log)
}
