//! What a token opened does not stay open for longer than the token is good, unless a fresher one comes.

use std::time::Duration;

use mcp_protocol::subscriptions;
use reqwest::{RequestBuilder, Response};
use serde_json::json;
use server_sse::AuthorizationSettings;
use tokio::time::{Instant, timeout};

use super::challenge;
use super::issuer::{Issuer, Key, seconds_from_now};
use crate::site::{Event, PATIENCE, Site, call, initialize, messages_in, request};

/// How long the short tokens are good. Long enough to be used on a busy machine.
const SHORT: i64 = 6;

struct Clock {
    site: Site,
    issuer: Issuer,
    key: Key,
}

impl Clock {
    async fn start() -> Self {
        let key = Key::ed25519("k");
        let issuer = Issuer::start(&[&key]).await;
        let mut settings: AuthorizationSettings = issuer.settings();
        settings.leeway = Duration::ZERO;
        let site = Site::with(|http| {
            http.authorization = Some(settings);
            http.stream_after = Duration::from_millis(100);
        })
        .await;
        Self { site, issuer, key }
    }

    fn token(&self, seconds: i64) -> String {
        let mut token = self.issuer.token(&self.key);
        token.claims["exp"] = seconds_from_now(seconds).into();
        token.signed(&self.key)
    }
}

async fn opened(request: RequestBuilder, token: &str) -> Response {
    let request = request.header("accept", "application/json, text/event-stream");
    let response = request.bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", challenge(&response));
    response
}

/// Reads to the end, which must come; says how long that took.
async fn end_of(response: Response) -> (String, Duration) {
    let began = Instant::now();
    let text = timeout(PATIENCE, response.text()).await.expect("an end");
    (text.expect("a clean end"), began.elapsed())
}

#[tokio::test]
async fn streams_end_with_their_token() {
    let clock = Clock::start().await;
    let site = &clock.site;
    let long = clock.token(300);
    let session = opened(site.post(&initialize("2025-11-25")), &long).await;
    let session = session.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();

    let token = clock.token(SHORT);
    let began = Instant::now();
    let old = opened(site.client.get(site.url("/sse")), &token).await;
    let listen = site.modern(
        subscriptions::LISTEN,
        json!({"notifications": {"toolsListChanged": true}}),
    );
    let listening = opened(listen, &token).await;
    let (old, listening) = tokio::join!(end_of(old), end_of(listening));
    assert!(
        began.elapsed() >= Duration::from_secs(3),
        "not before its time"
    );
    assert!(old.0.starts_with("event: endpoint"), "{}", old.0);
    assert!(!messages_in(&listening.0).is_empty(), "{}", listening.0);
    // The session has seen a token that is still good, so its stream goes on.
    let get = site
        .client
        .get(site.url("/mcp"))
        .header("mcp-session-id", &session);
    let stream = opened(get, &long).await;
    assert!(
        timeout(Duration::from_millis(300), stream.text())
            .await
            .is_err()
    );
    // The token that has expired opens nothing any more.
    let refused = site.discover(&token).await;
    assert_eq!(refused.status(), 401);
    assert!(challenge(&refused).contains("has expired"));
}

#[tokio::test]
async fn a_fresher_token_keeps_a_session_open() {
    let clock = Clock::start().await;
    let site = &clock.site;
    let first = clock.token(SHORT);
    let session = opened(site.post(&initialize("2025-11-25")), &first).await;
    let session = session.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let get = || {
        site.client
            .get(site.url("/mcp"))
            .header("mcp-session-id", &session)
    };
    let stream = opened(get(), &first).await;
    // Somewhat later a request comes with the next one.
    let second = clock.token(2 * SHORT);
    let ping = site.post(&request("ping", &json!({})));
    opened(ping.header("mcp-session-id", &session), &second).await;
    let began = Instant::now();
    let (text, _) = end_of(stream).await;
    assert_eq!(text, "");
    let lasted = began.elapsed().as_secs();
    assert!(lasted >= 8, "it ended with the first of them: {lasted} s");
    // The session itself is there for whoever brings another.
    let third = clock.token(300);
    let ping = site.post(&request("ping", &json!({})));
    opened(ping.header("mcp-session-id", &session), &third).await;
}

#[tokio::test]
async fn a_call_that_began_in_time_is_answered() {
    let mut clock = Clock::start().await;
    let token = clock.token(SHORT);
    let response = opened(clock.site.modern("tools/call", call("wait")), &token).await;
    assert_eq!(clock.site.event().await, Event::Began);
    let began = Instant::now();
    while clock.site.discover(&token).await.status() != 401 {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    clock.site.release.notify_one();
    let (text, _) = end_of(response).await;
    let answer = &messages_in(&text)[0]["result"]["content"][0]["text"];
    assert!(
        answer.as_str().unwrap().starts_with("wait at 2026-07-28"),
        "{text}"
    );
}
