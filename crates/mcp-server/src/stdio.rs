//! The standard streams of this process, as fast as the platform has them.
//!
//! Tokio reads and writes standard streams on threads of their own, because they may be anything: each message then
//! crosses threads twice. Clients start servers with pipes, which Linux can wait for like sockets, so those are opened
//! again, by their names under `/proc`. The opened ones do not block; the process's own streams, and those of its
//! children, stay as they were.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What [`stdio`] reads from.
#[derive(Debug)]
pub struct StdioReader(Input);

/// What [`stdio`] writes to.
#[derive(Debug)]
pub struct StdioWriter(Output);

#[derive(Debug)]
enum Input {
    #[cfg(target_os = "linux")]
    Pipe(tokio::net::unix::pipe::Receiver),
    Other(tokio::io::Stdin),
}

#[derive(Debug)]
enum Output {
    #[cfg(target_os = "linux")]
    Pipe(tokio::net::unix::pipe::Sender),
    Other(tokio::io::Stdout),
}

/// The standard input and output of this process. To be called once: two readers of one input take each other's bytes.
///
/// Must be called inside a Tokio runtime with I/O. Where a stream is no pipe, a read that is under way holds up the end
/// of the runtime, see [`tokio::io::stdin`].
#[must_use]
pub fn stdio() -> (StdioReader, StdioWriter) {
    (StdioReader(input()), StdioWriter(output()))
}

#[cfg(target_os = "linux")]
fn input() -> Input {
    const NAME: &str = "/proc/self/fd/0";
    if !is_pipe(NAME) {
        return Input::Other(tokio::io::stdin());
    }
    tokio::net::unix::pipe::OpenOptions::new()
        .open_receiver(NAME)
        .map_or_else(|_| Input::Other(tokio::io::stdin()), Input::Pipe)
}

#[cfg(target_os = "linux")]
fn output() -> Output {
    const NAME: &str = "/proc/self/fd/1";
    if !is_pipe(NAME) {
        return Output::Other(tokio::io::stdout());
    }
    tokio::net::unix::pipe::OpenOptions::new()
        .open_sender(NAME)
        .map_or_else(|_| Output::Other(tokio::io::stdout()), Output::Pipe)
}

/// Looked at before it is opened: to open a terminal or a device can have effects.
#[cfg(target_os = "linux")]
fn is_pipe(name: &str) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    std::fs::metadata(name).is_ok_and(|stream| stream.file_type().is_fifo())
}

#[cfg(not(target_os = "linux"))]
fn input() -> Input {
    Input::Other(tokio::io::stdin())
}

#[cfg(not(target_os = "linux"))]
fn output() -> Output {
    Output::Other(tokio::io::stdout())
}

impl AsyncRead for StdioReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Input::Pipe(pipe) => Pin::new(pipe).poll_read(cx, buffer),
            Input::Other(stdin) => Pin::new(stdin).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for StdioWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Output::Pipe(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            Output::Other(stdout) => Pin::new(stdout).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Output::Pipe(pipe) => Pin::new(pipe).poll_flush(cx),
            Output::Other(stdout) => Pin::new(stdout).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Output::Pipe(pipe) => Pin::new(pipe).poll_shutdown(cx),
            Output::Other(stdout) => Pin::new(stdout).poll_shutdown(cx),
        }
    }
}
