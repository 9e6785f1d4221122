//! The attached connection as a [`SandboxStream`]: one reader of process 1's output, one writer
//! to its input, all byte values unchanged.
//!
//! The engine multiplexes standard output and error over one connection. Nothing is read from it
//! but when the reader is polled, and at most one frame of it is held: a slow reader slows
//! process 1. What process 1 says on standard error are diagnostics of our runner, made by a
//! sandbox: logged at debug, escaped, bounded.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error as BollardError;
use bytes::{Buf as _, Bytes};
use executor_core::backend::SandboxStream;
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Joins the two directions of `attached` to a stream of sandbox `id`.
pub(crate) fn stream(id: &str, attached: AttachContainerResults) -> SandboxStream {
    let reader = Output {
        frames: attached.output,
        pending: Bytes::new(),
        diagnostics: Diagnostics {
            sandbox: id.to_owned(),
            left: MAX_DIAGNOSTICS,
        },
    };
    SandboxStream::new(
        reader,
        Input {
            connection: attached.input,
        },
    )
}

/// Process 1's standard output.
struct Output {
    frames: Pin<Box<dyn Stream<Item = Result<LogOutput, BollardError>> + Send>>,
    pending: Bytes,
    diagnostics: Diagnostics,
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.pending.is_empty() {
            match ready!(this.frames.as_mut().poll_next(context)) {
                Some(Ok(LogOutput::StdOut { message })) => this.pending = message,
                Some(Ok(LogOutput::StdErr { message })) => this.diagnostics.log(&message),
                Some(Ok(LogOutput::StdIn { .. } | LogOutput::Console { .. })) => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the engine's stream is not framed as it should be",
                    )));
                }
                Some(Err(BollardError::IOError { err })) => return Poll::Ready(Err(err)),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let taken = this.pending.len().min(buffer.remaining());
        if let Some(part) = this.pending.get(..taken) {
            buffer.put_slice(part);
        }
        this.pending.advance(taken);
        Poll::Ready(Ok(()))
    }
}

/// So much of a sandbox's standard error is logged.
const MAX_DIAGNOSTICS: usize = 64 * 1024;

/// What process 1 says on standard error.
#[derive(Debug)]
struct Diagnostics {
    sandbox: String,
    left: usize,
}

impl Diagnostics {
    fn log(&mut self, message: &[u8]) {
        if self.left == 0 {
            return;
        }
        let logged = message
            .get(..self.left.min(message.len()))
            .unwrap_or(message);
        self.left = self.left.saturating_sub(message.len());
        // The debug form escapes what would forge a line of the log.
        let text = String::from_utf8_lossy(logged);
        tracing::debug!(sandbox = self.sandbox, text = ?text.trim_end(), "process 1 says");
        if self.left == 0 {
            tracing::debug!(
                sandbox = self.sandbox,
                "process 1 says more, which is dropped"
            );
        }
    }
}

/// Process 1's standard input; dropping it is its end of file.
struct Input {
    connection: Pin<Box<dyn AsyncWrite + Send>>,
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection.as_mut().poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.as_mut().poll_shutdown(context)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // The connection lives on while the reader does, so its half is closed here. For a socket
        // that is one system call and never waits; over TLS it may find the socket full, when
        // process 1 reads nothing anyway and only the removal of the container ends it.
        let mut context = Context::from_waker(Waker::noop());
        let _closed_or_gone = self.connection.as_mut().poll_shutdown(&mut context);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn attached(
        frames: Vec<LogOutput>,
        input: impl AsyncWrite + Send + 'static,
    ) -> AttachContainerResults {
        AttachContainerResults {
            output: Box::pin(stream::iter(frames.into_iter().map(Ok))),
            input: Box::pin(input),
        }
    }

    #[tokio::test]
    async fn only_standard_output_is_read() {
        let frames = vec![
            LogOutput::StdOut {
                message: Bytes::from_static(b"one"),
            },
            LogOutput::StdErr {
                message: Bytes::from_static(b"noise\n"),
            },
            LogOutput::StdOut {
                message: Bytes::new(),
            },
            LogOutput::StdOut {
                message: Bytes::from_static(b"\0two"),
            },
        ];
        let mut stream = stream("id", attached(frames, tokio::io::sink()));
        let mut all = Vec::new();
        // One byte at a time, so that frames are held over reads.
        let mut byte = [0];
        while stream.reader.read(&mut byte).await.unwrap() == 1 {
            all.extend(byte);
        }
        assert_eq!(all, b"one\0two");
    }

    #[tokio::test]
    async fn an_unframed_stream_is_an_error() {
        let frames = vec![LogOutput::Console {
            message: Bytes::from_static(b"raw"),
        }];
        let mut stream = stream("id", attached(frames, tokio::io::sink()));
        let error = stream.reader.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn dropping_the_writer_is_end_of_file() {
        let (near, mut far) = tokio::io::duplex(64);
        let (_reader, writer) = tokio::io::split(near);
        let mut stream = stream("id", attached(Vec::new(), writer));
        stream.writer.write_all(b"last").await.unwrap();
        drop(stream.writer);
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"last");
    }

    #[test]
    fn diagnostics_have_a_bound() {
        let mut diagnostics = Diagnostics {
            sandbox: String::new(),
            left: 10,
        };
        diagnostics.log(b"1234567");
        assert_eq!(diagnostics.left, 3);
        diagnostics.log(b"1234567");
        assert_eq!(diagnostics.left, 0);
        diagnostics.log(b"more");
        assert_eq!(diagnostics.left, 0);
    }
}
