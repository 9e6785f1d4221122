//! A small MCP client over a child's standard input and output.
//!
//! It speaks one revision and what the chores need; the servers are tested with real clients.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Conversation;

/// The revision that the client speaks.
const REVISION: &str = "2025-11-25";
/// How long one answer may take; the first call with Playwright downloads it.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);
/// How long the server may take to end after its input has.
const END_WITHIN: Duration = Duration::from_secs(20);

/// A running server and a client of it. Dropping it kills the server.
#[derive(Debug)]
pub(crate) struct Client {
    server: Conversation,
    last_id: u64,
}

impl Client {
    /// Starts the server with its log in a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file =
            File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        Ok(Self {
            server: Conversation::start(command, file)?,
            last_id: 0,
        })
    }

    /// Opens the conversation and returns the server's name and version.
    pub(crate) fn handshake(&mut self) -> Result<String> {
        let params = json!({
            "protocolVersion": REVISION,
            "capabilities": {},
            "clientInfo": { "name": "xtask", "version": env!("CARGO_PKG_VERSION") },
        });
        let answer = self.request("initialize", &params, |_| {})?;
        self.server
            .send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        let text = |pointer| {
            answer
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or("?")
        };
        Ok(format!(
            "{} {} (MCP {})",
            text("/serverInfo/name"),
            text("/serverInfo/version"),
            text("/protocolVersion")
        ))
    }

    /// The names of the tools.
    pub(crate) fn tools(&mut self) -> Result<Vec<String>> {
        let answer = self.request("tools/list", &json!({}), |_| {})?;
        let tools = answer
            .get("tools")
            .and_then(Value::as_array)
            .context("no list of tools")?;
        Ok(tools
            .iter()
            .filter_map(|tool| Some(tool.get("name")?.as_str()?.to_owned()))
            .collect())
    }

    /// Calls a tool; `progress` gets what the server says meanwhile.
    pub(crate) fn call(
        &mut self,
        tool: &str,
        arguments: &Value,
        progress: impl FnMut(&str),
    ) -> Result<Value> {
        let token = format!("call-{}", self.last_id + 1);
        let params = json!({
            "name": tool,
            "arguments": arguments,
            "_meta": { "progressToken": token },
        });
        self.request("tools/call", &params, progress)
    }

    /// The server's process.
    pub(crate) fn process(&self) -> u32 {
        self.server.process()
    }

    /// Ends the conversation as a client does, by closing the input, and waits for the server.
    pub(crate) fn stop(self) -> Result<()> {
        self.server.leave(END_WITHIN)
    }

    fn request(
        &mut self,
        method: &str,
        params: &Value,
        mut progress: impl FnMut(&str),
    ) -> Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        self.server
            .send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        let sent = Instant::now();
        loop {
            let left = ANSWER_WITHIN.saturating_sub(sent.elapsed());
            let message = self
                .server
                .message(left)
                .with_context(|| format!("`{method}` was not answered"))?;
            let Some(mut message) = message else {
                bail!(
                    "no answer to `{method}` within {} s",
                    ANSWER_WITHIN.as_secs()
                );
            };
            if let Some(said) = message.pointer("/params/message").and_then(Value::as_str) {
                progress(said);
            }
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            if let Some(error) = message.get("error") {
                bail!("`{method}` was answered with the error {error}");
            }
            return message
                .get_mut("result")
                .map(Value::take)
                .with_context(|| format!("the answer to `{method}` has no result"));
        }
    }
}
