//! `/sse` and `/message`: the transport of 2024-11-05. One stream carries everything for the client; its end is the
//! session's end.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use mcp_protocol::jsonrpc::decode;
use mcp_server::Session;
use serde::Deserialize;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::answer::{pieces, raw_events};
use crate::app::App;
use crate::auth::{Caller, ending_with};
use crate::event;
use crate::media::{self, Accepts};
use crate::reject;
use crate::sessions::{InUse, Kind};

/// Where clients post, as the first event of the stream tells them.
pub(crate) const MESSAGE_PATH: &str = "/message";

/// `GET /sse`: opens a session and its stream.
pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET {
        // Without a JSON-RPC body: clients that try the newer transport first take that as "not here".
        return reject::method_not_allowed("GET");
    }
    if !Accepts::of(&headers).stream {
        return StatusCode::NOT_ACCEPTABLE.into_response();
    }
    let (session, messages) = app.server.open_stream_session(caller.principal.clone());
    let (id, in_use) = match app.sessions.insert(session, Kind::Sse, &caller) {
        Ok(taken) => taken,
        Err(full) => return full.refusal(),
    };
    let endpoint = format!(
        "{}{MESSAGE_PATH}?sessionId={id}",
        app.settings.public_prefix
    );
    let closing = app.closing.clone();
    let entry = Arc::clone(&in_use.0);
    let lived = Arc::clone(&in_use.0);
    let first = event::endpoint(&endpoint);
    let messages = messages
        .take_until(Box::pin(async move {
            end_when_finished(&closing, &entry.session).await;
        }))
        .flat_map(pieces);
    let open = OpenStream {
        app: Arc::clone(&app),
        id,
        _in_use: in_use,
    };
    let response = raw_events(&app, stream::iter([first]).chain(messages), open);
    ending_with(response, async move { lived.lifetime.over().await })
}

/// When the server shuts down, the session stays until what runs in it has been answered. Its end is the end of the
/// stream, after all that was put there before.
async fn end_when_finished(closing: &CancellationToken, session: &Session) {
    closing.cancelled().await;
    session.quiet().await;
    session.end();
    std::future::pending().await
}

/// Ends the session when its stream is dropped.
#[derive(Debug)]
struct OpenStream {
    app: Arc<App>,
    id: String,
    _in_use: InUse,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.app.sessions.remove(&self.id);
    }
}

/// The query of a posted message. Clients take it from the `endpoint` event.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    #[serde(rename = "sessionId")]
    session_id: Option<String>,
}

/// `POST /message`: takes in one message; the answer comes on the stream.
pub(crate) async fn message(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Query(target): Query<Target>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return reject::method_not_allowed("POST");
    }
    let Some(id) = target.session_id else {
        let why = "the query must name a `sessionId`";
        return reject::invalid_request(StatusCode::BAD_REQUEST, why);
    };
    let Some(session) = app.sessions.find(&id, Kind::Sse, &caller) else {
        return reject::invalid_request(StatusCode::NOT_FOUND, "no such session");
    };
    if !media::body_is_json(&head.headers) {
        let why = "`Content-Type` must be application/json";
        return reject::invalid_request(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
    }
    let (body, share) = match app.bodies.read(&head.headers, body, &app.settings).await {
        Ok(body) => body,
        Err(refusal) => return *refusal,
    };
    let frame = decode(&body);
    drop(body);
    // What is no message is refused here and told on the stream: which of the two a client reads cannot be known.
    let answer = match &frame {
        Ok(_) => (StatusCode::ACCEPTED, "Accepted").into_response(),
        Err(fault) => {
            let (id, error) = (fault.id.clone(), fault.error.clone());
            reject::error(StatusCode::BAD_REQUEST, id, error)
        }
    };
    // A client that does not read its stream makes this wait, but not for ever.
    // Nor for more than its share of the memory, which goes into the queue with it.
    let posting = session.0.session.post(frame, share);
    let posted = time::timeout(app.settings.body_timeout, posting).await;
    match posted {
        Ok(Ok(())) => answer,
        Ok(Err(_)) => reject::invalid_request(StatusCode::NOT_FOUND, "no such session"),
        Err(_) => reject::busy("the session's stream is not being read"),
    }
}
