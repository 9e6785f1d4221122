//! What an HTTP transport uses: exchanges whose drop cancels, sessions whose streams come and go.

use std::sync::Arc;

use futures_util::FutureExt as _;
use mcp_protocol::jsonrpc::{Frame, Incoming, decode};
use mcp_server::{Principal, Replies, Reply, ServerLimits, Session};
use serde_json::{Value, json};

use crate::bench_tool::{Event, call, server};

fn frame(message: &Value) -> Frame {
    decode(message.to_string().as_bytes()).unwrap()
}

fn modern(method: &str, mut params: Value) -> Incoming {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    match frame(&message) {
        Frame::Single(message) => message,
        other => panic!("{other:?}"),
    }
}

fn json_of(reply: Option<Reply>) -> Value {
    serde_json::from_str(&reply.expect("a reply").into_json()).unwrap()
}

async fn initialize(session: &Session) -> Value {
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "s", "version": "1"}});
    let mut replies = send(session, 0, "initialize", params).await;
    let answer = json_of(replies.next().await);
    assert!(replies.next().await.is_none());
    answer
}

async fn send(session: &Session, id: i64, method: &str, params: Value) -> Replies {
    let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    session.send(Ok(frame(&message)), ()).await.unwrap()
}

#[tokio::test]
async fn an_exchange_streams_its_progress_and_then_its_answer() {
    let (server, _watch) = server(ServerLimits::default());
    let mut params = call("progress");
    params["_meta"] = json!({"progressToken": 5});
    let mut replies = server.exchange(modern("tools/call", params), Principal::local());
    for step in 1..=3 {
        let reply = replies.next().await.unwrap();
        assert!(!reply.is_answer());
        assert_eq!(json_of(Some(reply))["params"]["progress"], step);
    }
    let answer = replies.next().await.unwrap();
    assert!(answer.is_answer() && answer.error().is_none());
    assert_eq!(json_of(Some(answer))["result"]["resultType"], "complete");
    assert!(replies.next().await.is_none());
}

#[tokio::test]
async fn dropping_the_replies_of_an_exchange_cancels_it() {
    let (server, mut watch) = server(ServerLimits::default());
    let replies = server.exchange(modern("tools/call", call("ever")), Principal::local());
    assert_eq!(watch.next().await, Event::Began("ever".to_owned()));
    drop(replies);
    assert_eq!(watch.next().await, Event::Gone("ever".to_owned()));
}

#[tokio::test]
async fn dropping_the_replies_of_a_session_cancels_nothing() {
    let (server, mut watch) = server(ServerLimits::default());
    let session = server.open_session(Principal::local());
    assert_eq!(
        initialize(&session).await["result"]["protocolVersion"],
        "2025-06-18"
    );
    drop(send(&session, 1, "tools/call", call("wait")).await);
    assert_eq!(watch.next().await, Event::Began("wait".to_owned()));
    let mut pinged = send(&session, 2, "ping", json!({})).await;
    assert_eq!(json_of(pinged.next().await)["id"], 2);
    assert_eq!(session.calls_in_flight(), 1);
    watch.release.notify_one();
    assert_eq!(watch.next().await, Event::Gone("wait".to_owned()));
    session.quiet().await;
    assert_eq!(session.calls_in_flight(), 0);
}

#[tokio::test]
async fn a_cancelled_request_of_a_session_ends_without_an_answer() {
    let (server, mut watch) = server(ServerLimits::default());
    let session = server.open_session(Principal::local());
    initialize(&session).await;
    let mut replies = send(&session, 1, "tools/call", call("ever")).await;
    assert_eq!(watch.next().await, Event::Began("ever".to_owned()));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 1}});
    let mut nothing = session.send(Ok(frame(&cancel)), ()).await.unwrap();
    assert!(nothing.next().await.is_none());
    assert!(replies.next().await.is_none());
    assert_eq!(watch.next().await, Event::Gone("ever".to_owned()));
}

#[tokio::test]
async fn the_end_of_a_session_cancels_says_so_and_ends_its_streams() {
    for ended_by_drop in [true, false] {
        let (server, mut watch) = server(ServerLimits::default());
        let session = server.open_session(Principal::local());
        initialize(&session).await;
        let mut replies = send(&session, 1, "tools/call", call("ever")).await;
        let mut common = session.server_stream().await.unwrap().unwrap();
        assert!(
            session.server_stream().await.unwrap().is_none(),
            "one at a time"
        );
        assert_eq!(watch.next().await, Event::Began("ever".to_owned()));
        if ended_by_drop {
            drop(session);
        } else {
            session.end();
            common.next().await;
            assert!(session.server_stream().await.is_err());
        }
        let answer = json_of(replies.next().await);
        assert_eq!(answer["error"]["code"], -32603, "{answer}");
        assert_eq!(answer["id"], 1);
        assert!(replies.next().await.is_none());
        assert!(common.next().await.is_none());
        assert_eq!(watch.next().await, Event::Gone("ever".to_owned()));
    }
}

#[tokio::test]
async fn a_common_stream_can_be_opened_again() {
    let (server, _watch) = server(ServerLimits::default());
    let session = server.open_session(Principal::local());
    drop(session.server_stream().await.unwrap().unwrap());
    assert!(session.server_stream().await.unwrap().is_some());
}

#[tokio::test]
async fn all_answers_of_a_stream_session_share_its_stream_and_end_with_it() {
    let (server, mut watch) = server(ServerLimits::default());
    let (session, mut stream) = server.open_stream_session(Principal::local());
    let params = json!({"protocolVersion": "2024-11-05", "capabilities": {},
        "clientInfo": {"name": "s", "version": "1"}});
    let mut id = 0;
    let mut post = async |method: &str, params: Value| {
        id += 1;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        session.post(Ok(frame(&message)), ()).await.unwrap();
    };
    post("initialize", params).await;
    assert_eq!(json_of(stream.next().await)["id"], 1);
    post("tools/call", call("ever")).await;
    post("ping", json!({})).await;
    assert_eq!(json_of(stream.next().await)["id"], 3);
    assert_eq!(watch.next().await, Event::Began("ever".to_owned()));
    assert!(session.server_stream().await.unwrap().is_none());
    drop(stream);
    assert_eq!(watch.next().await, Event::Gone("ever".to_owned()));
    session.quiet().await;
    let ping = json!({"jsonrpc": "2.0", "id": 9, "method": "ping"});
    assert!(session.post(Ok(frame(&ping)), ()).await.is_err());
}

#[tokio::test]
async fn what_a_message_holds_is_held_until_its_turn() {
    let mut limits = ServerLimits::default();
    limits.outbox = 1;
    let (server, _watch) = server(limits);
    let (session, mut stream) = server.open_stream_session(Principal::local());
    let held = Arc::new(());
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    // Nobody reads the stream: some pings are answered on it, some wait in the queue, the next finds no place.
    let mut posted = 0;
    while let Some(taken_in) = session
        .post(Ok(frame(&ping)), Arc::clone(&held))
        .now_or_never()
    {
        taken_in.unwrap();
        posted += 1;
        tokio::task::yield_now().await;
    }
    let waiting = Arc::strong_count(&held) - 1;
    assert!((1..posted).contains(&waiting), "{waiting} of {posted} wait");
    for _ in 0..posted {
        assert_eq!(json_of(stream.next().await)["result"], json!({}));
    }
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test]
async fn stopping_the_server_waits_for_every_call_to_be_gone() {
    let (server, mut watch) = server(ServerLimits::default());
    let session = server.open_session(Principal::local());
    initialize(&session).await;
    let replies = send(&session, 1, "tools/call", call("ever")).await;
    let exchange = server.exchange(modern("tools/call", call("ever")), Principal::local());
    let (stream_session, mut stream) = server.open_stream_session(Principal::local());
    for (id, method, params) in [
        (
            0,
            "initialize",
            json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "s", "version": "1"}}),
        ),
        (1, "tools/call", call("ever")),
    ] {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let posted = stream_session.post(Ok(frame(&message)), ()).await;
        posted.unwrap();
    }
    assert_eq!(json_of(stream.next().await)["id"], 0);
    for _ in 0..3 {
        assert_eq!(watch.next().await, Event::Began("ever".to_owned()));
    }
    server.stop().await;
    for _ in 0..3 {
        assert_eq!(
            watch.events.try_recv().unwrap(),
            Event::Gone("ever".to_owned())
        );
    }
    // Nobody took these calls back, so all are answered, and that is the end of their streams.
    for mut replies in [replies, exchange, stream] {
        let answer = json_of(replies.next().await);
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&json!(1), &json!(-32603))
        );
        assert!(replies.next().await.is_none());
    }
}
