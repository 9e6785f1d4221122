//! Turns the replies to one message into an HTTP response: one JSON body when the answer is quick, else a stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::poll_immediate;
use futures_util::{Stream, StreamExt as _, stream};
use mcp_server::{Replies, Reply};
use tokio::time::{self, Instant, error::Elapsed};

use crate::app::App;
use crate::event;
use crate::media::Accepts;
use crate::reject;

/// Answers with what `replies` bring.
///
/// 2026-07-28, transports: JSON if the result is there before anything else is to be told, else a stream of events.
/// The older revisions leave the choice to the server. `kept` lives as long as the response.
pub(crate) async fn answer(
    app: &Arc<App>,
    mut replies: Replies,
    accepts: Accepts,
    status: fn(&Reply) -> StatusCode,
    kept: impl Send + 'static,
) -> Response {
    let first = if accepts.stream {
        first_within(&mut replies, app.settings.stream_after).await
    } else {
        Ok(answer_only(&mut replies).await)
    };
    match first {
        Ok(Some(reply)) if reply.is_answer() => {
            let status = status(&reply);
            if accepts.json || status != StatusCode::OK {
                let body = Body::from(Bytes::from_owner(reply.into_held()));
                (status, [(CONTENT_TYPE, reject::JSON)], body).into_response()
            } else {
                events(app, Some(reply), replies, kept)
            }
        }
        Ok(Some(notification)) => events(app, Some(notification), replies, kept),
        // The request was cancelled, or its session ended: there is nothing to say, and the stream just closes.
        Ok(None) => events(app, None, replies, kept),
        Err(_) => events(app, None, replies, kept),
    }
}

/// The first reply, if it comes in time.
///
/// Most come as soon as the tasks that make them had their turns, and are waited for without a timer: to set one and
/// take it back costs as much as a small call.
async fn first_within(replies: &mut Replies, limit: Duration) -> Result<Option<Reply>, Elapsed> {
    for _ in 0..TURNS {
        if let Some(reply) = poll_immediate(replies.next()).await {
            return Ok(reply);
        }
        tokio::task::yield_now().await;
    }
    time::timeout(limit, replies.next()).await
}

/// How many turns the other tasks get.
const TURNS: usize = 2;

/// A response that streams messages as events, until they end or the client goes away.
///
/// 2025-11-25, transports, "sending messages": a stream that can be taken up again begins with an event that has a name
/// and no data, and says how long a client should wait before it comes back.
fn events(
    app: &Arc<App>,
    first: Option<Reply>,
    replies: Replies,
    kept: impl Send + 'static,
) -> Response {
    let start = replies
        .begin_stream()
        .map(|start| event::start(start, app.settings.retry));
    let messages = stream::iter(first).chain(replies).flat_map(pieces);
    raw_events(app, stream::iter(start).chain(messages), kept)
}

/// As good as never.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// When a stream that is silent from now on says that it is there: after the pause, or up to a sixteenth of it earlier, and
/// with all others that are due about then. To be woken takes longer than to say it.
fn next_sign(began: Instant, pause: Duration) -> Instant {
    let step = (pause / 16).max(Duration::from_nanos(1));
    let due = began.elapsed().saturating_add(pause);
    let early = due.as_nanos() % step.as_nanos();
    let early = Duration::from_nanos(u64::try_from(early).unwrap_or_default());
    let sign = began.checked_add(due.saturating_sub(early));
    sign.unwrap_or_else(|| Instant::now() + NEVER)
}

/// The bytes of a message, as they go out.
pub(crate) fn pieces(message: Reply) -> impl Stream<Item = Bytes> {
    stream::iter(event::message(message))
}

/// The same for events that are written already. `kept` lives as long as the response.
pub(crate) fn raw_events(
    app: &Arc<App>,
    events: impl Stream<Item = Bytes> + Send + 'static,
    kept: impl Send + 'static,
) -> Response {
    let (began, pause) = (app.began, app.settings.keep_alive);
    let state = (Box::pin(events), kept);
    let texts = stream::unfold(state, move |(mut events, kept)| async move {
        let text = match time::timeout_at(next_sign(began, pause), events.next()).await {
            Ok(Some(event)) => event,
            Ok(None) => return None,
            Err(_) => Bytes::from_static(event::KEEP_ALIVE.as_bytes()),
        };
        Some((Ok::<_, Infallible>(text), (events, kept)))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        ),
        // Proxies must hand events on as they come.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    (headers, Body::from_stream(texts)).into_response()
}

/// Waits for the answer, for a client that takes nothing else.
async fn answer_only(replies: &mut Replies) -> Option<Reply> {
    loop {
        let reply = replies.next().await?;
        if reply.is_answer() {
            return Some(reply);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_falls_silent_together_is_heard_together_and_in_time() {
        let pause = Duration::from_secs(16);
        let began = Instant::now();
        time::advance(Duration::from_millis(100_200)).await;
        let first = next_sign(began, pause);
        assert_eq!(first - Instant::now(), Duration::from_millis(15_800));
        time::advance(Duration::from_millis(799)).await;
        assert_eq!(next_sign(began, pause), first);
        time::advance(Duration::from_millis(1)).await;
        assert_eq!(next_sign(began, pause) - Instant::now(), pause);
        assert_eq!(next_sign(began, Duration::ZERO), Instant::now());
        assert_eq!(next_sign(began, Duration::MAX) - Instant::now(), NEVER);
    }
}
