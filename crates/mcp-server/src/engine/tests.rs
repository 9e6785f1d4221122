//! The rules of the protocol as tables: what is said to an engine, and what it says and orders.

use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use mcp_protocol::jsonrpc::decode;
use mcp_protocol::tools::{self, CallToolResult};
use serde_json::{Map, Value, json};

use super::*;
use crate::{CallContext, Server, Tool, ToolError, async_trait};

#[derive(Debug)]
struct Named(&'static str);

#[async_trait]
impl Tool for Named {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new(
            self.0,
            Map::from_iter([("type".to_owned(), json!("object"))]),
        )
    }

    async fn call(
        &self,
        _: Map<String, Value>,
        _: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        unreachable!("an engine calls nothing")
    }
}

/// An engine under a clock of its own, whose outputs are shown a line each.
struct Desk {
    engine: Engine,
    now: Instant,
    received: u64,
}

impl Desk {
    fn new(channel: Channel) -> Self {
        Self::with_limits(channel, ServerLimits::default())
    }

    fn with_limits(channel: Channel, limits: ServerLimits) -> Self {
        let server = Server::builder(Implementation::new("desk", "1"))
            .tool(Arc::new(Named("a")))
            .limits(limits)
            .build();
        Self {
            engine: server.engine(channel),
            now: Instant::now(),
            received: 0,
        }
    }

    /// A pipe whose session has been opened.
    fn opened(revision: &str) -> Self {
        let mut desk = Self::new(Channel::Pipe);
        desk.says(&initialize(revision));
        desk
    }

    fn says(&mut self, text: &str) -> String {
        self.received += 1;
        let exchange = ExchangeId(self.received);
        self.step(Input::Received {
            exchange,
            frame: decode(text.as_bytes()),
        })
    }

    fn returns(&mut self, call: u64, text: &str) -> String {
        let outcome = CallOutcome::Returned(CallToolResult::error(text));
        self.step(Input::Finished {
            call: CallId(call),
            outcome,
        })
    }

    fn tells(&mut self, call: u64, message: &str) -> String {
        self.step(Input::Progress {
            call: CallId(call),
            message: message.to_owned(),
        })
    }

    fn step(&mut self, input: Input) -> String {
        let outputs = self.engine.step(self.now, input);
        outputs.into_iter().map(show).collect::<Vec<_>>().join("\n")
    }
}

fn show(output: Output) -> String {
    match output {
        Output::Send {
            exchange, frame, ..
        } => format!("{} <- {}", exchange.0, frame.into_json()),
        Output::Done { exchange } => format!("{} done", exchange.0),
        Output::Cancel { call } => format!("cancel {}", call.0),
        Output::Start(start) => format!(
            "start {} {:?} {} {} by {} progress {}",
            start.call.0,
            start.tool,
            Value::from(start.arguments),
            start.revision,
            start
                .client_info
                .map_or_else(|| "-".to_owned(), |info| info.name.clone()),
            start.wants_progress
        ),
    }
}

fn check(shown: &str, expected: &Expect) {
    expected.assert_eq(shown);
}

fn initialize(revision: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}})
    .to_string()
}

fn request(id: impl Into<Value>, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params}).to_string()
}

fn modern(id: impl Into<Value>, method: &str, mut params: Value, version: &str) -> String {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = version.into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    request(id, method, &params)
}

fn cancel(id: impl Into<Value>) -> String {
    let params = json!({"requestId": id.into()});
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).to_string()
}

#[test]
fn before_the_handshake_only_pings_are_answered() {
    let mut desk = Desk::new(Channel::Pipe);
    check(
        &desk.says(&request("p", "ping", &json!({}))),
        &expect![[r#"
            1 <- {"id":"p","jsonrpc":"2.0","result":{}}
            1 done"#]],
    );
    check(
        &desk.says(&request(1, "tools/list", &json!({}))),
        &expect![[r#"
            2 <- {"error":{"code":-32602,"message":"no session yet: send `initialize` first, or describe the request in `params._meta` (2026-07-28)"},"id":1,"jsonrpc":"2.0"}
            2 done"#]],
    );
    check(
        &desk.says(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
        &expect!["3 done"],
    );
}

#[test]
fn a_handshake_settles_the_revision_once() {
    for (asked, settled) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut desk = Desk::new(Channel::Pipe);
        let shown = desk.says(&initialize(asked));
        assert!(
            shown.contains(&format!(r#""protocolVersion":"{settled}""#)),
            "{shown}"
        );
        assert_eq!(desk.engine.session_revision().unwrap().as_str(), settled);
    }
    let mut desk = Desk::opened("2025-06-18");
    check(
        &desk.says(&initialize("2025-11-25")),
        &expect![[r#"
            2 <- {"error":{"code":-32600,"message":"this session is initialized already"},"id":0,"jsonrpc":"2.0"}
            2 done"#]],
    );
    check(
        &Desk::new(Channel::Pipe).says(&request(1, "initialize", &json!({}))),
        &expect![[r#"
            1 <- {"error":{"code":-32602,"message":"`params.protocolVersion` is missing"},"id":1,"jsonrpc":"2.0"}
            1 done"#]],
    );
}

#[test]
fn both_eras_share_a_pipe_message_by_message() {
    let mut desk = Desk::new(Channel::Pipe);
    check(
        &desk.says(&modern("d", "server/discover", json!({}), "2026-07-28")),
        &expect![[r#"
            1 <- {"id":"d","jsonrpc":"2.0","result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"desk","version":"1"}},"cacheScope":"public","capabilities":{"tools":{}},"resultType":"complete","supportedVersions":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"ttlMs":3600000}}
            1 done"#]],
    );
    desk.says(&initialize("2025-06-18"));
    check(
        &desk.says(&modern(1, "tools/list", json!({}), "2026-07-28")),
        &expect![[r#"
            3 <- {"id":1,"jsonrpc":"2.0","result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"desk","version":"1"}},"cacheScope":"public","resultType":"complete","tools":[{"inputSchema":{"type":"object"},"name":"a"}],"ttlMs":300000}}
            3 done"#]],
    );
    check(
        &desk.says(&request(2, "tools/list", &json!({}))),
        &expect![[r#"
            4 <- {"id":2,"jsonrpc":"2.0","result":{"tools":[{"inputSchema":{"type":"object"},"name":"a"}]}}
            4 done"#]],
    );
    check(
        &desk.says(&modern(3, "tools/call", json!({"name": "a"}), "2026-07-28")),
        &expect![[r#"start 1 Named("a") {} 2026-07-28 by - progress false"#]],
    );
    check(
        &desk.says(&request(
            4,
            "tools/call",
            &json!({"name": "a", "arguments": {"x": 1}}),
        )),
        &expect![[r#"start 2 Named("a") {"x":1} 2025-06-18 by c progress false"#]],
    );
    check(
        &desk.returns(2, "legacy"),
        &expect![[r#"
            6 <- {"id":4,"jsonrpc":"2.0","result":{"content":[{"text":"legacy","type":"text"}],"isError":true}}
            6 done"#]],
    );
    check(
        &desk.returns(1, "modern"),
        &expect![[r#"
            5 <- {"id":3,"jsonrpc":"2.0","result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"desk","version":"1"}},"content":[{"text":"modern","type":"text"}],"isError":true,"resultType":"complete"}}
            5 done"#]],
    );
}

#[test]
fn the_checks_of_a_modern_request_have_an_order() {
    let mut desk = Desk::opened("2025-11-25");
    let mut code = |text: &str| {
        let shown = desk.says(text);
        let (_, rest) = shown.split_once("\"code\":").expect(&shown);
        rest.split(',').next().unwrap().to_owned()
    };
    let broken = json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "2027-01-01"}});
    assert_eq!(
        code(&request(1, "nope", &broken)),
        "-32602",
        "the shape of the envelope first"
    );
    assert_eq!(
        code(&modern(1, "nope", json!({}), "2027-01-01")),
        "-32022",
        "then the version"
    );
    assert_eq!(
        code(&modern(1, "tools/list", json!({}), "2025-11-25")),
        "-32022"
    );
    assert_eq!(
        code(&modern(1, "nope", json!({}), "2026-07-28")),
        "-32601",
        "then the method"
    );
    for removed in [
        "initialize",
        "ping",
        "logging/setLevel",
        "subscriptions/listen",
    ] {
        assert_eq!(
            code(&modern(1, removed, json!({}), "2026-07-28")),
            "-32601",
            "{removed}"
        );
    }
    let arguments = json!({"name": "a", "arguments": []});
    assert_eq!(
        code(&modern(1, "tools/call", arguments, "2026-07-28")),
        "-32602",
        "then the rest"
    );
    assert_eq!(
        code(&request(1, "server/discover", &json!({}))),
        "-32601",
        "legacy has none"
    );
}

#[test]
fn an_exchange_takes_nothing_that_does_not_describe_itself() {
    let mut desk = Desk::new(Channel::Exchange);
    check(
        &desk.says(&initialize("2025-11-25")),
        &expect![[r#"
            1 <- {"error":{"code":-32602,"message":"`params._meta` is missing"},"id":0,"jsonrpc":"2.0"}
            1 done"#]],
    );
    let mut desk = Desk::new(Channel::Session);
    check(
        &desk.says(&modern(1, "server/discover", json!({}), "2026-07-28")),
        &expect![[r#"
            1 <- {"error":{"code":-32602,"message":"no session yet: send `initialize` first, or describe the request in `params._meta` (2026-07-28)"},"id":1,"jsonrpc":"2.0"}
            1 done"#]],
    );
}

#[test]
fn bad_calls_are_refused_by_code() {
    let mut desk = Desk::opened("2025-11-25");
    let mut check = |params: Value, expected: &str| {
        let shown = desk.says(&request(1, "tools/call", &params));
        let error = shown
            .split_once(r#""message":""#)
            .map(|(_, rest)| rest.to_owned());
        let message = error.expect(&shown);
        assert!(shown.contains("-32602"), "{shown}");
        assert!(message.starts_with(expected), "{message}");
    };
    check(json!({"name": "b"}), "unknown tool `b`");
    check(json!({"name": "x".repeat(1_000_000)}), "unknown tool `xxxx");
    check(json!({}), "`params.name` is missing");
    check(json!({"name": 7}), "`params.name` must be a string");
    check(
        json!({"name": "a", "arguments": null}),
        "`params.arguments` must be an object",
    );
    check(
        json!({"name": "a", "_meta": []}),
        "`params._meta` must be an object",
    );
    check(
        json!({"name": "a", "_meta": {"progressToken": {}}}),
        "`params._meta.progressToken`",
    );
    let shown = desk.says(&request(1, "tools/list", &json!({"cursor": "x"})));
    assert!(
        shown.contains("-32602") && shown.contains("params.cursor"),
        "{shown}"
    );
}

#[test]
fn a_cancelled_call_is_never_answered_and_keeps_its_place_until_it_is_gone() {
    let limits = ServerLimits {
        calls_per_connection: 1,
        ..ServerLimits::default()
    };
    let mut desk = Desk::with_limits(Channel::Pipe, limits);
    desk.says(&initialize("2025-11-25"));
    let call = |id: i64| request(id, "tools/call", &json!({"name": "a"}));
    desk.says(&call(1));
    check(&desk.says(&cancel("1")), &expect!["3 done"]);
    check(&desk.says(&cancel(7)), &expect!["4 done"]);
    check(
        &desk.says(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#),
        &expect!["5 done"],
    );
    check(
        &desk.says(&cancel(1)),
        &expect![[r#"
            cancel 1
            2 done
            6 done"#]],
    );
    check(&desk.says(&cancel(1)), &expect!["7 done"]);
    check(
        &desk.says(&call(2)),
        &expect![[r#"
            8 <- {"error":{"code":-32603,"data":{"limit":1},"message":"this connection has 1 calls in flight, which is the most it may have"},"id":2,"jsonrpc":"2.0"}
            8 done"#]],
    );
    check(&desk.tells(1, "too late"), &expect![""]);
    check(&desk.returns(1, "too late"), &expect![""]);
    check(
        &desk.says(&call(3)),
        &expect![[r#"start 2 Named("a") {} 2025-11-25 by c progress false"#]],
    );
    // `initialize` cannot be cancelled, nor what has ended.
    check(&desk.says(&cancel(0)), &expect!["10 done"]);
    desk.returns(2, "x");
    check(&desk.says(&cancel(3)), &expect!["11 done"]);
}

#[test]
fn an_id_in_flight_is_not_taken_twice() {
    let mut desk = Desk::opened("2025-11-25");
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    check(
        &desk.says(&request(1, "tools/call", &json!({"name": "a"}))),
        &expect![[r#"
            3 <- {"error":{"code":-32600,"message":"a request with the id 1 is still in flight"},"id":1,"jsonrpc":"2.0"}
            3 done"#]],
    );
    check(
        &desk.says(&request("1", "tools/call", &json!({"name": "a"}))),
        &expect![[r#"start 2 Named("a") {} 2025-11-25 by c progress false"#]],
    );
    check(
        &desk.says(&request(1, "ping", &json!({}))),
        &expect![[r#"
            5 <- {"id":1,"jsonrpc":"2.0","result":{}}
            5 done"#]],
    );
}

#[test]
fn progress_grows_and_is_limited_in_its_rate() {
    let limits = ServerLimits {
        progress_burst: 2,
        progress_interval: Duration::from_secs(1),
        ..ServerLimits::default()
    };
    let mut desk = Desk::with_limits(Channel::Pipe, limits);
    desk.says(&initialize("2025-11-25"));
    let params = json!({"name": "a", "_meta": {"progressToken": "t"}});
    check(
        &desk.says(&request(1, "tools/call", &params)),
        &expect![[r#"start 1 Named("a") {} 2025-11-25 by c progress true"#]],
    );
    check(
        &desk.tells(1, "one"),
        &expect![[
            r#"2 <- {"jsonrpc":"2.0","method":"notifications/progress","params":{"message":"one","progress":1,"progressToken":"t"}}"#
        ]],
    );
    assert!(desk.tells(1, "two").contains(r#""progress":2"#));
    assert_eq!(desk.engine.next_wake(), None);
    assert_eq!(desk.tells(1, "three"), "");
    assert_eq!(desk.tells(1, "four"), "", "the newest message wins");
    let wake = desk.engine.next_wake().unwrap();
    assert_eq!(wake, desk.now + Duration::from_secs(1));
    assert_eq!(desk.step(Input::Wake), "", "not before its time");
    desk.now = wake;
    check(
        &desk.step(Input::Wake),
        &expect![[
            r#"2 <- {"jsonrpc":"2.0","method":"notifications/progress","params":{"message":"four","progress":3,"progressToken":"t"}}"#
        ]],
    );
    desk.tells(1, "five");
    assert!(
        !desk.returns(1, "x").contains("progress"),
        "none after the end"
    );
    assert_eq!(desk.engine.next_wake(), None);
}

#[test]
fn progress_is_told_as_the_revision_has_it_and_never_unasked() {
    let mut desk = Desk::opened("2024-11-05");
    let params = json!({"name": "a", "_meta": {"progressToken": 7}});
    desk.says(&request(1, "tools/call", &params));
    check(
        &desk.tells(1, "2024-11-05 has no message"),
        &expect![[
            r#"2 <- {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1,"progressToken":7}}"#
        ]],
    );
    desk.says(&request(2, "tools/call", &json!({"name": "a"})));
    assert_eq!(desk.tells(2, "nobody asked"), "");
    let long = "é".repeat(10_000);
    assert!(desk.says(&initialize("x")).contains("-32600"));
    let mut desk = Desk::opened("2025-11-25");
    desk.says(&request(1, "tools/call", &params));
    assert!(desk.tells(1, &long).len() < 2_000);
}

#[test]
fn batches_are_answered_together_in_the_one_revision_that_has_them() {
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}},
        {"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"a"}},
        {"jsonrpc":"2.0","method":"notifications/initialized"},{"id":4}]"#;
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let shown = Desk::opened(revision).says(batch);
        assert!(
            shown.contains("-32600") && !shown.contains("\"id\""),
            "{shown}"
        );
    }
    let mut desk = Desk::opened("2025-03-26");
    check(
        &desk.says(batch),
        &expect![[r#"
            start 1 Named("a") {} 2025-03-26 by c progress false
            start 2 Named("a") {} 2025-03-26 by c progress false"#]],
    );
    check(
        &desk.says(&cancel(3)),
        &expect![[r#"
            cancel 2
            3 done"#]],
    );
    check(
        &desk.returns(1, "x"),
        &expect![[r#"
            2 <- [{"id":2,"jsonrpc":"2.0","result":{}},{"error":{"code":-32600,"message":"`jsonrpc` is missing"},"id":4,"jsonrpc":"2.0"},{"id":1,"jsonrpc":"2.0","result":{"content":[{"text":"x","type":"text"}],"isError":true}}]
            2 done"#]],
    );
    check(
        &desk.says(r#"[{"jsonrpc":"2.0","method":"notifications/initialized"}]"#),
        &expect!["4 done"],
    );
    let shown = desk.says(&format!("[{}]", initialize("2025-11-25")));
    assert!(
        shown.contains("`initialize` must not be part of a batch"),
        "{shown}"
    );
    let shown = desk.says(&format!(
        "[{}]",
        modern(9, "tools/list", json!({}), "2026-07-28")
    ));
    assert!(shown.contains("-32600"), "{shown}");
    assert!(desk.says("[]").contains("a batch must not be empty"));
}

#[test]
fn what_is_no_message_is_answered_without_an_id_and_notifications_never() {
    let mut desk = Desk::opened("2025-11-25");
    check(
        &desk.says("{nonsense"),
        &expect![[r#"
            2 <- {"error":{"code":-32700,"message":"not valid JSON: key must be a string at line 1 column 2"},"jsonrpc":"2.0"}
            2 done"#]],
    );
    check(
        &desk.says(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}"#),
        &expect!["3 done"],
    );
    check(
        &desk.says(r#"{"jsonrpc":"2.0","method":"no/such/thing"}"#),
        &expect!["4 done"],
    );
    check(
        &desk.says(r#"{"jsonrpc":"2.0","id":9,"result":{}}"#),
        &expect!["5 done"],
    );
    assert!(
        desk.says(&request(1, "no/such/thing", &json!({})))
            .contains("-32601")
    );
}

#[test]
fn the_end_cancels_everything_and_answers_nothing_more() {
    let mut desk = Desk::opened("2025-11-25");
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    desk.says(&modern(2, "tools/call", json!({"name": "a"}), "2026-07-28"));
    check(
        &desk.step(Input::Closed),
        &expect![[r#"
            cancel 1
            2 done
            cancel 2
            3 done"#]],
    );
    check(
        &desk.says(&request(3, "ping", &json!({}))),
        &expect!["4 done"],
    );
    check(&desk.returns(1, "x"), &expect![""]);
    assert_eq!(desk.engine.calls_in_flight(), 1);
    check(&desk.returns(2, "x"), &expect![""]);
    assert_eq!(desk.engine.calls_in_flight(), 0);
}
