//! `mcp-python-stdio`: the server on standard input and output, one MCP message a line.
//!
//! This crate is the transport only: [`serve`] takes any pair of byte streams, [`serve_process`] those
//! of the process. What it serves is assembled by [`server_app`].

use std::io::IsTerminal;

use mcp_server::{ServeError, Server};
use server_app::exit_codes::Exit;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// Serves one client until its input ends or `shutdown` is cancelled. Calls that are under way
/// then are cancelled, and it returns when they are.
///
/// Nothing but MCP messages is written to `writer`.
pub async fn serve<R, W>(server: Server, reader: R, writer: W, shutdown: CancellationToken) -> Exit
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    exit_of(server.serve(reader, writer, shutdown).await)
}

/// The same for the client at the standard input and output of this process.
pub async fn serve_process(server: Server, shutdown: CancellationToken) -> Exit {
    exit_of(server.serve_stdio(shutdown).await)
}

fn exit_of(served: Result<(), ServeError>) -> Exit {
    match served {
        Ok(()) => Exit::Success,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(cause, "{error}");
            Exit::Failure
        }
    }
}

/// What to tell a person who started the server by hand; nothing if `input` is no terminal.
#[must_use]
pub fn greeting(input: &impl IsTerminal) -> Option<&'static str> {
    input.is_terminal().then_some(
        "waiting for MCP messages on standard input, one a line, as an MCP client sends them; \
         end with Ctrl-D. To run a program by hand: `mcp-python-stdio run FILE`. To look whether \
         all is well: `mcp-python-stdio doctor`",
    )
}
