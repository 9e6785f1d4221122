//! One life of the server under test: what was asked of it, what it answered, and how it ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::programs::Program;
use crate::server::Conversation;

/// How long the server may take to be ready, or to end.
const WITHIN: Duration = Duration::from_secs(60);

/// Limits that hostile programs meet soon. The index is where nobody listens.
pub(super) const LIMITS: &[&str] = &[
    "--memory",
    "256MiB",
    "--processes",
    "64",
    "--open-files",
    "256",
    "--tmp-size",
    "32MiB",
    "--modules-size",
    "32MiB",
    "--shm-size",
    "16MiB",
    // What results link to is kept for a while, up to this: more would look like growth.
    "--results-kept",
    "1MiB",
    "--output-printed",
    "4MiB",
    "--cpus",
    "0.5",
    "--concurrency",
    "4",
    "--network",
    "none",
    "--index-url",
    "http://127.0.0.1:9/simple",
    "--install-timeout",
    "10s",
];

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
    conversation: Conversation,
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
        let conversation = Conversation::start(command.arg("--audit").arg(&audit), log)?;
        let mut server = Self {
            conversation,
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
        self.conversation.process()
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
        self.conversation.message(time)
    }

    /// Kills it as a crash would.
    pub(super) fn kill(self) {
        drop(self.conversation);
    }

    /// Closes its input, as a client does that leaves, and waits for its end.
    pub(super) fn leave(self) -> Result<()> {
        self.conversation.leave(WITHIN)
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        self.conversation.send(message)
    }
}
