//! One connection over byte streams: what stdio is.

use std::time::Duration;

use expect_test::{Expect, expect};
use futures_util::FutureExt as _;
use mcp_protocol::lifecycle::Implementation;
use mcp_server::{Server, ServerLimits};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::bench_tool::{Event, call, server};

fn began(task: &str) -> Event {
    Event::Began(task.to_owned())
}

fn gone(task: &str) -> Event {
    Event::Gone(task.to_owned())
}

fn text_of(response: &Value) -> &str {
    response["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
}

#[tokio::test]
async fn a_call_knows_its_caller() {
    let (server, _watch) = server(ServerLimits::default());
    let mut client = server.in_memory();
    client.initialize("2025-06-18").await.unwrap();
    let response = client.request("tools/call", &call("say")).await.unwrap();
    assert_eq!(text_of(&response), "say for memory at 2025-06-18");
    client.close().await.unwrap();
}

#[tokio::test]
async fn pings_and_lists_are_answered_while_calls_run() {
    let (server, mut watch) = server(ServerLimits::default());
    let mut client = server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    let waiting =
        json!({"jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": call("wait")});
    client.send(&waiting).await.unwrap();
    assert_eq!(watch.next().await, began("wait"));
    assert_eq!(
        client.request("ping", &json!({})).await.unwrap()["result"],
        json!({})
    );
    assert!(client.request("tools/list", &json!({})).await.unwrap()["result"]["tools"].is_array());
    watch.release.notify_one();
    assert_eq!(client.receive().await.unwrap()["id"], "w");
}

#[tokio::test]
async fn a_cancel_drops_the_future_and_nothing_more_is_said() {
    let (server, mut watch) = server(ServerLimits::default());
    let mut client = server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    client
        .send(&json!({"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": call("ever")}))
        .await
        .unwrap();
    assert_eq!(watch.next().await, began("ever"));
    let params = json!({"requestId": 77, "reason": "enough"});
    client
        .send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}))
        .await
        .unwrap();
    assert_eq!(watch.next().await, gone("ever"));
    // The next thing that the server says is the answer to the next question.
    client
        .send(&json!({"jsonrpc": "2.0", "id": 78, "method": "ping"}))
        .await
        .unwrap();
    assert_eq!(client.receive().await.unwrap()["id"], 78);
}

#[tokio::test]
async fn the_end_of_the_input_cancels_and_waits() {
    let (server, mut watch) = server(ServerLimits::default());
    let mut client = server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    for id in 1..=3 {
        let params = call("ever");
        client
            .send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}))
            .await
            .unwrap();
        assert_eq!(watch.next().await, began("ever"));
    }
    client.close().await.unwrap();
    for _ in 1..=3 {
        assert_eq!(
            watch.events.try_recv().unwrap(),
            gone("ever"),
            "gone before `serve` returned"
        );
    }
}

#[tokio::test]
async fn a_shutdown_cancels_and_what_is_ready_is_still_written() {
    let (server, mut watch) = server(ServerLimits::default());
    let (ours, theirs) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(theirs);
    let shutdown = CancellationToken::new();
    let serving = server.serve(reader, writer, shutdown.clone());
    let acting = async {
        let (mut input, mut output) = tokio::io::split(ours);
        let ever = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "bench", "arguments": {"task": "ever"}, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {}}}});
        // More answers than fit into the pipe wait to be written when the shutdown comes.
        let pings = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n".repeat(40);
        output
            .write_all(format!("{pings}{ever}\n").as_bytes())
            .await
            .unwrap();
        assert_eq!(watch.next().await, began("ever"));
        shutdown.cancel();
        let mut text = String::new();
        input.read_to_string(&mut text).await.unwrap();
        drop(output);
        text
    };
    let (served, text) = tokio::join!(serving, acting);
    served.unwrap();
    assert_eq!(
        text.lines()
            .filter(|line| line.contains("\"result\":{}"))
            .count(),
        40
    );
    assert_eq!(watch.events.try_recv().unwrap(), gone("ever"));
}

#[tokio::test]
async fn a_tool_that_breaks_is_answered_with_a_reference_and_the_server_lives_on() {
    let (server, _watch) = server(ServerLimits::default());
    let mut client = server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    let response = client.request("tools/call", &call("panic")).await.unwrap();
    assert_eq!(response["error"]["code"], -32603);
    let reference = response["error"]["data"]["reference"].as_str().unwrap();
    assert_eq!(
        response["error"]["message"],
        format!("internal error (reference {reference})")
    );

    let response = client.request("tools/call", &call("fail")).await.unwrap();
    assert_eq!(
        response["error"],
        json!({
            "code": -32603,
            "message": "the sandbox could not be started (reference ref-1)",
            "data": {"reference": "ref-1"},
        })
    );
    let response = client.request("tools/call", &call("say")).await.unwrap();
    assert_eq!(text_of(&response), "say for memory at 2025-11-25");
}

#[tokio::test]
async fn progress_comes_before_the_answer_and_a_flood_of_it_is_cut() {
    let (server, _watch) = server(ServerLimits::default());
    let mut client = server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    for (task, bound) in [("progress", 3), ("flood", 8)] {
        let mut params = call(task);
        params["_meta"] = json!({"progressToken": task});
        let request =
            json!({"jsonrpc": "2.0", "id": task, "method": "tools/call", "params": params});
        client.send(&request).await.unwrap();
        let mut steps: Vec<u64> = Vec::new();
        loop {
            let message = client.receive().await.unwrap();
            if message["id"] == task {
                break;
            }
            assert_eq!(message["params"]["progressToken"], task);
            steps.push(message["params"]["progress"].as_u64().unwrap());
        }
        assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
        assert!(steps.len() <= bound + 1, "{steps:?}");
        assert_eq!(steps.first(), Some(&1));
        if task == "progress" {
            assert_eq!(steps, [1, 2, 3]);
        }
    }
}

#[tokio::test]
async fn calls_are_bounded_over_all_connections() {
    let limits = || {
        let mut limits = ServerLimits::default();
        limits.calls = 1;
        limits
    };
    let (server, mut watch) = server(limits());
    let mut first = server.in_memory();
    let mut second = server.in_memory();
    first.initialize("2025-11-25").await.unwrap();
    second.initialize("2025-11-25").await.unwrap();
    let waiting =
        json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": call("wait")});
    first.send(&waiting).await.unwrap();
    assert_eq!(watch.next().await, began("wait"));
    let refused = second.request("tools/call", &call("say")).await.unwrap();
    assert_eq!(refused["error"]["code"], -32603);
    assert_eq!(
        refused["error"]["data"],
        json!({"reason": "busy", "retryable": true, "limit": 1, "retryAfterSeconds": 5})
    );
    watch.release.notify_one();
    assert_eq!(first.receive().await.unwrap()["id"], 9);
    let response = second.request("tools/call", &call("say")).await.unwrap();
    assert_eq!(text_of(&response), "say for memory at 2025-11-25");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_by_its_bound_and_the_rest_is_read() {
    let mut limits = ServerLimits::default();
    limits.line_bytes = 1000;
    let (server, _watch) = server(limits);
    let mut client = server.in_memory();
    client.send_line(&"x".repeat(1_000_000)).await.unwrap();
    client.send_line("").await.unwrap();
    client.send_line("not json").await.unwrap();
    client
        .send_line("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r")
        .await
        .unwrap();
    let mut check = async |expected: Expect| {
        expected.assert_eq(&client.receive().await.unwrap().to_string());
    };
    check(expect![[r#"{"error":{"code":-32600,"message":"the message is longer than 1000 bytes, which is the most this server reads"},"jsonrpc":"2.0"}"#]]).await;
    check(expect![[r#"{"error":{"code":-32700,"message":"not valid JSON: expected ident at line 1 column 2"},"jsonrpc":"2.0"}"#]]).await;
    check(expect![[r#"{"id":1,"jsonrpc":"2.0","result":{}}"#]]).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_either() {
    let (server, mut watch) = server(ServerLimits::default());
    let (ours, theirs) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(theirs);
    let shutdown = CancellationToken::new();
    let serving = server.serve(reader, writer, shutdown.clone());
    let acting = async {
        let (mut input, mut output) = tokio::io::split(ours);
        let mut sent = 0_usize;
        let ping = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
        // The pipe takes a kibibyte, and so much waits inside; then writing to the server blocks.
        loop {
            tokio::select! {
                biased;
                written = output.write_all(ping) => { written.unwrap(); sent += 1; }
                () = tokio::time::sleep(Duration::from_millis(300)) => break,
            }
            assert!(sent < 10_000, "the server reads without a bound");
        }
        // A client that reads again gets every answer.
        let mut read = 0;
        let mut buffer = [0; 4096];
        while read < sent {
            let count = input.read(&mut buffer).await.unwrap();
            read += buffer[..count]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
        }
        shutdown.cancel();
    };
    let (served, ()) = tokio::join!(serving, acting);
    served.unwrap();
    assert!(watch.events.try_recv().is_err());
}

#[tokio::test]
async fn answers_that_nobody_reads_are_bounded_by_bytes_and_each_call_has_one() {
    const CALLS: usize = 40;
    let mut limits = ServerLimits::default();
    limits.outbox_bytes = 400_000;
    limits.waiting_bytes = 2_000_000;
    let (server, mut watch) = server(limits);
    let (ours, theirs) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(theirs);
    let shutdown = CancellationToken::new();
    let serving = server.clone().serve(reader, writer, shutdown.clone());
    let acting = async {
        let (input, mut output) = tokio::io::split(ours);
        // All of them begin before the first has ended, so the bound on reading does not help.
        for id in 0..CALLS {
            let mut params = call("large when released");
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {}});
            let call =
                json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
            output
                .write_all(format!("{call}\n").as_bytes())
                .await
                .unwrap();
            assert_eq!(watch.next().await, began("large when released"));
        }
        for _ in 0..CALLS {
            watch.release.notify_one();
            assert_eq!(watch.next().await, gone("large when released"));
        }
        assert!(server.is_pressed());
        // No more is read while so much waits: this fills the pipe and goes no further.
        let ping = b"{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"method\":\"ping\"}\n";
        let more = async {
            loop {
                output.write_all(ping).await.unwrap();
            }
        };
        assert!(
            tokio::time::timeout(Duration::from_millis(300), more)
                .await
                .is_err()
        );
        let mut lines = tokio::io::BufReader::new(input).lines();
        let (mut whole, mut let_go) = (Vec::new(), 0);
        while whole.len() + let_go < CALLS {
            let line = lines.next_line().await.unwrap().unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["result"].is_object() {
                whole.push(answer["id"].as_u64().unwrap());
            } else {
                assert_eq!(answer["error"]["data"]["reason"], "busy", "{answer}");
                let_go += 1;
            }
        }
        // As many as fit, of 300 kB each.
        assert_eq!((whole.len(), let_go), (6, CALLS - 6));
        assert!(!server.is_pressed());
        shutdown.cancel();
    };
    let (served, ()) = tokio::join!(serving, acting);
    served.unwrap();
}

#[tokio::test]
async fn the_arguments_of_all_calls_are_bounded() {
    let mut limits = ServerLimits::default();
    limits.call_bytes = 10_000;
    let (server, mut watch) = server(limits);
    let mut client = server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    let mut params = call("wait");
    params["arguments"]["filler"] = "x".repeat(6_000).into();
    let waiting = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params});
    client.send(&waiting).await.unwrap();
    assert_eq!(watch.next().await, began("wait"));
    let refused = client.request("tools/call", &params);
    let refused = tokio::time::timeout(Duration::from_secs(20), refused).await;
    let refused = refused.expect("refused at once").unwrap();
    assert_eq!(refused["error"]["data"]["limit"], 10_000, "{refused}");
    let small = client.request("tools/call", &call("say")).await.unwrap();
    assert!(small["result"].is_object(), "{small}");
}

#[tokio::test]
async fn a_client_that_vanishes_is_no_error() {
    let (server, mut watch) = server(ServerLimits::default());
    let (ours, theirs) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(theirs);
    let serving = server.serve(reader, writer, CancellationToken::new());
    let acting = async {
        let mut ours = ours;
        ours.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n")
            .await
            .unwrap();
        drop(ours);
    };
    let (served, ()) = tokio::join!(serving, acting);
    served.unwrap();
    assert!(watch.events.try_recv().is_err());
}

#[tokio::test]
async fn the_first_answer_is_noticed_and_nothing_before_it() {
    let server = Server::builder(Implementation::new("quiet", "1"))
        .build()
        .unwrap();
    let mut client = server.in_memory();
    assert_eq!(server.spoken().now_or_never(), None);
    client.initialize("2025-11-25").await.unwrap();
    server.spoken().await;
    client.close().await.unwrap();
}
