//! The form of messages: which requests name a destination and which do not, and what of a request and of its answer is
//! passed on. hyper frames every body anew, so that no framing of a program's making reaches a server.

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Request, Response, StatusCode, Uri, Version};

use super::failure::Failure;
use super::name::Destination;
use super::reach::ThroughProxy;

/// Where a `CONNECT` wants to go (RFC 9112, section 3.2.3).
pub(super) fn connect_destination<B>(request: &Request<B>) -> Result<Destination, Failure> {
    let uri = request.uri();
    let (Some(authority), None) = (uri.authority(), uri.scheme()) else {
        return Err(malformed("`CONNECT` takes a host and a port"));
    };
    if request.headers().contains_key(CONTENT_LENGTH)
        || request.headers().contains_key(TRANSFER_ENCODING)
    {
        return Err(malformed("`CONNECT` takes no body"));
    }
    destination(authority.as_str(), None)
}

/// Where a request in absolute form wants to go (RFC 9112, section 3.2.2).
pub(super) fn request_destination<B>(request: &Request<B>) -> Result<Destination, Failure> {
    let uri = request.uri();
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(malformed(
            "this is a proxy and no server: it takes an absolute `http://` address or `CONNECT`",
        ));
    };
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(malformed(
            "only `http://` is taken as an address; for everything else, use `CONNECT`",
        ));
    }
    if request.headers().get_all(HOST).iter().count() > 1 {
        return Err(malformed("there is more than one `Host`"));
    }
    // hyper has refused what is not chunked at the end; what is coded beside would lose its label here.
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !codings.next().is_none_or(chunked) || codings.next().is_some() {
        return Err(malformed("the only transfer coding taken is `chunked`"));
    }
    destination(authority.as_str(), Some(80))
}

/// The request as the server gets it: origin form and the `Host` of its address, whatever the program wrote there. For the
/// host's own proxy it stays in absolute form.
pub(super) fn request(
    request: Request<Incoming>,
    destination: &Destination,
    through: Option<ThroughProxy>,
) -> Request<Incoming> {
    let (mut parts, body) = request.into_parts();
    strip(&mut parts.headers);
    // hyper has answered or will answer the expectation itself.
    parts.headers.remove(EXPECT);
    let host = destination.host_header();
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let path = if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    };
    let target = if through.is_some() {
        format!("http://{host}{path}")
    } else {
        path
    };
    // Both parts have been read as such before, so this holds.
    parts.uri = Uri::try_from(target).unwrap_or_else(|_| Uri::from_static("/"));
    if let Ok(host) = HeaderValue::from_str(&host) {
        parts.headers.insert(HOST, host);
    }
    if let Some(login) = through.and_then(|through| through.authorization)
        && let Ok(mut login) = HeaderValue::from_str(&login)
    {
        login.set_sensitive(true);
        parts.headers.insert(PROXY_AUTHORIZATION, login);
    }
    // One request a connection: the next one may go elsewhere.
    parts
        .headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    Request::from_parts(parts, body)
}

/// The answer as the program gets it.
pub(super) fn response<B>(
    response: &mut Response<B>,
    destination: &Destination,
) -> Result<(), Failure> {
    // Nothing was offered to switch to.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let why = "it switched to another protocol without being asked".to_owned();
        return Err(Failure::Exchange {
            destination: destination.authority(),
            why,
        });
    }
    strip(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    response.extensions_mut().clear();
    Ok(())
}

/// Removes what belongs to one connection and not to the message (RFC 9110, section 7.6.1).
fn strip(headers: &mut HeaderMap) {
    // A length beside a coding is a lie or an attack (RFC 9112, section 6.3); hyper goes by the coding.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // The length is the message's own, whatever is said of it.
        .filter(|name| *name != CONTENT_LENGTH && *name != HOST)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn destination(authority: &str, default: Option<u16>) -> Result<Destination, Failure> {
    Destination::parse(authority, default).map_err(|error| malformed(&error.to_string()))
}

fn malformed(why: &str) -> Failure {
    Failure::Malformed(why.to_owned())
}

const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, target: &str, headers: &[(&str, &str)], expected: &str) {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let got = if method == "CONNECT" {
            connect_destination(&request)
        } else {
            request_destination(&request)
        };
        let got = got.map_or_else(|failure| failure.to_string(), |to| to.authority());
        assert_eq!(got, expected, "{method} {target} {headers:?}");
    }

    #[test]
    fn requests_name_their_destination() {
        check("GET", "http://Example.com/a", &[], "example.com:80");
        check("GET", "HTTP://example.com:8080", &[], "example.com:8080");
        check(
            "GET",
            "http://example.com/",
            &[("host", "other.example")],
            "example.com:80",
        );
        check(
            "CONNECT",
            "example.com:443",
            &[("host", "other.example")],
            "example.com:443",
        );
        check("CONNECT", "[::1]:443", &[], "[::1]:443");
    }

    #[test]
    fn tricks_are_refused() {
        let no_server =
            "this is a proxy and no server: it takes an absolute `http://` address or `CONNECT`";
        check("GET", "/", &[("host", "example.com")], no_server);
        check("OPTIONS", "*", &[], no_server);
        let only_http = "only `http://` is taken as an address; for everything else, use `CONNECT`";
        check("GET", "https://example.com/", &[], only_http);
        check("GET", "ftp://example.com/", &[], only_http);
        let login = "a user or a password stands before the host";
        check("GET", "http://example.com@10.0.0.1/", &[], login);
        check("CONNECT", "a:b@10.0.0.1:80", &[], login);
        let port = "the port is missing or no number from 1 to 65535";
        check("GET", "http://example.com:0/", &[], port);
        check("CONNECT", "example.com:0", &[], port);
        check("CONNECT", "example.com", &[], port);
        check(
            "GET",
            "http://a/",
            &[("host", "a"), ("host", "b")],
            "there is more than one `Host`",
        );
        let coding = "the only transfer coding taken is `chunked`";
        check(
            "POST",
            "http://a/",
            &[("transfer-encoding", "gzip, chunked")],
            coding,
        );
        check(
            "POST",
            "http://a/",
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            coding,
        );
        check(
            "CONNECT",
            "a:80",
            &[("content-length", "5")],
            "`CONNECT` takes no body",
        );
    }

    #[test]
    fn headers_of_the_connection_stay_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Own , content-length"),
            ("x-own", "1"),
            ("x-kept", "2"),
            ("proxy-authorization", "Basic eA=="),
            ("upgrade", "h2c"),
            ("te", "trailers"),
            ("content-length", "5"),
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        strip(&mut headers);
        let mut kept: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["content-length", "x-kept"]);
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        strip(&mut headers);
        assert!(!headers.contains_key(CONTENT_LENGTH));
    }
}
