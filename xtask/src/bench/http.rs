//! The client over Streamable HTTP: persistent connections, one thread, and as much of HTTP/1.1 as servers answer with.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags};
use serde_json::Value;

use super::client::{Client, PATIENCE, wait_any};
use super::message::{Call, Era, INITIALIZED, Wrong};
use super::response::{self, Response};
use super::subject::{Process, Subject};

/// How many connections ask at once when throughput is measured, each with a session of its own where there are any.
pub(super) const CONNECTIONS: usize = 16;

/// A server and the connections to it.
#[derive(Debug)]
pub(super) struct Http {
    process: Process,
    address: SocketAddr,
    era: Era,
    connections: Vec<Connection>,
    wrong: Wrong,
}

impl Http {
    /// Starts a server and opens the conversation. The time is from before the start to the first answer.
    pub(super) fn open(subject: &Subject, era: Era) -> Result<(Self, Duration)> {
        let started = Instant::now();
        let (process, address) = subject.start_listening()?;
        let mut http = Self {
            process,
            address,
            era,
            connections: Vec::new(),
            wrong: Wrong::default(),
        };
        let mut first = Connection::open(address, era)?;
        first.ask(&Call::opening(era), &mut http.wrong)?;
        let took = started.elapsed();
        first.told()?;
        http.connections.push(first);
        Ok((http, took))
    }

    /// Another connection, with a session of its own.
    pub(super) fn connect(&mut self) -> Result<Connection> {
        let mut connection = Connection::open(self.address, self.era)?;
        connection.ask(&Call::opening(self.era), &mut self.wrong)?;
        connection.told()?;
        Ok(connection)
    }

    /// Opens a stream that stays open, on a connection of its own; with a session of its own, where there are any,
    /// which is opened over the first connection.
    pub(super) fn open_stream(&mut self) -> Result<TcpStream> {
        let mut connection = Connection::open(self.address, self.era)?;
        match self.era {
            Era::Session => {
                let first = self.connections.first_mut().context("no connection")?;
                first.session = None;
                first.ask(&Call::opening(self.era), &mut self.wrong)?;
                first.told()?;
                connection.session.clone_from(&first.session);
                connection.get()?;
            }
            Era::Stateless => connection.listen(&mut self.wrong)?,
        }
        Ok(connection.stream)
    }
}

impl Client for Http {
    fn ask_for(&mut self, call: &Call) -> Result<Option<Value>> {
        let first = self.connections.first_mut().context("no connection")?;
        first.ask(call, &mut self.wrong)
    }

    fn flood(&mut self, call: &Call, count: u64) -> Result<Duration> {
        while self.connections.len() < CONNECTIONS {
            let connection = self.connect()?;
            self.connections.push(connection);
        }
        let started = Instant::now();
        let (mut sent, mut answered) = (0, 0);
        for connection in &mut self.connections {
            if sent < count {
                connection.send(call)?;
                sent += 1;
            }
        }
        while answered < count {
            let ready = ready(&self.connections)?;
            for (connection, _) in self.connections.iter_mut().zip(ready).filter(|(_, r)| *r) {
                connection.fill()?;
                let Some(response) = connection.take_response()? else {
                    continue;
                };
                connection.judge(call, &response, &mut self.wrong);
                answered += 1;
                if sent < count {
                    connection.send(call)?;
                    sent += 1;
                }
            }
            if started.elapsed() > PATIENCE {
                bail!("{count} requests took longer than {PATIENCE:?}");
            }
        }
        Ok(started.elapsed())
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn wrong(&self) -> &Wrong {
        &self.wrong
    }
}

/// Which connections have something to read; at least one has.
fn ready(connections: &[Connection]) -> Result<Vec<bool>> {
    let mut waiting: Vec<PollFd<'_>> = connections
        .iter()
        .map(|connection| PollFd::new(&connection.stream, PollFlags::IN))
        .collect();
    wait_any(&mut waiting)?;
    Ok(waiting.iter().map(|fd| !fd.revents().is_empty()).collect())
}

/// One connection, with at most one request under way.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    era: Era,
    host: String,
    session: Option<String>,
    sending: Vec<u8>,
    body: Vec<u8>,
    received: Vec<u8>,
    last_id: u64,
}

impl Connection {
    fn open(address: SocketAddr, era: Era) -> Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream
            .set_nodelay(true)
            .context("cannot set up a connection")?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .context("cannot set up a connection")?;
        Ok(Self {
            stream,
            era,
            host: address.to_string(),
            session: None,
            sending: Vec::new(),
            body: Vec::new(),
            received: Vec::new(),
            last_id: 0,
        })
    }

    fn ask(&mut self, call: &Call, wrong: &mut Wrong) -> Result<Option<Value>> {
        self.send(call)?;
        let response = self.response()?;
        if let Some(session) = &response.session {
            self.session = Some(session.clone());
        }
        Ok(self.judge(call, &response, wrong))
    }

    fn judge(&self, call: &Call, response: &Response, wrong: &mut Wrong) -> Option<Value> {
        let right = |message: &Value| call.is_answered_by(self.last_id, message);
        let mut messages = response.messages().into_iter();
        let answer = messages.find(right).filter(|_| response.status == 200);
        if answer.is_none() {
            wrong.note(&response.body);
        }
        answer
    }

    fn send(&mut self, call: &Call) -> Result<()> {
        self.last_id += 1;
        self.body.clear();
        call.write(self.last_id, &mut self.body);
        self.write_post(Some(call))
    }

    /// Ends the handshake, where there is one.
    fn told(&mut self) -> Result<()> {
        if self.era == Era::Stateless {
            return Ok(());
        }
        self.body.clear();
        self.body.extend_from_slice(INITIALIZED);
        self.write_post(None)?;
        let response = self.response()?;
        if response.status != 202 {
            bail!("the handshake was answered with {}", response.status);
        }
        Ok(())
    }

    /// Opens the stream of the session. Some servers write nothing to it before they must, so its head is enough.
    fn get(&mut self) -> Result<()> {
        self.head("GET", None);
        self.sending.extend_from_slice(b"\r\n");
        self.flush()?;
        while !response::has_head(&self.received)? {
            self.fill()?;
        }
        self.expect_stream()
    }

    /// Opens a stream of changes, which begins with an acknowledgement.
    fn listen(&mut self, wrong: &mut Wrong) -> Result<()> {
        let call = Call::listen();
        self.send(&call)?;
        loop {
            self.fill()?;
            if !response::has_head(&self.received)? {
                continue;
            }
            self.expect_stream()?;
            if let Some(message) = response::first_message(&self.received)? {
                if !call.is_answered_by(self.last_id, &message) {
                    wrong.note(message.to_string().as_bytes());
                }
                return Ok(());
            }
        }
    }

    fn expect_stream(&self) -> Result<()> {
        if self.received.starts_with(b"HTTP/1.1 200") {
            return Ok(());
        }
        let line = self.received.split(|byte| *byte == b'\r').next();
        let line = String::from_utf8_lossy(line.unwrap_or_default());
        bail!("a stream was answered with `{line}`")
    }

    fn write_post(&mut self, call: Option<&Call>) -> Result<()> {
        self.head("POST", call);
        // Writing to memory cannot fail.
        let _ = write!(self.sending, "Content-Length: {}\r\n\r\n", self.body.len());
        self.sending.extend_from_slice(&self.body);
        self.flush()
    }

    fn head(&mut self, method: &str, call: Option<&Call>) {
        let (accept, kind) = match method {
            "GET" => ("text/event-stream", ""),
            _ => (
                "application/json, text/event-stream",
                "Content-Type: application/json\r\n",
            ),
        };
        let out = &mut self.sending;
        // Writing to memory cannot fail.
        let _ = write!(
            out,
            "{method} /mcp HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n{kind}",
            self.host
        );
        if self.session.is_some() || self.era == Era::Stateless {
            let _ = write!(out, "MCP-Protocol-Version: {}\r\n", self.era.revision());
        }
        if let Some(session) = &self.session {
            let _ = write!(out, "Mcp-Session-Id: {session}\r\n");
        }
        if let (Era::Stateless, Some(call)) = (self.era, call) {
            let _ = write!(out, "Mcp-Method: {}\r\n", call.method);
            if let Some(name) = call.name {
                let _ = write!(out, "Mcp-Name: {name}\r\n");
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.stream
            .write_all(&self.sending)
            .context("cannot write to the server")?;
        self.sending.clear();
        Ok(())
    }

    fn response(&mut self) -> Result<Response> {
        loop {
            if let Some(response) = self.take_response()? {
                return Ok(response);
            }
            self.fill()?;
        }
    }

    fn take_response(&mut self) -> Result<Option<Response>> {
        response::take(&mut self.received)
    }

    /// Reads once; waits if there is nothing yet.
    fn fill(&mut self) -> Result<()> {
        let mut piece = [0; 16 * 1024];
        let count = self
            .stream
            .read(&mut piece)
            .context("cannot read an answer")?;
        if count == 0 {
            bail!("the server closed a connection");
        }
        self.received
            .extend_from_slice(piece.get(..count).unwrap_or_default());
        Ok(())
    }
}
