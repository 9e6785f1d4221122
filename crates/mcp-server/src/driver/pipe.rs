//! One connection over a pair of byte streams: a message a line, both ways. This is the whole stdio transport.

use std::collections::VecDeque;
use std::io::{self, Cursor};
use std::sync::Arc;

use mcp_protocol::jsonrpc::{DecodeError, ErrorObject, OutgoingFrame, decode};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::lines::{Line, Lines};
use super::{Core, Delivery};
use crate::engine::{Channel, ExchangeId, Input};
use crate::server::Shared;
use crate::tool::Principal;

/// The pipe broke, other than by its peer going away.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The input could not be read.
    #[error("failed to read from the client")]
    Read(#[source] io::Error),
    /// The output could not be written.
    #[error("failed to write to the client")]
    Write(#[source] io::Error),
}

pub(crate) async fn serve<R, W>(
    shared: Arc<Shared>,
    reader: R,
    writer: W,
    shutdown: CancellationToken,
) -> Result<(), ServeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let limits = shared.limits.clone();
    let mut core = Core::new(shared, Channel::Pipe, Principal::local());
    let mut lines = Lines::new(reader, limits.line_bytes);
    let mut outbox = Outbox::new(writer);
    let mut received = 0;

    let ending = loop {
        // A peer that does not read its answers is not read either, so what waits for it is bounded: by this number,
        // and by the calls in flight.
        let may_read = outbox.waiting() < limits.outbox;
        tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            inputs = core.event() => {
                for input in inputs {
                    outbox.put(core.step(input), limits.outbox);
                }
            }
            written = outbox.write(), if !outbox.is_idle() => match written {
                Ok(()) => {}
                Err(error) => break Err(ServeError::Write(error)),
            },
            line = lines.next(), if may_read => {
                let frame = match line {
                    Ok(Line::Text(line)) => decode(&line),
                    Ok(Line::TooLong) => Err(too_long(limits.line_bytes)),
                    Ok(Line::End) => break Ok(()),
                    Err(error) => break Err(ServeError::Read(error)),
                };
                received += 1;
                let input = Input::Received { exchange: ExchangeId(received), frame };
                outbox.put(core.step(input), limits.outbox);
            }
        }
    };

    // Whatever the end, the calls are cancelled and their futures gone before this returns; their answers, and those
    // that were ready, still go out, to a peer that reads them.
    outbox.put(core.step(Input::EndSubscriptions), limits.outbox);
    outbox.put(core.step(Input::Closed), limits.outbox);
    let writable = !matches!(ending, Err(ServeError::Write(_)));
    let flush = async {
        while writable && !outbox.is_idle() {
            if outbox.write().await.is_err() {
                break;
            }
        }
    };
    let ((), ()) = tokio::join!(
        async {
            let _ = time::timeout(limits.drain, flush).await;
        },
        core.all_gone(),
    );
    match ending {
        // The peer went away without closing its output first: that is an end like any other.
        Err(ServeError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ending => ending,
    }
}

fn too_long(limit: usize) -> DecodeError {
    DecodeError::unread(ErrorObject::invalid_request(format!(
        "the message is longer than {limit} bytes, which is the most this server reads"
    )))
}

/// Lines that wait to be written, by one hand only.
#[derive(Debug)]
struct Outbox<W> {
    writer: W,
    queue: VecDeque<Cursor<Vec<u8>>>,
    flushed: bool,
}

impl<W: AsyncWrite + Unpin> Outbox<W> {
    const fn new(writer: W) -> Self {
        Self {
            writer,
            queue: VecDeque::new(),
            flushed: true,
        }
    }

    fn put(&mut self, deliveries: Vec<Delivery>, limit: usize) {
        for delivery in deliveries {
            match delivery {
                Delivery::Send {
                    droppable: true, ..
                } if self.queue.len() >= limit => {}
                Delivery::Send { frame, .. } => self.queue.push_back(line(frame)),
                Delivery::Close { .. } | Delivery::Done { .. } => {}
            }
        }
    }

    fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.flushed
    }

    /// Writes a piece, or flushes when there is nothing left to write. Cancel safe: what was written is remembered.
    async fn write(&mut self) -> io::Result<()> {
        let Some(front) = self.queue.front_mut() else {
            self.writer.flush().await?;
            self.flushed = true;
            return Ok(());
        };
        self.flushed = false;
        let written = self.writer.write_buf(front).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let at_end = usize::try_from(front.position()).is_ok_and(|at| at >= front.get_ref().len());
        if at_end {
            self.queue.pop_front();
        }
        Ok(())
    }
}

fn line(frame: OutgoingFrame) -> Cursor<Vec<u8>> {
    let mut line = frame.into_json().into_bytes();
    line.push(b'\n');
    Cursor::new(line)
}
