//! The rules of a list: names that a program may reach, with their ports, and what is wrong with a rule that cannot be read.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use super::address::classify;
use super::name::{Destination, Host, HostName};
use super::special;

/// A name, or everything below a name, that a program may reach, and on which ports.
///
/// Written `example.com`, `*.example.com` (everything below it, at any depth, without `example.com` itself),
/// `example.com:8000`, `example.com:8000-8100` or `example.com:*`. Without ports, the web's ports 80 and 443 are
/// meant. Whoever writes a rule vouches for the name: it may resolve to any address but those of metadata services.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllowRule {
    pattern: Pattern,
    ports: Ports,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Pattern {
    Exact(HostName),
    Below(HostName),
    /// Only from [`AllowRule::for_url`]: a list of names is no place for addresses.
    Address(IpAddr),
}

impl AllowRule {
    /// The rule that lets a program reach the server of `url` and nothing else, for example a package index.
    ///
    /// # Errors
    ///
    /// When `url` is not an `http` or `https` URL with a host, or when its host is one that nobody may open.
    pub fn for_url(url: &str) -> Result<Self, RuleError> {
        let fail = |problem| RuleError::new(url, problem);
        let parsed = url::Url::parse(url).map_err(|_| fail(RuleProblem::Url))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(fail(RuleProblem::Url));
        }
        let (Some(host), Some(port)) = (parsed.host_str(), parsed.port_or_known_default()) else {
            return Err(fail(RuleProblem::Url));
        };
        // The text of a URL may hold a password, so the error names the host alone.
        let fail = |problem| RuleError::new(host, problem);
        let pattern = match Host::parse(host).map_err(|_| fail(RuleProblem::Host))? {
            Host::Name(name) => Pattern::Exact(openable(name).map_err(fail)?),
            Host::Address(address) if classify(address).may_be_opened() => {
                Pattern::Address(address)
            }
            Host::Address(_) => return Err(fail(RuleProblem::NeverOpened)),
        };
        Ok(Self {
            pattern,
            ports: Ports::Range(port..=port),
        })
    }

    /// The same name on every port, if the rule names no ports of its own.
    pub(super) fn on_every_port_unless_named(mut self) -> Self {
        if self.ports == Ports::Web {
            self.ports = Ports::Range(EVERY_PORT);
        }
        self
    }

    /// Whether the rule covers `destination`.
    pub(super) fn covers(&self, destination: &Destination) -> bool {
        let named = match (&self.pattern, &destination.host) {
            (Pattern::Exact(rule), Host::Name(name)) => rule == name,
            (Pattern::Below(rule), Host::Name(name)) => name.is_below(rule.as_str()),
            (Pattern::Address(rule), Host::Address(address)) => rule == address,
            _ => false,
        };
        named && self.ports.contain(destination.port)
    }
}

impl FromStr for AllowRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let fail = |problem| RuleError::new(text, problem);
        let text = text.trim();
        if text.is_empty() {
            return Err(fail(RuleProblem::Empty));
        }
        if text.contains('/') {
            return Err(fail(RuleProblem::NotAHost));
        }
        if text.contains('@') {
            return Err(fail(RuleProblem::Host));
        }
        if text == "*" {
            return Err(fail(RuleProblem::Everything));
        }
        if text.starts_with('[') || text.matches(':').count() > 1 {
            return Err(fail(RuleProblem::Address));
        }
        let (host, ports) = match text.split_once(':') {
            Some((host, ports)) => (
                host,
                Ports::parse(ports).ok_or_else(|| fail(RuleProblem::Port))?,
            ),
            None => (text, Ports::Web),
        };
        let (below, host) = match host.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, host),
        };
        if host.contains('*') {
            return Err(fail(RuleProblem::Wildcard));
        }
        let name = match Host::parse(host).map_err(|_| fail(RuleProblem::Host))? {
            Host::Name(name) => openable(name).map_err(fail)?,
            Host::Address(_) => return Err(fail(RuleProblem::Address)),
        };
        let pattern = if below {
            Pattern::Below(name)
        } else {
            Pattern::Exact(name)
        };
        Ok(Self { pattern, ports })
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Pattern::Exact(name) => write!(f, "{name}")?,
            Pattern::Below(name) => write!(f, "*.{name}")?,
            Pattern::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Pattern::Address(address) => write!(f, "{address}")?,
        }
        match &self.ports {
            Ports::Web => Ok(()),
            Ports::Range(range) if *range == EVERY_PORT => f.write_str(":*"),
            Ports::Range(range) if range.start() == range.end() => write!(f, ":{}", range.start()),
            Ports::Range(range) => write!(f, ":{}-{}", range.start(), range.end()),
        }
    }
}

/// The ports of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Ports {
    Web,
    Range(RangeInclusive<u16>),
}

impl Ports {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Range(EVERY_PORT));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(first) || !digits(last) {
            return None;
        }
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        (first > 0 && first <= last).then_some(Self::Range(first..=last))
    }

    fn contain(&self, port: u16) -> bool {
        match self {
            Self::Web => WEB_PORTS.contains(&port),
            Self::Range(range) => range.contains(&port),
        }
    }
}

/// Ports that are open where no others are named: the web's, and not those of mail, shells or DNS.
pub(super) const WEB_PORTS: [u16; 2] = [80, 443];
const EVERY_PORT: RangeInclusive<u16> = 1..=u16::MAX;

/// A rule that could not be read.
///
/// The message names the rule and what is wrong with it; [`RuleError::hint`] says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("network rule `{rule}`: {problem}")]
pub struct RuleError {
    rule: String,
    problem: RuleProblem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum RuleProblem {
    #[error("it is empty")]
    Empty,
    #[error("it is a URL or a path, not a host")]
    NotAHost,
    #[error("its host is not a valid name")]
    Host,
    #[error("it is an address, not a name")]
    Address,
    #[error("its port is not a port, a range of ports or `*`")]
    Port,
    #[error("`*` stands only for the whole front of a name")]
    Wildcard,
    #[error("it means every host")]
    Everything,
    #[error("it is not an `http` or `https` URL with a host")]
    Url,
    #[error("it is not an address, or an address and a port, after the `=`")]
    Place,
    #[error(
        "it denotes a metadata service, a link-local address or no single machine, which is never opened"
    )]
    NeverOpened,
    #[error("it is the sandbox's own loopback, which no proxy is asked for")]
    Localhost,
}

impl RuleError {
    pub(super) fn new(rule: &str, problem: RuleProblem) -> Self {
        Self {
            // A person reads it in a terminal, which would obey what it holds.
            rule: rule
                .chars()
                .take(SHOWN_CHARS)
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect(),
            problem,
        }
    }

    /// What to write instead, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.problem {
            RuleProblem::Empty | RuleProblem::Host => {
                Some("write a name such as `example.com` or `*.example.com`")
            }
            RuleProblem::NotAHost => Some("write the host alone, such as `example.com:8080`"),
            RuleProblem::Address | RuleProblem::Localhost => {
                Some("open the address by a name of its own: `host.test=10.0.0.7:8080`")
            }
            RuleProblem::Port => {
                Some("write `example.com:8080`, `example.com:8000-8100` or `example.com:*`")
            }
            RuleProblem::Wildcard => Some("write `*.example.com`"),
            RuleProblem::Everything => Some("choose the policy `public` instead"),
            RuleProblem::Place => Some("write `host.test=10.0.0.7` or `host.test=10.0.0.7:8080`"),
            RuleProblem::Url | RuleProblem::NeverOpened => None,
        }
    }
}

fn openable(name: HostName) -> Result<HostName, RuleProblem> {
    if special::is_localhost(&name) {
        return Err(RuleProblem::Localhost);
    }
    if special::is_metadata(&name) {
        return Err(RuleProblem::NeverOpened);
    }
    Ok(name)
}

/// How much of a rule an error repeats.
const SHOWN_CHARS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn at(host: &str, port: u16) -> Destination {
        Destination {
            host: Host::parse(host).unwrap(),
            port,
        }
    }

    #[test]
    fn rules_cover_names_and_ports() {
        let table: &[(&str, &str, u16, bool)] = &[
            ("example.com", "example.com", 443, true),
            ("example.com", "EXAMPLE.com.", 80, true),
            ("example.com", "www.example.com", 443, false),
            ("example.com", "example.com", 22, false),
            ("*.example.com", "www.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", "evilexample.com", 443, false),
            ("example.com:8000", "example.com", 8000, true),
            ("example.com:8000", "example.com", 443, false),
            ("example.com:8000-8010", "example.com", 8010, true),
            ("example.com:8000-8010", "example.com", 8011, false),
            ("example.com:*", "example.com", 22, true),
            ("Bücher.example", "xn--bcher-kva.example", 443, true),
            ("example.com", "1.2.3.4", 443, false),
        ];
        for (rule, host, port, expected) in table {
            let parsed: AllowRule = rule.parse().unwrap();
            assert_eq!(
                parsed.covers(&at(host, *port)),
                *expected,
                "{rule} {host}:{port}"
            );
            assert_eq!(
                parsed.to_string().parse::<AllowRule>().unwrap(),
                parsed,
                "{rule}"
            );
        }
    }

    #[test]
    fn a_url_opens_its_server_alone() {
        let rule = AllowRule::for_url("https://user:secret@index.example/simple/").unwrap();
        assert_eq!(rule.to_string(), "index.example:443");
        let rule = AllowRule::for_url("http://127.0.0.1:3141/root").unwrap();
        assert!(rule.covers(&at("127.0.0.1", 3141)) && !rule.covers(&at("127.0.0.1", 80)));
        assert!(AllowRule::for_url("http://169.254.169.254/").is_err());
        assert!(AllowRule::for_url("ftp://example.com/").is_err());
    }

    fn check_error(text: &str, expected: &Expect) {
        let error = text.parse::<AllowRule>().unwrap_err();
        expected.assert_eq(&format!("{error}; {}", error.hint().unwrap_or("-")));
    }

    #[test]
    fn mistakes_are_explained() {
        check_error(
            "",
            &expect![
                "network rule ``: it is empty; write a name such as `example.com` or `*.example.com`"
            ],
        );
        check_error(
            "*",
            &expect!["network rule `*`: it means every host; choose the policy `public` instead"],
        );
        check_error(
            "https://example.com",
            &expect![
                "network rule `https://example.com`: it is a URL or a path, not a host; write the host alone, such as `example.com:8080`"
            ],
        );
        check_error(
            "10.0.0.1",
            &expect![
                "network rule `10.0.0.1`: it is an address, not a name; open the address by a name of its own: `host.test=10.0.0.7:8080`"
            ],
        );
        check_error(
            "0x7f.1:80",
            &expect![
                "network rule `0x7f.1:80`: it is an address, not a name; open the address by a name of its own: `host.test=10.0.0.7:8080`"
            ],
        );
        check_error(
            "[::1]:80",
            &expect![
                "network rule `[::1]:80`: it is an address, not a name; open the address by a name of its own: `host.test=10.0.0.7:8080`"
            ],
        );
        check_error(
            "example.com:http",
            &expect![
                "network rule `example.com:http`: its port is not a port, a range of ports or `*`; write `example.com:8080`, `example.com:8000-8100` or `example.com:*`"
            ],
        );
        check_error(
            "example.com:0",
            &expect![
                "network rule `example.com:0`: its port is not a port, a range of ports or `*`; write `example.com:8080`, `example.com:8000-8100` or `example.com:*`"
            ],
        );
        check_error(
            "www.*.com",
            &expect![
                "network rule `www.*.com`: `*` stands only for the whole front of a name; write `*.example.com`"
            ],
        );
        check_error(
            "a b.com",
            &expect![
                "network rule `a b.com`: its host is not a valid name; write a name such as `example.com` or `*.example.com`"
            ],
        );
        check_error(
            "a\0\u{1b}[31m.com",
            &expect![
                "network rule `a\u{fffd}\u{fffd}[31m.com`: its host is not a valid name; write a name such as `example.com` or `*.example.com`"
            ],
        );
        check_error(
            "localhost",
            &expect![
                "network rule `localhost`: it is the sandbox's own loopback, which no proxy is asked for; open the address by a name of its own: `host.test=10.0.0.7:8080`"
            ],
        );
        check_error(
            "metadata.google.internal",
            &expect![
                "network rule `metadata.google.internal`: it denotes a metadata service, a link-local address or no single machine, which is never opened; -"
            ],
        );
    }
}
