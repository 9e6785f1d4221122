//! Refusals: an HTTP status with a JSON-RPC error in its body, which clients of both eras understand.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mcp_protocol::jsonrpc::{ErrorCode, ErrorObject, Outgoing, OutgoingFrame, RequestId};

/// What a client should wait before it tries again, in seconds. Places become free as sessions and calls end.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

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
    let refusal = error(
        StatusCode::SERVICE_UNAVAILABLE,
        None,
        ErrorObject::internal(why),
    );
    ([(RETRY_AFTER, RETRY_SECONDS)], refusal).into_response()
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
