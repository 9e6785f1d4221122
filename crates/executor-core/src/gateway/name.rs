//! Host names and addresses as foreign text: one normal form for every spelling. Knows nothing of policy.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// A host name in its one normal form: lower case, punycode, no trailing dot, at most 253 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct HostName(String);

impl HostName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is `other` or stands below it.
    pub(super) fn is_within(&self, other: &str) -> bool {
        self.0 == other || self.is_below(other)
    }

    /// Whether this name stands strictly below `other`, at any depth.
    pub(super) fn is_below(&self, other: &str) -> bool {
        self.0
            .strip_suffix(other)
            .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a program asks to reach: a name, or an address in any spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Name(HostName),
    Address(IpAddr),
}

impl Host {
    /// Reads a host as browsers do (WHATWG URL), so that `0x7f.1`, `127.0.0.1.` and full-width digits are the addresses
    /// that a later reader would take them for.
    ///
    /// Stricter than a browser in this: no percent escapes (and so no zone ids), and only the characters that occur in
    /// names of hosts.
    pub(super) fn parse(text: &str) -> Result<Self, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if text.len() > INPUT_BYTES {
            return Err(HostError::TooLong);
        }
        if text.contains('%') {
            return Err(HostError::Escape);
        }
        // An IPv6 address comes in brackets from HTTP and bare from a setting.
        if text.contains(':') && !text.starts_with('[') {
            let address = text.parse().map_err(|_| HostError::Malformed)?;
            return Ok(Self::Address(address));
        }
        match url::Host::parse(text).map_err(|_| HostError::Malformed)? {
            url::Host::Ipv4(address) => Ok(Self::Address(address.into())),
            url::Host::Ipv6(address) => Ok(Self::Address(address.into())),
            url::Host::Domain(domain) => name(&domain).map(Self::Name),
        }
    }

    /// The name, if it is one.
    pub(super) fn name(&self) -> Option<&HostName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A host and a port: where a connection is to end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Destination {
    pub(super) host: Host,
    pub(super) port: u16,
}

impl Destination {
    /// Reads `host:port`, as in the target of `CONNECT` and in a URL; without a port, `default` is meant.
    pub(super) fn parse(authority: &str, default: Option<u16>) -> Result<Self, HostError> {
        if authority.contains('@') {
            return Err(HostError::Login);
        }
        // A colon inside brackets belongs to the address.
        let after = authority.rfind(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match authority.get(after..).and_then(|rest| rest.find(':')) {
            Some(colon) => {
                let (host, port) = authority.split_at(after + colon);
                (host, port.get(1..).unwrap_or_default())
            }
            None => (authority, ""),
        };
        let port = match (port, default) {
            ("", Some(default)) => default,
            (digits, _) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| HostError::Port)?
            }
            _ => return Err(HostError::Port),
        };
        if port == 0 {
            return Err(HostError::Port);
        }
        Ok(Self {
            host: Host::parse(host)?,
            port,
        })
    }

    /// The destination as an authority, always with its port.
    pub(super) fn authority(&self) -> String {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            host => format!("{host}:{}", self.port),
        }
    }

    /// The destination as a `Host` header of plain HTTP has it: without the default port.
    pub(super) fn host_header(&self) -> String {
        let authority = self.authority();
        authority
            .strip_suffix(":80")
            .map_or_else(|| authority.clone(), str::to_owned)
    }
}

/// Why a text is not a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum HostError {
    #[error("the host is empty")]
    Empty,
    #[error("the host is longer than 253 characters or has a label longer than 63")]
    TooLong,
    #[error("the host has an escape or a zone")]
    Escape,
    #[error("the host is neither a name nor an address")]
    Malformed,
    #[error("the port is missing or no number from 1 to 65535")]
    Port,
    #[error("a user or a password stands before the host")]
    Login,
}

fn name(domain: &str) -> Result<HostName, HostError> {
    let name = domain
        .strip_suffix('.')
        .unwrap_or(domain)
        .to_ascii_lowercase();
    if name.len() > NAME_BYTES {
        return Err(HostError::TooLong);
    }
    for label in name.split('.') {
        if label.len() > LABEL_BYTES {
            return Err(HostError::TooLong);
        }
        let ordinary = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if label.is_empty() || label.starts_with('-') || !label.bytes().all(ordinary) {
            return Err(HostError::Malformed);
        }
    }
    Ok(HostName(name))
}

/// RFC 1035, section 2.3.4: 255 octets on the wire, which leaves 253 characters of text.
const NAME_BYTES: usize = 253;
/// RFC 1035, section 2.3.4.
const LABEL_BYTES: usize = 63;
/// Before normalisation a name may be longer (full-width characters); no honest one is longer than this.
const INPUT_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        match Host::parse(text) {
            Ok(Host::Name(name)) => assert_eq!(name.as_str(), expected, "{text}"),
            Ok(Host::Address(address)) => assert_eq!(format!("={address}"), expected, "{text}"),
            Err(error) => assert_eq!(format!("!{error:?}"), expected, "{text}"),
        }
    }

    #[test]
    fn names_have_one_spelling() {
        check("Example.COM", "example.com");
        check("example.com.", "example.com");
        check("bücher.example", "xn--bcher-kva.example");
        check("BÜCHER.example", "xn--bcher-kva.example");
        check("ｅｘａｍｐｌｅ.com", "example.com");
        check("example。com", "example.com");
        check("_dmarc.example.com", "_dmarc.example.com");
    }

    #[test]
    fn addresses_are_found_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "１２７.０.０.１",
            "127。0。0。1",
        ] {
            check(text, "=127.0.0.1");
        }
        check("[::1]", "=::1");
        check("::1", "=::1");
        check("[::ffff:169.254.169.254]", "=::ffff:169.254.169.254");
        check("0xa9fea9fe", "=169.254.169.254");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        check("", "!Empty");
        check(".", "!Malformed");
        check("..", "!Malformed");
        check("a..b", "!Malformed");
        check("exa mple.com", "!Malformed");
        check("example.com\r\nx", "!Malformed");
        check("example.com\0", "!Malformed");
        check("user@example.com", "!Malformed");
        check("example.com/path", "!Malformed");
        check("-a.example.com", "!Malformed");
        check("a$b.example.com", "!Malformed");
        check("[fe80::1%eth0]", "!Escape");
        check("fe80::1%25eth0", "!Escape");
        check("ex%61mple.com", "!Escape");
        check("1.2.3.4.5", "!Malformed");
        check("256.1.1.1", "!Malformed");
        check("[::1", "!Malformed");
        check(&"a".repeat(64), "!TooLong");
        check(&"a.".repeat(300), "!TooLong");
        check(&"a".repeat(5000), "!TooLong");
    }

    #[test]
    fn authorities_are_read_strictly() {
        let check = |text: &str, default: Option<u16>, expected: &str| {
            let got = match Destination::parse(text, default) {
                Ok(destination) => {
                    format!("{} {}", destination.authority(), destination.host_header())
                }
                Err(error) => format!("!{error:?}"),
            };
            assert_eq!(got, expected, "{text}");
        };
        check("example.com:443", None, "example.com:443 example.com:443");
        check("Example.com", Some(80), "example.com:80 example.com");
        check("example.com:", Some(80), "example.com:80 example.com");
        check("[::1]:8080", Some(80), "[::1]:8080 [::1]:8080");
        check("[::1]", Some(80), "[::1]:80 [::1]");
        check("0x7f.1:80", None, "127.0.0.1:80 127.0.0.1");
        check("example.com", None, "!Port");
        check("example.com:0", None, "!Port");
        check("example.com:+80", None, "!Port");
        check("example.com:65536", None, "!Port");
        check("example.com:80:80", None, "!Port");
        check("::1:80", None, "!Port");
        check("user@example.com:80", None, "!Login");
        check(":80", None, "!Empty");
        check("[::1]x:80", None, "!Malformed");
    }

    #[test]
    fn below_means_a_whole_label() {
        let Ok(Host::Name(name)) = Host::parse("a.example.com") else {
            panic!("not a name")
        };
        assert!(name.is_below("example.com") && name.is_within("a.example.com"));
        assert!(!name.is_below("a.example.com") && !name.is_within("xample.com"));
        let Ok(Host::Name(name)) = Host::parse("notexample.com") else {
            panic!("not a name")
        };
        assert!(!name.is_within("example.com"));
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer_and_the_normal_form_is_stable(text in "\\PC{0,80}") {
            if let Ok(host) = Host::parse(&text) {
                prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
            }
        }
    }
}
