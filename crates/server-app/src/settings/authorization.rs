//! What an authorization server must have put into an access token before the HTTP server takes it: typed and checked.
//! Taking tokens is the transport's affair.

use std::fmt;
use std::time::Duration;

use url::{Host, Url};

use super::mistake::Refusal;
use crate::secret::Secret;

/// The longest URL that is taken here.
const MAX_URL_BYTES: usize = 2048;

/// The longest name of a scope.
const MAX_SCOPE_BYTES: usize = 128;

/// Whose tokens are taken, and what they must say.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthorizationSettings {
    /// The name of this server at its authorization servers: every token must have it in its audience.
    pub resource: Resource,
    /// Whose tokens are taken; at least one.
    pub issuers: Vec<Issuer>,
    /// The scopes that every token must have.
    pub scopes: Vec<Scope>,
    /// Where the only issuer publishes its keys, if it is not to be asked.
    pub keys_url: Option<KeysUrl>,
    /// What tokens may be signed with.
    pub algorithms: Vec<SigningAlgorithm>,
    /// By how much the clocks of issuer and server may differ.
    pub leeway: Duration,
    /// How issuers are reached.
    pub reach: IssuerReach,
}

/// How issuers are reached: as this host reaches anything.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct IssuerReach {
    /// The proxy for connections over TLS, as its variable has it; it may hold a password.
    pub proxy: Option<Secret>,
    /// What is reached without it, as `no_proxy` has it.
    pub without_proxy: String,
    /// Certificate authorities to trust besides Mozilla's list, as PEM.
    pub certificates: String,
}

impl AuthorizationSettings {
    /// The usual settings for tokens that these issuers made out for `resource`.
    #[must_use]
    pub fn new(resource: Resource, issuers: Vec<Issuer>) -> Self {
        Self {
            resource,
            issuers,
            scopes: vec![Scope::usual()],
            keys_url: None,
            algorithms: SigningAlgorithm::ALL.to_vec(),
            leeway: Self::LEEWAY,
            reach: IssuerReach::default(),
        }
    }

    /// How much clocks may differ unless somebody says otherwise.
    pub(crate) const LEEWAY: Duration = Duration::from_secs(30);
}

/// An issuer's identifier, kept letter for letter: tokens and documents must name it exactly so (RFC 8414, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer(String);

impl Issuer {
    /// Takes an issuer's identifier.
    ///
    /// # Errors
    ///
    /// When it is no `https` URL without query, fragment and user; `http` is taken on loopback.
    pub fn new(text: &str) -> Result<Self, UrlRefused> {
        let url = parse(text)?;
        if url.query().is_some() {
            return Err(UrlRefused::Query);
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The canonical URI of this server (RFC 8707, section 2): the audience of its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource(String);

impl Resource {
    /// Takes the URI.
    ///
    /// # Errors
    ///
    /// When it is no `https` URL without query, fragment and user (`http` is taken on loopback), or is not written in
    /// its canonical form.
    pub fn new(text: &str) -> Result<Self, UrlRefused> {
        let url = parse(text)?;
        if url.query().is_some() {
            return Err(UrlRefused::Query);
        }
        let canonical = url.as_str().trim_end_matches('/');
        if canonical != text {
            return Err(UrlRefused::NotCanonical(canonical.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme and authority, such as `https://py.example.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.0.split_at(self.path_start()).0
    }

    /// The path, such as `/mcp`; empty if there is none.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.split_at(self.path_start()).1
    }

    /// The authority, such as `py.example.com:8443`, as a `Host` header names it.
    #[must_use]
    pub fn authority(&self) -> &str {
        let origin = self.origin();
        origin
            .split_once("://")
            .map_or(origin, |(_, authority)| authority)
    }

    fn path_start(&self) -> usize {
        let scheme = self.0.find("://").map_or(0, |at| at.saturating_add(3));
        self.0
            .get(scheme..)
            .and_then(|rest| rest.find('/'))
            .map_or(self.0.len(), |at| scheme.saturating_add(at))
    }
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysUrl(String);

impl KeysUrl {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// When it is no `https` URL without fragment and user; `http` is taken on loopback.
    pub fn new(text: &str) -> Result<Self, UrlRefused> {
        parse(text).map(|_| Self(text.to_owned()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a URL is not taken here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlRefused {
    /// It cannot be read.
    #[error("not a URL of at most {MAX_URL_BYTES} visible ASCII characters")]
    NotAUrl,
    /// Neither `https` nor a loopback address.
    #[error("does not begin with `https://`, which only a loopback address may do without")]
    Insecure,
    /// A user, a password or a fragment.
    #[error("has a user, a password or a fragment")]
    Extras,
    /// A query.
    #[error("has a query")]
    Query,
    /// The same can be written in a simpler way, which is the one that all must use.
    #[error("not in its canonical form, which is `{0}`")]
    NotCanonical(String),
}

/// RFC 9700, section 2.6, and RFC 8414, section 2: identifiers and addresses of issuers are `https`, or what they say
/// can be forged on the way. Within one host there is no way.
fn parse(text: &str) -> Result<Url, UrlRefused> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || text.len() > MAX_URL_BYTES {
        return Err(UrlRefused::NotAUrl);
    }
    let url = Url::parse(text).map_err(|_| UrlRefused::NotAUrl)?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(UrlRefused::NotAUrl),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(UrlRefused::Insecure),
    }
    let user = !url.username().is_empty() || url.password().is_some();
    if user || url.fragment().is_some() {
        return Err(UrlRefused::Extras);
    }
    Ok(url)
}

/// One scope, as tokens list it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope(String);

impl Scope {
    /// Takes a scope; none if it is not one (RFC 6749, section 3.3: visible ASCII but quotes and backslashes), or is
    /// [`OFFLINE`](Self::OFFLINE).
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        let sound = (1..=MAX_SCOPE_BYTES).contains(&text.len()) && text.bytes().all(allowed);
        (sound && text != Self::OFFLINE).then(|| Self(text.to_owned()))
    }

    /// Asks an authorization server for a token by which to get others later. 2026-07-28, authorization: a resource server
    /// should neither ask for it nor list it, for it says nothing of what a client may do here.
    pub const OFFLINE: &str = "offline_access";

    /// What running programs takes unless somebody says otherwise.
    pub(crate) fn usual() -> Self {
        Self("python:run".to_owned())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a token may be signed with. There is no symmetric one, for the keys are public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "their names are those of RFC 7518 and RFC 8037"
)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl SigningAlgorithm {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.iter().find(|known| known.to_string() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|known| format!("`{known}`")).collect();
            Refusal::because("not a signature that is taken")
                .hint(format!("one of {}", names.join(", ")))
        })
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_kept_as_it_is_written() {
        let check = |text: &str, refused: Option<UrlRefused>| match Issuer::new(text) {
            Ok(issuer) => assert_eq!((issuer.as_str(), refused), (text, None)),
            Err(error) => assert_eq!(Some(error), refused, "{text}"),
        };
        check("https://login.example.com", None);
        check("https://login.example.com/", None);
        check("https://login.example.com/realms/A", None);
        check("http://127.0.0.1:9000/x", None);
        check("http://localhost:9000", None);
        check("http://[::1]:9000", None);
        check("http://login.example.com", Some(UrlRefused::Insecure));
        check("http://127.0.0.1.example.com", Some(UrlRefused::Insecure));
        check("ftp://login.example.com", Some(UrlRefused::Insecure));
        check("https://login.example.com/?a", Some(UrlRefused::Query));
        check("https://login.example.com/#a", Some(UrlRefused::Extras));
        check("https://me@login.example.com", Some(UrlRefused::Extras));
        check("https://:pw@login.example.com", Some(UrlRefused::Extras));
        check("login.example.com", Some(UrlRefused::NotAUrl));
        check("https://login.example.com/a b", Some(UrlRefused::NotAUrl));
        check("https://login.ex\u{e4}mple.com", Some(UrlRefused::NotAUrl));
    }

    #[test]
    fn a_resource_is_written_in_one_way() {
        let check = |text: &str, origin: &str, path: &str| {
            let resource = Resource::new(text).unwrap();
            assert_eq!((resource.origin(), resource.path()), (origin, path));
        };
        check(
            "https://py.example.com/mcp",
            "https://py.example.com",
            "/mcp",
        );
        check("https://py.example.com", "https://py.example.com", "");
        check("http://[::1]:8080/a/mcp", "http://[::1]:8080", "/a/mcp");
        let authority = |text| Resource::new(text).unwrap().authority().to_owned();
        assert_eq!(
            authority("https://py.example.com:8443/mcp"),
            "py.example.com:8443"
        );
        for (other, canonical) in [
            ("https://Py.example.com/mcp", "https://py.example.com/mcp"),
            (
                "https://py.example.com:443/mcp",
                "https://py.example.com/mcp",
            ),
            ("https://py.example.com/mcp/", "https://py.example.com/mcp"),
            ("https://py.example.com/", "https://py.example.com"),
            (
                "https://py.example.com/a/../mcp",
                "https://py.example.com/mcp",
            ),
        ] {
            let refused = UrlRefused::NotCanonical(canonical.to_owned());
            assert_eq!(Resource::new(other), Err(refused), "{other}");
        }
        let refused = Resource::new("https://py.example.com/mcp#a");
        assert_eq!(refused, Err(UrlRefused::Extras));
    }

    #[test]
    fn a_scope_can_be_quoted_in_a_challenge() {
        for scope in ["python:run", "a", "https://py.example.com/run", "!#"] {
            assert!(Scope::new(scope).is_some(), "{scope}");
        }
        for refused in [
            "",
            "a b",
            "a\"b",
            "a\\b",
            "\u{e4}",
            "a\n",
            "offline_access",
            &"x".repeat(129),
        ] {
            assert!(Scope::new(refused).is_none(), "{refused:?}");
        }
    }
}
