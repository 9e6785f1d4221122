//! Messages that are none, or not quite, or come at the wrong time.

use serde_json::{Value, json};

use super::Peer;

const REVISIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

fn ping(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)
}

/// C01: whatever the bytes of a line are, it is refused or passed over, and the next line is read.
#[test]
fn a_line_that_cannot_be_read_is_refused_alone() {
    let mut peer = Peer::open("2025-11-25");
    let text = ping("1");
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let broken: Vec<Vec<u8>> = vec![
        b"{".to_vec(),
        text.as_bytes()[..text.len() - 1].to_vec(),
        b"garbage".to_vec(),
        b"Content-Length: 40".to_vec(),
        format!("\u{feff}{text}").into_bytes(),
        b"\0".to_vec(),
        format!("\0{text}").into_bytes(),
        utf16,
        b"\xff\xfe".to_vec(),
        b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"ping\"}".to_vec(),
        b"{\"jsonrpc\":\"2.0\",\"id\":\"\xc0\x80\",\"method\":\"ping\"}".to_vec(),
        b"{\"jsonrpc\":\"2.0\",\"id\":\"\xed\xa0\x80\",\"method\":\"ping\"}".to_vec(),
        br#"{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"#.to_vec(),
        br#"{"jsonrpc":"2.0","id":"\udc00\ud800","method":"ping"}"#.to_vec(),
        b"{\"jsonrpc\":\"2.0\",\"id\":\"a\x01b\",\"method\":\"ping\"}".to_vec(),
        format!("{text}{text}").into_bytes(),
        format!("{text} // comment").into_bytes(),
        b"{'jsonrpc':'2.0'}".to_vec(),
    ];
    for line in broken {
        let answer = peer.refused(&line, -32700);
        assert_eq!(answer.get("id"), None, "{answer}");
    }
    for blank in ["", " ", "\t", "\r", " \r"] {
        peer.ignored(blank.as_bytes());
    }
    // What other systems put at the end of a line is none of its text.
    peer.say(&format!("{text}\r"));
    assert_eq!(
        peer.hear(),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}})
    );
    peer.close();
}

/// C01: the last line may lack its end, and half of a message is still answered.
#[test]
fn the_end_of_the_input_within_a_line_is_an_end() {
    let mut peer = Peer::open("2025-11-25");
    peer.say_bytes(ping("7").as_bytes());
    drop(peer.server.stdin.take());
    let answer: Value = serde_json::from_str(&peer.server.line()).unwrap();
    assert_eq!(answer["id"], 7);
    peer.close();

    let mut peer = Peer::open("2025-11-25");
    peer.say_bytes(br#"{"jsonrpc":"2.0","id":8,"meth"#);
    drop(peer.server.stdin.take());
    let answer: Value = serde_json::from_str(&peer.server.line()).unwrap();
    assert_eq!(answer["error"]["code"], -32700);
    peer.close();
}

/// C02: depth, width, keys that repeat and numbers at bounds are refused by name or taken exactly.
#[test]
fn deep_wide_and_odd_values_are_bounded() {
    let mut peer = Peer::open("2025-11-25");
    let with = |params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":5,"method":"ping","params":{{"x":{params}}}}}"#)
    };
    let nested = |depth: usize| with(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    peer.say(&nested(60));
    assert_eq!(peer.hear()["result"], json!({}));
    for depth in [64, 127, 128, 129, 100_000] {
        let answer = peer.refused(nested(depth).as_bytes(), -32600);
        assert_eq!(answer["id"], 5, "{answer}");
    }
    let unclosed = format!(
        r#"{{"jsonrpc":"2.0","id":5,"params":{}"#,
        "{\"a\":".repeat(100_000)
    );
    peer.refused(unclosed.as_bytes(), -32700);
    let array = format!("[{}]", vec!["0"; 1_000_000].join(","));
    let answer = peer.refused(with(&array).as_bytes(), -32600);
    assert!(answer.to_string().contains("100000 values"), "{answer}");
    let keys: Vec<String> = (0..500_000).map(|key| format!("\"{key}\":0")).collect();
    peer.refused(with(&format!("{{{}}}", keys.join(","))).as_bytes(), -32600);
    for twice in [
        r#"{"jsonrpc":"2.0","id":5,"id":6,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":"ping","method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":"ping","params":{"a":1,"a":1}}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":5,\"i\\u0064\":6,\"method\":\"ping\"}",
    ] {
        peer.refused(twice.as_bytes(), -32600);
    }
    for number in [
        "1e999",
        "-1e999",
        "1e99999999999",
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
        "NaN",
        "Infinity",
    ] {
        peer.refused(with(number).as_bytes(), -32700);
    }
    for id in [
        "9223372036854775808",
        "18446744073709551615",
        "-9223372036854775808",
        "0",
    ] {
        peer.say(&ping(id));
        assert_eq!(peer.hear()["id"].to_string(), id);
    }
    for id in [
        "18446744073709551616",
        "1.5",
        "1e2",
        "-0",
        "null",
        "true",
        "[]",
        "{}",
    ] {
        let answer = peer.refused(ping(id).as_bytes(), -32600);
        assert_eq!(answer.get("id"), None, "{answer}");
    }
    peer.close();
}

/// C05: batches are answered in the one revision that has them, and refused as a whole in the others.
#[test]
fn batches_are_taken_by_one_revision_and_refused_by_the_others() {
    let call = |id: usize| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let batch = |count: usize| json!((0..count).map(call).collect::<Vec<_>>()).to_string();
    for revision in REVISIONS {
        let mut peer = Peer::open(revision);
        peer.refused(b"[]", -32600);
        for count in [129, 1000] {
            let answer = peer.refused(batch(count).as_bytes(), -32600);
            assert!(answer.to_string().contains("128"), "{answer}");
        }
        for count in [1, 128] {
            if revision == "2025-03-26" {
                peer.say(&batch(count));
                let answers = peer.hear();
                assert_eq!(answers.as_array().unwrap().len(), count);
                peer.is_well();
            } else {
                peer.refused(batch(count).as_bytes(), -32600);
            }
        }
        let nested = format!("[[{}],7,{{}},{}]", ping("1"), ping("2"));
        if revision == "2025-03-26" {
            peer.say(&nested);
            let answers = peer.hear();
            let codes: Vec<_> = answers
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a["error"]["code"].clone())
                .collect();
            assert_eq!(
                codes.iter().filter(|code| **code == -32600).count(),
                3,
                "{answers}"
            );
            // Notifications alone are answered by nothing.
            peer.ignored(br#"[{"jsonrpc":"2.0","method":"notifications/initialized"}]"#);
        } else {
            peer.refused(nested.as_bytes(), -32600);
        }
        peer.close();
    }
}

/// C07: members of a wrong name or type have exact codes, and what is unknown is no fault.
#[test]
fn members_have_one_spelling_and_one_type() {
    let mut peer = Peer::open("2025-11-25");
    let long = "m".repeat(1 << 20);
    for (message, code) in [
        (json!({"id": 1, "method": "ping"}), -32600),
        (json!({"jsonrpc": "1.0", "id": 1, "method": "ping"}), -32600),
        (json!({"jsonrpc": 2.0, "id": 1, "method": "ping"}), -32600),
        (json!({"JSONRPC": "2.0", "id": 1, "method": "ping"}), -32600),
        (json!({"jsonrpc": "2.0", "id": 1, "Method": "ping"}), -32600),
        (
            json!({"jsonrpc": "2.0", "ID": 1, "id": null, "method": "ping"}),
            -32600,
        ),
        (json!({"jsonrpc": "2.0", "id": 1, "method": 7}), -32600),
        (json!({"jsonrpc": "2.0", "id": 1, "method": null}), -32600),
        (json!({"jsonrpc": "2.0", "id": 1}), -32600),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "result": {}}),
            -32600,
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}),
            -32602,
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": "x"}),
            -32602,
        ),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "Ping"}), -32601),
        (json!({"jsonrpc": "2.0", "id": 1, "method": ""}), -32601),
        (json!({"jsonrpc": "2.0", "id": 1, "method": long}), -32601),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"Name": "execute-python"}}),
            -32602,
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": ["execute-python"]}}),
            -32602,
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": 7}}),
            -32602,
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "forged"}}),
            -32602,
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "execute-python", "_meta": {"progressToken": {}}}}),
            -32602,
        ),
    ] {
        let answer = peer.refused(message.to_string().as_bytes(), code);
        // Where the id could be read, it is the answer's.
        let id = message.get("id").filter(|id| id.is_number());
        assert_eq!(answer.get("id"), id, "{message:.100}: {answer:.300}");
    }
    peer.say(
        r#"{"jsonrpc":"2.0","id":9,"method":"ping","params":{"extra":[1]},"more":{},"auth":"x"}"#,
    );
    assert_eq!(peer.hear()["result"], json!({}));
    // A notification is never answered, whatever is wrong with it.
    for told in [
        r#"{"jsonrpc":"2.0","method":"notifications/unheard-of"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"execute-python"}}"#,
        r#"{"jsonrpc":"2.0","id":77,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"ask-1","error":{"code":1,"message":"no"}}"#,
    ] {
        peer.ignored(told.as_bytes());
    }
    peer.close();
}

/// C08: a call needs a session or an envelope, a session is opened once, and a revision that is not served is told.
#[test]
fn the_order_of_a_handshake_is_kept() {
    let mut peer = Peer::silent();
    let call = |id: u32| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "execute-python", "arguments": {"code": "1"}}})
        .to_string()
    };
    peer.refused(call(1).as_bytes(), -32602);
    let opening = |version: &Value| {
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        json!({"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": params}).to_string()
    };
    for version in [json!(null), json!(7), json!([])] {
        peer.refused(opening(&version).as_bytes(), -32602);
    }
    let incomplete = r#"{"jsonrpc":"2.0","id":2,"method":"initialize","params":{}}"#;
    peer.refused(incomplete.as_bytes(), -32602);
    peer.say(&opening(&json!("1999-01-01")));
    assert_eq!(peer.hear()["result"]["protocolVersion"], "2025-11-25");
    let again = peer.refused(opening(&json!("2024-11-05")).as_bytes(), -32600);
    assert_eq!(again["id"], 2);
    let stateless = |version: &str| {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {}});
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {"_meta": meta}})
            .to_string()
    };
    for version in ["", "2025-11-25", "2026-07-29", "2026-07-28 ", "x"] {
        let answer = peer.refused(stateless(version).as_bytes(), -32022);
        assert!(answer["error"]["data"]["supported"].is_array(), "{answer}");
    }
    peer.say(&stateless("2026-07-28"));
    assert_eq!(peer.hear()["result"]["resultType"], "complete");
    peer.close();
}
