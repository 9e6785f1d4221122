//! Changes reach those who want to know them, over every kind of connection.

use std::sync::Arc;

use mcp_protocol::jsonrpc::{Frame, Incoming, decode};
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::subscriptions::Change;
use mcp_server::{Principal, Replies, Server};
use serde_json::{Value, json};

fn server() -> Server {
    Server::builder(Implementation::new("s", "1"))
        .announces_tools()
        .announces_updates()
        .build()
        .unwrap()
}

fn message(value: &Value) -> Incoming {
    match decode(value.to_string().as_bytes()) {
        Ok(Frame::Single(message)) => message,
        other => panic!("{other:?}"),
    }
}

async fn next(replies: &mut Replies) -> Value {
    let reply = replies.next().await.expect("another message");
    serde_json::from_str(&reply.into_json()).unwrap()
}

fn listen() -> Value {
    json!({"jsonrpc": "2.0", "id": "l", "method": "subscriptions/listen", "params": {
        "notifications": {"toolsListChanged": true},
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}}}})
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"}}})
}

#[tokio::test]
async fn a_stream_of_changes_lives_until_the_server_ends_it() {
    let server = server();
    let mut stream = server.exchange(message(&listen()), Principal::local());
    let acknowledged = next(&mut stream).await;
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );
    server.announce(Change::Prompts);
    server.announce(Change::Tools);
    let told = next(&mut stream).await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(
        told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        "l"
    );
    server.end_subscriptions();
    assert_eq!(next(&mut stream).await["result"]["resultType"], "complete");
    assert_eq!(stream.next().await, None);
    // Later ones are acknowledged and end at once.
    let mut late = server.exchange(message(&listen()), Principal::local());
    next(&mut late).await;
    assert_eq!(next(&mut late).await["id"], "l");
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn a_session_is_told_on_its_common_stream_if_one_is_open() {
    let server = server();
    let session = server.open_session(Principal::local());
    let opening = Ok(Frame::Single(message(&initialize())));
    next(&mut session.send(opening, ()).await.unwrap()).await;
    server.announce(Change::Tools);
    let mut common = session.server_stream().await.unwrap().unwrap();
    let subscribe = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe",
        "params": {"uri": "t://a"}});
    let subscribe = Ok(Frame::Single(message(&subscribe)));
    next(&mut session.send(subscribe, ()).await.unwrap()).await;
    server.announce(Change::Resource("t://b".to_owned()));
    server.announce(Change::Resource("t://a".to_owned()));
    let mut told = next(&mut common).await;
    if told["method"] == "notifications/tools/list_changed" {
        // The first change may have reached the session only after its stream was open.
        told = next(&mut common).await;
    }
    assert_eq!(told["method"], "notifications/resources/updated");
    assert_eq!(told["params"], json!({"uri": "t://a"}));
}

#[tokio::test]
async fn changes_are_interleaved_on_a_pipe() {
    let server = Arc::new(server());
    let mut client = server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    client.send(&listen()).await.unwrap();
    client.receive().await.unwrap();
    server.announce(Change::Tools);
    let told = [
        client.receive().await.unwrap(),
        client.receive().await.unwrap(),
    ];
    assert!(
        told.iter()
            .all(|told| told["method"] == "notifications/tools/list_changed")
    );
    assert!(
        told.iter().any(|told| told.get("params").is_none()),
        "the session"
    );
    assert!(
        told.iter().any(|told| told.get("params").is_some()),
        "the stream"
    );
    client.close().await.unwrap();
}
