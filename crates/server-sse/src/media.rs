//! Media types in headers: what a request brings, and what its sender takes back.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};

/// What a client takes as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepts {
    pub(crate) json: bool,
    pub(crate) stream: bool,
}

impl Accepts {
    /// Reads `Accept`, wildcards included. A missing header takes everything.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut accepts = Self {
            json: false,
            stream: false,
        };
        let mut present = false;
        for value in headers.get_all(ACCEPT) {
            present = true;
            for range in value.to_str().unwrap_or_default().split(',') {
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default().to_ascii_lowercase();
                let refused = parts.any(|part| {
                    part.split_once('=').is_some_and(|(key, weight)| {
                        key.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0_f32)
                    })
                });
                accepts.json |=
                    !refused && matches!(&*name, "*/*" | "application/*" | "application/json");
                accepts.stream |=
                    !refused && matches!(&*name, "*/*" | "text/*" | "text/event-stream");
            }
        }
        if present {
            accepts
        } else {
            Self {
                json: true,
                stream: true,
            }
        }
    }
}

/// Whether the body is declared as JSON. A web page cannot send that type across origins without asking first.
pub(crate) fn body_is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let name = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    name.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_knows_wildcards_and_weights() {
        let check = |value: Option<&'static str>, json: bool, stream: bool| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(ACCEPT, value.parse().unwrap());
            }
            assert_eq!(Accepts::of(&headers), Accepts { json, stream }, "{value:?}");
        };
        check(None, true, true);
        check(Some("application/json, text/event-stream"), true, true);
        check(Some("text/event-stream"), false, true);
        check(Some("application/json;charset=utf-8"), true, false);
        check(Some("Application/*;q=0.5"), true, false);
        check(Some("*/*"), true, true);
        check(Some("application/json;q=0, text/*"), false, true);
        check(Some("text/html"), false, false);
        check(Some(""), false, false);
    }

    #[test]
    fn only_json_is_json() {
        let check = |value: Option<&'static str>, expected: bool| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(CONTENT_TYPE, value.parse().unwrap());
            }
            assert_eq!(body_is_json(&headers), expected, "{value:?}");
        };
        check(Some("application/json"), true);
        check(Some("Application/JSON; charset=utf-8"), true);
        check(Some("application/jsonp"), false);
        check(Some("text/plain"), false);
        check(None, false);
    }
}
