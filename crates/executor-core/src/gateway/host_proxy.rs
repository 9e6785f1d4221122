//! The host's own proxy, as the usual variables describe it, and which destinations go through it. The conversation with
//! it is `proxy_handshake.rs`.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;
use thiserror::Error;

use super::name::{Destination, Host};

/// The values of the usual proxy variables, as plain text; an empty value means none.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostProxyValues {
    /// `https_proxy` or `HTTPS_PROXY`: for tunnels.
    pub https: Option<String>,
    /// `http_proxy`: for plain HTTP.
    pub http: Option<String>,
    /// `all_proxy` or `ALL_PROXY`: for what the others leave out.
    pub all: Option<String>,
    /// `no_proxy` or `NO_PROXY`: what is reached without a proxy.
    pub no: Option<String>,
}

impl fmt::Debug for HostProxyValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may hold passwords.
        f.debug_struct("HostProxyValues")
            .field("https", &self.https.is_some())
            .field("http", &self.http.is_some())
            .field("all", &self.all.is_some())
            .field("no", &self.no)
            .finish()
    }
}

/// How the host itself gets out: through which proxies, and where it needs none.
///
/// Through a proxy, names are resolved by the proxy. The gateway then checks names and literal addresses as always, but it
/// cannot check what a name resolves to there.
#[derive(Clone, Debug, Default)]
pub struct HostProxies {
    tunnels: Option<Proxy>,
    plain: Option<Proxy>,
    direct: Vec<Direct>,
}

impl HostProxies {
    /// Reads the values.
    ///
    /// # Errors
    ///
    /// When a value is not the URL of a proxy that the gateway can speak to: `http://` or `socks5://`, with or
    /// without a user and a password. A proxy reached over TLS (`https://`) is refused.
    pub fn from_values(values: &HostProxyValues) -> Result<Self, HostProxyError> {
        let read = |name: &'static str, value: &Option<String>| match value.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => Proxy::parse(text)
                .map(Some)
                .map_err(|problem| HostProxyError {
                    variable: name,
                    problem,
                }),
        };
        let all = read("all_proxy", &values.all)?;
        let no = values.no.as_deref().unwrap_or_default();
        Ok(Self {
            tunnels: read("https_proxy", &values.https)?.or_else(|| all.clone()),
            plain: read("http_proxy", &values.http)?.or(all),
            direct: no
                .split([',', ' '])
                .filter_map(Direct::parse)
                .take(NO_PROXY_ENTRIES)
                .collect(),
        })
    }

    /// Whether any destination goes through a proxy, and so has its name resolved there.
    #[must_use]
    pub fn are_in_use(&self) -> bool {
        self.tunnels.is_some() || self.plain.is_some()
    }

    /// The proxy for `destination`, if it is not to be reached directly.
    pub(super) fn for_destination(&self, destination: &Destination, plain: bool) -> Option<&Proxy> {
        let proxy = if plain { &self.plain } else { &self.tunnels };
        proxy
            .as_ref()
            .filter(|_| !self.direct.iter().any(|direct| direct.covers(destination)))
    }
}

/// One proxy of the host.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) kind: ProxyKind,
    pub(super) at: Destination,
    pub(super) login: Option<Login>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProxyKind {
    Http,
    Socks5,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, HostProxyProblem> {
        // curl and its kin take a bare `host:port` for an HTTP proxy.
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = url::Url::parse(&with_scheme).map_err(|_| HostProxyProblem::NotAUrl)?;
        let (kind, port) = match url.scheme() {
            "http" => (ProxyKind::Http, 80),
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            "https" => return Err(HostProxyProblem::OverTls),
            _ => return Err(HostProxyProblem::Scheme),
        };
        let host = url.host_str().ok_or(HostProxyProblem::NotAUrl)?;
        let host = Host::parse(host).map_err(|_| HostProxyProblem::NotAUrl)?;
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some(Login {
                user: unescape(user)?,
                password: unescape(password.unwrap_or_default())?,
            }),
        };
        // RFC 1929: a SOCKS login has at most 255 bytes each, and at least one.
        if kind == ProxyKind::Socks5
            && let Some(Login { user, password }) = &login
            && [user, password]
                .iter()
                .any(|text| text.is_empty() || text.len() > 255)
        {
            return Err(HostProxyProblem::Login);
        }
        Ok(Self {
            kind,
            at: Destination {
                host,
                port: url.port().unwrap_or(port),
            },
            login,
        })
    }

    /// The value of `Proxy-Authorization`, if the proxy asks for a login.
    pub(super) fn authorization(&self) -> Option<String> {
        let Login { user, password } = self.login.as_ref()?;
        Some(format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{user}:{password}"))
        ))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("at", &self.at)
            .field("login", &self.login.is_some())
            .finish()
    }
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Direct {
    Everything,
    Network(IpNet),
    /// A name with all that stands below it, as curl has it, and perhaps one port.
    Name(String, Option<u16>),
}

impl Direct {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Ok(network) = entry.parse() {
            return Some(Self::Network(network));
        }
        let bare = entry.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self::Network(address.into()));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        match Host::parse(host.trim_start_matches("*.").trim_start_matches('.')).ok()? {
            Host::Name(name) => Some(Self::Name(name.as_str().to_owned(), port)),
            Host::Address(address) => Some(Self::Network(address.into())),
        }
    }

    fn covers(&self, destination: &Destination) -> bool {
        match (self, &destination.host) {
            (Self::Everything, _) => true,
            (Self::Network(network), Host::Address(address)) => {
                network.contains(&address.to_canonical())
            }
            (Self::Name(within, port), Host::Name(name)) => {
                name.is_within(within) && port.is_none_or(|port| port == destination.port)
            }
            _ => false,
        }
    }
}

/// A proxy variable of the host that could not be used. The message never repeats the value, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the host's proxy variable `{variable}` {problem}")]
pub struct HostProxyError {
    variable: &'static str,
    problem: HostProxyProblem,
}

impl HostProxyError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "give it the form `http://host:port` or `socks5://host:port`, with `user:password@` before the host if needed"
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum HostProxyProblem {
    #[error("is not the URL of a proxy")]
    NotAUrl,
    #[error("names a proxy that is reached over TLS, which is not supported")]
    OverTls,
    #[error("names a kind of proxy that is not supported")]
    Scheme,
    #[error("has a login that this kind of proxy cannot take")]
    Login,
}

/// Resolves percent escapes; a URL has nothing else to hide.
fn unescape(text: &str) -> Result<String, HostProxyProblem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(HostProxyProblem::NotAUrl);
        };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| HostProxyProblem::NotAUrl)?);
    }
    String::from_utf8(bytes).map_err(|_| HostProxyProblem::NotAUrl)
}

/// More entries than any honest `NO_PROXY` has.
const NO_PROXY_ENTRIES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(
        https: &str,
        http: &str,
        all: &str,
        no: &str,
    ) -> Result<HostProxies, HostProxyError> {
        let value = |text: &str| Some(text.to_owned());
        HostProxies::from_values(&HostProxyValues {
            https: value(https),
            http: value(http),
            all: value(all),
            no: value(no),
        })
    }

    fn check(proxies: &HostProxies, host: &str, port: u16, plain: bool, expected: &str) {
        let destination = Destination {
            host: Host::parse(host).unwrap(),
            port,
        };
        let got = proxies.for_destination(&destination, plain);
        let got = got.map_or_else(|| "direct".to_owned(), |proxy| proxy.at.authority());
        assert_eq!(got, expected, "{host}:{port}");
    }

    #[test]
    fn each_destination_has_its_proxy() {
        let both = proxies("http://tls:3128", "http://plain:8080", "", "").unwrap();
        check(&both, "example.com", 443, false, "tls:3128");
        check(&both, "example.com", 80, true, "plain:8080");
        let all = proxies("", "http://plain", "socks5://socks", "").unwrap();
        check(&all, "example.com", 443, false, "socks:1080");
        check(&all, "example.com", 80, true, "plain:80");
        let none = proxies("", "", "", "").unwrap();
        check(&none, "example.com", 443, false, "direct");
        assert!(!none.are_in_use() && all.are_in_use());
    }

    #[test]
    fn no_proxy_is_honoured() {
        let no = ".corp.example, *.lan.example,direct.example:8443,10.0.0.0/8,192.0.2.7,[::1]";
        let proxies = proxies("proxy:3128", "proxy:3128", "", no).unwrap();
        for (host, port, expected) in [
            ("example.com", 443, "proxy:3128"),
            ("corp.example", 443, "direct"),
            ("a.corp.example", 443, "direct"),
            ("notcorp.example", 443, "proxy:3128"),
            ("a.lan.example", 443, "direct"),
            ("direct.example", 8443, "direct"),
            ("direct.example", 443, "proxy:3128"),
            ("10.1.2.3", 443, "direct"),
            ("::ffff:10.1.2.3", 443, "direct"),
            ("192.0.2.7", 443, "direct"),
            ("192.0.2.8", 443, "proxy:3128"),
            ("::1", 443, "direct"),
        ] {
            check(&proxies, host, port, false, expected);
        }
    }

    #[test]
    fn a_star_means_no_proxy_at_all() {
        let proxies = proxies("proxy:3128", "", "", "*").unwrap();
        check(&proxies, "example.com", 443, false, "direct");
    }

    #[test]
    fn logins_are_used_and_not_shown() {
        let proxies = proxies("http://us%40er:p%3Ass@proxy:3128", "", "", "").unwrap();
        let proxy = proxies.tunnels.as_ref().unwrap();
        let expected = format!("Basic {}", BASE64_STANDARD.encode("us@er:p:ss"));
        assert_eq!(proxy.authorization().unwrap(), expected);
        assert!(!format!("{proxies:?}").contains("p:ss"));
    }

    #[test]
    fn unusable_values_are_named_and_not_repeated() {
        for value in [
            "https://u:secret@proxy",
            "ftp://secret",
            "http://",
            "socks5://u:@secret",
            "http://a%zz@secret",
        ] {
            let error = proxies(value, "", "", "").unwrap_err().to_string();
            assert!(
                error.contains("`https_proxy`") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
