//! `/mcp`: Streamable HTTP for both eras on one path. The order of the checks is part of the protocol.
//!
//! A request that describes itself, in its body or by its version header, goes to [`modern`]; everything else belongs
//! to a session, see [`legacy`].

mod legacy;
mod modern;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mcp_protocol::envelope::Envelope;
use mcp_protocol::http;
use mcp_protocol::jsonrpc::{ErrorObject, Frame, Incoming, decode};
use mcp_protocol::{Revision, cancel};

use crate::app::App;
use crate::auth::Caller;
use crate::body::Share;
use crate::guard;
use crate::media::{self, Accepts};
use crate::reject;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static(http::PROTOCOL_VERSION);
const SESSION_ID: HeaderName = HeaderName::from_static(http::SESSION_ID);

/// Answers every request to `/mcp`.
pub(crate) async fn endpoint(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let client = Client {
        app,
        caller,
        headers: head.headers,
        share: None,
    };
    match head.method {
        Method::POST => client.post(body).await,
        // 2026-07-28 has only POST.
        Method::GET | Method::DELETE if client.header_is_modern() => {
            reject::method_not_allowed("POST")
        }
        Method::GET => client.get().await,
        Method::DELETE => client.delete(),
        _ => reject::method_not_allowed("GET, POST, DELETE"),
    }
}

/// One request to the endpoint, its body apart.
#[derive(Debug)]
struct Client {
    app: Arc<App>,
    caller: Caller,
    headers: HeaderMap,
    /// The part of the budget for bodies that the message takes until the engine has it.
    share: Share,
}

impl Client {
    async fn post(mut self, body: Body) -> Response {
        if !media::body_is_json(&self.headers) {
            let why = "`Content-Type` must be application/json";
            return reject::invalid_request(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
        }
        let accepts = Accepts::of(&self.headers);
        if !accepts.json && !accepts.stream {
            let why = "`Accept` must allow application/json and text/event-stream";
            return reject::invalid_request(StatusCode::NOT_ACCEPTABLE, why);
        }
        let (body, share) = match self
            .app
            .bodies
            .read(&self.headers, body, &self.app.settings)
            .await
        {
            Ok(body) => body,
            Err(refusal) => return *refusal,
        };
        let frame = decode(&body);
        drop(body);
        self.share = share;
        match frame {
            Err(fault) => reject::error(StatusCode::BAD_REQUEST, fault.id, fault.error),
            Ok(Frame::Single(message)) => self.message(message, accepts).await,
            Ok(batch) => self.batch(batch, accepts).await,
        }
    }

    async fn message(self, message: Incoming, accepts: Accepts) -> Response {
        match message {
            Incoming::Request(request)
                if self.header_is_modern() || Envelope::is_present(&request.params) =>
            {
                self.modern_request(request, accepts).await
            }
            Incoming::Request(request) => {
                if let Some(refusal) = self.unknown_version(Some(&request.id)) {
                    return refusal;
                }
                if request.method == "initialize" {
                    return self.initialize(request, accepts).await;
                }
                self.legacy_request(request, accepts).await
            }
            // Nothing that a stateless client tells without asking has a meaning here. A cancellation has none
            // either: ids are not unique across callers, closing the response stream is the signal.
            Incoming::Notification(notification)
                if self.header_is_modern() || Envelope::is_present(&notification.params) =>
            {
                if notification.method == cancel::METHOD {
                    tracing::debug!("ignoring a cancellation; closing the stream cancels");
                }
                StatusCode::ACCEPTED.into_response()
            }
            // A notification or a response; the latter only sessions can have.
            other => match self.unknown_version(None) {
                Some(refusal) => refusal,
                None => self.legacy_told(other).await,
            },
        }
    }

    /// Whether the version header names the stateless revision.
    fn header_is_modern(&self) -> bool {
        self.headers
            .get_all(PROTOCOL_VERSION)
            .iter()
            .filter_map(text)
            .any(|name| Revision::parse(name).is_some_and(Revision::is_modern))
    }

    /// The refusal of a version header that names nothing that is served here, or that is there twice.
    fn unknown_version(&self, id: Option<&mcp_protocol::jsonrpc::RequestId>) -> Option<Response> {
        let error = match guard::only(&self.headers, &PROTOCOL_VERSION) {
            Ok(None) => return None,
            Ok(Some(value)) => match text(value) {
                Some(name) if Revision::parse(name).is_some() => return None,
                name => ErrorObject::unsupported_version(name.unwrap_or_default()),
            },
            Err(()) => ErrorObject::invalid_request("more than one `MCP-Protocol-Version` header"),
        };
        Some(reject::error(StatusCode::BAD_REQUEST, id.cloned(), error))
    }
}

/// A header value as text, without the blanks around it.
fn text(value: &HeaderValue) -> Option<&str> {
    value
        .to_str()
        .ok()
        .map(|value| value.trim_matches([' ', '\t']))
}
