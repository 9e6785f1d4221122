//! Batches, and what is no message at all.

use expect_test::expect;

use super::*;

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
