//! Who listens for tasks is told of them, over every kind of connection.

use std::time::Duration;

use mcp_server::{Principal, Replies, ServerLimits};
use serde_json::{Value, json};

use crate::tasks::{Site, message};

fn filter(ids: &[&Value]) -> Value {
    json!({
        "notifications": {"taskIds": ids},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities":
                {"extensions": {"io.modelcontextprotocol/tasks": {}}},
        },
    })
}

fn listen(site: &Site, principal: &str, ids: &[&Value]) -> Replies {
    let message = message("subscriptions/listen", &filter(ids));
    site.server.exchange(message, Principal::new(principal))
}

async fn next(replies: &mut Replies) -> Value {
    let reply = replies.next().await.expect("another message");
    serde_json::from_str(&reply.into_json()).unwrap()
}

#[tokio::test]
async fn a_listener_is_told_until_the_end() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("wait").await;
    let mut stream = listen(&site, "local", &[&json!("nothing"), &task["taskId"]]);
    let acknowledged = next(&mut stream).await;
    assert_eq!(
        acknowledged["params"]["notifications"],
        json!({"taskIds": [task["taskId"]]})
    );
    assert_eq!(next(&mut stream).await["params"]["status"], "working");
    site.release.notify_one();
    let told = next(&mut stream).await;
    assert_eq!(told["method"], "notifications/tasks");
    assert_eq!(told["params"]["taskId"], task["taskId"]);
    assert_eq!(told["params"]["result"]["content"][0]["text"], "task: true");
    site.server.end_subscriptions();
    assert_eq!(next(&mut stream).await["result"]["resultType"], "complete");
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn tasks_of_others_are_not_acknowledged_and_not_told() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("wait").await;
    let mut stream = listen(&site, "somebody", &[&task["taskId"]]);
    let acknowledged = next(&mut stream).await;
    assert_eq!(acknowledged["params"]["notifications"], json!({}));
    site.release.notify_one();
    // The next word is the last one.
    let mut own = listen(&site, "local", &[&task["taskId"]]);
    while next(&mut own).await["params"]["status"] != "completed" {}
    site.server.end_subscriptions();
    assert_eq!(next(&mut stream).await["id"], 1);
}

#[tokio::test]
async fn a_pipe_carries_it_between_answers() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("wait").await;
    let mut client = site.server.in_memory();
    let request = json!({"jsonrpc": "2.0", "id": "l", "method": "subscriptions/listen",
        "params": filter(&[&task["taskId"]])});
    client.send(&request).await.unwrap();
    let acknowledged = client.receive().await.unwrap();
    assert_eq!(
        acknowledged["params"]["notifications"]["taskIds"],
        json!([task["taskId"]])
    );
    assert_eq!(
        client.receive().await.unwrap()["params"]["status"],
        "working"
    );
    site.release.notify_one();
    let told = client.receive().await.unwrap();
    assert_eq!(told["params"]["status"], "completed");
    assert_eq!(
        told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        "l"
    );
    client.close().await.unwrap();
}

/// A program that prints much must not drown who listens, and who reads late must not miss the end.
#[tokio::test(start_paused = true)]
async fn a_flood_is_thinned_out_and_the_end_comes_through() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("flood").await;
    let mut stream = listen(&site, "local", &[&task["taskId"]]);
    // Nobody reads for a minute.
    tokio::time::sleep(Duration::from_secs(60)).await;
    site.release.notify_one();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut told = Vec::new();
    next(&mut stream).await;
    while told.last() != Some(&json!("completed")) {
        told.push(next(&mut stream).await["params"]["status"].clone());
    }
    assert!(told.len() < 40, "{}", told.len());
}

/// Nobody reads for a while: what is told then is the newest, not what was the newest when the stream was full.
#[tokio::test(start_paused = true)]
async fn who_reads_late_hears_the_newest() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("steady").await;
    let mut stream = listen(&site, "local", &[&task["taskId"]]);
    tokio::time::sleep(Duration::from_secs(200)).await;
    let reading = async {
        next(&mut stream).await;
        while next(&mut stream).await["params"]["statusMessage"] != "line 100" {}
    };
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, reading)
        .await
        .expect("the newest");
}
