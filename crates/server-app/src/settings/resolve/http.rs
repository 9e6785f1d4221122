//! Listening: the address, the token, and the rule that binds the two.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use executor_core::limits::ByteSize;

use super::authorization::authorization;
use super::{Resolver, Transport};
use crate::secret::Secret;
use crate::settings::mistake::{Mistake, Refusal};
use crate::settings::quantity::{count, duration_within, size_within, switch};
use crate::settings::resolved::{HttpSettings, NetworkSettings};

pub(super) fn http(
    resolver: &mut Resolver<'_>,
    transport: Transport,
    network: &NetworkSettings,
) -> HttpSettings {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    let bind = resolver.one("bind", default, |text| {
        text.trim().parse().map_err(|_| {
            Refusal::because("not an address and a port")
                .hint("write numbers, such as `127.0.0.1:8080` or `[::1]:8080`")
        })
    });
    // Reading the token's file is for the server that needs it.
    let token = if transport == Transport::Http {
        token(resolver)
    } else {
        None
    };
    let authorization = authorization(resolver, transport, network, token.is_some());
    // An issuer that was refused is a mistake of its own.
    let asks = token.is_some() || resolver.raw.last("oauth-issuer").is_some();
    let bare = resolver.one("danger.bind-without-token", false, switch);
    let needs_token = !bind.ip().is_loopback() && transport == Transport::Http;
    if needs_token && !asks {
        if bare {
            resolver.warnings.push(format!(
                "listening on {bind} without a token: whoever reaches it runs programs"
            ));
        } else {
            resolver.conflict(
                "bind",
                Refusal::because("beyond loopback a token is needed").hint(
                    "set MCP_PYTHON_TOKEN or `--token-file FILE`, or name an authorization server \
                     by `--oauth-issuer URL` (`--danger-bind-without-token` lifts this rule)",
                ),
            );
        }
    }
    let allowed_hosts = resolver.many("allowed-host", host).unwrap_or_default();
    let named = !allowed_hosts.is_empty() || authorization.is_some();
    if bind.ip().is_unspecified() && !named && transport == Transport::Http {
        resolver.warnings.push(format!(
            "listening on {bind}, and refusing every request that names another host than \
             `localhost`: say by `--allowed-host NAME` how clients name this one"
        ));
    }
    HttpSettings {
        bind,
        token,
        authorization,
        allowed_hosts,
        allowed_origins: resolver.many("allowed-origin", origin).unwrap_or_default(),
        public_prefix: resolver.one("public-prefix", String::new(), prefix),
        max_body: resolver.one("max-body", ByteSize::mib(4), |text| {
            size_within(text, ByteSize::kib(64)..=ByteSize::mib(64))
        }),
        max_sessions: resolver.one("max-sessions", 256, |text| count(text, 1..=65_536)),
        session_idle: resolver.one("session-idle", Duration::from_secs(30 * 60), |text| {
            duration_within(
                text,
                Duration::from_secs(10)..=Duration::from_secs(24 * 3600),
            )
        }),
    }
}

fn token(resolver: &mut Resolver<'_>) -> Option<Secret> {
    let file = resolver.path("token-file");
    if file.is_some() && resolver.raw.last("token").is_some() {
        resolver.mistakes.push(
            Mistake::about("token-file", "MCP_PYTHON_TOKEN is set as well")
                .hint("set one of the two"),
        );
        return None;
    }
    if let Some(path) = file {
        return match read_token(&path) {
            Ok(token) => {
                if readable_by_others(&path) {
                    resolver.warnings.push(format!(
                        "other users of this host may read the token in `{}`",
                        path.display()
                    ));
                }
                Some(token)
            }
            Err(refusal) => {
                resolver.conflict("token-file", refusal);
                None
            }
        };
    }
    resolver.one("token", None, |text| parse_token(text).map(Some))
}

fn read_token(path: &Path) -> Result<Secret, Refusal> {
    let unreadable = |error| Refusal::because(format!("cannot be read: {error}"));
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_TOKEN_FILE_BYTES).read_to_string(&mut text))
        .map_err(unreadable)?;
    parse_token(text.trim_end_matches(['\r', '\n']))
}

/// RFC 6750, section 2.1: what a bearer token may consist of is narrower still; this is what a
/// header can bear without quoting.
fn parse_token(text: &str) -> Result<Secret, Refusal> {
    if !(16..=4096).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            Refusal::because("a token is 16 to 4096 visible ASCII characters")
                .hint("make one with `openssl rand -hex 32`"),
        );
    }
    Ok(Secret::new(text))
}

/// Enough for a token of 4096 characters and a line break, and one byte too many to be noticed.
const MAX_TOKEN_FILE_BYTES: u64 = 4100;

#[cfg(unix)]
fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> bool {
    false
}

/// A `Host` as requests name it: a name or an address, and a port if it is not the usual one.
fn host(text: &str) -> Result<String, Refusal> {
    let text = text.trim().to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    if text.is_empty() || text.len() > 255 || !text.bytes().all(allowed) {
        return Err(Refusal::because("not a host").hint(
            "write it as requests name it, such as `mcp.example.com` or `mcp.example.com:8443`",
        ));
    }
    Ok(text)
}

/// RFC 6454, section 6.2: an origin is scheme, host and port, and nothing after that.
fn origin(text: &str) -> Result<String, Refusal> {
    let text = text.trim().to_ascii_lowercase();
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match rest.map(host) {
        Some(Ok(_)) => Ok(text),
        Some(Err(_)) | None => Err(Refusal::because("not an origin")
            .hint("write scheme, host and port only, such as `https://app.example.com`")),
    }
}

/// RFC 3986, section 3.3: segments of unreserved characters are enough for a prefix.
fn prefix(text: &str) -> Result<String, Refusal> {
    let text = text.trim().trim_end_matches('/');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let sound = text.is_empty() || text.starts_with('/');
    if !sound || text.len() > 255 || text.contains("//") || !text.bytes().all(allowed) {
        return Err(Refusal::because("not a path").hint("write it as `/python`"));
    }
    Ok(text.to_owned())
}
