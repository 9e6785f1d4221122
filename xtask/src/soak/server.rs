//! One life of the server under test: what was asked of it, what it answered, and how it ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use super::programs::Program;
use crate::process;

/// How many messages may wait between the reading thread and the soak.
const WAITING: usize = 256;
/// The longest message that is read.
const MAX_MESSAGE: u64 = 64 * 1024 * 1024;
/// How long the server may take to be ready, or to end.
const WITHIN: Duration = Duration::from_secs(60);

/// A call without an answer yet.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) program: Program,
    pub(super) sent: Instant,
    pub(super) cancel_at: Option<Instant>,
    pub(super) is_cancelled: bool,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Result<Value>>,
    pub(super) audit: PathBuf,
    /// By id.
    pub(super) calls: BTreeMap<u64, Call>,
    pub(super) sent: usize,
    pub(super) cancelled: usize,
}

impl Server {
    /// Starts the server and shakes hands with it.
    pub(super) fn start(command: &mut Command, log: &Path, audit: PathBuf) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write `{}`", log.display()))?;
        let mut child = command
            .arg("--audit")
            .arg(&audit)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start the server")?;
        let output = child.stdout.take().context("the server has no output")?;
        let (sender, messages) = sync_channel(WAITING);
        // It ends with the server's output, which ends with the server.
        thread::spawn(move || read_messages(output, &sender));
        let mut server = Self {
            input: child.stdin.take(),
            child,
            messages,
            audit,
            calls: BTreeMap::new(),
            sent: 0,
            cancelled: 0,
        };
        server.send(&json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": { "name": "xtask-soak", "version": env!("CARGO_PKG_VERSION") },
            },
        }))?;
        server
            .message(WITHIN)?
            .context("the server does not answer the handshake")?;
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(server)
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Calls the tool; the answer bears the id.
    pub(super) fn call(
        &mut self,
        id: u64,
        program: Program,
        cancel_at: Option<Instant>,
    ) -> Result<()> {
        self.send(&json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {
                "name": "execute-python",
                "arguments": {
                    "code": program.text,
                    "timeout_seconds": program.seconds,
                    "modules": program.modules,
                },
            },
        }))?;
        self.sent += 1;
        let call = Call {
            program,
            sent: Instant::now(),
            cancel_at,
            is_cancelled: false,
        };
        self.calls.insert(id, call);
        Ok(())
    }

    /// Cancels what is due, and gives up waiting for those.
    pub(super) fn cancel_due(&mut self) -> Result<()> {
        let now = Instant::now();
        let due: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, call)| !call.is_cancelled && call.cancel_at.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.send(&json!({
                "jsonrpc": "2.0", "method": "notifications/cancelled",
                "params": { "requestId": id },
            }))?;
            self.cancelled += 1;
            if let Some(call) = self.calls.get_mut(&id) {
                call.is_cancelled = true;
                call.sent = now;
            }
        }
        Ok(())
    }

    /// The next message; none after this time.
    pub(super) fn message(&mut self, time: Duration) -> Result<Option<Value>> {
        match self.messages.recv_timeout(time) {
            Ok(message) => message.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the server ended by itself"),
        }
    }

    /// Kills it as a crash would.
    pub(super) fn kill(mut self) {
        // Nothing of it is asked any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Closes its input, as a client does that leaves, and waits for its end.
    pub(super) fn leave(mut self) -> Result<()> {
        drop(self.input.take());
        let left = Instant::now();
        while left.elapsed() < WITHIN {
            // What it still answers must not keep it from ending.
            while self.messages.try_recv().is_ok() {}
            if let Some(status) = self.child.try_wait().context("cannot watch the server")? {
                if status.success() {
                    return Ok(());
                }
                bail!("the server ended with {status}");
            }
            process::pause(Duration::from_millis(20));
        }
        bail!(
            "the server still runs {} s after its client left",
            WITHIN.as_secs()
        )
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        let input = self.input.as_mut().context("the conversation is over")?;
        let mut line = message.to_string();
        line.push('\n');
        input
            .write_all(line.as_bytes())
            .and_then(|()| input.flush())
            .context("the server does not read its input")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        // Gone already, unless something failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads one JSON message a line until the output ends or nobody listens any more.
fn read_messages(output: ChildStdout, messages: &SyncSender<Result<Value>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let mut part = output.by_ref().take(MAX_MESSAGE);
        let message = match part.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => serde_json::from_slice(&line).map_err(|error| {
                let line = String::from_utf8_lossy(&line);
                let start: String = line.chars().take(120).collect();
                anyhow!("the server wrote what is no message ({error}): {start:?}")
            }),
            Err(error) => Err(anyhow!("cannot read from the server: {error}")),
        };
        let is_broken = message.is_err();
        if messages.send(message).is_err() || is_broken {
            return;
        }
    }
}
