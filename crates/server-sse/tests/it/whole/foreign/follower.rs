//! A program that holds a client's connection, follows orders and reports; `tests/clients/README.md` has the form.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// The longest wait for one report; the first start of an interpreter is the slowest part.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of a program's standard error a failure quotes.
const QUOTED: usize = 3000;

/// The program. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Follower {
    process: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    /// Its standard error, and that of a server which it started.
    errors: NamedTempFile,
}

/// How a call ended, and the progress that was reported of it before.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: Value,
    pub(super) progress: Vec<Value>,
}

impl Follower {
    /// Starts the program and waits until it is connected; gives its first report too.
    pub(super) async fn start(mut command: Command) -> Result<(Self, Value), String> {
        let errors = NamedTempFile::new().map_err(|error| error.to_string())?;
        let told = errors.reopen().map_err(|error| error.to_string())?;
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(told)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let orders = process.stdin.take().ok_or("it has no standard input")?;
        let output = process.stdout.take().ok_or("it has no standard output")?;
        let mut follower = Self {
            process,
            orders,
            reports: BufReader::new(output).lines(),
            errors,
        };
        let opened = follower.report().await?;
        Ok((follower, opened))
    }

    pub(super) async fn list(&mut self) -> Result<Value, String> {
        self.order(&json!({ "do": "list" })).await?;
        loop {
            let mut report = self.report().await?;
            if report.get("tools").is_some() {
                return Ok(report["tools"].take());
            }
        }
    }

    /// Starts a call, which goes on by itself.
    pub(super) async fn start_call(&mut self, call: &str, code: &str) -> Result<(), String> {
        self.order(&json!({ "do": "call", "call": call, "code": code }))
            .await
    }

    pub(super) async fn cancel(&mut self, call: &str) -> Result<(), String> {
        self.order(&json!({ "do": "cancel", "call": call })).await
    }

    /// Makes one call from its beginning to its end.
    pub(super) async fn call(&mut self, call: &str, code: &str) -> Result<Ended, String> {
        self.start_call(call, code).await?;
        self.end_of(call).await
    }

    /// Waits for the end of a call; reports of others are passed over.
    pub(super) async fn end_of(&mut self, call: &str) -> Result<Ended, String> {
        let mut progress = Vec::new();
        loop {
            let report = self.report().await?;
            if report["call"] != call {
                continue;
            }
            if report.get("progress").is_none() {
                return Ok(Ended {
                    end: report,
                    progress,
                });
            }
            progress.push(report);
        }
    }

    /// The next report.
    pub(super) async fn report(&mut self) -> Result<Value, String> {
        let line = match timeout(PATIENCE, self.reports.next_line()).await {
            Ok(line) => line.map_err(|error| error.to_string())?,
            Err(_elapsed) => return Err(self.told("it says nothing")),
        };
        let line = line.ok_or_else(|| self.told("it ended"))?;
        serde_json::from_str(&line).map_err(|error| format!("`{line}` is no report: {error}"))
    }

    /// Ends its input, and waits until it has closed the connection and ended well.
    pub(super) async fn close(mut self) -> Result<(), String> {
        // It may close its end of the pipe first, when it has nothing left to follow.
        let _ = self.orders.shutdown().await;
        let Self {
            mut process,
            orders,
            errors,
            ..
        } = self;
        drop(orders);
        match timeout(PATIENCE, process.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => Err(quoting(&format!("it ended with {status:?}"), &errors)),
            Err(_elapsed) => Err(quoting("it does not end", &errors)),
        }
    }

    pub(super) async fn order(&mut self, order: &Value) -> Result<(), String> {
        let line = format!("{order}\n");
        let written = self.orders.write_all(line.as_bytes()).await;
        written.map_err(|error| self.told(&format!("it takes no orders: {error}")))
    }

    fn told(&self, what: &str) -> String {
        quoting(what, &self.errors)
    }
}

/// A failure, and the end of what stands on standard error.
fn quoting(what: &str, errors: &NamedTempFile) -> String {
    let bytes = std::fs::read(errors.path()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let from = text.floor_char_boundary(text.len().saturating_sub(QUOTED));
    format!("{what}; on standard error it said:\n{}", &text[from..])
}
