//! 2025-03-26 to 2025-11-25 over HTTP: sessions by `Mcp-Session-Id`. A lost connection cancels nothing.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use mcp_protocol::Revision;
use mcp_protocol::http;
use mcp_protocol::jsonrpc::{ErrorObject, Frame, Incoming, Request, RequestId};
use mcp_server::{EventId, Reply, SessionClosed};

use super::{Client, SESSION_ID, text};
use crate::answer::{answer, pieces, raw_events};
use crate::auth::ending_with;
use crate::guard;
use crate::media::Accepts;
use crate::reject;
use crate::sessions::{InUse, Kind};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static(http::LAST_EVENT_ID);

const LOST: &str = "`Last-Event-ID` names nothing that is still kept";

impl Client {
    /// Opens a session; its id goes back in a header. A request that names a session which is open belongs to that one,
    /// whose engine refuses to be initialized twice; one that names what is gone opens a new one.
    pub(super) async fn initialize(mut self, request: Request, accepts: Accepts) -> Response {
        if self.find(Some(&request.id)).is_ok() {
            return self.legacy_request(request, accepts).await;
        }
        if let Err(full) = self.app.sessions.has_room() {
            return full.refusal();
        }
        let session = self.app.server.open_session(self.caller.principal.clone());
        let frame = Frame::Single(Incoming::Request(request));
        let Ok(replies) = session.send(Ok(frame), self.share.take()).await else {
            return reject::busy("the server is shutting down");
        };
        // The answer to `initialize` is ready at once, so it never becomes a stream that is still open here.
        let mut response = answer(&self.app, replies, accepts, |_| StatusCode::OK, ()).await;
        if session.revision().is_none() {
            // The handshake failed, and the answer says why.
            return response;
        }
        let sessions = &self.app.sessions;
        let id = match sessions.insert(session, Kind::Streamable, &self.caller) {
            Ok((id, _in_use)) => id,
            Err(full) => return full.refusal(),
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(SESSION_ID, id);
        }
        response
    }

    pub(super) async fn legacy_request(self, request: Request, accepts: Accepts) -> Response {
        let id = request.id.clone();
        let frame = Frame::Single(Incoming::Request(request));
        self.asked(frame, accepts, Some(id)).await
    }

    /// A batch, which only a session of 2025-03-26 takes.
    pub(super) async fn batch(self, batch: Frame, accepts: Accepts) -> Response {
        let takes_batches = self
            .find(None)
            .is_ok_and(|session| session.0.session.revision() == Some(Revision::V2025_03_26));
        if !takes_batches || self.header_is_modern() {
            let why = "batches are part of 2025-03-26 only";
            return reject::invalid_request(StatusCode::BAD_REQUEST, why);
        }
        let Frame::Batch(elements) = &batch else {
            return reject::invalid_request(StatusCode::BAD_REQUEST, "not a batch");
        };
        let wants_answer =
            |element: &Result<Incoming, _>| matches!(element, Ok(Incoming::Request(_)) | Err(_));
        if elements.iter().any(wants_answer) {
            self.asked(batch, accepts, None).await
        } else {
            self.told(batch).await
        }
    }

    /// A notification or a response: taken in, and nothing to say.
    pub(super) async fn legacy_told(self, message: Incoming) -> Response {
        self.told(Frame::Single(message)).await
    }

    async fn asked(mut self, frame: Frame, accepts: Accepts, id: Option<RequestId>) -> Response {
        let session = match self.find(id.as_ref()) {
            Ok(session) => session,
            Err(refusal) => return *refusal,
        };
        match session.0.session.send(Ok(frame), self.share.take()).await {
            Ok(replies) => {
                // JSON-RPC errors of these revisions ride on 200.
                answer(
                    &self.app,
                    replies,
                    accepts,
                    |_: &Reply| StatusCode::OK,
                    session,
                )
                .await
            }
            Err(SessionClosed { .. }) => unknown_session(id),
        }
    }

    async fn told(mut self, frame: Frame) -> Response {
        let session = match self.find(None) {
            Ok(session) => session,
            Err(refusal) => return *refusal,
        };
        match session.0.session.send(Ok(frame), self.share.take()).await {
            Ok(_) => StatusCode::ACCEPTED.into_response(),
            Err(SessionClosed { .. }) => unknown_session(None),
        }
    }

    /// The stream for messages that belong to no request, or one that the client lost and takes up again.
    pub(super) async fn get(self) -> Response {
        if let Some(refusal) = self.unknown_version(None) {
            return refusal;
        }
        let session = match self.find(None) {
            Ok(session) => session,
            Err(refusal) => return *refusal,
        };
        if !Accepts::of(&self.headers).stream {
            let why = "`Accept` must allow text/event-stream";
            return reject::invalid_request(StatusCode::NOT_ACCEPTABLE, why);
        }
        let last = match guard::only(&self.headers, &LAST_EVENT_ID) {
            Ok(last) => last.map(|last| text(last).and_then(EventId::parse)),
            Err(()) => Some(None),
        };
        let streams = &session.0.session;
        let (opened, status, why) = match last {
            None => (
                streams.server_stream().await,
                StatusCode::CONFLICT,
                "this session has an open stream already",
            ),
            Some(Some(last)) => (streams.resume(last).await, StatusCode::BAD_REQUEST, LOST),
            Some(None) => (Ok(None), StatusCode::BAD_REQUEST, LOST),
        };
        match opened {
            Ok(Some(messages)) => {
                let closing = self.app.closing.clone().cancelled_owned();
                let messages = messages.take_until(Box::pin(closing)).flat_map(pieces);
                let lived = Arc::clone(&session.0);
                let response = raw_events(&self.app, messages, session);
                ending_with(response, async move { lived.lifetime.over().await })
            }
            Ok(None) => reject::invalid_request(status, why),
            Err(SessionClosed { .. }) => unknown_session(None),
        }
    }

    /// Ends the session.
    pub(super) fn delete(self) -> Response {
        if let Some(refusal) = self.unknown_version(None) {
            return refusal;
        }
        match self.find(None) {
            Ok(_) => {
                if let Some(id) = self.headers.get(SESSION_ID).and_then(text) {
                    self.app.sessions.remove(id);
                }
                StatusCode::NO_CONTENT.into_response()
            }
            Err(refusal) => *refusal,
        }
    }

    /// The session that the header names: 400 without one, 404 when there is none of that name.
    fn find(&self, id: Option<&RequestId>) -> Result<InUse, Box<Response>> {
        let named = guard::only(&self.headers, &SESSION_ID).ok().flatten();
        let Some(named) = named else {
            let error = ErrorObject::invalid_request(
                "`Mcp-Session-Id` must be given once: send `initialize` first",
            );
            return Err(Box::new(reject::error(
                StatusCode::BAD_REQUEST,
                id.cloned(),
                error,
            )));
        };
        let sessions = &self.app.sessions;
        text(named)
            .and_then(|named| sessions.find(named, Kind::Streamable, &self.caller))
            .ok_or_else(|| Box::new(unknown_session(id.cloned())))
    }
}

fn unknown_session(id: Option<RequestId>) -> Response {
    let error = ErrorObject::invalid_request("no such session: send `initialize` again");
    reject::error(StatusCode::NOT_FOUND, id, error)
}
