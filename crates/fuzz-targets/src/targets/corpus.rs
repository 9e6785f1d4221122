//! Valid messages of clients of every revision.

use serde_json::{Value, json};

/// The revisions that are opened by a handshake.
pub(super) const HANDSHAKES: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// A request of a session.
pub(super) fn request(id: impl Into<Value>, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

/// A request that describes itself.
pub(super) fn modern(id: impl Into<Value>, method: &str, params: &Value) -> Value {
    let mut request = request(id, method, params);
    if let Some(params) = request.get_mut("params").and_then(Value::as_object_mut) {
        params.insert("_meta".to_owned(), meta());
    }
    request
}

/// How a stateless request describes itself.
pub(super) fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {},
            "extensions": {"io.modelcontextprotocol/tasks": {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1", "title": "C"},
        "io.modelcontextprotocol/logLevel": "debug",
        "progressToken": "p",
    })
}

/// A notification.
pub(super) fn notification(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// The opening of a session.
pub(super) fn initialize(revision: &str) -> Value {
    request(
        0,
        "initialize",
        &json!({"protocolVersion": revision, "capabilities": {"elicitation": {}, "sampling": {}, "roots": {"listChanged": true}},
            "clientInfo": {"name": "c", "version": "1", "icons": [{"src": "data:,"}]}}),
    )
}

/// What a session may ask for, without ids.
pub(super) fn asked() -> Vec<(&'static str, Value)> {
    vec![
        ("ping", json!({})),
        ("tools/list", json!({})),
        ("tools/list", json!({"cursor": "AAAA"})),
        (
            "tools/call",
            json!({"name": "a", "arguments": {"code": "print(1)", "modules": "numpy", "timeout_seconds": 1.5},
            "_meta": {"progressToken": 7}}),
        ),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({"uri": "x:1"})),
        ("resources/subscribe", json!({"uri": "x:1"})),
        ("resources/unsubscribe", json!({"uri": "x:1"})),
        ("prompts/list", json!({})),
        (
            "prompts/get",
            json!({"name": "a", "arguments": {"to": "b"}}),
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "a"},
            "argument": {"name": "to", "value": "A"}, "context": {"arguments": {"x": "y"}}}),
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": "x:{a}"},
            "argument": {"name": "a", "value": ""}}),
        ),
        ("logging/setLevel", json!({"level": "debug"})),
    ]
}

/// What a stateless client may ask for besides.
pub(super) fn asked_modern() -> Vec<(&'static str, Value)> {
    vec![
        ("server/discover", json!({})),
        (
            "subscriptions/listen",
            json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": ["x:1", "x:2"]}}),
        ),
        (
            "tools/call",
            json!({"name": "a", "arguments": {}, "requestState": "AAAA",
            "inputResponses": {"q": {"action": "accept", "content": {"ok": true}}}}),
        ),
        ("tasks/get", json!({"taskId": "t"})),
        (
            "tasks/update",
            json!({"taskId": "t", "inputResponses": {"q": {"action": "decline"}}}),
        ),
        ("tasks/cancel", json!({"taskId": "t"})),
    ]
}

/// What a client says without asking, and what it answers.
pub(super) fn told() -> Vec<Value> {
    vec![
        notification("notifications/initialized", &json!({})),
        notification(
            "notifications/cancelled",
            &json!({"requestId": 1, "reason": "enough"}),
        ),
        notification("notifications/cancelled", &json!({"requestId": "a"})),
        notification(
            "notifications/progress",
            &json!({"progressToken": 1, "progress": 0.5, "total": 1}),
        ),
        notification("notifications/roots/list_changed", &json!({})),
        json!({"jsonrpc": "2.0", "id": "ask-1", "result": {"action": "accept", "content": {"ok": true}}}),
        json!({"jsonrpc": "2.0", "id": "ask-1", "error": {"code": -1, "message": "no", "data": {}}}),
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "what?"}}),
    ]
}

/// One message each, of all revisions.
pub(super) fn messages() -> Vec<Vec<u8>> {
    let handshakes = HANDSHAKES.into_iter().map(initialize);
    let legacy = asked().into_iter().enumerate();
    let legacy = legacy.map(|(id, (method, params))| request(id, method, &params));
    let stateless = asked_modern().into_iter().chain(asked());
    let stateless = stateless.map(|(method, params)| modern("a", method, &params));
    let all = handshakes.chain(legacy).chain(stateless).chain(told());
    all.map(|message| message.to_string().into_bytes())
        .collect()
}

/// Arrays of messages.
pub(super) fn batches() -> Vec<Vec<u8>> {
    let calls: Vec<_> = (0..4_i64)
        .map(|id| {
            request(
                id,
                "tools/call",
                &json!({"name": "a", "arguments": {"code": "1"}}),
            )
        })
        .collect();
    let mixed = [
        request(1, "ping", &json!({})),
        notification("notifications/initialized", &json!({})),
        request("x", "tools/list", &json!({})),
        json!({"jsonrpc": "2.0", "id": "ask-1", "result": {}}),
        json!({}),
    ];
    let full = vec![request(1, "ping", &json!({})); 128];
    let stateless = [modern(1, "tools/list", &json!({}))];
    [
        json!(calls),
        json!(mixed),
        json!(full),
        json!(stateless),
        json!(told()),
    ]
    .iter()
    .map(|batch| batch.to_string().into_bytes())
    .collect()
}
