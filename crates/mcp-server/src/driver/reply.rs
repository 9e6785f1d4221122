//! What comes back for one message over HTTP: a stream of ready-made JSON texts.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use mcp_protocol::jsonrpc::{ErrorCode, Outgoing, OutgoingFrame};
use tokio::sync::mpsc;

use crate::MAX_QUESTIONS;

/// How many messages may wait for the client of one exchange.
pub(super) const BUFFER: usize = 32;

/// The places that are kept for the answer and for the questions of its call; notifications that find no other are left
/// out.
const KEPT: usize = 1 + MAX_QUESTIONS;

/// A message for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    json: String,
    is_answer: bool,
    error: Option<ErrorCode>,
}

impl Reply {
    pub(super) fn new(frame: OutgoingFrame) -> Self {
        let (is_answer, error) = match &frame {
            OutgoingFrame::Single(Outgoing::Error { error, .. }) => (true, Some(error.code)),
            OutgoingFrame::Single(message) => (message.is_response(), None),
            _ => (true, None),
        };
        Self {
            json: frame.into_json(),
            is_answer,
            error,
        }
    }

    /// Whether it answers what was sent, so that nothing follows.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        self.is_answer
    }

    /// The code, if it is one error (and not a batch).
    #[must_use]
    pub const fn error(&self) -> Option<ErrorCode> {
        self.error
    }

    /// The JSON text, without a line break in it.
    #[must_use]
    pub fn into_json(self) -> String {
        self.json
    }
}

/// The messages for one exchange, or of one server-to-client stream. It ends after the answer; at once, when there is
/// nothing to answer; and without an answer, when its client has cancelled the request.
///
/// What dropping it means is said where it is handed out.
#[derive(Debug)]
pub struct Replies {
    receiver: mpsc::Receiver<Reply>,
}

impl Replies {
    pub(crate) fn channel(buffer: usize) -> (mpsc::Sender<Reply>, Self) {
        let (sender, receiver) = mpsc::channel(buffer);
        (sender, Self { receiver })
    }

    /// Waits for the next message. Cancel safe.
    pub async fn next(&mut self) -> Option<Reply> {
        self.receiver.recv().await
    }
}

impl Stream for Replies {
    type Item = Reply;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Reply>> {
        self.receiver.poll_recv(cx)
    }
}

/// Puts a message into the channel of one exchange, which never has to wait.
pub(super) fn put(sender: &mpsc::Sender<Reply>, frame: OutgoingFrame, droppable: bool) {
    if droppable && sender.capacity() <= KEPT {
        return;
    }
    // An exchange has one answer and some questions, for which places were kept; if the receiver is gone, nobody wants
    // them.
    let _ = sender.try_send(Reply::new(frame));
}
