//! Which revision a message speaks, and the checks that come with it.

use expect_test::expect;

use super::*;

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
