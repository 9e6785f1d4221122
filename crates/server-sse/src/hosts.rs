//! Which hosts and origins are ours: pure decisions over header values. Where they are asked is `guard`'s.

use axum::http::uri::{Authority, Uri};

/// Whether a `Host` value names one of `allowed`. Anything with user information or a trailing dot does not.
pub(crate) fn host_is_allowed(host: &str, allowed: &[String]) -> bool {
    match host.parse::<Authority>() {
        Ok(authority) => authority_is_allowed(&authority, allowed),
        Err(_) => false,
    }
}

/// The same for an authority that was parsed already.
pub(crate) fn authority_is_allowed(authority: &Authority, allowed: &[String]) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    // A port that is not one ("host:", "host:99999") belongs to nobody, and nothing else may stand behind a host: behind
    // a bracket the parser lets anything pass ("[::1]evil.com:80").
    let rest = authority.as_str().strip_prefix(authority.host());
    let port = match rest.map(|rest| rest.strip_prefix(':').ok_or(rest)) {
        Some(Err("")) => None,
        Some(Ok(port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => match port.parse() {
            Ok(port) => Some(port),
            Err(_) => return false,
        },
        _ => return false,
    };
    allowed.iter().any(|entry| {
        let Ok(entry) = entry.parse::<Authority>() else {
            return false;
        };
        entry.host().eq_ignore_ascii_case(authority.host())
            && (entry.port_u16().is_none() || entry.port_u16() == port)
    })
}

/// Whether an `Origin` value is listed, or is a page on one of the allowed hosts.
pub(crate) fn origin_is_allowed(origin: &str, origins: &[String], hosts: &[String]) -> bool {
    if origins
        .iter()
        .any(|listed| listed.eq_ignore_ascii_case(origin))
    {
        return true;
    }
    let Ok(uri) = origin.parse::<Uri>() else {
        return false;
    };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    // An origin is a scheme and an authority, and nothing more.
    let bare = origin
        .split_once("://")
        .is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']));
    web && bare
        && uri
            .authority()
            .is_some_and(|authority| authority_is_allowed(authority, hosts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Vec<String> {
        ["localhost", "127.0.0.1", "[::1]", "py.example.com:8443"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn hosts_are_matched_whole() {
        let check = |host: &str, expected: bool| {
            assert_eq!(host_is_allowed(host, &allowed()), expected, "{host:?}");
        };
        check("localhost", true);
        check("LOCALHOST:8080", true);
        check("127.0.0.1:1", true);
        check("[::1]:8080", true);
        check("[::1]", true);
        check("py.example.com:8443", true);
        check("py.example.com", false);
        check("py.example.com:443", false);
        check("localhost.", false);
        check("localhost.evil.com", false);
        check("evil.com", false);
        check("127.0.0.1.evil.com", false);
        check("localhost:", false);
        check("localhost:99999", false);
        check("localhost:8080@evil.com", false);
        check("[::1]evil.com", false);
        check("[::1]evil.com:80", false);
        check("[::1]:x:80", false);
        check("localhost:+80", false);
        check("evil@localhost", false);
        check("::1", false);
        check("[::2]", false);
        check("0.0.0.0", false);
        check("", false);
        check("localhost evil", false);
    }

    #[test]
    fn origins_are_listed_or_on_an_allowed_host() {
        let check = |origin: &str, expected: bool| {
            let origins = ["https://app.example.com".to_owned()];
            assert_eq!(
                origin_is_allowed(origin, &origins, &allowed()),
                expected,
                "{origin:?}"
            );
        };
        check("http://localhost:3000", true);
        check("https://127.0.0.1", true);
        check("http://[::1]:8080", true);
        check("https://app.example.com", true);
        check("http://app.example.com", false);
        check("https://app.example.com:444", false);
        check("https://app.example.com.evil.com", false);
        check("http://localhost.evil.com", false);
        check("http://evil.com", false);
        check("null", false);
        check("", false);
        check("localhost", false);
        check("file://localhost", false);
        check("http://localhost/path", false);
        check("http://evil.com#http://localhost", false);
    }
}
