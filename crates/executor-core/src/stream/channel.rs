//! A proxied connection as bytes both ways.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::link::Shared;
use super::proxied::Proxied;

/// One connection that a program made to the proxy's port.
///
/// Reading is what the program sends, writing is what it will receive. End of file and
/// [`shutdown`](tokio::io::AsyncWriteExt::shutdown) are half closes. It reads an error after the program's side was
/// reset, and after the link has ended. Dropping it closes the program's connection: in order if it was
/// shut down before, by a reset otherwise.
pub(crate) struct ProxyChannel {
    shared: Arc<Shared>,
    number: u32,
}

impl ProxyChannel {
    pub(super) const fn new(shared: Arc<Shared>, number: u32) -> Self {
        Self { shared, number }
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Proxied, bool) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let polled = {
            let mut state = self.shared.lock();
            let over = state.is_over();
            match state.channel(self.number) {
                Some(proxied) => act(proxied, over),
                None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            }
        };
        self.shared.work.notify_one();
        polled
    }
}

impl AsyncRead for ProxyChannel {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|proxied, over| proxied.poll_read(context, buffer, over))
    }
}

impl AsyncWrite for ProxyChannel {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|proxied, over| proxied.poll_write(context, bytes, over))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|proxied, over| proxied.poll_flush(context, over))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|proxied, over| proxied.poll_shutdown(context, over))
    }
}

impl Drop for ProxyChannel {
    fn drop(&mut self) {
        self.shared.lock().drop_channel(self.number);
        self.shared.work.notify_one();
    }
}

impl fmt::Debug for ProxyChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyChannel")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
