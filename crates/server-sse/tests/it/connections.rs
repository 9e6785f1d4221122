//! Clients that are slow, silent, or gone, and the server's own end.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::site::{Event, PATIENCE, Site, call, initialize, messages_in, modern};

fn raw_call(task: &str) -> String {
    let body = modern("tools/call", call(task)).to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: bench\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn who_does_not_finish_a_head_is_cut_off() {
    let site = Site::with(|settings| settings.header_timeout = Duration::from_millis(200)).await;
    let mut silent = site.raw().await;
    let mut slow = site.raw().await;
    let mut idle = site.raw().await;
    slow.send("POST /mcp HTTP/1.1\r\nhost: loc").await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert!(idle.read("ok\n").await.starts_with("HTTP/1.1 200"));
    for raw in [&mut silent, &mut slow, &mut idle] {
        let rest = raw.rest().await;
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 408"),
            "{rest}"
        );
    }
    let response = site.client.get(site.url("/healthz")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ok\n");
}

#[tokio::test]
async fn who_does_not_finish_a_body_is_told() {
    let site = Site::with(|settings| settings.body_timeout = Duration::from_millis(200)).await;
    let mut slow = site.raw().await;
    slow.send(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{",
    )
    .await;
    let answer = slow.read("}").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_head_is_bounded() {
    let site = Site::start().await;
    let mut raw = site.raw().await;
    let head = format!(
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "x".repeat(300_000)
    );
    // The connection may be cut while this is still being written.
    let _ = raw.0.write_all(head.as_bytes()).await;
    let answer = raw.rest().await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert!(!answer.contains("ok\n"));
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_the_rest_goes_on() {
    let mut site = Site::with(|settings| {
        settings.write_timeout = Duration::from_millis(300);
        settings.max_connections = 1;
    })
    .await;
    let mut raw = site.raw().await;
    raw.send(&raw_call("large")).await;
    assert_eq!(site.event().await, Event::Began);
    assert_eq!(
        site.event().await,
        Event::Gone,
        "the call does not wait for its reader"
    );
    // There is one place for a connection, so this answer proves that the first one was given up.
    let response = site.client.get(site.url("/healthz")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ok\n");
    // What the buffers of the sockets had taken is all that comes.
    let mut received = 0;
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = raw.0.read(&mut buffer).await {
        received += count;
    }
    assert!(received < 50_000_000, "{received}");
}

#[tokio::test]
async fn connections_are_bounded_and_others_wait() {
    let site = Site::with(|settings| settings.max_connections = 1).await;
    let mut first = site.raw().await;
    first
        .send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    first.read("ok\n").await;
    let mut second = site.raw().await;
    second
        .send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let mut byte = [0];
    let early = timeout(Duration::from_millis(200), second.0.peek(&mut byte)).await;
    assert!(early.is_err(), "the second connection waits");
    drop(first);
    assert!(second.read("ok\n").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_shutdown_lets_requests_end_and_closes_what_is_idle() {
    let mut site = Site::start().await;
    let mut idle = site.raw().await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    idle.read("ok\n").await;
    let session = site.session("2025-11-25").await;
    let common = site
        .client
        .get(site.url("/mcp"))
        .header("mcp-session-id", &session);
    let common = common.send().await.unwrap();
    let mut old = site.client.get(site.url("/sse")).send().await.unwrap();
    let first = String::from_utf8_lossy(&old.chunk().await.unwrap().unwrap()).into_owned();
    let target = first
        .lines()
        .nth(1)
        .unwrap()
        .strip_prefix("data: ")
        .unwrap()
        .to_owned();
    for message in [
        initialize("2024-11-05"),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call("wait")}),
    ] {
        let post = site
            .client
            .post(site.url(&target))
            .json(&message)
            .send()
            .await
            .unwrap();
        assert_eq!(post.status(), 202);
    }
    assert_eq!(site.event().await, Event::Began);
    let mut running = site.raw().await;
    running.send(&raw_call("wait")).await;
    assert_eq!(site.event().await, Event::Began);

    site.shutdown.cancel();
    assert_eq!(idle.rest().await, "");
    assert_eq!(
        common.text().await.unwrap(),
        "",
        "streams that nothing is due on end"
    );
    site.release.notify_one();
    site.release.notify_one();
    site.release.notify_waiters();
    let answer = running.rest().await;
    assert!(answer.contains("wait at 2026-07-28"), "{answer}");
    let rest = old.text().await.unwrap();
    assert!(
        messages_in(&rest).iter().any(|message| message["id"] == 2),
        "{rest}"
    );
    let served = timeout(PATIENCE, site.serving.join_next())
        .await
        .unwrap()
        .unwrap();
    served.unwrap().unwrap();
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cancelled_and_told_so() {
    let mut site = Site::with(|settings| settings.drain = Duration::from_millis(200)).await;
    let mut running = site.raw().await;
    running.send(&raw_call("ever")).await;
    assert_eq!(site.event().await, Event::Began);
    site.shutdown.cancel();
    let served = timeout(PATIENCE, site.serving.join_next())
        .await
        .unwrap()
        .unwrap();
    served.unwrap().unwrap();
    assert_eq!(
        site.events.try_recv().unwrap(),
        Event::Gone,
        "gone before `serve` returned"
    );
    let answer = running.rest().await;
    assert!(answer.contains("-32603"), "{answer}");
}
