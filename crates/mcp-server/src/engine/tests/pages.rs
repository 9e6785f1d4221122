//! Pages that the user is to open: before a call can be made, and when the user is done there.

use std::collections::BTreeMap;

use expect_test::expect;
use mcp_protocol::input::{InputRequest, UrlRequest};

use super::*;
use crate::context::Rounds;
use crate::{MAX_PAGES, MAX_QUESTIONS};

/// A desk at which a client is that can open pages, or not.
fn desk(revision: &str, opens_pages: bool) -> Desk {
    let mut desk = Desk::rich(Channel::Pipe);
    let modes = if opens_pages {
        json!({"url": {}})
    } else {
        json!({})
    };
    let opening = json!({"protocolVersion": revision, "capabilities": {"elicitation": modes},
        "clientInfo": {"name": "c", "version": "1"}});
    desk.says(&request(0, "initialize", &opening));
    desk.is_initialized();
    desk
}

impl Desk {
    /// Ends a call by saying that these pages come first.
    fn sends_to(&mut self, call: u64, ids: &[&str]) -> String {
        let pages = ids.iter().map(|id| {
            let page = UrlRequest::new("Sign in", format!("https://example.com/{id}"), *id);
            ((*id).to_owned(), InputRequest::Url(page))
        });
        let requests: BTreeMap<_, _> = pages.collect();
        let rounds = Rounds::default();
        self.step(Input::Finished {
            call: CallId(call),
            outcome: CallOutcome::Pages(Question { requests, rounds }),
        })
    }

    fn page_is_done(&mut self, id: &str) -> String {
        self.step(Input::PageDone(id.into()))
    }

    fn calls(&mut self, id: u64) {
        self.says(&request(id, "tools/call", &json!({"name": "a"})));
    }
}

#[test]
fn pages_that_come_first_are_said_as_the_revision_says_it() {
    let mut able = desk("2025-11-25", true);
    able.calls(1);
    check(
        &able.sends_to(1, &["p", "q"]),
        &expect![[r#"
            2 <- {"error":{"code":-32042,"data":{"elicitations":[{"elicitationId":"p","message":"Sign in","mode":"url","url":"https://example.com/p"},{"elicitationId":"q","message":"Sign in","mode":"url","url":"https://example.com/q"}]},"message":"the user must open a page first"},"id":1,"jsonrpc":"2.0"}
            2 done"#]],
    );
    let told = expect![[r#"
        2 <- {"id":1,"jsonrpc":"2.0","result":{"content":[{"text":"this needs a capability that the client did not declare: `elicitation`","type":"text"}],"isError":true}}
        2 done"#]];
    for (revision, opens_pages) in [("2025-11-25", false), ("2025-06-18", true)] {
        let mut unable = desk(revision, opens_pages);
        unable.calls(1);
        check(&unable.sends_to(1, &["p"]), &told);
        assert_eq!(unable.page_is_done("p"), "", "{revision}");
    }
    // 2026-07-28 forbids the error: there it is a question, with nothing to be brought back.
    let mut modern_desk = desk("2025-11-25", true);
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
        "io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let call = json!({"name": "a", "_meta": meta});
    modern_desk.says(&request(1, "tools/call", &call));
    check(
        &modern_desk.sends_to(1, &["p"]),
        &expect![[r#"
            2 <- {"id":1,"jsonrpc":"2.0","result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"desk","version":"1"}},"inputRequests":{"p":{"method":"elicitation/create","params":{"message":"Sign in","mode":"url","url":"https://example.com/p"}}},"resultType":"input_required"}}
            2 done"#]],
    );
    assert_eq!(modern_desk.page_is_done("p"), "", "it has no word for it");
    modern_desk.says(&modern(2, "tools/call", json!({"name": "a"}), "2026-07-28"));
    let refused = message(&modern_desk.sends_to(2, &["p"]));
    assert_eq!(refused["error"]["code"], -32021);
}

#[test]
fn the_end_of_a_page_is_told_once_and_to_those_who_were_asked() {
    let done = expect![[
        r#"0 <- {"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"p"}}"#
    ]];
    let mut one = desk("2025-11-25", true);
    assert_eq!(one.page_is_done("p"), "", "nobody was asked");
    one.calls(1);
    one.sends_to(1, &["p"]);
    check(&one.page_is_done("p"), &done);
    assert_eq!(one.page_is_done("p"), "", "twice");

    // A question in the midst of a call is the same.
    let ask = |page: &str| Input::Ask {
        call: CallId(1),
        ticket: Ticket(1),
        request: InputRequest::url("Sign in", "https://example.com", page),
    };
    let mut other = desk("2025-11-25", true);
    other.calls(1);
    assert_ne!(other.step(ask("p")), "");
    assert_eq!(other.page_is_done("q"), "");
    check(&other.page_is_done("p"), &done);
}

#[test]
fn as_many_pages_are_remembered_as_may_be() {
    let mut desk = desk("2025-11-25", true);
    let last = u64::try_from(MAX_PAGES).unwrap();
    for id in 0..=last {
        desk.calls(id + 1);
        desk.sends_to(id + 1, &[&id.to_string()]);
    }
    assert_eq!(desk.page_is_done("0"), "", "the oldest is forgotten");
    assert_ne!(desk.page_is_done("1"), "");
    assert_ne!(desk.page_is_done(&last.to_string()), "");
}

#[test]
fn a_call_may_not_ask_for_no_page_or_too_many() {
    let many: Vec<String> = (0..=MAX_QUESTIONS).map(|id| id.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for ids in [&[][..], &many] {
        let mut desk = desk("2025-11-25", true);
        desk.calls(1);
        let refused = message(&desk.sends_to(1, ids));
        assert_eq!(refused["error"]["code"], -32603, "{ids:?}");
    }
}
