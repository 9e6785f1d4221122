//! Access tokens of an authorization server: what must be said, and what cannot be said together.

use std::time::Duration;

use expect_test::expect;

use super::{Sources, check_mistakes};
use crate::settings::{AuthorizationSettings, Scope, SigningAlgorithm, Transport};

const USUAL: &str =
    "--oauth-issuer https://login.example.com/ --oauth-resource https://py.example.com/mcp";

fn chosen(sources: &Sources<'_>) -> AuthorizationSettings {
    sources.settings().http.authorization.unwrap()
}

#[test]
fn an_issuer_and_a_resource_are_enough() {
    let sources = Sources {
        flags: USUAL,
        ..Sources::default()
    };
    let settings = chosen(&sources);
    assert_eq!(settings.issuers[0].as_str(), "https://login.example.com/");
    assert_eq!(settings.resource.as_str(), "https://py.example.com/mcp");
    assert_eq!(settings.scopes, [Scope::new("python:run").unwrap()]);
    assert_eq!(settings.algorithms, SigningAlgorithm::ALL);
    assert_eq!(settings.leeway, Duration::from_secs(30));
    assert!(settings.keys_url.is_none() && settings.reach.proxy.is_none());
    assert!(Sources::default().settings().http.authorization.is_none());
}

#[test]
fn everything_can_be_said() {
    let variables = [
        (
            "MCP_PYTHON_OAUTH_ISSUER",
            "https://a.example https://b.example",
        ),
        ("MCP_PYTHON_OAUTH_SCOPE", "run, net"),
        ("https_proxy", "http://me:pw@proxy.example:3128"),
        ("no_proxy", "a.example"),
    ];
    let sources = Sources {
        flags: "--oauth-resource http://localhost:8080/mcp --oauth-leeway 0s",
        variables: &variables,
        file: "oauth-algorithm = [\"ES256\", \"EdDSA\"]",
        ..Sources::default()
    };
    let settings = chosen(&sources);
    let issuers: Vec<_> = settings.issuers.iter().map(|one| one.as_str()).collect();
    assert_eq!(issuers, ["https://a.example", "https://b.example"]);
    let scopes: Vec<_> = settings.scopes.iter().map(Scope::as_str).collect();
    assert_eq!(scopes, ["run", "net"]);
    assert_eq!(
        settings.algorithms,
        [SigningAlgorithm::ES256, SigningAlgorithm::EdDSA]
    );
    assert_eq!(settings.leeway, Duration::ZERO);
    assert_eq!(settings.reach.without_proxy, "a.example");
    let proxy = settings.reach.proxy.as_ref().unwrap();
    assert_eq!(proxy.reveal(), "http://me:pw@proxy.example:3128");
    assert!(!format!("{settings:?}").contains("pw"));
}

#[test]
fn beyond_loopback_an_issuer_will_do_and_its_resource_names_the_host() {
    let flags = format!("--bind 0.0.0.0:8080 {USUAL}");
    let sources = Sources {
        flags: &flags,
        ..Sources::default()
    };
    assert!(sources.settings().warnings.is_empty());
}

#[test]
fn half_of_it_is_refused() {
    check_mistakes(
        &Sources {
            flags: "--oauth-issuer https://login.example.com",
            ..Sources::default()
        },
        &expect![[r#"
            error: a setting is wrong
              oauth-resource: must be given with an issuer: tokens that were made out for another server are refused by it
                hint: name this server's address as its clients know it, such as `https://py.example.com/mcp`
        "#]],
    );
    check_mistakes(
        &Sources {
            flags: "--oauth-resource https://py.example.com/mcp --oauth-jwks-url https://a.example",
            ..Sources::default()
        },
        &expect![[r#"
            error: 2 settings are wrong
              oauth-resource = `https://py.example.com/mcp` (flag --oauth-resource): means nothing without an issuer, whose tokens are taken
                hint: name it by `--oauth-issuer URL`
              oauth-jwks-url = `https://a.example` (flag --oauth-jwks-url): means nothing without an issuer, whose tokens are taken
                hint: name it by `--oauth-issuer URL`
        "#]],
    );
}

#[test]
fn what_contradicts_it_is_refused() {
    let flags =
        format!("{USUAL} --oauth-issuer https://b.example --oauth-jwks-url https://b.example/keys");
    check_mistakes(
        &Sources {
            flags: &flags,
            variables: &[("MCP_PYTHON_TOKEN", "0123456789abcdef")],
            file: "oauth-algorithm = []",
            ..Sources::default()
        },
        &expect![[r#"
            error: 3 settings are wrong
              oauth-issuer: a fixed token is set as well
                hint: leave one of the two out: either everybody bears the same token, or each one of the issuer's
              oauth-jwks-url = `https://b.example/keys` (flag --oauth-jwks-url): one address cannot have the keys of several issuers
                hint: leave it out: issuers say where their keys are
              oauth-algorithm: an empty list lets no token in
        "#]],
    );
}

#[test]
fn a_scope_that_is_not_the_servers_affair_is_refused() {
    let flags = format!("{USUAL} --oauth-scope run --oauth-scope offline_access");
    check_mistakes(
        &Sources {
            flags: &flags,
            ..Sources::default()
        },
        &expect![[r#"
            error: a setting is wrong
              oauth-scope = `offline_access` (flag --oauth-scope): not for a server to ask for: it lets a client get further tokens, and says nothing of what it may do here
                hint: leave it out: clients ask their authorization server for it themselves
        "#]],
    );
}

#[test]
fn wrong_values_are_told_with_their_reasons() {
    check_mistakes(
        &Sources {
            flags: "--oauth-issuer http://me:pw@login.example.com --oauth-resource https://py.example.com/mcp/ \
                    --oauth-scope a\"b --oauth-algorithm HS256 --oauth-leeway 1h",
            ..Sources::default()
        },
        &expect![[r#"
            error: 5 settings are wrong
              oauth-issuer = `http://***@login.example.com` (flag --oauth-issuer): does not begin with `https://`, which only a loopback address may do without
              oauth-resource = `https://py.example.com/mcp/` (flag --oauth-resource): not in its canonical form, which is `https://py.example.com/mcp`
              oauth-scope = `a"b` (flag --oauth-scope): not a scope
                hint: write visible ASCII without quotes
              oauth-algorithm = `HS256` (flag --oauth-algorithm): not a signature that is taken
                hint: one of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`
              oauth-leeway = `1h` (flag --oauth-leeway): a time of 3600s is out of bounds: between 0ns and 300s
        "#]],
    );
}

#[test]
fn the_other_server_passes_over_it() {
    let stdio = Sources {
        transport: Transport::Stdio,
        file: "oauth-issuer = \"https://login.example.com\"",
        ..Sources::default()
    };
    assert!(stdio.settings().http.authorization.is_none());
}

#[test]
fn a_list_without_scopes_is_said_aloud() {
    let sources = Sources {
        flags: USUAL,
        file: "oauth-scope = []",
        ..Sources::default()
    };
    assert_eq!(
        sources.settings().warnings,
        ["no scope is asked for: every token for this server may run programs"]
    );
    assert!(chosen(&sources).scopes.is_empty());
}
