//! One connection over a pair of byte streams: a message a line, both ways. This is the whole stdio transport.

use std::collections::VecDeque;
use std::io::{self, Cursor};
use std::sync::Arc;

use mcp_protocol::jsonrpc::{DecodeError, ErrorObject, decode};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::lines::{Line, Lines};
use super::{Core, Delivery, room};
use crate::budget::{Budget, Charge};
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
    let waiting = shared.waiting.clone();
    let mut core = Core::new(shared, Channel::Pipe, Principal::local());
    let mut lines = Lines::new(reader, limits.line_bytes);
    let mut outbox = Outbox::new(writer, waiting, limits.outbox, limits.outbox_bytes);
    let mut received = 0;

    let ending = loop {
        // A peer that does not read its answers is not read either, so no more calls begin; those in flight go on, and
        // their answers wait as long as there is room.
        let may_read = !outbox.is_full();
        tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            inputs = core.event() => {
                for input in inputs {
                    outbox.put(core.step(input));
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
                outbox.put(core.step(input));
            }
        }
    };

    // Whatever the end, the calls are cancelled and their futures gone before this returns; their answers, and those
    // that were ready, still go out, to a peer that reads them.
    outbox.put(core.step(Input::EndSubscriptions));
    outbox.put(core.step(Input::Closed));
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
    queue: VecDeque<Waiting>,
    /// The bytes in the queue.
    bytes: usize,
    flushed: bool,
    budget: Budget,
    max_lines: usize,
    max_bytes: usize,
}

/// One line, and the room that it takes.
#[derive(Debug)]
struct Waiting {
    line: Cursor<Vec<u8>>,
    charge: Charge,
}

impl<W: AsyncWrite + Unpin> Outbox<W> {
    const fn new(writer: W, budget: Budget, max_lines: usize, max_bytes: usize) -> Self {
        Self {
            writer,
            queue: VecDeque::new(),
            bytes: 0,
            flushed: true,
            budget,
            max_lines,
            max_bytes,
        }
    }

    fn put(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let Delivery::Send {
                frame, droppable, ..
            } = delivery
            else {
                continue;
            };
            if droppable && self.is_full() {
                continue;
            }
            if let Some(fitted) = room::fit(frame, droppable, &self.budget) {
                let mut line = fitted.json.into_bytes();
                line.push(b'\n');
                self.bytes += fitted.charge.bytes();
                self.queue.push_back(Waiting {
                    line: Cursor::new(line),
                    charge: fitted.charge,
                });
            }
        }
    }

    /// Whether so much waits that nothing more should be asked for.
    fn is_full(&self) -> bool {
        self.queue.len() >= self.max_lines || self.bytes >= self.max_bytes
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
        let line = &mut front.line;
        let written = self.writer.write_buf(line).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let at_end = usize::try_from(line.position()).is_ok_and(|at| at >= line.get_ref().len());
        if at_end && let Some(written) = self.queue.pop_front() {
            self.bytes = self.bytes.saturating_sub(written.charge.bytes());
        }
        Ok(())
    }
}
