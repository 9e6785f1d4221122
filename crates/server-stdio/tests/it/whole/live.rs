//! What a client sees of a program while it runs, in each way that a client can hear of it: progress, log messages. (The
//! status of tasks is in `tasks.rs`, the clients of others in the tests of `server-sse`.)
//!
//! The programs of these tests would run for minutes: whatever is seen was seen before their end.

#[cfg(target_os = "linux")]
mod terminal;

use std::time::Duration;

use executor_testkit::engine::Engine;
use serde_json::{Map, Value, json};

use super::client::{Client, turn};

/// Prints on both streams, shows something, and stays.
const CODE: &str = "import sys, time
print('up', flush=True)
print('warned', file=sys.stderr, flush=True)
time.sleep(0.5)
display({'a': 1})
time.sleep(600)";

/// How its display is announced.
const SHOWN: &str = "display: {'a': 1}";

/// How a client hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Progress,
    Log,
}

impl Way {
    /// What is said in a notification, if it came in this way.
    fn said(self, notification: &Value) -> Option<&str> {
        let (method, member) = match self {
            Self::Progress => ("notifications/progress", "message"),
            Self::Log => ("notifications/message", "data"),
        };
        let said = &notification["params"][member];
        (notification["method"] == method)
            .then(|| said.as_str())
            .flatten()
    }
}

/// A client that speaks `revision`: by a handshake, or with every request.
async fn client(engine: &Engine, revision: &str) -> Client {
    let mut client = Client::spawn(engine, &[]);
    if revision < "2026" {
        let info = json!({ "name": "tests", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": info });
        let id = client.request("initialize", params).await;
        let opened = client.answer(id).await;
        assert_eq!(opened["result"]["protocolVersion"], revision, "{opened}");
        assert!(
            opened["result"]["capabilities"]["logging"].is_object(),
            "{opened}"
        );
        client
            .send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
    }
    client
}

/// The envelope of a call in `revision`, which asks for these.
fn meta(revision: &str, token: bool, level: Option<&str>) -> Value {
    let mut meta = Map::new();
    if token {
        meta.insert("progressToken".to_owned(), "token".into());
    }
    if revision >= "2026" {
        let key = |name: &str| format!("io.modelcontextprotocol/{name}");
        meta.insert(key("protocolVersion"), revision.into());
        meta.insert(key("clientCapabilities"), json!({}));
        if let Some(level) = level {
            meta.insert(key("logLevel"), level.into());
        }
    }
    meta.into()
}

async fn set_level(client: &mut Client, revision: &str, level: Option<&str>) {
    if let Some(level) = level
        && revision < "2026"
    {
        let params = json!({ "level": level });
        let id = client.request("logging/setLevel", params).await;
        assert_eq!(client.answer(id).await["result"], json!({}));
    }
}

async fn start(client: &mut Client, code: &str, meta: Value) -> u64 {
    let params = json!({ "name": "execute-python", "arguments": { "code": code }, "_meta": meta });
    client.request("tools/call", params).await
}

/// Sees the lines arrive in this way while the program runs, and in no other.
async fn check(engine: &Engine, revision: &str, token: bool, level: Option<&str>, way: Way) {
    let mut client = client(engine, revision).await;
    set_level(&mut client, revision, level).await;
    let call = start(&mut client, CODE, meta(revision, token, level)).await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != SHOWN) {
        let notification = client.next_other().await;
        match way.said(&notification) {
            Some(said) => seen.push(said.to_owned()),
            // Before messages there were numbers alone.
            None => assert_eq!(
                (notification["method"].as_str(), token),
                (Some("notifications/progress"), true),
                "{revision} {way:?}: {notification}"
            ),
        }
        assert!(client.untaken(call).is_none(), "the program has ended");
    }
    for line in ["up", "warned"] {
        let told = seen.iter().any(|said| said == line);
        // A newer line takes the place of one that waits for its turn.
        assert!(told || way == Way::Log, "{revision}: {seen:?}");
    }
    assert!(
        seen.iter().any(|said| said == "up" || said == "warned"),
        "{seen:?}"
    );
    let cancelled = json!({ "requestId": call, "reason": "seen" });
    let method = "notifications/cancelled";
    client
        .send(&json!({ "jsonrpc": "2.0", "method": method, "params": cancelled }))
        .await;
    client.close().await;
}

#[tokio::test]
async fn lines_arrive_while_the_program_runs_in_the_way_that_the_client_hears() {
    let what = "lines_arrive_while_the_program_runs_in_the_way_that_the_client_hears";
    let Some(turn) = turn(what).await else { return };
    let engine = &turn.engine;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        check(engine, revision, true, None, Way::Progress).await;
        check(engine, revision, false, Some("info"), Way::Log).await;
    }
    // Progress has no words in this revision.
    check(engine, "2024-11-05", false, Some("debug"), Way::Log).await;
    check(engine, "2024-11-05", true, Some("info"), Way::Log).await;
}

#[tokio::test]
async fn nobody_hears_what_he_did_not_ask_for_and_nothing_twice() {
    let what = "nobody_hears_what_he_did_not_ask_for_and_nothing_twice";
    let Some(turn) = turn(what).await else { return };
    let code = "print('one', flush=True)\ndisplay('two')\nprint('three')";
    for revision in ["2024-11-05", "2025-11-25", "2026-07-28"] {
        for (token, level, expected) in [
            (false, None, None),
            (false, Some("warning"), None),
            (false, Some("info"), Some("notifications/message")),
            // Who hears progress needs no log of the same.
            (true, Some("info"), Some("notifications/progress")),
        ] {
            let mut client = client(&turn.engine, revision).await;
            set_level(&mut client, revision, level).await;
            let call = start(&mut client, code, meta(revision, token, level)).await;
            let answer = client.result(call).await;
            assert!(answer.text().starts_with("one\nthree\n"), "{answer:?}");
            let mut methods: Vec<&str> = client
                .others
                .iter()
                .filter_map(|other| other["method"].as_str())
                .collect();
            methods.sort_unstable();
            methods.dedup();
            let wordless = token && revision == "2024-11-05";
            if wordless {
                assert_eq!(
                    methods,
                    ["notifications/message", "notifications/progress"],
                    "{revision} {level:?}"
                );
            } else {
                assert_eq!(methods, Vec::from_iter(expected), "{revision} {level:?}");
            }
            client.close().await;
        }
    }
}

/// Messages of one call that may come at once, of either way; and between two further ones.
const AT_ONCE: usize = 8;
const BETWEEN: Duration = Duration::from_millis(250);

#[tokio::test]
async fn a_flood_of_lines_is_a_few_messages_and_the_last_line_is_among_them() {
    let what = "a_flood_of_lines_is_a_few_messages_and_the_last_line_is_among_them";
    let Some(turn) = turn(what).await else { return };
    let code = "import time
end = time.monotonic() + 2
n = 0
while time.monotonic() < end:
    n += 1
    print('line', n, flush=True)
time.sleep(1)
print('last')";
    for (way, token, level) in [(Way::Progress, true, None), (Way::Log, false, Some("info"))] {
        let mut client = client(&turn.engine, "2025-11-25").await;
        set_level(&mut client, "2025-11-25", level).await;
        let begun = std::time::Instant::now();
        let call = start(&mut client, code, meta("2025-11-25", token, level)).await;
        let answer = client.result(call).await;
        let took = begun.elapsed();
        let printed = answer.stdout().lines().count();
        assert!(printed > 1000, "{printed} lines are no flood");
        let said: Vec<&str> = client.others.iter().filter_map(|it| way.said(it)).collect();
        let most = AT_ONCE + usize::try_from(took.as_millis() / BETWEEN.as_millis()).unwrap() + 1;
        assert!(
            (4..=most).contains(&said.len()),
            "{way:?} {took:?}: {said:?}"
        );
        assert_eq!(said.last(), Some(&"last"), "{way:?}: {said:?}");
        client.close().await;
    }
}
