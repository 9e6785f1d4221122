//! What may come in: types, sizes, and what is no message at all.

use serde_json::{Value, json};

use crate::site::{Site, call, initialize, json_of, modern, request};

#[tokio::test]
async fn what_is_not_acceptable_has_its_status() {
    let site = Site::start().await;
    let check = async |content_type: Option<&str>, accept: Option<&str>, status: u16| {
        let mut post = site
            .client
            .post(site.url("/mcp"))
            .body(initialize("2025-11-25").to_string());
        if let Some(content_type) = content_type {
            post = post.header("content-type", content_type);
        }
        if let Some(accept) = accept {
            post = post.header("accept", accept);
        }
        let response = post.send().await.unwrap();
        assert_eq!(response.status(), status, "{content_type:?} {accept:?}");
    };
    let json = Some("application/json");
    check(json, None, 200).await;
    check(json, Some("*/*"), 200).await;
    check(json, Some("application/json"), 200).await;
    check(json, Some("text/event-stream"), 200).await;
    check(Some("application/json; charset=utf-8"), None, 200).await;
    check(json, Some("text/html"), 406).await;
    check(None, None, 415).await;
    check(Some("text/plain"), None, 415).await;
    check(Some("application/x-www-form-urlencoded"), None, 415).await;
}

#[tokio::test]
async fn a_body_is_bounded_whatever_it_claims() {
    let site = Site::with(|settings| settings.max_body_bytes = 1000).await;
    let mut raw = site.raw().await;
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    raw.send(&format!("{head}content-length: 1001\r\n\r\n"))
        .await;
    let answer = raw.read("}").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("1000 bytes"), "{answer}");

    let mut raw = site.raw().await;
    raw.send(&format!("{head}transfer-encoding: chunked\r\n\r\n"))
        .await;
    for _ in 0..11 {
        raw.send(&format!("64\r\n{}\r\n", "x".repeat(100))).await;
    }
    assert!(raw.read("}").await.starts_with("HTTP/1.1 413"));

    let fitting = format!("\"{}\"", "x".repeat(998));
    let post = site
        .client
        .post(site.url("/mcp"))
        .header("content-type", "application/json");
    let response = post.body(fitting).send().await.unwrap();
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn all_bodies_together_are_bounded() {
    let site = Site::with(|settings| settings.max_buffered_bytes = 4096).await;
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let mut first = site.raw().await;
    first
        .send(&format!(
            "{head}content-length: 4000\r\n\r\n{}",
            "x".repeat(3000)
        ))
        .await;
    // Until the first body has arrived, a second one may still find room.
    loop {
        let mut second = site.raw().await;
        second
            .send(&format!(
                "{head}content-length: 3000\r\n\r\n{}",
                "x".repeat(3000)
            ))
            .await;
        let answer = second.read("}").await;
        if answer.starts_with("HTTP/1.1 503") {
            assert!(answer.contains("retry-after: "), "{answer}");
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    drop(first);
    // What the first one held is free again.
    let fitting = format!("\"{}\"", "x".repeat(3000));
    loop {
        let post = site
            .client
            .post(site.url("/mcp"))
            .header("content-type", "application/json");
        let status = post.body(fitting.clone()).send().await.unwrap().status();
        if status == 400 {
            break;
        }
        assert_eq!(status, 503);
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_code() {
    let site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let check = async |body: &str, status: u16, code: i32, id: Value| {
        let post = site
            .client
            .post(site.url("/mcp"))
            .header("content-type", "application/json");
        let post = post
            .header("mcp-session-id", &session)
            .body(body.to_owned());
        let response = post.send().await.unwrap();
        assert_eq!(response.status(), status, "{body}");
        let answer = json_of(response).await;
        assert_eq!(answer["error"]["code"], code, "{body}");
        assert_eq!(answer["id"], id, "{body}");
    };
    check("", 400, -32700, Value::Null).await;
    check("{", 400, -32700, Value::Null).await;
    check("\u{feff}{}", 400, -32700, Value::Null).await;
    check("{}", 400, -32600, Value::Null).await;
    check("[]", 400, -32600, Value::Null).await;
    check(
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        400,
        -32600,
        Value::Null,
    )
    .await;
    check(r#"{"id":5,"method":"ping"}"#, 400, -32600, json!(5)).await;
    check(
        r#"{"jsonrpc":"2.0","id":"x","method":"ping","params":[]}"#,
        400,
        -32602,
        json!("x"),
    )
    .await;
    let batch = json!([request("ping", &json!({}))]).to_string();
    check(&batch, 400, -32600, Value::Null).await;
    check(
        &json!([modern("tools/call", call("x"))]).to_string(),
        400,
        -32600,
        Value::Null,
    )
    .await;
    check(&"[".repeat(100_000), 400, -32700, Value::Null).await;
}
