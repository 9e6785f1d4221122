//! A server that runs as a child, and the JSON messages that go to it and come from it, a line each.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use crate::process;

/// The longest message that is read.
const MAX_MESSAGE: u64 = 16 * 1024 * 1024;
/// How many messages may wait between the reading thread and the chore.
const WAITING: usize = 64;

/// A running server. Dropping it kills the server.
#[derive(Debug)]
pub(crate) struct Conversation {
    server: Child,
    /// None when the conversation is over.
    input: Option<ChildStdin>,
    messages: Receiver<Result<Value>>,
}

impl Conversation {
    /// Starts the server with its log in a file.
    pub(crate) fn start(command: &mut Command, log: File) -> Result<Self> {
        let mut server = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start the server")?;
        let output = server.stdout.take().context("the server has no output")?;
        let (sender, messages) = sync_channel(WAITING);
        // It ends with the server's output, which ends with the server.
        thread::spawn(move || read_messages(output, &sender));
        Ok(Self {
            input: server.stdin.take(),
            server,
            messages,
        })
    }

    /// The server's process.
    pub(crate) fn process(&self) -> u32 {
        self.server.id()
    }

    pub(crate) fn send(&mut self, message: &Value) -> Result<()> {
        let input = self.input.as_mut().context("the conversation is over")?;
        let mut line = message.to_string();
        line.push('\n');
        input
            .write_all(line.as_bytes())
            .and_then(|()| input.flush())
            .context("the server does not read its input")
    }

    /// The next message; none after this time.
    pub(crate) fn message(&mut self, time: Duration) -> Result<Option<Value>> {
        match self.messages.recv_timeout(time) {
            Ok(message) => message.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the server ended by itself"),
        }
    }

    /// Closes the input, as a client does that leaves, and waits for the server's end.
    pub(crate) fn leave(mut self, within: Duration) -> Result<()> {
        drop(self.input.take());
        let left = Instant::now();
        while left.elapsed() < within {
            // What it still answers must not keep it from ending.
            while self.messages.try_recv().is_ok() {}
            if let Some(status) = self.server.try_wait().context("cannot watch the server")? {
                if status.success() {
                    return Ok(());
                }
                bail!("the server ended with {status}");
            }
            process::pause(Duration::from_millis(20));
        }
        bail!(
            "the server still runs {} s after its input was closed",
            within.as_secs()
        )
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        drop(self.input.take());
        // Gone already, unless something failed, or it is to go as in a crash.
        let _ = self.server.kill();
        let _ = self.server.wait();
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
