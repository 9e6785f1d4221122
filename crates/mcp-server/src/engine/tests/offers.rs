//! What a server offers besides tools: lists and their pages, resources, prompts, proposals.

use expect_test::expect;
use mcp_protocol::completion::CompleteResult;
use mcp_protocol::content::ResourceContents;
use mcp_protocol::resources::{ReadResourceResult, Resource};
use mcp_protocol::wire::Cache;

use super::*;
use crate::Page;

#[test]
fn only_what_is_offered_is_declared_and_served() {
    let mut desk = Desk::rich(Channel::Pipe);
    check(
        &desk.answer(&initialize("2025-11-25"))["result"]["capabilities"].to_string(),
        &expect![[
            r#"{"completions":{},"logging":{},"prompts":{},"resources":{"listChanged":true,"subscribe":true},"tools":{"listChanged":true}}"#
        ]],
    );
    let mut desk = Desk::rich(Channel::Pipe);
    check(
        &desk.answer(&initialize("2024-11-05"))["result"]["capabilities"].to_string(),
        &expect![[
            r#"{"logging":{},"prompts":{},"resources":{"listChanged":true,"subscribe":true},"tools":{"listChanged":true}}"#
        ]],
    );
    let mut poor = Desk::opened("2025-11-25");
    for method in [
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "resources/subscribe",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
    ] {
        let answer = poor.answer(&request(1, method, &json!({})));
        assert_eq!(answer["error"]["code"], -32601, "{method}");
    }
}

#[test]
fn lists_have_pages_whose_cursors_are_ours_alone() {
    let mut desk = Desk::rich_session("2025-11-25");
    for (method, list) in [("tools/list", "tools"), ("prompts/list", "prompts")] {
        let first = desk.answer(&request(1, method, &json!({})));
        assert_eq!(first["result"][list].as_array().unwrap().len(), 2);
        let cursor = &first["result"]["nextCursor"];
        let last = desk.answer(&request(2, method, &json!({"cursor": cursor})));
        assert_eq!(last["result"][list][0]["name"], "c");
        assert_eq!(last["result"].get("nextCursor"), None);
        let other = if list == "tools" {
            "prompts/list"
        } else {
            "tools/list"
        };
        for (method, bad) in [
            (other, cursor.clone()),
            (method, json!("2")),
            (method, json!("")),
        ] {
            let refused = desk.answer(&request(3, method, &json!({"cursor": bad})));
            assert_eq!(refused["error"]["code"], -32602, "{method} {bad}");
        }
    }
}

#[test]
fn positions_of_a_provider_travel_as_cursors() {
    let mut desk = Desk::rich_session("2025-11-25");
    check(
        &desk.says(&request(1, "resources/list", &json!({}))),
        &expect!["start 1 List(Shelf, None) 2025-11-25 by c progress false"],
    );
    let page = Page::last(vec![Resource::new("t://a", "a").with_title("A")]).with_next("after a");
    let shown = message(&desk.brings(1, Product::Listed(page)));
    let cursor = &shown["result"]["nextCursor"];
    check(
        &desk.says(&request(2, "resources/list", &json!({"cursor": cursor}))),
        &expect![[r#"start 2 List(Shelf, Some("after a")) 2025-11-25 by c progress false"#]],
    );
    let refused = desk.answer(&request(
        3,
        "resources/templates/list",
        &json!({"cursor": cursor}),
    ));
    assert_eq!(refused["error"]["code"], -32602);
}

#[test]
fn a_missing_resource_has_a_code_of_its_own_until_it_has_not() {
    let mut desk = Desk::rich_session("2025-11-25");
    let read = json!({"uri": "t://nowhere"});
    desk.says(&request(1, "resources/read", &read));
    check(
        &desk.brings(1, Product::NothingAt("t://nowhere".to_owned())),
        &expect![[r#"
            2 <- {"error":{"code":-32002,"data":{"uri":"t://nowhere"},"message":"resource not found"},"id":1,"jsonrpc":"2.0"}
            2 done"#]],
    );
    desk.says(&modern(2, "resources/read", read, "2026-07-28"));
    check(
        &desk.brings(2, Product::NothingAt("t://nowhere".to_owned())),
        &expect![[r#"
            3 <- {"error":{"code":-32602,"data":{"uri":"t://nowhere"},"message":"resource not found"},"id":2,"jsonrpc":"2.0"}
            3 done"#]],
    );
    let contents = ResourceContents::text("t://a", None, "A");
    let found = ReadResourceResult::new(vec![contents])
        .with_cache(Cache::private(std::time::Duration::from_secs(1)));
    desk.says(&modern(
        3,
        "resources/read",
        json!({"uri": "t://a"}),
        "2026-07-28",
    ));
    check(
        &desk.brings(3, Product::Read(found)),
        &expect![[r#"
        4 <- {"id":3,"jsonrpc":"2.0","result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"desk","version":"1"}},"cacheScope":"private","contents":[{"text":"A","uri":"t://a"}],"resultType":"complete","ttlMs":1000}}
        4 done"#]],
    );
    check(
        &desk.says(&request(
            4,
            "resources/read",
            &json!({"uri": "/etc/passwd"}),
        )),
        &expect![[r#"
            5 <- {"error":{"code":-32602,"message":"`params.uri` must be a URI with a scheme"},"id":4,"jsonrpc":"2.0"}
            5 done"#]],
    );
}

#[test]
fn prompts_and_proposals_are_checked_before_they_run() {
    let mut desk = Desk::rich_session("2025-06-18");
    let mut error = |method: &str, params: Value| {
        desk.answer(&request(1, method, &params))["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        error("prompts/get", json!({"name": "x"})),
        "unknown prompt `x`"
    );
    assert_eq!(
        error("prompts/get", json!({"name": "a"})),
        "`params.arguments.to` is missing"
    );
    let unknown = json!({"ref": {"type": "ref/prompt", "name": "x"},
        "argument": {"name": "to", "value": ""}});
    assert_eq!(error("completion/complete", unknown), "unknown prompt `x`");
    let known = json!({"ref": {"type": "ref/prompt", "name": "a"},
        "argument": {"name": "to", "value": ""}});
    desk.says(&request(2, "completion/complete", &known));
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let shown = message(&desk.brings(1, Product::Completed(CompleteResult::new(many))));
    let completion = &shown["result"]["completion"];
    assert_eq!(completion["values"].as_array().unwrap().len(), 100);
    assert_eq!(
        (&completion["total"], &completion["hasMore"]),
        (&json!(101), &json!(true))
    );
}
