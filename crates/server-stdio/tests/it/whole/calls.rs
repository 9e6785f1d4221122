//! The ordinary and the malformed conversation with the real binary.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use executor_testkit::witness::{marker, visible_program};
use serde_json::{Value, json};

use super::client::{Client, container_of, turn};

#[tokio::test]
async fn lists_calls_and_tells_errors() {
    let Some(turn) = turn("lists_calls_and_tells_errors").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;

    let id = client.request("tools/list", json!({})).await;
    let tools = client.answer(id).await["result"]["tools"].take();
    let names: Vec<_> = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| &tool["name"])
        .collect();
    assert_eq!(names, ["execute-python"]);
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["code"]));
    assert!(
        tools[0]["outputSchema"]["properties"]["stdout"].is_object(),
        "{tools}"
    );

    let hello = client.run("print('hello')\nprint(2 + 2)").await;
    assert_eq!(
        (hello.is_error(), hello.stdout()),
        (false, "hello\n4\n"),
        "{hello:?}"
    );
    assert!(hello.text().contains("hello\n4"), "{}", hello.text());
    assert_eq!(hello.field("exit_code"), 0);
    assert!(
        hello.field("duration_ms").is_u64() && hello.field("cpu_ms").is_u64(),
        "{hello:?}"
    );
    assert!(
        hello.field("peak_memory_bytes").as_u64().unwrap() > 1 << 20,
        "{hello:?}"
    );

    let snake = client
        .run("print('Schlange \u{1f40d} \u{4f60}\u{597d} \\u0301 \\0')")
        .await;
    assert_eq!(
        snake.stdout(),
        "Schlange \u{1f40d} \u{4f60}\u{597d} \u{301} \0\n"
    );

    let failed = client.run("def f():\n    return 1 / 0\nf()").await;
    assert!(failed.is_error());
    assert_eq!(failed.field("exit_code"), 1);
    let text = failed.text();
    assert!(
        text.contains("ZeroDivisionError: division by zero"),
        "{text}"
    );
    assert!(
        text.contains("line 3, in <module>") && !text.contains("<runner>"),
        "{text}"
    );

    let signalled = client.run("import os; os.kill(os.getpid(), 11)").await;
    assert!(signalled.is_error());
    assert_eq!(signalled.field("signal"), 11, "{signalled:?}");

    let apart = client
        .run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
        .await;
    assert_eq!(
        (apart.stdout(), apart.field("stderr")),
        ("out\n", &json!("err\n"))
    );

    let ping = client.request("ping", json!({})).await;
    assert_eq!(client.answer(ping).await["result"], json!({}));
    let (status, _) = client.close().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn the_stateless_revision_needs_no_handshake() {
    let Some(turn) = turn("the_stateless_revision_needs_no_handshake").await else {
        return;
    };
    let mut client = Client::spawn(&turn.engine, &[]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let id = client
        .request("server/discover", json!({ "_meta": meta }))
        .await;
    let discovered = client.answer(id).await;
    assert_eq!(
        discovered["result"]["resultType"], "complete",
        "{discovered}"
    );
    let call = json!({
        "name": "execute-python",
        "arguments": { "code": "print('modern')" },
        "_meta": meta,
    });
    let id = client.request("tools/call", call).await;
    let result = client.answer(id).await;
    assert_eq!(result["result"]["resultType"], "complete", "{result}");
    assert_eq!(
        result["result"]["structuredContent"]["stdout"], "modern\n",
        "{result}"
    );
    client.close().await;
}

#[tokio::test]
async fn bad_requests_get_their_error_and_the_server_goes_on() {
    let Some(turn) = turn("bad_requests_get_their_error_and_the_server_goes_on").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;

    // What cannot be read has no id to answer to.
    for (line, code) in [
        (b"{ not json".to_vec(), -32700),
        (b"\xff\xfe\x00".to_vec(), -32700),
        (b"[]".to_vec(), -32600),
        (
            br#"[{"jsonrpc":"2.0","id":91,"method":"ping"}]"#.to_vec(),
            -32600,
        ),
        (b"42".to_vec(), -32600),
        (
            format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)).into_bytes(),
            -32700,
        ),
        (br#"{"jsonrpc":"1.0","method":7}"#.to_vec(), -32600),
    ] {
        client.send_line(&line).await;
        let answer = client.next_other().await;
        let shown = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        let got = answer["error"]["code"].as_i64();
        // A line nested too deeply may be told as unreadable or as invalid.
        let deep = line.starts_with(b"[[") && got == Some(-32600);
        assert!(got == Some(code) || deep, "{shown}: {answer}");
    }

    // What can be read is answered to its id.
    for (method, params, code) in [
        (
            "tools/call",
            json!({ "name": "no-such-tool", "arguments": {} }),
            -32602,
        ),
        (
            "tools/call",
            json!({ "name": "execute-python", "arguments": "code" }),
            -32602,
        ),
        ("tools/call", json!({ "arguments": {} }), -32602),
        ("no/such/method", json!({}), -32601),
    ] {
        let id = client.request(method, params).await;
        let answer = client.answer(id).await;
        assert_eq!(answer["error"]["code"], code, "{method}: {answer}");
    }

    // What the tool itself refuses is a result that a model can read.
    let huge = "#".repeat(1_200_000);
    for (arguments, words) in [
        (json!({}), "`code`"),
        (json!({ "code": 7 }), "`code`"),
        (json!({ "code": null }), "`code`"),
        (json!({ "code": "pass", "modules": 7 }), "`modules`"),
        (json!({ "code": "pass", "module": "x" }), "`modules`"),
        (
            json!({ "code": "pass", "timeout_seconds": 0 }),
            "`timeout_seconds`",
        ),
        (
            json!({ "code": "pass", "timeout_seconds": "10" }),
            "`timeout_seconds`",
        ),
        (
            json!({ "code": "pass", "timeout_seconds": 1e18 }),
            "`timeout_seconds`",
        ),
        (json!({ "code": "pass", "__proto__": {} }), "__proto__"),
        (json!({ "code": huge }), "1 MiB"),
    ] {
        let shown = arguments.to_string().chars().take(60).collect::<String>();
        let answer = client.call(arguments).await;
        assert!(answer.is_error(), "{shown} was taken");
        assert!(answer.text().contains(words), "{shown}: {}", answer.text());
    }

    let next = client.run("print('still here')").await;
    assert_eq!(next.stdout(), "still here\n", "{next:?}");
    client.close().await;
}

#[tokio::test]
async fn twenty_megabytes_of_code_are_refused_and_forgotten() {
    let Some(turn) = turn("twenty_megabytes_of_code_are_refused_and_forgotten").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 900, "method": "tools/call",
        "params": { "name": "execute-python", "arguments": { "code": "#".repeat(20 << 20) } },
    });
    client.send(&call).await;
    let refused: Value = client.next_answer_or_other().await;
    assert!(refused["error"]["code"].is_i64(), "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("MiB") || message.contains("bytes"),
        "it names no bound: {message}"
    );
    let next = client.run("print('still here')").await;
    assert_eq!(next.stdout(), "still here\n", "{next:?}");
    client.close().await;
}

/// To kill it, the engine would have to start a process, for as long as Python takes to start.
#[tokio::test]
async fn a_sandbox_ends_by_itself_behind_its_answer() {
    let what = "a_sandbox_ends_by_itself_behind_its_answer";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &[]).await;
    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(1.5)");
    let call = client.start_call(json!({ "code": code })).await;
    let container = container_of(&marker).await;
    assert_eq!(client.result(call).await.stdout(), "up\n");
    let engine = &turn.engine;
    let gone = engine.until_gone(&container, Duration::from_secs(30)).await;
    gone.unwrap();
    // The command knows whole seconds only, and waits for those to come.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let [since, until] = [now.as_secs() - 60, now.as_secs() + 1].map(|at| at.to_string());
    let of = format!("container={container}");
    let format = "{{.Action}} {{index .Actor.Attributes \"exitCode\"}}";
    let asked = [
        "events", "--since", &since, "--until", &until, "--filter", &of, "--format", format,
    ];
    let events = engine.docker(&asked).await.unwrap();
    let ended = events.lines().find(|event| event.starts_with("die"));
    // One that was killed ends with 137.
    assert_eq!(ended.map(str::trim), Some("die 0"), "{events}");
    client.close().await;
}
