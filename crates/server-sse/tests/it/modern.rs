//! 2026-07-28 over HTTP: self-describing requests, headers that repeat them, cancellation by closing.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::site::{
    Event, Site, call, events_of, initialize, json_of, messages_in, modern, request,
};

#[tokio::test]
async fn a_quick_answer_is_json_and_a_long_one_a_stream() {
    let mut site = Site::with(|settings| settings.stream_after = Duration::from_millis(50)).await;
    let response = site.modern("tools/call", call("say")).send().await.unwrap();
    assert!(response.headers().get("mcp-session-id").is_none());
    let answer = json_of(response).await;
    assert_eq!(
        answer["result"]["content"][0]["text"],
        "say at 2026-07-28 for local"
    );
    assert_eq!(answer["result"]["resultType"], "complete");
    for _ in 0..2 {
        site.event().await;
    }
    let response = site
        .modern("tools/call", call("wait"))
        .send()
        .await
        .unwrap();
    site.release.notify_one();
    let messages = events_of(response).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(
        messages[0]["result"]["content"][0]["text"],
        "wait at 2026-07-28 for local"
    );
}

#[tokio::test]
async fn progress_makes_it_a_stream_at_once_unless_the_client_takes_only_json() {
    let site = Site::start().await;
    let mut params = call("progress");
    params["_meta"] = json!({"progressToken": "t"});
    let messages = events_of(
        site.modern("tools/call", params.clone())
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(messages[0]["method"], "notifications/progress");
    assert_eq!(messages[0]["params"]["progressToken"], "t");
    assert_eq!(messages[1]["id"], 1);
    assert_eq!(messages.len(), 2);

    let post = site
        .client
        .post(site.url("/mcp"))
        .json(&modern("tools/call", params));
    let response = post
        .header("accept", "application/json")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "bench")
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(response).await["id"], 1);
}

#[tokio::test]
async fn closing_the_response_cancels_whether_it_streams_or_not() {
    let mut site = Site::start().await;
    let mut told = call("tell and wait");
    told["_meta"] = json!({"progressToken": 1});
    for (params, streams) in [(call("ever"), false), (told, true)] {
        let body = modern("tools/call", params).to_string();
        let mut raw = site.raw().await;
        raw.send(&format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: bench\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        assert_eq!(site.event().await, Event::Began);
        if streams {
            assert!(
                raw.read("notifications/progress")
                    .await
                    .starts_with("HTTP/1.1 200")
            );
        }
        drop(raw);
        assert_eq!(site.event().await, Event::Gone, "streams: {streams}");
    }
}

#[tokio::test]
async fn a_stream_without_news_is_kept_alive() {
    let mut site = Site::with(|settings| {
        settings.stream_after = Duration::from_millis(10);
        settings.keep_alive = Duration::from_millis(20);
    })
    .await;
    let response = site
        .modern("tools/call", call("wait"))
        .send()
        .await
        .unwrap();
    assert_eq!(site.event().await, Event::Began);
    let mut response = response;
    let mut text = String::new();
    while text.matches(": keep-alive\n\n").count() < 3 {
        text.push_str(&String::from_utf8_lossy(
            &response.chunk().await.unwrap().unwrap(),
        ));
    }
    site.release.notify_one();
    while let Some(chunk) = response.chunk().await.unwrap() {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(text.contains("event: message\ndata: {\"id\":1,"), "{text}");
}

async fn check(post: RequestBuilder, status: u16, code: i32) {
    let response = post.send().await.unwrap();
    assert_eq!(response.status(), status);
    let answer = json_of(response).await;
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert_eq!(answer["id"], 1, "{answer}");
}

/// 2026-07-28, transports: there are no sessions and nothing to take up again, whatever a client's headers say.
#[tokio::test]
async fn what_belongs_to_sessions_is_passed_over() {
    let site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let mut params = call("progress");
    params["_meta"] = json!({"progressToken": "t"});
    for named in [session.as_str(), "of-nobody"] {
        let response = site
            .modern("tools/call", params.clone())
            .header("mcp-session-id", named)
            .header("last-event-id", "7-7")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{named}");
        assert!(response.headers().get("mcp-session-id").is_none());
        let text = response.text().await.unwrap();
        let messages = messages_in(&text);
        assert_eq!(messages[0]["method"], "notifications/progress");
        assert_eq!(
            messages[1]["result"]["content"][0]["text"], "progress at 2026-07-28 for local",
            "{text}"
        );
        assert!(!text.lines().any(|line| line.starts_with("id:")), "{text}");
    }
}

#[tokio::test]
async fn the_ladder_of_checks() {
    let site = Site::start().await;
    let headers = |post: RequestBuilder, version: &str, method: &str| {
        post.header("mcp-protocol-version", version)
            .header("mcp-method", method)
    };
    let versioned = |version: &str| {
        let mut body = modern("nope", json!({}));
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = version.into();
        body
    };
    // The shape of the envelope comes before the headers.
    let bare = site.post(&request("tools/list", &json!({})));
    check(
        bare.header("mcp-protocol-version", "2026-07-28"),
        400,
        -32602,
    )
    .await;
    let mut broken = modern("tools/list", json!({}));
    broken["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = Value::Null;
    check(site.post(&broken), 400, -32602).await;
    // Each header: missing, different, twice.
    let list = modern("tools/list", json!({}));
    check(site.post(&list), 400, -32020).await;
    check(
        headers(site.post(&list), "2025-11-25", "tools/list"),
        400,
        -32020,
    )
    .await;
    check(
        headers(site.post(&list), "2027-01-01", "tools/list"),
        400,
        -32020,
    )
    .await;
    check(
        site.post(&list)
            .header("mcp-protocol-version", "2026-07-28"),
        400,
        -32020,
    )
    .await;
    check(
        headers(site.post(&list), "2026-07-28", "Tools/List"),
        400,
        -32020,
    )
    .await;
    let twice = headers(site.post(&list), "2026-07-28", "tools/list");
    check(twice.header("mcp-method", "tools/list"), 400, -32020).await;
    let named = || {
        headers(
            site.post(&modern("tools/call", call("x"))),
            "2026-07-28",
            "tools/call",
        )
    };
    check(named(), 400, -32020).await;
    check(named().header("mcp-name", "other"), 400, -32020).await;
    check(named().header("mcp-name", "=?base64?!?="), 400, -32020).await;
    // Then the version, the method, the parameters.
    let future = versioned("2027-01-01");
    check(
        headers(site.post(&future), "2027-01-01", "nope"),
        400,
        -32022,
    )
    .await;
    let past = versioned("2025-11-25");
    check(headers(site.post(&past), "2025-11-25", "nope"), 400, -32022).await;
    for method in [
        "nope",
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
    ] {
        check(site.modern(method, json!({})), 404, -32601).await;
    }
    check(
        site.modern("tools/call", json!({"name": "nope"})),
        400,
        -32602,
    )
    .await;
    check(site.modern("tools/call", json!({})), 400, -32602).await;
    check(
        site.modern("tools/list", json!({"cursor": "x"})),
        400,
        -32602,
    )
    .await;
    // What we could not do is not the client's fault, and rides on 200.
    check(site.modern("tools/call", call("panic")), 200, -32603).await;

    let spaced = headers(site.post(&list), " 2026-07-28\t", "tools/list");
    assert_eq!(spaced.send().await.unwrap().status(), 200);
    let wrapped = named().header("mcp-name", "=?base64?YmVuY2g=?=");
    assert_eq!(wrapped.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_version_that_belongs_to_no_era_is_told_what_is_served() {
    let site = Site::start().await;
    let post = site.post(&request("tools/list", &json!({})));
    check(
        post.header("mcp-protocol-version", "2019-01-01"),
        400,
        -32022,
    )
    .await;
    let post = site.post(&initialize("2025-11-25"));
    check(post.header("mcp-protocol-version", "draft"), 400, -32022).await;
}

#[tokio::test]
async fn notifications_are_taken_and_other_verbs_are_not() {
    let site = Site::start().await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 1, "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}});
    assert_eq!(site.post(&cancel).send().await.unwrap().status(), 202);
    let bare = json!({"jsonrpc": "2.0", "method": "notifications/cancelled"});
    let post = site
        .post(&bare)
        .header("mcp-protocol-version", "2026-07-28");
    let response = post.send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.text().await.unwrap(), "");
    for method in ["GET", "DELETE"] {
        let request = site
            .client
            .request(method.parse().unwrap(), site.url("/mcp"));
        let response = request
            .header("mcp-protocol-version", "2026-07-28")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "POST");
    }
    for method in ["PUT", "PATCH", "OPTIONS", "HEAD"] {
        let request = site
            .client
            .request(method.parse().unwrap(), site.url("/mcp"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()["allow"], "GET, POST, DELETE");
    }
}
