//! Refusals: an HTTP status with a JSON-RPC error in its body, which clients of both eras understand.

use std::time::Duration;

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mcp_protocol::jsonrpc::{
    ErrorCode, ErrorObject, Outgoing, OutgoingFrame, RETRY_AFTER_SECONDS, RequestId,
};
use serde_json::json;

/// What a client should wait before it tries again. Places become free as requests and calls end.
const RETRY: Duration = Duration::from_secs(RETRY_AFTER_SECONDS);

/// The media type of all our bodies that are not streams.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A refusal with any error.
pub(crate) fn error(status: StatusCode, id: Option<RequestId>, error: ErrorObject) -> Response {
    let body = OutgoingFrame::Single(Outgoing::Error { id, error }).into_json();
    (status, [(CONTENT_TYPE, JSON)], body).into_response()
}

/// A refusal whose reader sees an invalid request.
pub(crate) fn invalid_request(status: StatusCode, why: &str) -> Response {
    error(status, None, ErrorObject::invalid_request(why))
}

/// A bound is reached; it will pass.
pub(crate) fn busy(why: &str) -> Response {
    busy_for(why, RETRY)
}

/// The same, when it is known how long it will take.
pub(crate) fn busy_for(why: &str, time: Duration) -> Response {
    // Whoever comes a moment too early would be refused again.
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let data = json!({ "reason": "busy", "retryable": true, "retryAfterSeconds": seconds });
    let refusal = error(
        StatusCode::SERVICE_UNAVAILABLE,
        None,
        ErrorObject::internal(why).with_data(data),
    );
    ([(RETRY_AFTER, HeaderValue::from(seconds))], refusal).into_response()
}

/// The path does not take this method. Without a body: clients that look for the old transport read one as a sign
/// that they have found the new one.
pub(crate) fn method_not_allowed(allow: &'static str) -> Response {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(ALLOW, HeaderValue::from_static(allow))],
    )
        .into_response()
}

/// The status that goes with an error of the stateless revision.
///
/// 2026-07-28, transports, "status codes": 404 for unknown methods and 400 for header, capability, version and
/// envelope errors are musts; 400 for other parameter errors and 200 for internal ones are what most servers do.
pub(crate) const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        ErrorCode::PARSE_ERROR
        | ErrorCode::INVALID_REQUEST
        | ErrorCode::INVALID_PARAMS
        | ErrorCode::HEADER_MISMATCH
        | ErrorCode::MISSING_CLIENT_CAPABILITY
        | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}
