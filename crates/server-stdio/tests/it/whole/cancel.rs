//! A call that is cancelled ends with its container, whatever the way of cancelling.

use std::time::Duration;

use executor_testkit::witness::{self, marker, visible_program};
use serde_json::json;

use super::client::{Client, container_of, turn};

/// What may pass between a cancel and the end of the container.
const AT_ONCE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_notification_ends_the_container() {
    let Some(turn) = turn("a_notification_ends_the_container").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let marker = marker().unwrap();
    let id = client
        .start_call(json!({ "code": visible_program(&marker, "time.sleep(600)") }))
        .await;
    let container = container_of(&marker).await;
    client
        .send(&json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": { "requestId": id, "reason": "enough" },
        }))
        .await;
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    assert_eq!(witness::processes(&marker), 0);

    // The call is not answered any more, but the next one is.
    let next = client.run("print('next')").await;
    assert_eq!(next.stdout(), "next\n", "{next:?}");
    assert!(
        client.others.iter().all(|other| other["id"] != id),
        "{:?}",
        client.others
    );
    client.close().await;
}

#[tokio::test]
async fn a_notification_ends_a_stateless_call() {
    let Some(turn) = turn("a_notification_ends_a_stateless_call").await else {
        return;
    };
    let mut client = Client::spawn(&turn.engine, &[]);
    let marker = marker().unwrap();
    let params = json!({
        "name": "execute-python",
        "arguments": { "code": visible_program(&marker, "time.sleep(600)") },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    let id = client.request("tools/call", params).await;
    let container = container_of(&marker).await;
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id },
    });
    client.send(&cancel).await;
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    client.close().await;
}

#[tokio::test]
async fn the_end_of_stdin_ends_the_container_and_the_server() {
    let Some(turn) = turn("the_end_of_stdin_ends_the_container_and_the_server").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let marker = marker().unwrap();
    client
        .start_call(json!({ "code": visible_program(&marker, "time.sleep(600)") }))
        .await;
    let container = container_of(&marker).await;
    let (closed, gone) = tokio::join!(client.close(), turn.engine.until_gone(&container, AT_ONCE));
    gone.unwrap();
    let (status, took) = closed;
    assert!(status.success(), "{status}");
    assert!(
        took < Duration::from_secs(5),
        "the server took {took:?} to end"
    );
    assert_eq!(witness::processes(&marker), 0);
}
