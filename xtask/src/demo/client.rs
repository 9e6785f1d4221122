//! A small MCP client over a child's standard input and output.
//!
//! It speaks one revision and what the chores need; the servers are tested with real clients.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::process;

/// The revision that the demo speaks.
const REVISION: &str = "2025-11-25";
/// How long one answer may take; the first call with Playwright downloads it.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);
/// How long the server may take to end after its input has.
const END_WITHIN: Duration = Duration::from_secs(20);
/// The longest message that the demo reads.
const MAX_MESSAGE: u64 = 16 * 1024 * 1024;
/// How many messages may wait between the reading thread and the demo.
const WAITING_MESSAGES: usize = 64;

/// A running server and the conversation with it. Dropping it kills the server.
#[derive(Debug)]
pub(crate) struct Client {
    server: Child,
    /// None when the conversation is over.
    input: Option<ChildStdin>,
    messages: Receiver<Result<Value>>,
    last_id: u64,
}

impl Client {
    /// Starts the server with its log in a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file =
            File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let mut server = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .context("cannot start the server")?;
        let input = server.stdin.take();
        let output = server.stdout.take().context("the server has no output")?;
        let (sender, messages) = sync_channel(WAITING_MESSAGES);
        // It ends with the server's output, which ends with the server.
        thread::spawn(move || read_messages(output, &sender));
        Ok(Self {
            server,
            input,
            messages,
            last_id: 0,
        })
    }

    /// Opens the conversation and returns the server's name and version.
    pub(crate) fn handshake(&mut self) -> Result<String> {
        let params = json!({
            "protocolVersion": REVISION,
            "capabilities": {},
            "clientInfo": { "name": "xtask-demo", "version": env!("CARGO_PKG_VERSION") },
        });
        let answer = self.request("initialize", &params, |_| {})?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
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
        self.server.id()
    }

    /// Ends the conversation as a client does, by closing the input, and waits for the server.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.input.take());
        let closed = Instant::now();
        while closed.elapsed() < END_WITHIN {
            if let Some(status) = self.server.try_wait().context("cannot watch the server")? {
                if status.success() {
                    return Ok(());
                }
                bail!("it ended with {status}");
            }
            process::pause(Duration::from_millis(20));
        }
        bail!(
            "it still ran {} s after its input was closed",
            END_WITHIN.as_secs()
        )
    }

    fn request(
        &mut self,
        method: &str,
        params: &Value,
        mut progress: impl FnMut(&str),
    ) -> Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        let sent = Instant::now();
        loop {
            let left = ANSWER_WITHIN.saturating_sub(sent.elapsed());
            let mut message = match self.messages.recv_timeout(left) {
                Ok(message) => message?,
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "no answer to `{method}` within {} s",
                        ANSWER_WITHIN.as_secs()
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the server ended before it answered `{method}`")
                }
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

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        // Gone already, unless something failed.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Reads one JSON message a line until the output ends or nobody listens any more.
fn read_messages(output: ChildStdout, messages: &SyncSender<Result<Value>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let message = match output
            .by_ref()
            .take(MAX_MESSAGE)
            .read_until(b'\n', &mut line)
        {
            Ok(0) => return,
            Ok(_) => serde_json::from_slice(&line).map_err(|error| {
                let line = String::from_utf8_lossy(&line);
                let start: String = line.chars().take(120).collect();
                anyhow!("the server wrote what is no message ({error}): {start:?}")
            }),
            Err(error) => Err(anyhow!("cannot read from the server: {error}")),
        };
        let broken = message.is_err();
        if messages.send(message).is_err() || broken {
            return;
        }
    }
}
