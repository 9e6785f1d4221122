//! One run as its caller holds it: a stream of events that ends in one outcome.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::{ErrorKind, SandboxError};
use crate::event::Event;
use crate::outcome::{Ending, Outcome};

/// A run under way: a stream of [`Event`]s, the last of which is [`Event::Ended`].
///
/// **Dropping it cancels the run**: the program and all it started are killed, the sandbox is
/// destroyed, its place is free again. A caller that does not read slows the program down once
/// some 64 chunks wait for it; the time limit goes on counting.
#[derive(Debug)]
#[must_use = "dropping an execution cancels it"]
pub struct Execution {
    events: mpsc::Receiver<Event>,
    cancel: CancellationToken,
    _cancel_on_drop: DropGuard,
    ended: bool,
}

/// Events that wait for a caller who does not read: each at most one frame, 64 KiB.
const WAITING_EVENTS: usize = 64;

impl Execution {
    /// An execution, and where its driver tells of it and hears of a cancel.
    pub(crate) fn new() -> (Self, mpsc::Sender<Event>, CancellationToken) {
        let (sender, events) = mpsc::channel(WAITING_EVENTS);
        let token = CancellationToken::new();
        let cancel = token.clone();
        let guard = token.clone().drop_guard();
        (
            Self {
                events,
                cancel,
                _cancel_on_drop: guard,
                ended: false,
            },
            sender,
            token,
        )
    }

    /// The next event, `None` after [`Event::Ended`]. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Cancels the run but goes on listening: the outcome says what was printed until then.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits for the end and gives the outcome, leaving out everything before it.
    /// Dropping this future cancels the run.
    pub async fn outcome(mut self) -> Outcome {
        loop {
            match self.next().await {
                Some(Event::Ended(outcome)) => return *outcome,
                Some(_) => {}
                None => return vanished(),
            }
        }
    }
}

impl Stream for Execution {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let event = std::task::ready!(self.events.poll_recv(context));
        // The driver always says how it ended; if it could not, it panicked.
        let event = event.unwrap_or_else(|| Event::Ended(Box::new(vanished())));
        self.ended = matches!(event, Event::Ended(_));
        Poll::Ready(Some(event))
    }
}

fn vanished() -> Outcome {
    Outcome::of(Ending::Failed(
        SandboxError::new(ErrorKind::Internal, "drive the run")
            .with_context("its task ended without an outcome"),
    ))
}
