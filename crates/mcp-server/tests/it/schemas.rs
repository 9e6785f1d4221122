//! Everything that the engine sends fits the official schema of the revision in use: the real engine and driver are
//! taken through all that they can do, and every message is held against it. `MCP_SCHEMA_DIR` names a directory with one
//! `<revision>.json` each; without it this is a skip.
//!
//! What a schema says may be sent and was not is a failure too, but for a list with reasons. The extension of tasks
//! (2026-07-28) has no official schema; its shapes are written down from its text in `schemas/tasks-extension.json`.

mod house;
mod tap;

use std::path::PathBuf;

use mcp_protocol::Revision;
use mcp_protocol::subscriptions::Change;
use mcp_server::Server;
use serde_json::{Value, json};

use tap::{Schema, Tap, answer, capabilities};

/// What we never send, of all that the schemas of these revisions let a server send, and why.
const NEVER_SENT: &[(&str, &[Revision], &str)] = &[
    (
        "Result",
        &Revision::ALL,
        "is what the others have in common",
    ),
    (
        "PingRequest",
        HANDSHAKE,
        "a broken connection is seen without it",
    ),
    (
        "CancelledNotification",
        &[Revision::V2026_07_28],
        "a stream of changes ends with its result",
    ),
    ("GetTaskResult", EXPERIMENTAL, "not served"),
    ("GetTaskPayloadResult", EXPERIMENTAL, "likewise"),
    ("CancelTaskResult", EXPERIMENTAL, "likewise"),
    ("ListTasksResult", EXPERIMENTAL, "likewise"),
    ("TaskStatusNotification", EXPERIMENTAL, "likewise"),
    ("GetTaskRequest", EXPERIMENTAL, "likewise"),
    ("GetTaskPayloadRequest", EXPERIMENTAL, "likewise"),
    ("CancelTaskRequest", EXPERIMENTAL, "likewise"),
    ("ListTasksRequest", EXPERIMENTAL, "likewise"),
];

/// The revisions that are opened by a handshake.
const HANDSHAKE: &[Revision] = &[
    Revision::V2024_11_05,
    Revision::V2025_03_26,
    Revision::V2025_06_18,
    Revision::V2025_11_25,
];

/// The revision with an experimental form of tasks.
const EXPERIMENTAL: &[Revision] = &[Revision::V2025_11_25];

fn directory() -> Option<PathBuf> {
    let found = std::env::var_os("MCP_SCHEMA_DIR").map(PathBuf::from);
    if found.is_none() {
        println!("SKIPPED: the official schemas: MCP_SCHEMA_DIR names no directory of them");
    }
    found
}

async fn check(revision: Revision) {
    let Some(directory) = directory() else {
        return;
    };
    let schema = Schema::load(&directory, revision);
    let wanted: Vec<String> = ["ServerResult", "ServerNotification", "ServerRequest"]
        .iter()
        .flat_map(|union| schema.union(union))
        .collect();
    let server = house::server();
    let mut tap = Tap::new(schema, &server);
    if revision.is_modern() {
        discovers(&mut tap).await;
    } else {
        opens(&mut tap, revision).await;
    }
    looks_around(&mut tap).await;
    calls(&mut tap).await;
    sends_to_pages(&mut tap, &server, revision).await;
    if revision.is_modern() {
        tasks(&mut tap).await;
        listens(&mut tap, &server).await;
    } else {
        takes_back(&mut tap).await;
        subscribes(&mut tap, &server).await;
    }
    is_wrong(&mut tap, revision).await;
    // One call is still running when everything ends.
    tap.send("tools/call", json!({"name": "handy"})).await;
    let used = tap.drain(&server).await;
    let never: Vec<&str> = NEVER_SENT
        .iter()
        .filter(|(_, revisions, _)| revisions.contains(&revision))
        .map(|(name, ..)| *name)
        .collect();
    let (missing, seen): (Vec<_>, Vec<_>) = wanted
        .iter()
        .map(String::as_str)
        .filter(|name| used.contains(*name) == never.contains(name))
        .partition(|name| !never.contains(name));
    assert!(missing.is_empty(), "{revision}: never seen: {missing:?}");
    assert!(seen.is_empty(), "{revision}: sent all the same: {seen:?}");
    let unknown: Vec<_> = never
        .iter()
        .filter(|name| !wanted.iter().any(|one| one == *name))
        .collect();
    assert!(unknown.is_empty(), "{revision}: not its own: {unknown:?}");
    if revision.is_modern() {
        for name in ["CreateTaskResult", "GetTaskResult", "TaskNotification"] {
            assert!(
                used.contains(&format!("tasks/{name}")),
                "never seen: {name}"
            );
        }
    }
}

#[tokio::test]
async fn all_that_is_sent_fits_2024_11_05() {
    check(Revision::V2024_11_05).await;
}

#[tokio::test]
async fn all_that_is_sent_fits_2025_03_26() {
    check(Revision::V2025_03_26).await;
}

#[tokio::test]
async fn all_that_is_sent_fits_2025_06_18() {
    check(Revision::V2025_06_18).await;
}

#[tokio::test]
async fn all_that_is_sent_fits_2025_11_25() {
    check(Revision::V2025_11_25).await;
}

#[tokio::test]
async fn all_that_is_sent_fits_2026_07_28() {
    check(Revision::V2026_07_28).await;
}

async fn opens(tap: &mut Tap, revision: Revision) {
    let params = json!({"protocolVersion": revision.as_str(), "capabilities": capabilities(),
        "clientInfo": {"name": "tap", "version": "1"}});
    // Before the handshake.
    tap.ask("tools/list", json!({})).await;
    let opened = tap.ask("initialize", params.clone()).await;
    assert_eq!(opened["result"]["protocolVersion"], revision.as_str());
    tap.line(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        .await;
    tap.ask("initialize", params).await;
    tap.ask("ping", json!({})).await;
    tap.ask("logging/setLevel", json!({"level": "debug"})).await;
}

async fn discovers(tap: &mut Tap) {
    let found = tap.ask("server/discover", json!({})).await;
    assert_eq!(found["result"]["supportedVersions"][0], "2026-07-28");
}

/// Lists with all their pages, and what is on them.
async fn looks_around(tap: &mut Tap) {
    for (method, pages) in [
        ("tools/list", 2),
        ("prompts/list", 2),
        ("resources/list", 2),
        ("resources/templates/list", 1),
    ] {
        let mut params = json!({});
        let mut seen = 0;
        loop {
            let page = tap.ask(method, params).await;
            seen += 1;
            match page["result"].get("nextCursor") {
                Some(cursor) => params = json!({"cursor": cursor}),
                None => break,
            }
        }
        assert_eq!(seen, pages, "{method}");
        let bad = tap.ask(method, json!({"cursor": "bad"})).await;
        assert_eq!(bad["error"]["code"], -32602);
    }
    for uri in ["house://a", "house://nowhere", "no uri"] {
        tap.ask("resources/read", json!({"uri": uri})).await;
    }
    let letter = json!({"name": "letter", "arguments": {"to": "Ada"}});
    tap.ask("prompts/get", letter).await;
    tap.ask("prompts/get", json!({"name": "letter"})).await;
    tap.ask("prompts/get", json!({"name": "unknown"})).await;
    let proposals = json!({"ref": {"type": "ref/prompt", "name": "letter"},
        "argument": {"name": "to", "value": "A"}});
    tap.ask("completion/complete", proposals).await;
}

/// Every way of the tool, questions answered in the manner of the revision.
async fn calls(tap: &mut Tap) {
    for way in house::WAYS {
        through(
            tap,
            "tools/call",
            json!({"name": "handy", "arguments": {"do": way}}),
        )
        .await;
    }
    through(tap, "prompts/get", json!({"name": "note"})).await;
    through(tap, "resources/read", json!({"uri": "house://asks"})).await;
    through(tap, "tools/call", json!({"name": "plain"})).await;
}

/// A call whose user has to open pages first; where there is a word for it, the user is done there.
async fn sends_to_pages(tap: &mut Tap, server: &Server, revision: Revision) {
    let call = json!({"name": "handy", "arguments": {"do": "pages"}});
    let answered = tap.ask("tools/call", call).await;
    let pages = match revision {
        Revision::V2026_07_28 => &answered["result"]["inputRequests"]["e2"]["params"]["url"],
        Revision::V2025_11_25 => &answered["error"]["data"]["elicitations"][0]["url"],
        _ => return assert_eq!(answered["result"]["isError"], true),
    };
    assert_eq!(*pages, "https://example.com/y", "{answered}");
    if revision == Revision::V2025_11_25 {
        server.page_done("e2");
        let told = tap.until("notifications/elicitation/complete").await;
        assert_eq!(told["params"]["elicitationId"], "e2");
    }
}

/// A call that is cancelled while its client is being asked: the question is taken back.
async fn takes_back(tap: &mut Tap) {
    let call = json!({"name": "handy", "arguments": {"do": "roots"}});
    let call = tap.send("tools/call", call).await;
    let asked = tap.until("roots/list").await;
    let told = json!({"requestId": call});
    let end = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": told});
    tap.line(&end.to_string()).await;
    let back = tap.until("notifications/cancelled").await;
    assert_eq!(back["params"]["requestId"], asked["id"]);
}

async fn through(tap: &mut Tap, method: &str, params: Value) -> Value {
    let mut response = tap.ask(method, params.clone()).await;
    while response["result"]["resultType"] == "input_required" {
        let mut again = params.clone();
        let asked = response["result"]["inputRequests"].as_object().unwrap();
        again["inputResponses"] = asked
            .iter()
            .map(|(key, request)| (key.clone(), answer(request)))
            .collect();
        if let Some(state) = response["result"].get("requestState") {
            again["requestState"] = state.clone();
        }
        response = tap.ask(method, again).await;
    }
    response
}

/// The extension: each way that a task can go, seen by asking and by listening.
async fn tasks(tap: &mut Tap) {
    for (way, ends) in [
        ("task", "completed"),
        ("broken task", "failed"),
        ("asking task", "completed"),
        ("asking task", "cancelled"),
    ] {
        let call = json!({"name": "handy", "arguments": {"do": way}});
        let begun = tap.ask("tools/call", call).await;
        let id = &begun["result"]["taskId"];
        let filter = json!({"notifications": {"taskIds": [id]}});
        let listen = tap.send("subscriptions/listen", filter).await;
        tap.until("notifications/subscriptions/acknowledged").await;
        loop {
            let task = tap.ask("tasks/get", json!({"taskId": id})).await;
            let task = &task["result"];
            if task["status"] == ends {
                break;
            }
            if task["status"] == "input_required" {
                let asked = task["inputRequests"].as_object().unwrap();
                let answers: Value = asked
                    .iter()
                    .map(|(key, request)| (key.clone(), answer(request)))
                    .collect();
                if ends == "cancelled" {
                    tap.ask("tasks/cancel", json!({"taskId": id})).await;
                } else {
                    let update = json!({"taskId": id, "inputResponses": answers});
                    tap.ask("tasks/update", update).await;
                }
            }
            tokio::task::yield_now().await;
        }
        let told = json!({"requestId": listen});
        let end = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": told});
        tap.line(&end.to_string()).await;
    }
    let unknown = tap.ask("tasks/get", json!({"taskId": "unknown"})).await;
    assert_eq!(unknown["error"]["code"], -32602);
}

fn announce_all(server: &Server) {
    for change in [
        Change::Tools,
        Change::Prompts,
        Change::Resources,
        Change::Resource("house://a".to_owned()),
    ] {
        server.announce(change);
    }
}

async fn subscribes(tap: &mut Tap, server: &Server) {
    let uri = json!({"uri": "house://a"});
    tap.ask("resources/subscribe", uri.clone()).await;
    announce_all(server);
    tap.until("notifications/resources/updated").await;
    tap.ask("resources/unsubscribe", uri).await;
}

async fn listens(tap: &mut Tap, server: &Server) {
    let filter = json!({"notifications": {
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["house://a"]}});
    tap.send("subscriptions/listen", filter).await;
    tap.until("notifications/subscriptions/acknowledged").await;
    announce_all(server);
    tap.until("notifications/resources/updated").await;
    server.end_subscriptions();
    loop {
        let message = tap.next().await;
        if message.get("result").is_some() {
            return;
        }
    }
}

/// What a client does wrong.
async fn is_wrong(tap: &mut Tap, revision: Revision) {
    for (method, params) in [
        ("nope", json!({})),
        ("tools/call", json!({"name": "nope"})),
        ("tools/call", json!({"name": 7})),
        ("tools/call", json!({"name": "handy", "arguments": []})),
        ("resources/read", json!({})),
        ("completion/complete", json!({})),
    ] {
        let refused = tap.ask(method, params).await;
        assert!(refused["error"]["code"].is_i64(), "{refused}");
    }
    if revision.is_modern() {
        let key = |name: &str| format!("io.modelcontextprotocol/{name}");
        let cases = [
            (key("protocolVersion"), json!("2027-01-01"), -32022),
            (key("protocolVersion"), json!(7), -32602),
            (key("clientCapabilities"), json!(7), -32602),
            (key("clientCapabilities"), json!({}), -32021),
            (key("logLevel"), json!("loud"), -32602),
        ];
        for (key, value, code) in cases {
            let roots = json!({"do": "roots"});
            let call = json!({"name": "handy", "arguments": roots, "_meta": {key: value}});
            let refused = tap.ask("tools/call", call).await;
            assert_eq!(refused["error"]["code"], code, "{refused}");
        }
    }
    for line in [
        "{",
        "[]",
        "7",
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":7},{"jsonrpc":"2.0","id":2}]"#,
    ] {
        tap.line(line).await;
        tap.next().await;
    }
}

#[test]
fn a_mistyped_member_does_not_fit() {
    let Some(directory) = directory() else {
        return;
    };
    let mut schema = Schema::load(&directory, Revision::V2026_07_28);
    let task = json!({"resultType": "complete", "taskId": "0123456789abcdef", "status": "working",
        "createdAt": "2026-08-01T10:00:00Z", "lastUpdatedAt": "2026-08-01T10:00:00Z",
        "ttlMs": 1, "pollIntervalMs": 1});
    let tools = json!({"resultType": "complete", "ttlMs": 1, "cacheScope": "public",
        "tools": [{"name": "a", "inputSchema": {"type": "object"}}]});
    for (name, value, pointer, bad) in [
        ("ListToolsResult", &tools, "/ttlMs", json!("1")),
        ("ListToolsResult", &tools, "/cacheScope", json!("everybody")),
        (
            "ListToolsResult",
            &tools,
            "/tools/0/inputSchema/type",
            json!("array"),
        ),
        ("tasks/GetTaskResult", &task, "/ttlMs", json!("1")),
        ("tasks/GetTaskResult", &task, "/status", json!("completed")),
        (
            "tasks/GetTaskResult",
            &task,
            "/createdAt",
            json!("yesterday"),
        ),
        ("tasks/GetTaskResult", &task, "/resultType", json!("task")),
    ] {
        assert_eq!(schema.violations(name, value), [""; 0], "{name}");
        let mut broken = value.clone();
        *broken.pointer_mut(pointer).unwrap() = bad;
        assert!(
            !schema.violations(name, &broken).is_empty(),
            "{name} {pointer}"
        );
    }
}
