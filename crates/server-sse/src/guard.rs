//! What every request must pass before anything else is looked at, its body least of all: Host, Origin, token. What an
//! access token of an authorization server must say is `auth`'s.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use mcp_server::Principal;

use crate::app::{Access, App};
use crate::auth::{self, Caller};
use crate::hosts;
use crate::reject;
use crate::settings::{BearerToken, HttpSettings};

/// The path that answers without a token, for those who watch over the server.
pub(crate) const HEALTH: &str = "/healthz";

/// Lets a request pass, with the caller it speaks for, or answers it.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let settings = &app.settings;
    if let Err(refusal) = check_address(&request, settings) {
        return *refusal;
    }
    let path = request.uri().path();
    let checked = match &app.access {
        _ if path == HEALTH || auth::is_asked_for(path) => Ok(Caller::for_ever(Principal::local())),
        Access::Open => Ok(Caller::for_ever(Principal::local())),
        Access::Token(token) => check_token(request.headers(), token)
            .map(|()| Caller::for_ever(Principal::new("token"))),
        Access::Authorized(resource) => resource.admit(request.headers(), request.uri()).await,
        Access::Closed => Err(Box::new(reject::busy("access tokens cannot be checked"))),
    };
    match checked {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => *refusal,
    }
}

/// Refusals are boxed: a response is large, and nearly every request passes.
type Checked = Result<(), Box<Response>>;

fn refuse(status: StatusCode, why: &str) -> Box<Response> {
    Box::new(reject::invalid_request(status, why))
}

fn check_address(request: &Request, settings: &HttpSettings) -> Checked {
    let host = only(request.headers(), &HOST)
        .map_err(|()| refuse(StatusCode::BAD_REQUEST, "more than one `Host` header"))?
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "the `Host` header is missing"))?;
    let host_allowed = host
        .to_str()
        .is_ok_and(|host| hosts::host_is_allowed(host, &settings.allowed_hosts));
    // A request line may name a host of its own (absolute form), which must be ours as well.
    let line_allowed = request
        .uri()
        .authority()
        .is_none_or(|named| hosts::authority_is_allowed(named, &settings.allowed_hosts));
    if !host_allowed || !line_allowed {
        return Err(refuse(StatusCode::FORBIDDEN, "this host is not served"));
    }
    let origin = only(request.headers(), &ORIGIN)
        .map_err(|()| refuse(StatusCode::FORBIDDEN, "more than one `Origin` header"))?;
    let origin_allowed = origin.is_none_or(|origin| {
        origin.to_str().is_ok_and(|origin| {
            hosts::origin_is_allowed(origin, &settings.allowed_origins, &settings.allowed_hosts)
        })
    });
    if !origin_allowed {
        return Err(refuse(StatusCode::FORBIDDEN, "this origin is not allowed"));
    }
    Ok(())
}

fn check_token(headers: &HeaderMap, token: &BearerToken) -> Checked {
    let presented = match only(headers, &AUTHORIZATION) {
        Ok(presented) => presented.map(HeaderValue::as_bytes),
        Err(()) => None,
    };
    let Some(presented) = presented else {
        return Err(unauthorized("Bearer"));
    };
    let accepted =
        presented
            .split_at_checked(b"Bearer ".len())
            .is_some_and(|(scheme, presented)| {
                scheme.eq_ignore_ascii_case(b"Bearer ") && token.matches(presented)
            });
    if accepted {
        Ok(())
    } else {
        Err(unauthorized("Bearer error=\"invalid_token\""))
    }
}

fn unauthorized(challenge: &'static str) -> Box<Response> {
    let challenge = (WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    let body = reject::invalid_request(StatusCode::UNAUTHORIZED, "a bearer token is required");
    Box::new(([challenge], body).into_response())
}

/// The value of a header that may appear once; an error when it appears more often.
pub(crate) fn only<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(()),
    }
}
