//! A peer that people use: `llm-sandbox` from PyPI, on the same engine and image.
//!
//! Its sessions are containers that live on. A call in one that is used is fast and shares everything with the calls before
//! it; a call with a session of its own is the one that promises what ours does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::installed::Tools;
use super::server::{PRINTED, PROGRAM};
use super::stage::Stage;
use crate::image;

/// A Python that runs programs through it.
#[derive(Debug)]
pub(super) struct Peer {
    child: Child,
    /// None when nothing more is asked.
    orders: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it, and opens the session that is used again and again.
    pub(super) fn start(stage: &Stage<'_>, tools: &Tools) -> Result<Self> {
        let mut command = Command::new(tools.python());
        stage.engine()?.point(&mut command);
        let mut child = command
            .args(["-I", "-c", include_str!("peer.py")])
            .args([image::IMAGE, &stage.label(), PROGRAM, PRINTED])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start `llm-sandbox`")?;
        let orders = child.stdin.take();
        let output = child.stdout.take().context("no standard output")?;
        let mut peer = Self {
            child,
            orders,
            output: BufReader::new(output),
        };
        if peer.line()? != "ready" {
            bail!("`llm-sandbox` did not come up");
        }
        Ok(peer)
    }

    /// Runs the program in the session that is used again and again.
    pub(super) fn used(&mut self) -> Result<Duration> {
        self.order("used")
    }

    /// Runs it in a session of its own.
    pub(super) fn fresh(&mut self) -> Result<Duration> {
        self.order("fresh")
    }

    fn order(&mut self, order: &str) -> Result<Duration> {
        let orders = self
            .orders
            .as_mut()
            .context("`llm-sandbox` is at its end")?;
        writeln!(orders, "{order}").context("`llm-sandbox` is gone")?;
        let took: f64 = self.line()?.parse().context("`llm-sandbox` told no time")?;
        Duration::try_from_secs_f64(took).context("`llm-sandbox` told no time")
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .context("cannot read from `llm-sandbox`")?;
        if line.is_empty() {
            bail!("`llm-sandbox` ended by itself");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It closes its session at the end of its input; what it leaves is found by its label.
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}
