//! The state of one proxied connection: what waits both ways, and how far each side has ended.
//!
//! The runner opens a channel. Each side ends its data with `End`, and says that it sends nothing more at all
//! with `Reset`: the runner when its socket is closed, the host when the [`ProxyChannel`](super::ProxyChannel) is
//! dropped. The channel is over when both have. A `Reset` without an `End` before it is an abort.

use std::io;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, BytesMut};
use tokio::io::ReadBuf;

use super::credit::{ReceiveWindow, SendWindow};
use super::error::StreamError;
use super::frame::{Frame, MAX_DATA};

/// What a writer may put aside beyond the credit it has, in bytes.
const MAX_UNSENT: usize = MAX_DATA;

/// How far our own direction has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OurEnd {
    Open,
    Wanted,
    Sent,
}

/// What became of the handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handle {
    Held,
    Dropped,
    /// Dropped, and the runner was told.
    Told,
}

#[derive(Debug)]
pub(super) struct Proxied {
    number: u32,
    inbound: BytesMut,
    receive: ReceiveWindow,
    outbound: BytesMut,
    send: SendWindow,
    runner_ended: bool,
    runner_reset: bool,
    our_end: OurEnd,
    handle: Handle,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Proxied {
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            inbound: BytesMut::new(),
            receive: ReceiveWindow::new(number),
            outbound: BytesMut::new(),
            send: SendWindow::new(number),
            runner_ended: false,
            runner_reset: false,
            our_end: OurEnd::Open,
            handle: Handle::Held,
            reader: None,
            writer: None,
        }
    }

    /// Whether both sides have said their last.
    pub(super) fn is_over(&self) -> bool {
        self.runner_reset && self.handle == Handle::Told
    }

    /// Takes a frame of the runner for this channel.
    pub(super) fn apply(&mut self, frame: &Frame) -> Result<(), StreamError> {
        if self.runner_reset {
            return Err(StreamError::UnknownChannel(self.number));
        }
        match frame {
            Frame::Data { payload, .. } => {
                if self.runner_ended {
                    return Err(StreamError::OutOfOrder(frame.name()));
                }
                self.receive.accept(payload.len())?;
                if self.handle == Handle::Held {
                    self.inbound.extend_from_slice(payload);
                }
            }
            Frame::End { .. } => {
                if self.runner_ended {
                    return Err(StreamError::OutOfOrder(frame.name()));
                }
                self.runner_ended = true;
            }
            Frame::Credit { bytes, .. } => self.send.grant(*bytes)?,
            Frame::Reset { .. } => {
                self.runner_reset = true;
                self.outbound.clear();
            }
            other => return Err(StreamError::OutOfOrder(other.name())),
        }
        self.wake();
        Ok(())
    }

    /// What is to be sent next on this channel.
    pub(super) fn next_frame(&mut self) -> Option<Frame> {
        let channel = self.number;
        if self.handle == Handle::Told {
            return None;
        }
        if !self.runner_reset {
            if !self.runner_ended
                && self.handle == Handle::Held
                && let Some(bytes) = self.receive.due()
            {
                return Some(Frame::Credit { channel, bytes });
            }
            if !self.outbound.is_empty() {
                let length = self.send.take(self.outbound.len().min(MAX_DATA));
                if length == 0 {
                    return None;
                }
                let payload = self.outbound.split_to(length).freeze();
                self.wake();
                return Some(Frame::Data { channel, payload });
            }
            if self.our_end == OurEnd::Wanted {
                self.our_end = OurEnd::Sent;
                self.wake();
                return Some(Frame::End { channel });
            }
        }
        if self.handle == Handle::Dropped {
            self.handle = Handle::Told;
            return Some(Frame::Reset { channel });
        }
        None
    }

    /// Nobody reads or writes any more. What was written before an orderly end still goes out.
    pub(super) fn drop_handle(&mut self) {
        self.handle = Handle::Dropped;
        self.inbound = BytesMut::new();
        if self.our_end == OurEnd::Open {
            self.outbound = BytesMut::new();
        }
    }

    /// Lets whoever waits look again.
    pub(super) fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }

    pub(super) fn poll_read(
        &mut self,
        context: &Context<'_>,
        buffer: &mut ReadBuf<'_>,
        link_over: bool,
    ) -> Poll<io::Result<()>> {
        if !self.inbound.is_empty() {
            let length = self.inbound.len().min(buffer.remaining());
            buffer.put_slice(self.inbound.get(..length).unwrap_or_default());
            self.inbound.advance(length);
            self.receive.release(length);
            return Poll::Ready(Ok(()));
        }
        if self.runner_ended {
            return Poll::Ready(Ok(()));
        }
        if self.runner_reset || link_over {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.reader = Some(context.waker().clone());
        Poll::Pending
    }

    pub(super) fn poll_write(
        &mut self,
        context: &Context<'_>,
        bytes: &[u8],
        link_over: bool,
    ) -> Poll<io::Result<usize>> {
        if self.our_end != OurEnd::Open || self.runner_reset || link_over {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = MAX_UNSENT
            .saturating_sub(self.outbound.len())
            .min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.outbound
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
        Poll::Ready(Ok(room))
    }

    /// Ready when everything written has been handed to the stream.
    pub(super) fn poll_flush(
        &mut self,
        context: &Context<'_>,
        link_over: bool,
    ) -> Poll<io::Result<()>> {
        if self.runner_reset || self.outbound.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if link_over {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Ends our direction; ready when the end has been handed to the stream.
    pub(super) fn poll_shutdown(
        &mut self,
        context: &Context<'_>,
        link_over: bool,
    ) -> Poll<io::Result<()>> {
        if self.our_end == OurEnd::Open {
            self.our_end = OurEnd::Wanted;
        }
        if self.our_end == OurEnd::Sent || self.runner_reset {
            return Poll::Ready(Ok(()));
        }
        if link_over {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.writer = Some(context.waker().clone());
        Poll::Pending
    }
}
