//! Arguments of the tool: what reaches the log, what looks like a path, what is out of bounds, and programs that are odd.

use serde_json::{Value, json};

use super::Peer;
use crate::program::{Program, stderr};
use crate::whole::client::{Client, turn};

/// C21: one event is one record, whatever a client puts into its strings, and nothing of it is a record of its own.
#[test]
fn texts_of_clients_forge_no_record() {
    let forged = "x\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\n\u{1b}[2J\u{2028}\0";
    let arguments = ["--log-level", "trace", "--log-format", "json"];
    let mut server = Program::without_engine(&arguments).start();
    let request = |id: Value, method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
    };
    let info = json!({"name": forged, "version": forged, "title": forged});
    let params = json!({"protocolVersion": forged, "capabilities": {}, "clientInfo": info});
    server.send(&request(json!(1), "initialize", params));
    server.send(&request(json!(forged), forged, json!({})));
    let call = json!({"name": "execute-python", "arguments": {"code": forged, "modules": forged, forged: forged}});
    server.send(&request(json!(2), "tools/call", call));
    server.send(&request(json!(3), "tools/call", json!({"name": forged})));
    let cancel = json!({"requestId": forged, "reason": forged});
    let told = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel});
    server.send(&told.to_string());
    server.send(&json!({"jsonrpc": "2.0", "method": forged}).to_string());
    server.send(&request(json!("end"), "ping", json!({})));
    for _ in 0..5 {
        let _ = server.line();
    }
    drop(server.stdin.take());
    let log = stderr(&server.finish());
    for line in log.lines() {
        let record: Value = serde_json::from_str(line).expect(line);
        assert_ne!(record["message"], "forged", "{line}");
        assert!(
            record["timestamp"].is_string() && record["level"].is_string(),
            "{line}"
        );
    }
    assert!(log.contains("session opened"), "{log:.2000}");
}

/// C22, C26: no argument becomes a path of the host, and none chooses image, runtime, network or user.
#[test]
fn no_argument_is_a_path_or_chooses_the_sandbox() {
    let mut peer = Peer::open("2025-11-25");
    for module in [
        "../x",
        "/etc/passwd",
        "./x",
        "..",
        "/proc/self/../1/environ",
        "C:\\x",
        "\\\\host\\share",
        "a\0b",
        "x @ file:///etc/passwd",
        "file:///etc/passwd",
        "-r /etc/passwd",
        "-e .",
        "--target=/",
        "~/x",
        "$(id)",
        "a/../b",
    ] {
        for modules in [json!(module), json!([module])] {
            let (text, is_error) = peer.call(&json!({"code": "1", "modules": modules}));
            assert!(is_error && text.contains("module `"), "{module:?}: {text}");
            assert!(!text.contains("root:"), "{text}");
        }
    }
    for name in [
        "image",
        "runtime",
        "network",
        "user",
        "mount",
        "volumes",
        "env",
        "cwd",
        "memory",
        "cpus",
        "privileged",
        "path",
        "file",
    ] {
        let (text, is_error) = peer.call(&json!({"code": "1", name: "999TB"}));
        assert!(
            is_error && text.contains(&format!("`{name}`")),
            "{name}: {text}"
        );
    }
    peer.close();
}

/// C23: a time is a number within its bounds or refused with them, never clamped in silence.
#[test]
fn times_out_of_bounds_are_refused_with_the_bounds() {
    let mut peer = Peer::open("2025-11-25");
    for time in [
        "0",
        "-1",
        "1e18",
        "1e-9",
        "601",
        "18446744073709551615",
        "\"10\"",
        "\"NaN\"",
        "[]",
        "{}",
        "true",
    ] {
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{{"name":"execute-python","arguments":{{"code":"1","timeout_seconds":{time}}}}}}}"#
        );
        peer.say(&line);
        let answer = peer.hear();
        let text = answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_default();
        assert_eq!(answer["result"]["isError"], true, "{time}: {answer}");
        assert!(text.contains("0.001 to 600"), "{time}: {text}");
    }
    for time in ["NaN", "Infinity", "1e999"] {
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{{"arguments":{{"timeout_seconds":{time}}}}}}}"#
        );
        peer.refused(line.as_bytes(), -32700);
    }
    peer.close();
}

/// C24: odd programs run, or fail as Python fails, or are refused with the bound; the next one runs.
#[tokio::test]
async fn odd_programs_run_or_are_told_why_not() {
    let Some(turn) = turn("odd_programs_run_or_are_told_why_not").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    for (code, expected) in [
        ("", ""),
        ("\n\n", ""),
        ("# nothing", ""),
        ("print(1)\r\nprint(2)\rprint(3)\nprint(4)", "1\n2\n3\n4\n"),
        ("\u{feff}print('marked')", "marked\n"),
        ("# coding: utf-8\nprint('grüße')", "grüße\n"),
        ("# -*- coding: latin-1 -*-\nprint(len('ü'))", "2\n"),
        ("print('''a\r\nb''' == 'a\\nb')", "True\n"),
    ] {
        let answer = client.run(code).await;
        assert!(!answer.is_error(), "{code:?}: {answer:?}");
        assert_eq!(answer.stdout(), expected, "{code:?}");
    }
    for (code, words) in [
        ("# coding: utf-16\nprint(1)", "SyntaxError"),
        ("# coding: no-such-thing\nprint(1)", "SyntaxError"),
        ("\tprint(1)\n  print(2)", "Error"),
        ("print('\u{201c}", "SyntaxError"),
        ("print(1)\0", "NUL"),
    ] {
        let answer = client.run(code).await;
        assert!(
            answer.is_error() && answer.text().contains(words),
            "{code:?}: {answer:?}"
        );
    }
    // Larger than a program may be, and larger than a message may be.
    let answer = client.run(&"#".repeat((1 << 20) + 1)).await;
    assert!(
        answer.is_error() && answer.text().contains("1 MiB"),
        "{answer:?}"
    );
    let arguments = json!({"code": "#".repeat(10 << 20)});
    client.start_call(arguments).await;
    let refused = client.next_answer_or_other().await;
    assert_eq!(refused["error"]["code"], -32600, "{refused:.300}");
    let answer = client
        .run(&format!("#{}\nprint('large')", "x".repeat((1 << 20) - 20)))
        .await;
    assert_eq!(answer.stdout(), "large\n", "{:.300}", answer.text());
    client.close().await;
}
