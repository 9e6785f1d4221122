//! More than can be done: calls, cancels, answers that nobody reads. Who asks for little is answered all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use mcp_server::ServerLimits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::site::{Event, PATIENCE, Raw, Site, call, initialize, modern};

fn post(path: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn call_of(id: usize, task: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call(task)})
}

/// The old transport's one stream, and where to post to it.
async fn old_stream(site: &Site) -> (Raw, String) {
    let mut stream = site.raw().await;
    stream
        .send("GET /sse HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")
        .await;
    // The head has carriage returns in its blank line; the event has not.
    let text = stream.read("\n\n").await;
    let path = text.split("data: ").nth(1).unwrap();
    (stream, path.split_whitespace().next().unwrap().to_owned())
}

/// The messages on a stream, until one satisfies.
async fn messages(stream: &mut Raw, until: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut messages = Vec::new();
    let mut text = String::new();
    let mut buffer = vec![0; 64 * 1024];
    while !until(&messages) {
        let count = timeout(PATIENCE, stream.0.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(
            count > 0,
            "the stream ended after {} messages",
            messages.len()
        );
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            messages.extend(data.and_then(|data| serde_json::from_str(data).ok()));
            text = rest.to_owned();
        }
    }
    messages
}

/// C27: of a thousand calls on one session as many run as may, the rest is told `busy` with the bound and when to come
/// again, and a ping and a list are answered before any of them has ended.
#[tokio::test]
async fn a_thousand_calls_on_one_session_leave_room_for_a_ping() {
    const CALLS: usize = 1000;
    const MOST: usize = 256;
    let site = Site::start().await;
    let (mut stream, path) = old_stream(&site).await;
    let mut requests = post(&path, "", &initialize("2024-11-05"));
    // The handshake has the id 1.
    for id in 2..CALLS + 2 {
        requests.push_str(&post(&path, "", &call_of(id, "wait")));
    }
    for (id, method) in [("p", "ping"), ("l", "tools/list")] {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        requests.push_str(&post(&path, "", &message));
    }
    let mut posting = site.raw().await;
    let (mut accepted, mut sending) = posting.0.split();
    let send = async { sending.write_all(requests.as_bytes()).await.unwrap() };
    let drain = async {
        let mut buffer = vec![0; 64 * 1024];
        let mut accepted_yet = 0;
        while accepted_yet < 2 * (CALLS + 3) {
            let count = accepted.read(&mut buffer).await.unwrap();
            assert!(count > 0, "closed after {accepted_yet}");
            // Each answer has the word twice, in its status line and as its body.
            accepted_yet += buffer[..count].iter().filter(|byte| **byte == b'A').count();
        }
    };
    let read = messages(&mut stream, |messages| {
        ["p", "l"]
            .iter()
            .all(|id| messages.iter().any(|message| message["id"] == *id))
    });
    let ((), (), first) = tokio::join!(send, drain, read);
    let (busy, rest): (Vec<&Value>, Vec<&Value>) = first
        .iter()
        .partition(|message| message["error"].is_object());
    assert_eq!(busy.len(), CALLS - MOST);
    for answer in busy {
        let data =
            json!({"reason": "busy", "retryable": true, "limit": MOST, "retryAfterSeconds": 5});
        assert_eq!(answer["error"]["data"], data);
    }
    assert_eq!(rest.len(), 3, "the handshake, the ping, the list");
    // Each of the others has its answer, once.
    site.release.notify_waiters();
    let others = messages(&mut stream, |messages| messages.len() == MOST).await;
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for message in first.iter().chain(&others) {
        *answers.entry(message["id"].to_string()).or_default() += 1;
    }
    assert_eq!(answers.len(), CALLS + 3);
    assert!(answers.values().all(|count| *count == 1));
}

/// C09: cancels of what never was, what runs, and what has ended, ten thousand of each kind in a row.
#[tokio::test]
async fn a_flood_of_cancels_does_what_one_does() {
    const EACH: usize = 3_000;
    let mut site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let headers = format!("mcp-session-id: {session}\r\n");
    let mut running = site.raw().await;
    running
        .send(&post("/mcp", &headers, &call_of(77, "ever")))
        .await;
    assert_eq!(site.event().await, Event::Began);
    let cancel = |id: usize| {
        let params = json!({"requestId": id});
        let message =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        post("/mcp", &headers, &message)
    };
    let requests = [cancel(1), cancel(77), cancel(2)]
        .map(|one| one.repeat(EACH))
        .concat();
    let mut raw = site.raw().await;
    let (mut accepted, mut sending) = raw.0.split();
    let send = async { sending.write_all(requests.as_bytes()).await.unwrap() };
    let drain = async {
        let mut count = 0;
        let mut buffer = vec![0; 64 * 1024];
        let mut text = String::new();
        while count < 3 * EACH {
            let read = timeout(PATIENCE, accepted.read(&mut buffer))
                .await
                .unwrap()
                .unwrap();
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            let end = text.rfind("\r\n\r\n").map_or(0, |end| end + 4);
            count += text[..end].matches("HTTP/1.1 202").count();
            text.drain(..end);
        }
    };
    tokio::join!(send, drain);
    assert_eq!(site.event().await, Event::Gone);
    assert!(site.events.try_recv().is_err(), "once");
    let ping = json!({"jsonrpc": "2.0", "id": 78, "method": "ping"});
    let response = site
        .post(&ping)
        .header("mcp-session-id", &session)
        .send()
        .await
        .unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["id"], 78);
}

/// Room for one "bulky" answer, and not for two.
const ROOM: usize = 20_000_000;

/// C11: while answers that nobody reads take most of the room, who does not read is given up within seconds and not after
/// the usual minute; an answer that finds no room meanwhile is replaced by an error that says when to come again.
#[tokio::test]
async fn who_does_not_read_is_given_up_sooner_while_others_need_the_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut limits = ServerLimits::default();
    limits.waiting_bytes = ROOM;
    let mut site = Site::limited(listener, limits, |_| {});
    let body = modern("tools/call", call("bulky"));
    let headers =
        "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: bench\r\n";
    let mut unread = site.raw().await;
    unread.send(&post("/mcp", headers, &body)).await;
    assert_eq!(site.event().await, Event::Began);
    assert_eq!(site.event().await, Event::Gone);
    let began = Instant::now();
    let mut refused = 0;
    loop {
        let response = site
            .modern("tools/call", call("bulky"))
            .send()
            .await
            .unwrap();
        let answer: Value = response.json().await.unwrap();
        if answer["result"].is_object() {
            break;
        }
        let data = &answer["error"]["data"];
        assert_eq!(
            (&data["reason"], &data["limit"]),
            (&json!("busy"), &json!(ROOM))
        );
        refused += 1;
        assert!(began.elapsed() < PATIENCE, "it was not given up");
        // Small answers find room, or are worth it.
        let small: Value = site
            .modern("tools/call", call("say"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert!(small["result"].is_object(), "{small}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(refused > 0, "the second answer found room beside the first");
}
