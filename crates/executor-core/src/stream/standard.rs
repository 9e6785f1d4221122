//! What is kept of a run's standard streams: the input that goes to channel 0, and the outputs that come on 1 and 2.
//! The rules by which they are fed and read are in `state`.

use bytes::{Bytes, BytesMut};

use super::credit::{ReceiveWindow, SendWindow};

pub(super) const INPUT: u32 = 0;
pub(super) const STDOUT: u32 = 1;
pub(super) const STDERR: u32 = 2;

/// What goes to channel 0.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) rest: Bytes,
    pub(super) window: SendWindow,
    pub(super) end_due: bool,
    /// More comes piece by piece; the end is due when somebody says so.
    pub(super) fed: bool,
}

impl Input {
    /// These bytes, and whether that is all.
    pub(super) fn of(bytes: Bytes, whole: bool) -> Self {
        Self {
            rest: bytes,
            window: SendWindow::new(INPUT),
            end_due: whole,
            fed: false,
        }
    }
}

/// What came on channel 1 or 2.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) channel: u32,
    pub(super) waiting: BytesMut,
    pub(super) window: ReceiveWindow,
    pub(super) received: u64,
}

impl Output {
    pub(super) fn new(channel: u32) -> Self {
        let window = ReceiveWindow::new(channel);
        Self {
            channel,
            waiting: BytesMut::new(),
            window,
            received: 0,
        }
    }
}
