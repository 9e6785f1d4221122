//! The conversations: what a peer says, a line each, and orders for what happens in between.

use serde_json::{Value, json};

use super::super::corpus;

/// The orders, as they may be put into a conversation; each takes a number.
pub(in super::super) const ORDERS: &[&str] = &[
    "!finish",
    "!fail",
    "!incapable",
    "!progress",
    "!log",
    "!release",
    "!ask",
    "!wake",
    "!later",
    "!change",
    "!all-changed",
    "!end-subscriptions",
    "!close",
];

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Channel,
    Finish,
    Fail,
    Incapable,
    Progress,
    Log,
    Release,
    Ask,
    Wake,
    Later,
    Change,
    AllChanged,
    EndSubscriptions,
    Close,
}

/// An order and its number; none if the line is something that the peer says.
pub(super) fn read(line: &[u8]) -> Option<(Order, u64)> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix('!')?;
    let (name, number) = line.split_once(' ').unwrap_or((line, "0"));
    let order = match name {
        "channel" => Order::Channel,
        "finish" => Order::Finish,
        "fail" => Order::Fail,
        "incapable" => Order::Incapable,
        "progress" => Order::Progress,
        "log" => Order::Log,
        "release" => Order::Release,
        "ask" => Order::Ask,
        "wake" => Order::Wake,
        "later" => Order::Later,
        "change" => Order::Change,
        "all-changed" => Order::AllChanged,
        "end-subscriptions" => Order::EndSubscriptions,
        "close" => Order::Close,
        _ => return None,
    };
    Some((order, number.trim().parse().unwrap_or(0)))
}

/// Conversations of all revisions.
pub(in super::super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for revision in corpus::HANDSHAKES {
        seeds.push(conversation(0, revision));
        seeds.push(conversation(1, revision));
    }
    seeds.push(batches());
    for channel in [0, 2] {
        let mut lines = vec![format!("!channel {channel}")];
        let asked = corpus::asked_modern().into_iter().chain(corpus::asked());
        let requests = asked.enumerate();
        lines.extend(
            requests.map(|(id, (method, params))| corpus::modern(id, method, &params).to_string()),
        );
        lines.extend(
            [
                "!progress 0",
                "!log 1",
                "!change 1",
                "!finish 0",
                "!finish 1",
            ]
            .map(str::to_owned),
        );
        seeds.push(lines.join("\n").into_bytes());
    }
    seeds
}

fn conversation(channel: u8, revision: &str) -> Vec<u8> {
    let mut lines = vec![
        format!("!channel {channel}"),
        corpus::initialize(revision).to_string(),
        corpus::notification("notifications/initialized", &json!({})).to_string(),
    ];
    let requests = corpus::asked().into_iter().enumerate();
    lines.extend(
        requests.map(|(id, (method, params))| corpus::request(id, method, &params).to_string()),
    );
    lines.extend(
        [
            "!ask 0",
            "!progress 0",
            "!later 4",
            "!wake 0",
            "!log 0",
            "!change 3",
        ]
        .map(str::to_owned),
    );
    lines.extend(corpus::told().iter().map(Value::to_string));
    lines.extend(["!finish 0", "!fail 0", "!finish 1"].map(str::to_owned));
    lines.join("\n").into_bytes()
}

fn batches() -> Vec<u8> {
    let call = |id: u64| {
        let params = json!({"name": "a", "arguments": {}});
        corpus::request(id, "tools/call", &params)
    };
    let cancel = corpus::notification("notifications/cancelled", &json!({"requestId": 2}));
    let lines = [
        corpus::initialize("2025-03-26").to_string(),
        json!([call(1), call(2), corpus::request(3, "ping", &json!({}))]).to_string(),
        json!([cancel, {"id": 4}, call(1)]).to_string(),
        json!([cancel]).to_string(),
        "!finish 0".to_owned(),
        "!finish 0".to_owned(),
    ];
    lines.join("\n").into_bytes()
}
