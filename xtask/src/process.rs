//! Running foreign commands: shown, logged or read, with errors that name the command.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::places::variable;
use crate::say;

/// How many lines of a log an error quotes.
const QUOTED_LINES: usize = 15;

/// Keeps the servers' settings in this person's environment from a command: what a chore shows and
/// tests is the same on every machine.
pub(crate) fn without_server_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MCP_PYTHON_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command whose output the person sees.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a noisy command with its output in a file; an error quotes the file's end.
pub(crate) fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let also = file
        .try_clone()
        .with_context(|| format!("cannot write `{}`", log.display()))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(also)
        .status()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!(
            "{} ended with {status}; the end of `{}` is:\n{}",
            shown(command),
            log.display(),
            tail(log)
        );
    }
    Ok(())
}

/// Runs a command, hands each line of its standard error to `line`, and keeps nothing else.
pub(crate) fn run_watched(command: &mut Command, mut line: impl FnMut(&str)) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if let Some(stderr) = child.stderr.take() {
        for bytes in BufReader::new(stderr).split(b'\n') {
            let bytes = bytes.context("cannot read a command's output")?;
            line(String::from_utf8_lossy(&bytes).trim_end());
        }
    }
    let status = child.wait().context("cannot wait for a command")?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and returns what it wrote to standard output; an error has its standard error.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!(
            "{} ended with {}: {}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Finds a program on the search path, the administrator's directories included.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}

/// The cargo that runs this chore.
///
/// It does not hear which package the chore is of: build scripts that ask for such variables would
/// run again, and half a minute of C code with them, whenever somebody had called cargo directly.
pub(crate) fn cargo(workspace: &Path) -> Command {
    let mut command = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|of| name.starts_with(of))
        {
            command.env_remove(&*name);
        }
    }
    command
}

/// The last lines of a log, indented for an error message.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(QUOTED_LINES);
    lines
        .iter()
        .skip(from)
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Waits before something is looked at again.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask has no runtime whose worker could be blocked"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Lets a chore clean up after Ctrl-C: the terminal ends its children, and with them the chore.
pub(crate) fn outlive_interrupts() {
    let installed = ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::Relaxed);
        say::progress("xtask", "interrupted; cleaning up");
    });
    if installed.is_err() {
        say::progress(
            "xtask",
            "cannot watch for interrupts; Ctrl-C will end at once",
        );
    }
}

/// Whether somebody has pressed Ctrl-C: for chores that would go on without the child that has ended.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn shown(command: &Command) -> String {
    let words: Vec<&OsStr> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .collect();
    let mut text = words
        .iter()
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    // Long enough to recognise the command, short enough for one line.
    if let Some((cut, _)) = text.char_indices().nth(160) {
        text.truncate(cut);
        text.push('…');
    }
    format!("`{text}`")
}
