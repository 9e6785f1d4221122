//! The document by which clients find out where to get a token.

use serde_json::{Value, json};
use server_sse::{BearerToken, Issuer as IssuerName, Resource};

use super::issuer::{Issuer, Key};
use crate::site::Site;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

async fn document(site: &Site, path: &str) -> Option<Value> {
    let response = site.client.get(site.url(path)).send().await.unwrap();
    match response.status().as_u16() {
        200 => {
            assert_eq!(response.headers()["content-type"], "application/json");
            Some(response.json().await.unwrap())
        }
        404 => None,
        other => panic!("{path}: {other}"),
    }
}

#[tokio::test]
async fn everybody_may_read_it_where_tokens_are_asked_for() {
    let issuer = Issuer::start(&[&Key::ed25519("k")]).await;
    let mut settings = issuer.settings();
    settings.resource = Resource::new("https://py.example.com/python/mcp").unwrap();
    let other = IssuerName::new("https://login.example.com/x").unwrap();
    settings.issuers.push(other);
    let site = Site::with(|http| http.authorization = Some(settings)).await;
    let expected = json!({
        "resource": "https://py.example.com/python/mcp",
        "authorization_servers": [issuer.name, "https://login.example.com/x"],
        "scopes_supported": ["python:run"],
        "bearer_methods_supported": ["header"],
        "resource_name": "The Bench",
    });
    for path in ["", "/mcp", "/python/mcp"] {
        let found = document(&site, &format!("{WELL_KNOWN}{path}")).await;
        assert_eq!(found, Some(expected.clone()), "{path}");
    }
    for path in ["/", "/sse", "/mcp/", "/python", "/mcp/../mcp%2f"] {
        assert_eq!(document(&site, &format!("{WELL_KNOWN}{path}")).await, None);
    }
    // The pointer of a challenge leads to it, by the rule of RFC 9728.
    let asked = site.knock("POST /mcp").send().await.unwrap();
    let pointer = "resource_metadata=\"https://py.example.com/.well-known/oauth-protected-resource/python/mcp\"";
    assert!(super::challenge(&asked).contains(pointer));
}

#[tokio::test]
async fn only_who_may_ask_at_all_may_read_it() {
    let issuer = Issuer::start(&[&Key::ed25519("k")]).await;
    let site = Site::with(issuer.taken()).await;
    for path in [WELL_KNOWN.to_owned(), format!("{WELL_KNOWN}/mcp")] {
        let get = || site.client.get(site.url(&path));
        let foreign = get().header("host", "evil.com").send().await.unwrap();
        assert_eq!(foreign.status(), 403);
        let page = get().header("origin", "https://evil.com").send().await;
        assert_eq!(page.unwrap().status(), 403);
        let post = site.client.post(site.url(&path)).send().await.unwrap();
        assert_eq!(post.status(), 405);
    }
}

#[tokio::test]
async fn without_an_issuer_there_is_none() {
    let open = Site::start().await;
    let fixed = Site::with(|http| http.token = BearerToken::new("s3cret")).await;
    for site in [&open, &fixed] {
        for path in ["", "/mcp"] {
            assert_eq!(document(site, &format!("{WELL_KNOWN}{path}")).await, None);
        }
    }
    // Nothing else opens with it.
    let near = fixed
        .client
        .get(fixed.url("/.well-known/oauth-protected-resources"));
    assert_eq!(near.send().await.unwrap().status(), 401);
}
