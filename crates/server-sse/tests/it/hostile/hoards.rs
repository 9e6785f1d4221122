//! What clients can make the server keep, measured from outside and held against the figures of `docs/limits.md`.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::process::Process;
use crate::site::{PATIENCE, initialize};

const MIB: usize = 1024 * 1024;

/// One request with a body on a connection that stays open.
fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer with a body of a known length; gives head and body.
async fn answer(stream: &mut TcpStream) -> Option<(String, String)> {
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length?.parse().ok()?];
        stream.read_exact(&mut body).await.ok()?;
        Some((head, String::from_utf8_lossy(&body).into_owned()))
    };
    timeout(PATIENCE, read).await.expect("an answer")
}

/// The id of a session that this answer opened.
fn session_in(head: &str) -> Option<&str> {
    head.lines()
        .find_map(|line| line.strip_prefix("mcp-session-id: "))
}

/// C14: sessions that are opened and forgotten are bounded in number and memory; who comes when all places are taken is
/// told when to come again; and the sessions of others live on.
#[tokio::test]
async fn ten_thousand_sessions_are_opened_and_abandoned() {
    let process = Process::start(4096, &[]).await;
    let opening = post("/mcp", "", &initialize("2025-11-25").to_string());
    let mut stream = process.connect().await;
    stream.write_all(opening.as_bytes()).await.unwrap();
    let (head, _) = answer(&mut stream).await.unwrap();
    let lively = session_in(&head).unwrap().to_owned();
    let before = process.memory();
    let mut hoarders = JoinSet::new();
    for _ in 0..10 {
        let (address, opening) = (process.address, opening.clone());
        hoarders.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let (mut opened, mut refused) = (0, 0);
            for _ in 0..1000 {
                stream.write_all(opening.as_bytes()).await.unwrap();
                let (head, body) = answer(&mut stream).await.unwrap();
                if session_in(&head).is_some() {
                    opened += 1;
                    continue;
                }
                assert!(head.starts_with("http/1.1 503"), "{head}");
                let after = head
                    .lines()
                    .find_map(|line| line.strip_prefix("retry-after: "));
                assert!((1..=60).contains(&after.unwrap().parse::<u32>().unwrap()));
                assert!(body.contains("as many sessions as it may"), "{body}");
                refused += 1;
            }
            (opened, refused)
        });
    }
    let counts = hoarders.join_all().await;
    let opened: usize = counts.iter().map(|(opened, _)| opened).sum();
    let refused: usize = counts.iter().map(|(_, refused)| refused).sum();
    // Should this take longer than a minute, the oldest have made room for some.
    assert!(
        opened >= 255 && refused > 1000,
        "{opened} opened, {refused} refused"
    );
    let grown = process.memory().saturating_sub(before);
    assert!(grown < 256 * 64 * 1024, "{grown}");
    let ping = json!({"jsonrpc": "2.0", "id": 7, "method": "ping"}).to_string();
    let headers = format!("mcp-session-id: {lively}\r\n");
    // Its first connection may have been unused for too long meanwhile.
    let mut stream = process.connect().await;
    stream
        .write_all(post("/mcp", &headers, &ping).as_bytes())
        .await
        .unwrap();
    let (head, body) = answer(&mut stream).await.unwrap();
    assert!(
        head.starts_with("http/1.1 200") && body.contains("\"id\":7"),
        "{head}{body}"
    );
}

/// C14: streams that are opened and dropped leave nothing; those that stay open are bounded, too.
#[tokio::test]
async fn more_than_a_thousand_streams_are_opened_and_abandoned() {
    let process = Process::start(4096, &[]).await;
    assert!(process.is_healthy().await);
    let (memory, files) = (process.memory(), process.files());
    let listening = "GET /sse HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    let (mut opened, mut refused) = (0, 0);
    for round in 0..6 {
        let mut streams = JoinSet::new();
        for _ in 0..300 {
            let address = process.address;
            streams.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(listening.as_bytes()).await.unwrap();
                let mut text = String::new();
                let mut buffer = [0; 1024];
                while !text.contains("event: endpoint") && !text.starts_with("HTTP/1.1 503") {
                    let count = timeout(PATIENCE, stream.read(&mut buffer))
                        .await
                        .unwrap()
                        .unwrap();
                    assert!(count > 0, "{text}");
                    text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
                (text.starts_with("HTTP/1.1 503"), stream)
            });
        }
        let streams = streams.join_all().await;
        let full = streams.iter().filter(|(full, _)| *full).count();
        opened += 300 - full;
        refused += full;
        if round == 0 {
            assert_eq!(full, 300 - 256, "the bound of sessions");
        }
        drop(streams);
        // Their ends are noticed in a moment; there is no event for it.
        let gone = async {
            while process.files() > files + 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, gone)
            .await
            .expect("abandoned streams are closed");
    }
    assert!(opened > 1200, "{opened} opened, {refused} refused");
    let grown = process.memory().saturating_sub(memory);
    assert!(grown < 512 * 96 * 1024, "{grown}");
}

/// C02, C04, I15: messages that grow most when they are read, many at the same time, stay within the budget for them.
#[tokio::test]
async fn messages_that_swell_stay_within_their_budget() {
    let process = Process::start(4096, &[]).await;
    assert!(process.is_healthy().await);
    let before = process.memory();
    let small_objects = format!("[{}]", vec![r#"{"":0}"#; 45_000].join(","));
    let capabilities = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{"x":{small_objects}}},"clientInfo":{{"name":"x","version":"1"}}}}}}"#
    );
    let numbers = format!("[{}]", vec!["0"; 2 * MIB - 2].join(","));
    let mut attackers = JoinSet::new();
    for body in [capabilities, numbers, small_objects] {
        for _ in 0..20 {
            let (address, request) = (process.address, post("/mcp", "", &body));
            attackers.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                for _ in 0..3 {
                    // A refusal may come before all of it is written, and end the connection.
                    let _ = stream.write_all(request.as_bytes()).await;
                    let Some((head, _)) = answer(&mut stream).await else {
                        return;
                    };
                    // The handshake is refused in an answer of its own; most others find no room.
                    let fits = ["http/1.1 200", "http/1.1 400", "http/1.1 503"];
                    assert!(fits.iter().any(|status| head.starts_with(status)), "{head}");
                    assert!(session_in(&head).is_none(), "{head}");
                }
            });
        }
    }
    let mut most = 0;
    while let Some(done) = attackers.join_next().await {
        done.unwrap();
        most = most.max(process.memory());
    }
    let grown = most.saturating_sub(before);
    // 64 MiB of bodies and what they become, as much again for what the allocator keeps.
    assert!(grown < 160 * MIB, "{} MiB", grown / MIB);
    assert!(process.is_healthy().await);
}
