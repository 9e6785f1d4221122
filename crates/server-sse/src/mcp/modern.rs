//! 2026-07-28 over HTTP: the headers repeat what the body says, so that proxies can route without reading it. Closing
//! the response cancels the request.

use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use mcp_protocol::Revision;
use mcp_protocol::envelope::Envelope;
use mcp_protocol::http;
use mcp_protocol::jsonrpc::{ErrorObject, Incoming, Request};
use mcp_protocol::subscriptions;
use mcp_server::Reply;
use serde_json::Value;
use tokio::time;

use super::{Client, PROTOCOL_VERSION, text};
use crate::answer::answer;
use crate::auth::ending_with;
use crate::guard;
use crate::media::Accepts;
use crate::reject;

const METHOD: HeaderName = HeaderName::from_static(http::METHOD);
const NAME: HeaderName = HeaderName::from_static(http::NAME);

/// The revision of these headers; a request of another one is refused by its version, not by them.
const SPOKEN: Revision = Revision::V2026_07_28;

impl Client {
    pub(super) async fn modern_request(self, request: Request, accepts: Accepts) -> Response {
        if let Err(error) = self.check_headers(&request) {
            return reject::error(StatusCode::BAD_REQUEST, Some(request.id), error);
        }
        let listens = request.method == subscriptions::LISTEN;
        if listens && !accepts.stream {
            let why = "`Accept` must allow text/event-stream";
            return reject::invalid_request(StatusCode::NOT_ACCEPTABLE, why);
        }
        // The engine does the rest of the ladder: version, method, parameters.
        let replies = self.app.server.exchange_keeping(
            Incoming::Request(request),
            self.caller.principal,
            self.share,
        );
        let response = answer(&self.app, replies, accepts, status, ()).await;
        match self.caller.until {
            // What has an end of its own was asked for in time; what stays open does so for as long as the token.
            Some(until) if listens => ending_with(response, time::sleep_until(until)),
            _ => response,
        }
    }

    /// 2026-07-28, transports, "header validation": shape of the envelope first, then the headers, each exact.
    fn check_headers(&self, request: &Request) -> Result<(), ErrorObject> {
        let envelope = Envelope::decode(&request.params)?;
        if self.one(&PROTOCOL_VERSION, "MCP-Protocol-Version")? != envelope.protocol_version {
            return Err(mismatch("MCP-Protocol-Version", "params._meta"));
        }
        if self.one(&METHOD, "Mcp-Method")? != request.method {
            return Err(mismatch("Mcp-Method", "method"));
        }
        // Compared only when the body has the value; a body without it fails later, by itself.
        let Some(expected) = http::expected_name(&request.method, &request.params) else {
            return Ok(());
        };
        let name = http::decode_value(self.one(&NAME, "Mcp-Name")?).ok_or_else(|| {
            ErrorObject::header_mismatch("`Mcp-Name` is not valid base64 of UTF-8")
        })?;
        if name != expected {
            return Err(mismatch("Mcp-Name", "params"));
        }
        if request.method == "tools/call" && envelope.protocol_version == SPOKEN.as_str() {
            self.check_params(expected, request.params.get("arguments"))?;
        }
        Ok(())
    }

    /// The headers that repeat arguments of a tool, where its schema asks for that.
    fn check_params(&self, tool: &str, arguments: Option<&Value>) -> Result<(), ErrorObject> {
        for header in self.app.server.param_headers(tool) {
            let Ok(name) = HeaderName::try_from(header.name.as_str()) else {
                continue;
            };
            let value = guard::only(&self.headers, &name)
                .ok()
                .and_then(|value| value.map_or(Some(None), |value| text(value).map(Some)));
            if !value.is_some_and(|value| header.agrees(value, arguments)) {
                return Err(mismatch(&header.name, "params.arguments"));
            }
        }
        Ok(())
    }

    fn one(&self, name: &HeaderName, shown: &str) -> Result<&str, ErrorObject> {
        let fault = |why: &str| ErrorObject::header_mismatch(format!("`{shown}` {why}"));
        guard::only(&self.headers, name)
            .map_err(|()| fault("appears more than once"))?
            .ok_or_else(|| fault("is missing"))
            .and_then(|value| text(value).ok_or_else(|| fault("is not visible ASCII")))
    }
}

fn mismatch(header: &str, body: &str) -> ErrorObject {
    ErrorObject::header_mismatch(format!("`{header}` does not match `{body}` of the body"))
}

fn status(reply: &Reply) -> StatusCode {
    reply.error().map_or(StatusCode::OK, reject::status_of)
}
