//! Calls in flight: refused, cancelled, told of, and ended.

use std::time::Duration;

use expect_test::expect;

use super::*;

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
            8 <- {"error":{"code":-32603,"data":{"limit":1,"reason":"busy","retryAfterSeconds":5,"retryable":true},"message":"busy: this connection has 1 calls in flight, which is the most it may have"},"id":2,"jsonrpc":"2.0"}
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
fn the_end_cancels_everything_says_so_and_answers_nothing_more() {
    let mut desk = Desk::opened("2025-11-25");
    desk.says(&request(1, "tools/call", &json!({"name": "a"})));
    desk.says(&modern(2, "tools/call", json!({"name": "a"}), "2026-07-28"));
    check(
        &desk.step(Input::Closed),
        &expect![[r#"
            cancel 1
            2 <- {"error":{"code":-32603,"message":"the call was ended: its connection, its session or the server has come to its end"},"id":1,"jsonrpc":"2.0"}
            2 done
            cancel 2
            3 <- {"error":{"code":-32603,"message":"the call was ended: its connection, its session or the server has come to its end"},"id":2,"jsonrpc":"2.0"}
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
