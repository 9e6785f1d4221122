//! The anchor that costs least: the image's own Python, started in its files with a clean environment and nothing else.
//!
//! A shell that stands there already starts it, so that nothing but Python's own start, work and end is measured.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags};

use super::super::client::{wait_any, wait_readable};
use super::super::stats::Latencies;
use super::server::{PRINTED, PROGRAM};

/// What stands behind the program's own output when Python has ended.
const ENDED: &str = ".\n";

/// What starts a program of the image, whose words are still to be added, in its files with a clean environment.
pub(super) fn in_image(root: &Path) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root).env_clear().env("LANG", "C.UTF-8").env(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    );
    command
}

/// A shell that starts a Python for each line that it reads.
#[derive(Debug)]
pub(super) struct Shell {
    child: Child,
    orders: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What each program prints.
    prints: &'static str,
}

impl Shell {
    /// Opens one in the image's files, and has its first Python read them.
    pub(super) fn open(root: &Path) -> Result<Self> {
        Self::open_for(root, PROGRAM, PRINTED)
    }

    /// The same for another program, without quotes in it, that prints one line.
    pub(super) fn open_for(root: &Path, program: &str, prints: &'static str) -> Result<Self> {
        let script = format!("while read -r line; do python3 -I -c '{program}'; echo .; done");
        let mut child = in_image(root)
            .args(["/bin/sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `chroot`")?;
        let orders = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Self {
            child,
            orders,
            output: BufReader::new(output),
            prints,
        })
    }

    /// Runs the program once, to the end of its Python.
    pub(super) fn run(&mut self) -> Result<Duration> {
        let asked = Instant::now();
        self.begin()?;
        self.end()?;
        Ok(asked.elapsed())
    }

    /// Runs one in each at once; the times are from the common beginning.
    pub(super) fn run_all(shells: &mut [Self]) -> Result<(Latencies, Duration)> {
        let mut latencies = Latencies::default();
        let asked = Instant::now();
        for shell in &mut *shells {
            shell.begin()?;
        }
        let mut open: Vec<&mut Self> = shells.iter_mut().collect();
        while !open.is_empty() {
            let ready = {
                let mut waiting: Vec<PollFd<'_>> = open
                    .iter()
                    .map(|shell| PollFd::new(shell.output.get_ref(), PollFlags::IN))
                    .collect();
                wait_any(&mut waiting)?;
                let ready = waiting.iter().map(|fd| !fd.revents().is_empty());
                ready.collect::<Vec<_>>()
            };
            let mut still = Vec::new();
            for (shell, ready) in open.into_iter().zip(ready) {
                if ready && shell.has_ended()? {
                    latencies.note(asked.elapsed());
                } else {
                    still.push(shell);
                }
            }
            open = still;
        }
        for shell in shells {
            shell.end()?;
        }
        Ok((latencies, asked.elapsed()))
    }

    fn begin(&mut self) -> Result<()> {
        self.orders
            .write_all(b"\n")
            .context("the shell in the image's files is gone")
    }

    /// Reads what is there, and says whether it is all. The few bytes always fit.
    fn has_ended(&mut self) -> Result<bool> {
        let expected = self.prints.len() + ENDED.len();
        let read = self.output.fill_buf().context("cannot read from Python")?;
        if read.is_empty() {
            bail!("the shell in the image's files is gone");
        }
        // The first line comes with Python's end, so this waits for the shell's own line only.
        Ok(read.len() >= expected || {
            wait_readable(&self.output.get_ref())?;
            true
        })
    }

    fn end(&mut self) -> Result<()> {
        for expected in [self.prints, ENDED] {
            if self.output.buffer().is_empty() {
                wait_readable(&self.output.get_ref())?;
            }
            let mut line = String::new();
            self.output
                .read_line(&mut line)
                .context("cannot read from Python")?;
            if line != expected {
                bail!("the plain Python printed {line:?} instead of {expected:?}");
            }
        }
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Between two programs it has no child of its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
