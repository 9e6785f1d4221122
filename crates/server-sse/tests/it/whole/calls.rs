//! Calls over every transport, and requests that deserve an error.

use serde_json::{Value, json};

use super::server::{Events, Server, answer, initialize, turn};

#[tokio::test]
async fn every_transport_lists_and_calls() {
    let Some(turn) = turn("every_transport_lists_and_calls").await else {
        return;
    };
    let server = Server::start(&turn.engine, &[]).await;
    let health = server
        .http
        .get(server.url("/healthz"))
        .send()
        .await
        .unwrap();
    assert!(health.status().is_success());

    // The stateless revision.
    let listed = answer(
        server
            .modern(1, "tools/list", json!({}))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        listed["result"]["tools"][0]["name"], "execute-python",
        "{listed}"
    );
    assert_eq!(listed["result"]["resultType"], "complete");
    assert_eq!(server.run("print('stateless')").await, "stateless\n");

    // A session.
    let session = server.open_session().await;
    let call = |id: u64, code: &str| {
        json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": "execute-python", "arguments": { "code": code } },
        })
    };
    let response = server
        .session_post(Some(&session), &call(7, "print('session')"))
        .send()
        .await;
    let called = answer(response.unwrap()).await;
    assert_eq!(called["id"], 7);
    assert_eq!(
        called["result"]["structuredContent"]["stdout"], "session\n",
        "{called}"
    );

    // The old transport: its answers come on the stream that named the address to post to.
    let stream = server.http.get(server.url("/sse")).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut events = Events::of(stream);
    let (event, path) = events.next().await;
    assert_eq!(event, "endpoint");
    let post = async |message: Value| {
        let response = server
            .http
            .post(server.url(&path))
            .json(&message)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202, "{message}");
    };
    post(initialize("2024-11-05")).await;
    let opened: Value = serde_json::from_str(&events.next().await.1).unwrap();
    assert_eq!(
        opened["result"]["protocolVersion"], "2024-11-05",
        "{opened}"
    );
    post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    post(call(9, "print('old')")).await;
    let called: Value = serde_json::from_str(&events.next().await.1).unwrap();
    assert_eq!(called["id"], 9);
    assert_eq!(
        called["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .trim(),
        "old"
    );
    assert!(
        called["result"].get("structuredContent").is_none(),
        "the revision has none: {called}"
    );
    drop(events);
    assert!(server.stop().await);
}

#[tokio::test]
async fn bad_requests_get_their_error_and_the_server_goes_on() {
    let what = "bad_requests_get_their_error_and_the_server_goes_on";
    let Some(turn) = turn(what).await else { return };
    let server = Server::start(&turn.engine, &[]).await;
    let post = |body: Vec<u8>| {
        server
            .http
            .post(server.url("/mcp"))
            .header("Accept", "application/json, text/event-stream")
            .header("Content-Type", "application/json")
            .body(body)
            .send()
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (body, status, code) in [
        (b"{ not json".to_vec(), 400, Some(-32700)),
        (b"[]".to_vec(), 400, Some(-32600)),
        (deep.into_bytes(), 400, None),
        (
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_vec(),
            400,
            None,
        ),
        (vec![b'#'; 20 << 20], 413, None),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(50)]).into_owned();
        // A server may refuse a long body while it is still being sent.
        let Ok(response) = post(body).await else {
            assert!(shown.starts_with("###"), "{shown}: no answer");
            continue;
        };
        assert_eq!(response.status(), status, "{shown}");
        let text = response.text().await.unwrap();
        let got = serde_json::from_str::<Value>(&text).unwrap_or_default();
        if let Some(code) = code {
            assert_eq!(got["error"]["code"], code, "{shown}: {text}");
        }
    }

    for (params, code) in [
        (json!({ "name": "no-such-tool", "arguments": {} }), -32602),
        (json!({ "name": "execute-python", "arguments": [] }), -32602),
        (json!({ "arguments": {} }), -32602),
    ] {
        let response = server
            .modern(5, "tools/call", params.clone())
            .send()
            .await
            .unwrap();
        let answer = answer(response).await;
        assert_eq!(answer["error"]["code"], code, "{params}: {answer}");
    }
    let response = server.call(6, &json!({})).send().await.unwrap();
    let missing = answer(response).await;
    assert_eq!(missing["result"]["isError"], true, "{missing}");
    assert!(
        missing["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("`code`")
    );

    for (name, value, status) in [
        ("Host", "evil.test", 403),
        ("Origin", "https://evil.test", 403),
        ("Origin", "null", 403),
        ("Content-Type", "text/plain", 415),
    ] {
        let request = server.call(8, &json!({ "code": "print('ran')" }));
        let mut request = request.build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let response = server.http.execute(request).await.unwrap();
        assert_eq!(response.status(), status, "{name}: {value}");
    }
    assert_eq!(server.run("print('still here')").await, "still here\n");
    assert!(server.stop().await);
}
