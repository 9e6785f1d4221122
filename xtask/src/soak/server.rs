//! One life of the server under test: what was asked of it, what it answered, and how it ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::audit::{Fate, Fates, digest};
use super::outside::Outside;
use super::programs::{Program, World};
use crate::server::Conversation;

/// How long the server may take to be ready, or to end.
const WITHIN: Duration = Duration::from_secs(60);

/// Limits that hostile programs meet soon.
const LIMITS: &[&str] = &[
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
    "--install-timeout",
    "10s",
];

/// Without a network and a store; the index is where nobody listens.
const CLOSED: &[&str] = &[
    "--network",
    "none",
    "--environments",
    "off",
    "--index-url",
    "http://127.0.0.1:9/simple",
];

/// The options of a server in this world; in the open one sets are kept in `volume`, and one of them is imported ahead.
pub(super) fn options(world: World, outside: &Outside, volume: &str) -> Vec<String> {
    let mut options: Vec<String> = LIMITS.iter().map(|&option| option.to_owned()).collect();
    match world {
        World::Closed => options.extend(CLOSED.iter().map(|&option| option.to_owned())),
        World::Open => {
            let (index, opening) = (outside.index(), outside.opening());
            let open = [
                "--network",
                "public",
                "--open",
                &opening,
                "--index-url",
                &index,
                "--environments",
                volume,
                "--hot",
                "soak-c",
            ];
            options.extend(open.map(str::to_owned));
        }
    }
    options
}

/// A call without an answer yet.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) program: Program,
    /// Of the text that was sent.
    digest: String,
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
    /// Of every call of this life.
    pub(super) fates: Fates,
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
            fates: Fates::new(),
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

    /// Calls the tool; the answer bears the id. The nonce makes the program's text, and so its record, its own.
    pub(super) fn call(
        &mut self,
        id: u64,
        program: Program,
        nonce: &str,
        cancel_at: Option<Instant>,
    ) -> Result<()> {
        let code = format!("{}\n# {nonce}\n", program.text);
        let digest = digest(&code);
        self.send(&json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {
                "name": "execute-python",
                "arguments": {
                    "code": code,
                    "timeout_seconds": program.seconds,
                    "modules": program.modules,
                },
            },
        }))?;
        self.fates.insert(digest.clone(), Fate::Open);
        let call = Call {
            program,
            digest,
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
            if let Some(call) = self.calls.get_mut(&id) {
                self.fates.insert(call.digest.clone(), Fate::Cancelled);
                call.is_cancelled = true;
                call.sent = now;
            }
        }
        Ok(())
    }

    /// Takes the call that was answered with this ending, unless nobody waits for it.
    pub(super) fn answered(&mut self, id: u64, ending: Option<String>) -> Option<Call> {
        let call = self.calls.remove(&id)?;
        if !call.is_cancelled {
            self.fates
                .insert(call.digest.clone(), Fate::Answered(ending));
        }
        Some(call)
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
