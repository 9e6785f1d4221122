//! Who is told what changed.

use expect_test::expect;
use mcp_protocol::subscriptions::Change;

use super::*;

fn listen(id: i64, wanted: &Value) -> String {
    let params = json!({"notifications": wanted});
    modern(id, "subscriptions/listen", params, "2026-07-28")
}

fn watched() -> Change {
    Change::Resource("t://a".to_owned())
}

impl Desk {
    fn changes(&mut self, change: Change) -> String {
        self.step(Input::Changed(change))
    }
}

#[test]
fn a_session_is_told_of_lists_and_of_what_it_subscribed_to() {
    let mut desk = Desk::rich(Channel::Pipe);
    assert_eq!(desk.changes(Change::Tools), "", "nobody is there");
    desk.says(&initialize("2025-11-25"));
    assert_eq!(desk.changes(Change::Tools), "", "not yet initialized");
    desk.is_initialized();
    assert_ne!(desk.changes(Change::Tools), "");
    let mut desk = Desk::rich(Channel::Pipe);
    desk.says(&initialize("2025-11-25"));
    desk.says(&request(1, "ping", &json!({})));
    assert_eq!(desk.changes(Change::Tools), "", "a ping may come early");
    desk.says(&request(2, "tools/list", &json!({})));
    assert_ne!(desk.changes(Change::Tools), "", "who asks is there");
    let mut desk = Desk::rich_session("2025-11-25");
    check(
        &desk.changes(Change::Tools),
        &expect![[r#"0 <- {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#]],
    );
    assert_eq!(desk.changes(Change::Prompts), "", "not offered");
    assert_eq!(desk.changes(watched()), "");
    let subscription = |method| request(1, method, &json!({"uri": "t://a"}));
    desk.says(&subscription("resources/subscribe"));
    check(
        &desk.changes(watched()),
        &expect![[
            r#"0 <- {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"t://a"}}"#
        ]],
    );
    desk.says(&subscription("resources/unsubscribe"));
    assert_eq!(desk.changes(watched()), "");
    let bad = request(2, "resources/subscribe", &json!({"uri": 1}));
    assert_eq!(desk.answer(&bad)["error"]["code"], -32602);
}

#[test]
fn subscriptions_of_a_session_are_bounded() {
    let mut desk = Desk::rich_session("2025-11-25");
    for number in 0..256 {
        let params = json!({"uri": format!("t://{number}")});
        let answer = desk.answer(&request(1, "resources/subscribe", &params));
        assert_eq!(answer["result"], json!({}));
    }
    let one_more = request(1, "resources/subscribe", &json!({"uri": "t://more"}));
    check(
        &desk.says(&one_more),
        &expect![[r#"
        258 <- {"error":{"code":-32603,"data":{"limit":256},"message":"this session has 256 subscriptions, which is the most it may have"},"id":1,"jsonrpc":"2.0"}
        258 done"#]],
    );
}

#[test]
fn a_stream_acknowledges_what_it_will_tell_and_tells_nothing_else() {
    let mut desk = Desk::rich(Channel::Pipe);
    let wanted = json!({"toolsListChanged": true, "promptsListChanged": true,
        "resourceSubscriptions": ["t://a"]});
    check(
        &desk.says(&listen(8, &wanted)),
        &expect![[
            r#"1 <- {"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":8},"notifications":{"resourceSubscriptions":["t://a"],"toolsListChanged":true}}}"#
        ]],
    );
    check(
        &desk.changes(Change::Tools),
        &expect![[
            r#"1 <- {"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":8}}}"#
        ]],
    );
    check(
        &desk.changes(watched()),
        &expect![[
            r#"1 <- {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":8},"uri":"t://a"}}"#
        ]],
    );
    assert_eq!(desk.changes(Change::Resources), "");
    assert_eq!(desk.changes(Change::Prompts), "");
    let again = desk.answer(&listen(8, &json!({})));
    assert_eq!(again["error"]["code"], -32600, "the id is in use");
    check(
        &desk.says(&cancel(8)),
        &expect![[r#"
        1 done
        3 done"#]],
    );
    assert_eq!(desk.changes(Change::Tools), "");
}

#[test]
fn streams_end_with_an_answer_and_are_bounded() {
    let mut desk = Desk::rich(Channel::Pipe);
    desk.says(&listen(1, &json!({})));
    desk.says(&listen(2, &json!({})));
    assert_eq!(desk.answer(&listen(3, &json!({})))["error"]["code"], -32603);
    check(
        &desk.step(Input::EndSubscriptions),
        &expect![[r#"
        1 <- {"id":1,"jsonrpc":"2.0","result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"desk","version":"1"},"io.modelcontextprotocol/subscriptionId":1},"resultType":"complete"}}
        1 done
        2 <- {"id":2,"jsonrpc":"2.0","result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"desk","version":"1"},"io.modelcontextprotocol/subscriptionId":2},"resultType":"complete"}}
        2 done"#]],
    );
    assert_eq!(desk.step(Input::EndSubscriptions), "");
    let mut poor = Desk::new(Channel::Pipe);
    assert_eq!(poor.answer(&listen(1, &json!({})))["error"]["code"], -32601);
}

#[test]
fn when_too_much_changed_everybody_is_told_everything() {
    let mut desk = Desk::rich_session("2025-11-25");
    desk.says(&request(1, "resources/subscribe", &json!({"uri": "t://a"})));
    desk.says(&listen(2, &json!({"resourcesListChanged": true})));
    check(
        &desk.step(Input::ChangedUnknown),
        &expect![[r#"
        0 <- {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}
        0 <- {"jsonrpc":"2.0","method":"notifications/resources/list_changed"}
        3 <- {"jsonrpc":"2.0","method":"notifications/resources/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":2}}}
        0 <- {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"t://a"}}"#]],
    );
}
