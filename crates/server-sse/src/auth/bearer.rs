//! What a request bears: RFC 6750, section 2.1. The header is the only place for it.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};

use super::challenge::Denial;
use crate::guard;

/// The token of a request.
pub(super) fn token<'h>(headers: &'h HeaderMap, uri: &Uri) -> Result<&'h str, Denial> {
    if in_query(uri.query().unwrap_or_default()) {
        // Ignoring it would let a client believe that it is a place for secrets.
        return Err(Denial::Malformed(
            "an access token in the address is not taken: it would be written to logs",
        ));
    }
    let value = guard::only(headers, &AUTHORIZATION)
        .map_err(|()| Denial::Malformed("more than one Authorization header"))?
        .ok_or(Denial::NoToken)?
        .as_bytes();
    let (scheme, rest) = value.split_at_checked(SCHEME.len()).unwrap_or((value, b""));
    if !scheme.eq_ignore_ascii_case(SCHEME) || rest.first().is_some_and(|byte| *byte != b' ') {
        // Another way to say who one is, which is not spoken here.
        return Err(Denial::NoToken);
    }
    let token = rest.trim_ascii_start();
    let malformed = Denial::Malformed("the Authorization header is not of the form Bearer TOKEN");
    if token.is_empty() || !token.iter().all(|byte| is_of_a_token(*byte)) {
        return Err(malformed);
    }
    str::from_utf8(token).map_err(|_| malformed)
}

const SCHEME: &[u8] = b"Bearer";

/// The characters of `b64token`.
const fn is_of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Whether a query has the parameter of RFC 6750, section 2.3, however its name is written.
fn in_query(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&'static str], query: &str, expected: Result<&str, &str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        let uri = format!("/mcp{query}").parse().unwrap();
        let found = token(&headers, &uri).map_err(|denial| match denial {
            Denial::NoToken => "none",
            Denial::Malformed(_) => "malformed",
            other => panic!("{other:?}"),
        });
        assert_eq!(found, expected, "{values:?} {query}");
    }

    #[test]
    fn a_token_is_taken_from_one_header_and_from_nowhere_else() {
        check(&["Bearer a.b-c_d~e+f/g=="], "", Ok("a.b-c_d~e+f/g=="));
        check(&["bearer a"], "", Ok("a"));
        check(&["BEARER   a"], "", Ok("a"));
        check(&[], "", Err("none"));
        check(&["Basic YTpi"], "", Err("none"));
        check(&["Bearera a"], "", Err("none"));
        check(&["a.b.c"], "", Err("none"));
        check(&[""], "", Err("none"));
        check(&["Bearer"], "", Err("malformed"));
        check(&["Bearer "], "", Err("malformed"));
        check(&["Bearer a b"], "", Err("malformed"));
        check(&["Bearer a,Bearer b"], "", Err("malformed"));
        check(&["Bearer \"a\""], "", Err("malformed"));
        check(&["Bearer a", "Bearer a"], "", Err("malformed"));
        check(&["Bearer a"], "?sessionId=access_token", Ok("a"));
        check(&["Bearer a"], "?access_token=a", Err("malformed"));
        check(&[], "?x=1&access%5ftoken=a", Err("malformed"));
        check(&[], "?token=a", Err("none"));
    }
}
