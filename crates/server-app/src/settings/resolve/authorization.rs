//! Access tokens of an authorization server: what goes together, and what must be said when one is named.

use std::time::Duration;

use super::{Resolver, Transport};
use crate::secret::Secret;
use crate::settings::authorization::{
    AuthorizationSettings, Issuer, IssuerReach, KeysUrl, Resource, Scope, SigningAlgorithm,
};
use crate::settings::foreign;
use crate::settings::mistake::{Mistake, Refusal};
use crate::settings::quantity::duration_within;
use crate::settings::resolved::NetworkSettings;
use crate::trust::{FEW, FoundCertificates};

/// The most that clocks may be said to differ: with more, an expired token is a lasting one.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// Nothing unless an issuer is named, or for a server that does not listen.
pub(super) fn authorization(
    resolver: &mut Resolver<'_>,
    transport: Transport,
    network: &NetworkSettings,
    has_token: bool,
) -> Option<AuthorizationSettings> {
    let issuers = resolver.many("oauth-issuer", |text| {
        Issuer::new(text).map_err(Refusal::because)
    });
    let resource = resolver.one("oauth-resource", None, |text| {
        Resource::new(text).map(Some).map_err(Refusal::because)
    });
    let scopes = resolver.many("oauth-scope", |text| {
        Scope::new(text).ok_or_else(|| match text {
            Scope::OFFLINE => Refusal::because(
                "not for a server to ask for: it lets a client get further tokens, and says nothing of what it may do here",
            )
            .hint("leave it out: clients ask their authorization server for it themselves"),
            _ => Refusal::because("not a scope").hint("write visible ASCII without quotes"),
        })
    });
    let keys_url = resolver.one("oauth-jwks-url", None, |text| {
        KeysUrl::new(text).map(Some).map_err(Refusal::because)
    });
    let algorithms = resolver.many("oauth-algorithm", SigningAlgorithm::named);
    let leeway = resolver.one("oauth-leeway", AuthorizationSettings::LEEWAY, |text| {
        duration_within(text, Duration::ZERO..=MAX_LEEWAY)
    });
    if transport == Transport::Stdio {
        return None;
    }
    let issuers = issuers.unwrap_or_default();
    // An issuer that was given and refused is told already; what hangs on it need not be told as well.
    if resolver.raw.all("oauth-issuer").is_none_or(<[_]>::is_empty) {
        for key in ["oauth-resource", "oauth-jwks-url"] {
            if resolver.raw.last(key).is_some() {
                resolver.conflict(
                    key,
                    Refusal::because("means nothing without an issuer, whose tokens are taken")
                        .hint("name it by `--oauth-issuer URL`"),
                );
            }
        }
        return None;
    }
    if has_token {
        resolver.mistakes.push(
            Mistake::about("oauth-issuer", "a fixed token is set as well")
                .hint("leave one of the two out: either everybody bears the same token, or each one of the issuer's"),
        );
    }
    if issuers.len() > 1 && keys_url.is_some() {
        resolver.conflict(
            "oauth-jwks-url",
            Refusal::because("one address cannot have the keys of several issuers")
                .hint("leave it out: issuers say where their keys are"),
        );
    }
    if resolver.raw.last("oauth-resource").is_none() {
        resolver.mistakes.push(
            Mistake::about(
                "oauth-resource",
                "must be given with an issuer: tokens that were made out for another server are refused by it",
            )
            .hint("name this server's address as its clients know it, such as `https://py.example.com/mcp`"),
        );
    }
    if resolver
        .raw
        .all("oauth-algorithm")
        .is_some_and(<[_]>::is_empty)
    {
        resolver.mistakes.push(Mistake::about(
            "oauth-algorithm",
            "an empty list lets no token in",
        ));
    }
    let mut settings = AuthorizationSettings::new(resource?, issuers);
    settings.scopes = scopes.unwrap_or(settings.scopes);
    if settings.scopes.is_empty() {
        resolver
            .warnings
            .push("no scope is asked for: every token for this server may run programs".to_owned());
    }
    settings.keys_url = keys_url;
    settings.algorithms = algorithms.unwrap_or(settings.algorithms);
    settings.leeway = leeway;
    settings.reach = reach(resolver, network);
    Some(settings)
}

fn reach(resolver: &mut Resolver<'_>, network: &NetworkSettings) -> IssuerReach {
    let proxies = foreign::proxies(resolver.environment);
    let certificates = network.certificates.find().unwrap_or_else(|error| {
        let mistake = Mistake::about("ca-bundle", error).hint(FEW);
        resolver.mistakes.push(mistake);
        FoundCertificates::default()
    });
    resolver.warnings.extend(certificates.warning);
    let given = |value: Option<String>| value.filter(|value| !value.is_empty());
    IssuerReach {
        proxy: given(proxies.https)
            .or_else(|| given(proxies.all))
            .map(Secret::new),
        without_proxy: proxies.no.unwrap_or_default(),
        certificates: certificates.pem,
    }
}
