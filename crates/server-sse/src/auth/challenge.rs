//! What a client is told that may not ask: RFC 6750, section 3, with the pointer of RFC 9728, section 5.1.

use std::fmt::Write as _;

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::reject;

/// Why a request does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// It bears no token.
    NoToken,
    /// It cannot be seen what it bears.
    Malformed(&'static str),
    /// The token counts for nothing here.
    InvalidToken(&'static str),
    /// The token is good, and is not enough.
    InsufficientScope,
    /// Nobody can say at present whether the token is good.
    Undecided,
}

/// What all challenges of one server have in common.
#[derive(Debug)]
pub(super) struct Challenges {
    /// `resource_metadata="…"`, and `scope="…"` if any is asked for.
    pointers: String,
}

impl Challenges {
    /// `metadata` is the address of the metadata document. Neither it nor a scope has quotes in it.
    pub(super) fn new(metadata: &str, scope: &str) -> Self {
        let mut pointers = format!("resource_metadata=\"{metadata}\"");
        if !scope.is_empty() {
            let _ = write!(pointers, ", scope=\"{scope}\"");
        }
        Self { pointers }
    }

    /// The response to a request that does not pass.
    pub(super) fn answer(&self, denial: Denial) -> Response {
        let (status, error, why) = match denial {
            // RFC 6750, section 3.1: whoever did not know that a token is needed made no error.
            Denial::NoToken => (
                StatusCode::UNAUTHORIZED,
                None,
                "an access token is required",
            ),
            Denial::Malformed(why) => (StatusCode::BAD_REQUEST, Some("invalid_request"), why),
            Denial::InvalidToken(why) => (StatusCode::UNAUTHORIZED, Some("invalid_token"), why),
            Denial::InsufficientScope => (
                StatusCode::FORBIDDEN,
                Some("insufficient_scope"),
                "the access token lacks a scope that is needed here",
            ),
            Denial::Undecided => {
                return reject::busy("the keys that access tokens are checked with cannot be had");
            }
        };
        let mut challenge = "Bearer ".to_owned();
        if let Some(error) = error {
            let _ = write!(
                challenge,
                "error=\"{error}\", error_description=\"{why}\", "
            );
        }
        challenge.push_str(&self.pointers);
        let mut response = reject::invalid_request(status, why);
        // It is visible ASCII, for all of its parts are.
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_what_is_missing_and_where_to_get_it() {
        let check = |scope: &str, denial: Denial, status: u16, expected: &str| {
            let challenges = Challenges::new("https://a.example/meta", scope);
            let response = challenges.answer(denial);
            assert_eq!(response.status(), status);
            let told = response.headers().get(WWW_AUTHENTICATE);
            assert_eq!(told.map_or("", |told| told.to_str().unwrap()), expected);
        };
        check(
            "run",
            Denial::NoToken,
            401,
            r#"Bearer resource_metadata="https://a.example/meta", scope="run""#,
        );
        check(
            "",
            Denial::NoToken,
            401,
            r#"Bearer resource_metadata="https://a.example/meta""#,
        );
        check(
            "run net",
            Denial::InvalidToken("too old"),
            401,
            r#"Bearer error="invalid_token", error_description="too old", resource_metadata="https://a.example/meta", scope="run net""#,
        );
        check(
            "run",
            Denial::InsufficientScope,
            403,
            r#"Bearer error="insufficient_scope", error_description="the access token lacks a scope that is needed here", resource_metadata="https://a.example/meta", scope="run""#,
        );
        check(
            "run",
            Denial::Malformed("twice"),
            400,
            r#"Bearer error="invalid_request", error_description="twice", resource_metadata="https://a.example/meta", scope="run""#,
        );
        check("run", Denial::Undecided, 503, "");
    }
}
