//! Turns the replies to one message into an HTTP response: one JSON body when the answer is quick, else a stream.

use std::convert::Infallible;
use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use mcp_server::{Replies, Reply};
use tokio::time;

use crate::app::App;
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
        time::timeout(app.settings.stream_after, replies.next()).await
    } else {
        Ok(answer_only(&mut replies).await)
    };
    match first {
        Ok(Some(reply)) if reply.is_answer() => {
            let status = status(&reply);
            if accepts.json || status != StatusCode::OK {
                (status, [(CONTENT_TYPE, reject::JSON)], reply.into_json()).into_response()
            } else {
                events(app, stream::iter([reply]), kept)
            }
        }
        Ok(Some(notification)) => events(app, stream::iter([notification]).chain(replies), kept),
        // The request was cancelled, or its session ended: there is nothing to say, and the stream just closes.
        Ok(None) => events(app, stream::empty(), kept),
        Err(_) => events(app, replies, kept),
    }
}

/// A response that streams messages as events, until `messages` ends or the client goes away.
pub(crate) fn events(
    app: &Arc<App>,
    messages: impl Stream<Item = Reply> + Send + 'static,
    kept: impl Send + 'static,
) -> Response {
    raw_events(
        app,
        messages.map(|message| Event::default().event("message").data(message.into_json())),
        kept,
    )
}

/// The same for events that are made already.
pub(crate) fn raw_events(
    app: &Arc<App>,
    events: impl Stream<Item = Event> + Send + 'static,
    kept: impl Send + 'static,
) -> Response {
    let events = events.map(move |event| {
        let _ = &kept;
        Ok::<_, Infallible>(event)
    });
    let keep_alive = KeepAlive::new()
        .interval(app.settings.keep_alive)
        .text("keep-alive");
    let headers = [
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
    (headers, Sse::new(events).keep_alive(keep_alive)).into_response()
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
