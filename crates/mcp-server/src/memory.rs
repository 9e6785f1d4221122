//! A client in the same process, connected through memory: the transport of tests.

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{ServeError, Server};

/// How many bytes may be under way in one direction before the writer waits.
const BUFFER: usize = 64 * 1024;

/// A client that is connected to a [`Server`] through memory, and speaks whatever JSON it is told to.
///
/// Dropping it ends the connection at once; [`close`](Self::close) waits for the server's side to end.
#[derive(Debug)]
pub struct MemoryClient {
    input: BufReader<ReadHalf<DuplexStream>>,
    output: WriteHalf<DuplexStream>,
    served: AbortOnDropHandle<Result<(), ServeError>>,
    last_id: i64,
}

impl MemoryClient {
    pub(crate) fn connect(server: &Server) -> Self {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let (reader, writer) = tokio::io::split(theirs);
        let served = server
            .clone()
            .serve(reader, writer, server.shared.stop.child_token());
        let served = AbortOnDropHandle::new(server.shared.tasks.spawn(served));
        let (input, output) = tokio::io::split(ours);
        Self {
            input: BufReader::new(input),
            output,
            served,
            last_id: 0,
        }
    }

    /// Sends one line, whatever it is.
    ///
    /// # Errors
    ///
    /// The server has ended the connection.
    pub async fn send_line(&mut self, line: &str) -> std::io::Result<()> {
        self.output.write_all(line.as_bytes()).await?;
        self.output.write_all(b"\n").await
    }

    /// Sends one message.
    ///
    /// # Errors
    ///
    /// The server has ended the connection.
    pub async fn send(&mut self, message: &Value) -> std::io::Result<()> {
        self.send_line(&message.to_string()).await
    }

    /// Waits for the next message of the server.
    ///
    /// # Errors
    ///
    /// The server has ended the connection, or has written something that is not JSON.
    pub async fn receive(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        if self.input.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Sends a request under an id of its own and waits for its answer, passing over notifications and other answers.
    /// Gives back the whole response.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`receive`](Self::receive).
    pub async fn request(&mut self, method: &str, params: &Value) -> std::io::Result<Value> {
        self.last_id += 1;
        let id = json!(self.last_id);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await?;
        loop {
            let message = self.receive().await?;
            if message.get("id") == Some(&id) {
                return Ok(message);
            }
        }
    }

    /// Opens a session of the given revision. Gives back the `initialize` response.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn initialize(&mut self, revision: &str) -> std::io::Result<Value> {
        let response = self
            .request(
                "initialize",
                &json!({
                    "protocolVersion": revision,
                    "capabilities": {},
                    "clientInfo": {"name": "memory", "version": "0"},
                }),
            )
            .await?;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await?;
        Ok(response)
    }

    /// Ends the connection as a client does that closes its output, and waits until the server has ended its side.
    ///
    /// # Errors
    ///
    /// The connection broke, or the server's side did.
    pub async fn close(mut self) -> std::io::Result<()> {
        self.output.shutdown().await?;
        drop(self.output);
        match self.served.await {
            Ok(served) => served.map_err(std::io::Error::other),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }
}
