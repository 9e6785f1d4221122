//! Messages without end, and names and texts of any length.

use std::io::Write as _;

use serde_json::json;

use super::Peer;

/// C03: a line without an end is thrown away as it comes: refused once, by its bound, and the server grows by no more than
/// the longest line that it takes.
#[cfg(target_os = "linux")]
#[test]
fn a_line_without_end_takes_no_memory() {
    const SENT_MIB: usize = 256;
    /// The longest line (8 MiB), twice while its buffer grows, and what an idle process moves by.
    const MOST_KIB: u64 = 32 * 1024;

    let mut peer = Peer::open("2025-11-25");
    let before = peer.server.peak_memory_kib();
    let stdin = peer.server.stdin.as_mut().unwrap();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..SENT_MIB {
        stdin.write_all(&piece).unwrap();
    }
    let answer = peer.hear();
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    assert!(answer.to_string().contains("8388608 bytes"), "{answer}");
    peer.say("");
    peer.is_well();
    let grown = peer.server.peak_memory_kib() - before;
    assert!(grown < MOST_KIB, "{grown} KiB more after {SENT_MIB} MiB");
    peer.close();
}

/// C28: tools that do not exist, arguments of hostile names, giant strings: refused by name, cut in what is told.
#[test]
fn unknown_names_and_giant_texts_are_refused_briefly() {
    let mut peer = Peer::open("2025-11-25");
    let long = "x".repeat(4 << 20);
    for name in [
        "",
        "__proto__",
        "constructor",
        "Execute-Python",
        "execute-python ",
        "execute_python",
        "../execute-python",
        &long,
    ] {
        let params = json!({"name": name, "arguments": {"code": "1"}});
        let answer = peer.ask("tools/call", &params);
        assert_eq!(answer["error"]["code"], -32602, "{answer:.300}");
        assert!(
            answer.to_string().len() < 1000,
            "{} bytes",
            answer.to_string().len()
        );
    }
    for method in [
        "__proto__",
        "tools/call/../list",
        "tools",
        "resources/subscribe",
        "prompts/get",
        "completion/complete",
        "logging/getLevel",
        "tasks/get",
    ] {
        let answer = peer.ask(
            method,
            &json!({"name": "x", "uri": "file:///etc/passwd", "taskId": "t"}),
        );
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer:.300}");
    }
    let answer = peer.ask("resources/read", &json!({"uri": "file:///etc/passwd"}));
    assert_eq!(answer["error"]["code"], -32002, "{answer:.300}");
    for arguments in [
        json!({"code": "1", "__proto__": {"isAdmin": true}}),
        json!({"code": "1", "constructor": {"prototype": {}}}),
        json!({"code": "1", "toString": "x"}),
        json!({"code": "1", long.clone(): 1}),
        json!({"code": "1", "": ""}),
        json!({"code": "1", "modules": long}),
        json!({"code": "1", "modules": [long]}),
        json!({"code": long}),
    ] {
        let (text, is_error) = peer.call(&arguments);
        assert!(
            is_error && text.len() < 2000,
            "{} bytes: {text:.300}",
            text.len()
        );
    }
    peer.close();
}
