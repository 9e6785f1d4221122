//! A connection whose peer may leave what was written to it unread for so long. It knows nothing of HTTP.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mcp_server::Server;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{self, Instant, Sleep};

/// How long a peer may leave everything unread when so much waits for others that do not read either, that answers would
/// soon find no room.
const PRESSED: Duration = Duration::from_secs(5);

/// The connection.
#[derive(Debug)]
pub(crate) struct Stalling {
    stream: TcpStream,
    /// How long a write may wait for its peer.
    patience: Duration,
    server: Server,
    stalled: Option<Stalled>,
}

/// A write that waits.
#[derive(Debug)]
struct Stalled {
    since: Instant,
    look: Pin<Box<Sleep>>,
}

impl Stalling {
    pub(crate) fn new(stream: TcpStream, patience: Duration, server: Server) -> Self {
        Self {
            stream,
            patience,
            server,
            stalled: None,
        }
    }

    /// Takes in how a write went: one that waits for too long has failed.
    fn wrote<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let pause = self.patience.min(PRESSED);
        let stalled = self.stalled.get_or_insert_with(|| Stalled {
            since: Instant::now(),
            look: Box::pin(time::sleep(pause)),
        });
        loop {
            ready!(stalled.look.as_mut().poll(cx));
            let waited = stalled.since.elapsed();
            if waited >= self.patience || self.server.is_pressed() {
                tracing::debug!(?waited, "a client does not read what it asked for");
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let next = (waited + pause).min(self.patience);
            stalled.look.as_mut().reset(stalled.since + next);
        }
    }
}

impl AsyncRead for Stalling {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stalling {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
