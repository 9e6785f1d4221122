//! Who may ask: Host, Origin and token, on every route, before a body is read.

use reqwest::Method;
use serde_json::json;
use server_sse::BearerToken;

use crate::site::{Site, modern};

/// Method and path of everything that is served, and of something that is not.
const ROUTES: [&str; 7] = [
    "POST /mcp",
    "GET /mcp",
    "DELETE /mcp",
    "GET /sse",
    "POST /message",
    "GET /healthz",
    "GET /nothing",
];

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused_before_the_body() {
    let site = Site::start().await;
    let check = async |head: &str, status: &str| {
        for route in ROUTES {
            let mut raw = site.raw().await;
            // The body is announced and never sent: an answer proves that nobody waited for it.
            raw.send(&format!("{route} HTTP/1.1\r\n{head}content-type: application/json\r\ncontent-length: 9\r\n\r\n"))
                .await;
            let answer = raw.read("\r\n\r\n").await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{route} {head:?}: {answer}"
            );
        }
    };
    check("host: evil.com\r\n", "403").await;
    check("host: localhost.evil.com\r\n", "403").await;
    check("host: localhost.\r\n", "403").await;
    check("host: 10.0.0.1:8080\r\n", "403").await;
    check("", "400").await;
    check("host: localhost\r\nhost: evil.com\r\n", "400").await;
    check("host: localhost\r\norigin: http://evil.com\r\n", "403").await;
    check("host: localhost\r\norigin: null\r\n", "403").await;
    check(
        "host: localhost\r\norigin: http://localhost.evil.com\r\n",
        "403",
    )
    .await;
    check(
        "host: localhost\r\norigin: http://localhost\r\norigin: http://evil.com\r\n",
        "403",
    )
    .await;
}

#[tokio::test]
async fn a_request_line_may_not_name_a_foreign_host_either() {
    let site = Site::start().await;
    let mut raw = site.raw().await;
    raw.send("GET http://evil.com/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert!(raw.read("\r\n\r\n").await.starts_with("HTTP/1.1 403"));
    let mut raw = site.raw().await;
    raw.send("GET http://localhost/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert!(raw.read("ok").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn our_own_hosts_and_origins_pass() {
    let site = Site::with(|settings| {
        settings.allowed_hosts.push("py.example.com".to_owned());
        settings
            .allowed_origins
            .push("https://app.example.com".to_owned());
    })
    .await;
    for (host, origin) in [
        ("localhost:8080", "http://localhost:3000"),
        ("LocalHost", "http://127.0.0.1"),
        ("[::1]:1", "http://[::1]:1"),
        ("py.example.com", "https://app.example.com"),
        ("py.example.com:8443", "https://py.example.com:8443"),
    ] {
        let post = site.modern("server/discover", json!({}));
        let response = post
            .header("host", host)
            .header("origin", origin)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{host} {origin}");
        // No page of another origin may read an answer: none of the headers that would allow it is ever sent.
        assert!(
            response
                .headers()
                .keys()
                .all(|name| !name.as_str().starts_with("access-control"))
        );
    }
}

/// C18: no page of another origin learns that it may call, nor reads an answer; and what browsers send without asking
/// first is refused whoever sends it, by its type.
#[tokio::test]
async fn a_page_of_another_origin_is_told_nothing() {
    let site = Site::with(|settings| {
        settings
            .allowed_origins
            .push("https://app.example.com".to_owned());
    })
    .await;
    for (origin, status) in [
        ("https://evil.com", 403),
        ("null", 403),
        ("https://app.example.com", 405),
    ] {
        let asked = site
            .client
            .request(Method::OPTIONS, site.url("/mcp"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send();
        let asked = asked.await.unwrap();
        assert_eq!(asked.status(), status, "{origin}");
        let simple = site
            .client
            .post(site.url("/mcp"))
            .header("origin", origin)
            .header("content-type", "text/plain")
            .body(modern("server/discover", json!({})).to_string());
        let simple = simple.send().await.unwrap();
        let refused = if status == 403 { 403 } else { 415 };
        assert_eq!(simple.status(), refused, "{origin}");
        for response in [asked, simple] {
            let mut names = response.headers().keys();
            let tells = names.any(|name| name.as_str().starts_with("access-control"));
            assert!(!tells, "{origin}: {response:?}");
        }
    }
}

#[tokio::test]
async fn a_token_is_asked_for_on_every_route_but_one() {
    let site = Site::with(|settings| settings.token = BearerToken::new("s3cret")).await;
    let check = async |authorization: Option<&str>, query: &str, challenge: &str| {
        for route in ROUTES {
            let (method, path) = route.split_once(' ').unwrap();
            let mut request = site
                .client
                .request(method.parse().unwrap(), site.url(path) + query)
                .json(&modern("server/discover", json!({})));
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            let response = request.send().await.unwrap();
            if path == "/healthz" {
                assert_eq!(response.status(), 200);
                continue;
            }
            assert_eq!(response.status(), 401, "{route} {authorization:?}");
            assert_eq!(response.headers()["www-authenticate"], challenge);
            assert!(!response.text().await.unwrap().contains("s3cret"));
        }
    };
    check(None, "", "Bearer").await;
    check(None, "?access_token=s3cret&token=s3cret", "Bearer").await;
    check(Some("Bearer wrong"), "", "Bearer error=\"invalid_token\"").await;
    check(Some("Bearer s3cret2"), "", "Bearer error=\"invalid_token\"").await;
    check(Some("Basic s3cret"), "", "Bearer error=\"invalid_token\"").await;
    check(Some("s3cret"), "", "Bearer error=\"invalid_token\"").await;

    let with_token = |authorization: &str| {
        site.modern("server/discover", json!({}))
            .header("authorization", authorization)
    };
    assert_eq!(
        with_token("Bearer s3cret").send().await.unwrap().status(),
        200
    );
    assert_eq!(
        with_token("bearer s3cret").send().await.unwrap().status(),
        200
    );
}
