//! What a connection is doing: waiting for a whole request, or answering one. Those that wait are the ones to give up
//! when there are too many.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Instant;

/// The state of one connection. Clones are the same connection.
#[derive(Clone, Debug)]
pub(crate) struct Activity(Arc<Mutex<State>>);

#[derive(Clone, Copy, Debug)]
struct State {
    /// A whole request has arrived, and its answer is not out yet.
    answering: bool,
    /// Since when a whole request is being waited for.
    since: Instant,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            answering: false,
            since: Instant::now(),
        })))
    }

    /// Since when the connection has been waiting for its client to finish a request; none while it answers one.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        let state = self.state();
        (!state.answering).then_some(state.since)
    }

    /// The body of a request, whose end is the end of waiting.
    pub(crate) fn watch_request(&self, body: Incoming) -> Body {
        if body.is_end_stream() {
            self.state().answering = true;
            return Body::new(body);
        }
        Body::new(RequestBody {
            body,
            activity: self.clone(),
        })
    }

    /// The body of a response; with its end waiting begins again.
    pub(crate) fn watch_response(&self, body: Body) -> Body {
        Body::new(ResponseBody {
            body,
            _answered: Answered(self.clone()),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a request is answered when it is dropped.
#[derive(Debug)]
struct Answered(Activity);

impl Drop for Answered {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.answering = false;
        state.since = Instant::now();
    }
}

#[derive(Debug)]
struct RequestBody {
    body: Incoming,
    activity: Activity,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.activity.state().answering = true;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[derive(Debug)]
struct ResponseBody {
    body: Body,
    _answered: Answered,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
