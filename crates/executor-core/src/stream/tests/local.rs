//! The real runner as a process of this machine: not process 1, and told so. It needs a `python3`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::process::Child;

use crate::backend::SandboxStream;
use crate::limits::ResultLimits;
use crate::output::OutputStream;
use crate::runner;
use crate::stream::{
    Item, Link, LinkEvent, LinkSettings, Report, RunCommand, StreamError, Surroundings,
};

/// A runner, and what it wrote where.
pub(super) struct Local {
    pub(super) link: Link,
    pub(super) process: Child,
    pub(super) directory: TempDir,
}

/// All that a run told.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) notes: Vec<String>,
    pub(super) report: Report,
    pub(super) items: Vec<Item>,
    /// What was said of displays while the program ran.
    pub(super) said: Vec<String>,
}

impl Finished {
    pub(super) fn out(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub(super) fn err(&self) -> &str {
        std::str::from_utf8(&self.stderr).unwrap()
    }
}

impl Local {
    pub(super) async fn boot() -> Self {
        Self::boot_with(|surroundings| surroundings).await
    }

    /// As [`boot`](Self::boot), in other surroundings.
    pub(super) async fn boot_with(change: impl FnOnce(Surroundings) -> Surroundings) -> Self {
        Self::boot_in(tempfile::tempdir().unwrap(), change).await
    }

    /// The same, with a directory that is there.
    pub(super) async fn boot_in(
        directory: TempDir,
        change: impl FnOnce(Surroundings) -> Surroundings,
    ) -> Self {
        let surroundings = change(Surroundings::of(0, directory.path().to_str().unwrap()));
        let text = runner::Runner::default().code();
        Self::boot_of(text, directory, &surroundings).await.unwrap()
    }

    /// With the process that becomes the program in its place already, as long as the order is for this directory.
    pub(super) async fn boot_placed() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let order = placed(RunCommand::program(0), directory.path());
        let order = order.results(ResultLimits::default());
        let local = Self::boot_in(directory, |surroundings| surroundings.expecting(order)).await;
        let in_place = || {
            local.children().split_whitespace().any(|child| {
                std::fs::read_link(format!("/proc/{child}/cwd"))
                    .is_ok_and(|place| place == local.directory.path())
            })
        };
        while !in_place() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        local
    }

    /// The processes that the runner has started, as the kernel names them.
    pub(super) fn children(&self) -> String {
        let process = self.process.id().unwrap();
        std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap()
    }

    /// The same, from a runner in this form.
    pub(super) async fn boot_of(
        runner: Bytes,
        directory: TempDir,
        surroundings: &Surroundings,
    ) -> Result<Self, StreamError> {
        let mut command = tokio::process::Command::new(python());
        command
            .args(runner::command("").into_iter().skip(1))
            .arg("unconfined");
        command
            .env("PASSED", "from process 1")
            .env("HIDDEN", "secret");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let stream = SandboxStream::new(
            process.stdout.take().unwrap(),
            process.stdin.take().unwrap(),
        );
        let (link, ready) =
            Link::boot(stream, LinkSettings::default(), surroundings, runner).await?;
        assert!(!ready.confined);
        Ok(Self {
            link,
            process,
            directory,
        })
    }

    /// A program with the usual surroundings of these tests.
    pub(super) fn program(&self, text: &str) -> RunCommand {
        self.surround(RunCommand::program(text.len()))
    }

    pub(super) fn surround(&self, command: RunCommand) -> RunCommand {
        placed(command, self.directory.path()).deadline(Duration::from_secs(60))
    }

    pub(super) fn send(&self, command: RunCommand, input: &[u8]) {
        self.link
            .send(command, Bytes::copy_from_slice(input))
            .unwrap();
    }

    /// Runs to the end, reading as fast as it comes.
    pub(super) async fn finish(&mut self) -> Result<Finished, StreamError> {
        let (mut stdout, mut stderr, mut noted) = (Vec::new(), Vec::new(), Vec::new());
        let (mut items, mut said) = (Vec::new(), Vec::new());
        loop {
            match self.link.next().await {
                LinkEvent::Started { notes, .. } => noted = notes,
                LinkEvent::Output { stream, bytes } => {
                    let sink = match stream {
                        OutputStream::Stdout => &mut stdout,
                        OutputStream::Stderr => &mut stderr,
                    };
                    sink.extend_from_slice(&bytes);
                    self.link.consumed(stream, bytes.len());
                }
                LinkEvent::Connection(channel) => drop(channel),
                LinkEvent::Shown(what) => said.push(what),
                LinkEvent::Collecting => {}
                LinkEvent::Item(item) => items.push(item),
                LinkEvent::Done(report) => {
                    return Ok(Finished {
                        stdout,
                        stderr,
                        notes: noted,
                        report,
                        items,
                        said,
                    });
                }
                LinkEvent::Missing(why) => panic!("no set was asked for: {why:?}"),
                LinkEvent::Failed(error) => return Err(error),
            }
        }
    }
}

/// Runs one program in a runner of its own.
pub(super) async fn run(text: &str) -> Finished {
    let mut local = Local::boot().await;
    local.send(local.program(text), text.as_bytes());
    local.finish().await.unwrap()
}

/// As [`run`], with a changed command and something to read.
pub(super) async fn run_with(
    text: &str,
    stdin: &[u8],
    change: impl FnOnce(RunCommand) -> RunCommand,
) -> Finished {
    run_on(Local::boot().await, text, stdin, change).await
}

/// The same in a runner that is up.
pub(super) async fn run_on(
    mut local: Local,
    text: &str,
    stdin: &[u8],
    change: impl FnOnce(RunCommand) -> RunCommand,
) -> Finished {
    local.send(
        change(local.program(text)),
        &[text.as_bytes(), stdin].concat(),
    );
    local.finish().await.unwrap()
}

/// A program that runs in this directory.
pub(super) fn placed(command: RunCommand, directory: &Path) -> RunCommand {
    command
        .cwd(directory.to_str().unwrap())
        .env(environment(directory))
}

pub(super) fn environment(home: &Path) -> BTreeMap<String, String> {
    [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", home.to_str().unwrap()),
        ("LANG", "C.UTF-8"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The interpreter itself, not a shim that starts it.
pub(super) fn python() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let asked = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output();
        let asked = asked.expect("these tests need a python3");
        PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim())
    })
}
