//! 2025-03-26 to 2025-11-25 over HTTP: sessions by header.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::site::{Event, Site, call, events_of, initialize, json_of, request};

fn within(post: RequestBuilder, session: &str) -> RequestBuilder {
    post.header("mcp-session-id", session)
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

impl Site {
    fn verb(&self, method: Method, session: &str) -> RequestBuilder {
        let request = self.client.request(method, self.url("/mcp"));
        within(
            request.header("accept", "application/json, text/event-stream"),
            session,
        )
    }

    async fn call(&self, session: &str, task: &str) -> Value {
        let post = within(self.post(&request("tools/call", &call(task))), session);
        json_of(post.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn a_session_from_its_handshake_to_its_end() {
    let site = Site::start().await;
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = site.session(revision).await;
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let post = within(site.post(&initialized), &session);
        let response = post
            .header("mcp-protocol-version", revision)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202);
        assert_eq!(response.text().await.unwrap(), "");
        let text = &site.call(&session, "say").await["result"]["content"][0]["text"];
        assert_eq!(text, &format!("say at {revision} for local"));
        assert_eq!(status(site.verb(Method::DELETE, &session)).await, 204);
        assert_eq!(status(site.verb(Method::DELETE, &session)).await, 404);
        let ping = request("ping", &json!({}));
        assert_eq!(status(within(site.post(&ping), &session)).await, 404);
    }
}

#[tokio::test]
async fn what_names_no_session_is_told_so() {
    let site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let ping = request("ping", &json!({}));
    let response = site.post(&ping).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let answer = json_of(response).await;
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!(1), &json!(-32600))
    );
    for unknown in [
        "nope",
        &"x".repeat(8000),
        &session.to_uppercase().replace('0', "1"),
    ] {
        assert_eq!(status(within(site.post(&ping), unknown)).await, 404);
        assert_eq!(status(site.verb(Method::GET, unknown)).await, 404);
    }
    assert_eq!(
        status(within(within(site.post(&ping), &session), &session)).await,
        400
    );
    let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(status(site.post(&told)).await, 400);
    let answer = json!({"jsonrpc": "2.0", "id": 5, "result": {}});
    assert_eq!(status(site.post(&answer)).await, 400);
    assert_eq!(status(within(site.post(&answer), &session)).await, 202);
    assert_eq!(status(site.client.get(site.url("/mcp"))).await, 400);
    // An unknown revision is refused in a session too; any of the known ones is not.
    let versioned =
        |version: &str| within(site.post(&ping), &session).header("mcp-protocol-version", version);
    assert_eq!(status(versioned("1999-01-01")).await, 400);
    assert_eq!(status(versioned("2025-06-18")).await, 200);
}

#[tokio::test]
async fn a_handshake_that_fails_opens_nothing() {
    let site = Site::with(|settings| settings.max_sessions = 1).await;
    for _ in 0..3 {
        let response = site
            .post(&request("initialize", &json!({})))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().get("mcp-session-id").is_none());
        assert_eq!(json_of(response).await["error"]["code"], -32602);
    }
    site.session("2025-11-25").await;
    let again = site.post(&initialize("2025-11-25"));
    assert_eq!(status(again).await, 503, "there is no room");
}

#[tokio::test]
async fn a_session_is_opened_once() {
    let site = Site::with(|settings| settings.max_sessions = 3).await;
    let session = site.session("2025-06-18").await;
    let initialize = || site.post(&initialize("2025-11-25"));
    let opens = async |named: &str| {
        let response = within(initialize(), named).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let id = response.headers().get("mcp-session-id").cloned();
        (id, json_of(response).await)
    };
    let (id, refused) = opens(&session).await;
    assert_eq!((id, &refused["error"]["code"]), (None, &json!(-32600)));
    assert_eq!(refused["id"], 1);
    // It is what it was.
    let text = &site.call(&session, "say").await["result"]["content"][0]["text"];
    assert_eq!(text, "say at 2025-06-18 for local");
    // Whoever names one that is gone, or never was, gets a new one.
    assert_eq!(status(site.verb(Method::DELETE, &session)).await, 204);
    for named in [session.as_str(), "nope"] {
        let (id, opened) = opens(named).await;
        assert!(id.is_some_and(|id| id != named), "{named}");
        assert_eq!(opened["result"]["protocolVersion"], "2025-11-25");
    }
    // No room for a third is needed to be told that it is open already.
    let last = site.session("2025-11-25").await;
    assert_eq!(status(initialize()).await, 503);
    assert_eq!(opens(&last).await.1["error"]["code"], -32600);
}

#[tokio::test]
async fn sessions_are_bounded_and_end_when_idle() {
    let site = Site::with(|settings| {
        settings.max_sessions = 2;
        settings.session_idle = Duration::from_millis(1500);
    })
    .await;
    let first = site.session("2025-11-25").await;
    // An open stream keeps a session in use.
    let stream = site.verb(Method::GET, &first).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let second = site.session("2025-11-25").await;
    let refused = site.post(&initialize("2025-11-25")).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    // So long the idle one has left, in whole seconds.
    assert_eq!(refused.headers()["retry-after"], "2");
    assert_eq!(
        status(site.client.get(site.url("/sse"))).await,
        503,
        "of both kinds together"
    );
    tokio::time::sleep(Duration::from_millis(1800)).await;
    site.session("2025-11-25").await;
    assert!(site.call(&first, "say").await["result"].is_object());
    let ping = request("ping", &json!({}));
    assert_eq!(status(within(site.post(&ping), &second)).await, 404);
    drop(stream);
}

#[tokio::test]
async fn a_lost_connection_cancels_nothing_but_a_notification_does() {
    let mut site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let body = request("tools/call", &call("wait")).to_string();
    let mut raw = site.raw().await;
    raw.send(&format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         mcp-session-id: {session}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    assert_eq!(site.event().await, Event::Began);
    drop(raw);
    // The call still runs: its id is taken, which only a call in flight explains.
    let taken = within(site.post(&request("tools/call", &call("say"))), &session);
    assert_eq!(
        json_of(taken.send().await.unwrap()).await["error"]["code"],
        -32600
    );
    site.release.notify_one();
    assert_eq!(site.event().await, Event::Gone);

    let mut params = call("tell and wait");
    params["_meta"] = json!({"progressToken": 1});
    let streamed = within(site.post(&request("tools/call", &params)), &session);
    let response = streamed.send().await.unwrap();
    assert_eq!(site.event().await, Event::Began);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 1}});
    assert_eq!(status(within(site.post(&cancel), &session)).await, 202);
    assert_eq!(site.event().await, Event::Gone);
    let messages = events_of(response).await;
    assert_eq!(
        messages.len(),
        1,
        "the progress, and no answer: {messages:?}"
    );
}

#[tokio::test]
async fn ending_a_session_cancels_what_runs_in_it() {
    let mut site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let mut params = call("tell and wait");
    params["_meta"] = json!({"progressToken": 1});
    let streamed = within(site.post(&request("tools/call", &params)), &session);
    let response = streamed.send().await.unwrap();
    assert_eq!(site.event().await, Event::Began);
    assert_eq!(status(site.verb(Method::DELETE, &session)).await, 204);
    assert_eq!(site.event().await, Event::Gone);
    let messages = events_of(response).await;
    assert_eq!(
        messages.len(),
        2,
        "the progress and the answer: {messages:?}"
    );
    assert_eq!(messages[1]["error"]["code"], -32603);
}

#[tokio::test]
async fn a_session_has_one_stream_of_its_own() {
    let site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let html = site
        .client
        .get(site.url("/mcp"))
        .header("accept", "text/html");
    assert_eq!(status(within(html, &session)).await, 406);
    let stream = site.verb(Method::GET, &session).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(status(site.verb(Method::GET, &session)).await, 409);
    assert_eq!(status(site.verb(Method::DELETE, &session)).await, 204);
    assert_eq!(stream.text().await.unwrap(), "", "it ends with the session");
}

#[tokio::test]
async fn batches_are_answered_in_the_one_revision_that_has_them() {
    let site = Site::start().await;
    let session = site.session("2025-03-26").await;
    let batch = json!([
        {"jsonrpc": "2.0", "id": "a", "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": "b", "method": "tools/call", "params": call("say")},
    ]);
    let answers = json_of(within(site.post(&batch), &session).send().await.unwrap()).await;
    let ids: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| &answer["id"])
        .collect();
    assert_eq!(ids, [&json!("a"), &json!("b")]);
    let told = json!([{"jsonrpc": "2.0", "method": "notifications/initialized"}]);
    assert_eq!(status(within(site.post(&told), &session)).await, 202);
    let later = site.session("2025-06-18").await;
    assert_eq!(status(within(site.post(&batch), &later)).await, 400);
    assert_eq!(status(site.post(&batch)).await, 400);
}
