//! What calls ask their client, in both eras; and what they log.

use std::collections::BTreeMap;

use expect_test::expect;
use mcp_protocol::input::InputRequest;
use mcp_protocol::logging::{LogLevel, LogMessage};

use super::*;
use crate::context::Rounds;

fn name() -> InputRequest {
    InputRequest::form(
        "Name?",
        Map::from_iter([("type".to_owned(), json!("object"))]),
    )
}

impl Desk {
    fn asks(&mut self, call: u64, ticket: u64) -> String {
        self.step(Input::Ask {
            call: CallId(call),
            ticket: Ticket(ticket),
            request: name(),
        })
    }

    fn logs(&mut self, call: u64, level: LogLevel) -> String {
        self.step(Input::Told {
            call: CallId(call),
            told: Told::Log(LogMessage::new(level, "text")),
        })
    }

    fn needs(&mut self, call: u64, rounds: Rounds) -> Value {
        let requests = BTreeMap::from([("name".to_owned(), name())]);
        let question = Question { requests, rounds };
        message(&self.step(Input::Finished {
            call: CallId(call),
            outcome: CallOutcome::Input(question),
        }))
    }
}

#[test]
fn a_question_goes_where_its_request_came_from_and_its_answer_back() {
    let mut desk = Desk::rich_session("2025-11-25");
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    check(
        &desk.asks(1, 7),
        &expect![[
            r#"2 <- {"id":"ask-1","jsonrpc":"2.0","method":"elicitation/create","params":{"message":"Name?","mode":"form","requestedSchema":{"type":"object"}}}"#
        ]],
    );
    check(
        &desk.says(r#"{"jsonrpc":"2.0","id":"ask-1","result":{"action":"decline"}}"#),
        &expect![[r#"
            answered 7: Ok(Object {"action": String("decline")})
            3 done"#]],
    );
    check(
        &desk.says(r#"{"jsonrpc":"2.0","id":"ask-1","result":{"action":"decline"}}"#),
        &expect!["4 done"],
    );
    desk.asks(1, 8);
    check(
        &desk.says(r#"{"jsonrpc":"2.0","id":"ask-2","error":{"code":-1,"message":"no"}}"#),
        &expect![[r#"
            answered 8: Err(ErrorObject { code: ErrorCode(-32603), message: "the client refused `elicitation/create` (-1)", data: None })
            5 done"#]],
    );
    for foreign in ["1", "\"ask-\"", "\"ask-9\"", "\"x\""] {
        let stray = format!(r#"{{"jsonrpc":"2.0","id":{foreign},"result":{{}}}}"#);
        assert!(!desk.says(&stray).contains("answered"), "{foreign}");
    }
}

#[test]
fn a_cancelled_call_takes_its_questions_back() {
    let mut desk = Desk::rich_session("2025-11-25");
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    desk.asks(1, 1);
    check(
        &desk.says(&cancel(1)),
        &expect![[r#"
        cancel 1
        2 <- {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"ask-1"}}
        2 done
        3 done"#]],
    );
    assert_eq!(
        desk.asks(1, 2),
        "",
        "a question of a call that is about to be gone"
    );
}

#[test]
fn questions_of_a_call_are_bounded() {
    let mut desk = Desk::rich_session("2025-11-25");
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    for ticket in 0..8 {
        assert!(desk.asks(1, ticket).contains("elicitation/create"));
    }
    check(
        &desk.asks(1, 8),
        &expect![[
            r#"answered 8: Err(ErrorObject { code: ErrorCode(-32603), message: "a tool asked for too much at once", data: None })"#
        ]],
    );
}

#[test]
fn what_a_client_cannot_answer_is_said_as_its_revision_says_it() {
    let incapable = || CallOutcome::Incapable(name().required());
    let mut desk = Desk::rich_session("2025-11-25");
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    let finished = |call, outcome| Input::Finished {
        call: CallId(call),
        outcome,
    };
    check(
        &desk.step(finished(1, incapable())),
        &expect![[r#"
        2 <- {"id":1,"jsonrpc":"2.0","result":{"content":[{"text":"this needs a capability that the client did not declare: `elicitation`","type":"text"}],"isError":true}}
        2 done"#]],
    );
    desk.says(&modern(2, "tools/call", json!({"name": "a"}), "2026-07-28"));
    check(
        &desk.step(finished(2, incapable())),
        &expect![[r#"
        3 <- {"error":{"code":-32021,"data":{"requiredCapabilities":{"elicitation":{"form":{}}}},"message":"this needs a capability that the client did not declare: `elicitation`"},"id":2,"jsonrpc":"2.0"}
        3 done"#]],
    );
}

#[test]
fn a_round_is_continued_by_whoever_brings_its_state_back() {
    let mut desk = Desk::rich(Channel::Pipe);
    let call = json!({"name": "a", "arguments": {"x": 1}});
    desk.says(&modern(1, "tools/call", call.clone(), "2026-07-28"));
    let bare = desk.needs(1, Rounds::default());
    assert_eq!(bare["result"]["resultType"], "input_required");
    assert_eq!(
        bare["result"]["inputRequests"]["name"]["method"],
        "elicitation/create"
    );
    assert_eq!(bare["result"].get("requestState"), None, "nothing to keep");

    desk.says(&modern(2, "tools/call", call.clone(), "2026-07-28"));
    let kept = Rounds {
        given: BTreeMap::new(),
        used: BTreeMap::from([("first".to_owned(), json!({"action": "cancel"}))]),
        kept: Some(json!({"step": 2})),
    };
    let asked = desk.needs(2, kept);
    let state = asked["result"]["requestState"].as_str().unwrap().to_owned();
    let again = |changes: Value| {
        let mut params = call.clone();
        for (key, value) in changes.as_object().unwrap() {
            params[key] = value.clone();
        }
        modern(3, "tools/call", params, "2026-07-28")
    };
    // What is not exactly this state, or not for exactly this request, is refused before anything runs.
    for changes in [
        json!({"requestState": format!("{state}x")}),
        json!({"requestState": ""}),
        json!({"requestState": 7}),
        json!({"requestState": state, "arguments": {"x": 2}}),
        json!({"requestState": state, "name": "b"}),
        json!({"inputResponses": null}),
    ] {
        let refused = desk.answer(&again(changes.clone()));
        assert_eq!(refused["error"]["code"], -32602, "{changes}");
    }
    let answers = json!({"requestState": state,
        "inputResponses": {"name": {"action": "decline"}, "first": {"action": "accept"}}});
    let outputs = desk.engine.step(
        desk.now,
        Input::Received {
            exchange: ExchangeId(99),
            frame: decode(again(answers.clone()).as_bytes()),
        },
    );
    let [Output::Start(start)] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    assert_eq!(start.rounds.kept, Some(json!({"step": 2})));
    assert_eq!(start.rounds.given["name"], json!({"action": "decline"}));
    assert_eq!(
        start.rounds.given["first"],
        json!({"action": "cancel"}),
        "what was authenticated cannot be answered again"
    );
    desk.step(Input::Finished {
        call: start.call,
        outcome: CallOutcome::Failed(ErrorObject::internal("x")),
    });
    desk.now += ServerLimits::default().state_ttl + std::time::Duration::from_secs(2);
    let late = desk.answer(&again(answers));
    assert_eq!(late["error"]["code"], -32602);
}

#[test]
fn log_messages_go_to_those_who_want_them() {
    let mut desk = Desk::rich_session("2025-11-25");
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    assert_eq!(
        desk.logs(1, LogLevel::Debug),
        "",
        "our choice before theirs"
    );
    check(
        &desk.logs(1, LogLevel::Info),
        &expect![[
            r#"2 <- {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"text","level":"info"}}"#
        ]],
    );
    let level = |level: &str| request(2, "logging/setLevel", &json!({"level": level}));
    assert_eq!(desk.answer(&level("error"))["result"], json!({}));
    assert_eq!(desk.logs(1, LogLevel::Info), "");
    assert_eq!(desk.answer(&level("loud"))["error"]["code"], -32602);
    assert_ne!(desk.logs(1, LogLevel::Alert), "");
    assert_eq!(
        desk.logs(1, LogLevel::Alert),
        "",
        "more than the rate allows"
    );

    let mut desk = Desk::rich(Channel::Pipe);
    desk.says(&modern(1, "tools/call", json!({"name": "a"}), "2026-07-28"));
    assert_eq!(desk.logs(1, LogLevel::Emergency), "", "unasked");
    let wish = json!({"name": "a", "_meta": {"io.modelcontextprotocol/logLevel": "notice"}});
    desk.says(&modern(2, "tools/call", wish, "2026-07-28"));
    assert_eq!(desk.logs(2, LogLevel::Info), "");
    assert_ne!(desk.logs(2, LogLevel::Notice), "");
}

#[test]
fn a_server_that_logs_when_asked_says_nothing_to_those_who_have_not() {
    let server = Server::builder(Implementation::new("desk", "1"))
        .tool(Arc::new(Named("a")))
        .logging_when_asked()
        .build()
        .unwrap();
    let mut desk = Desk {
        engine: server.engine(Channel::Pipe),
        now: Instant::now(),
        received: 0,
    };
    let info = json!({"name": "c", "version": "1"});
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info});
    let opened = desk.answer(&request(0, "initialize", &params));
    assert_eq!(opened["result"]["capabilities"]["logging"], json!({}));
    desk.is_initialized();
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    assert_eq!(desk.logs(1, LogLevel::Emergency), "");
    let level = json!({"level": "info"});
    desk.says(&request(2, "logging/setLevel", &level));
    assert_ne!(desk.logs(1, LogLevel::Info), "");
    assert_eq!(desk.logs(1, LogLevel::Debug), "");
}
