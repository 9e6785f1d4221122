//! Serving: the first answer, the end, and standard output that carries MCP messages only.

use std::process::Output;

use serde_json::{Value, json};

use crate::program::{Program, Running, stderr, stdout};

fn request(id: u32, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// Greets as a client does and gives the answer.
pub(crate) fn initialize(server: &mut Running) -> Value {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    server.send(&request(0, "initialize", &params));
    let answer = serde_json::from_str(&server.line()).unwrap();
    server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
    answer
}

/// Calls the tool and gives the result.
pub(crate) fn call(server: &mut Running, id: u32, arguments: &Value) -> Value {
    let params = json!({"name": "execute-python", "arguments": arguments});
    server.send(&request(id, "tools/call", &params));
    loop {
        let message: Value = serde_json::from_str(&server.line()).unwrap();
        if message["id"] == id {
            return message["result"].clone();
        }
    }
}

fn assert_only_messages(output: &Output) {
    for line in stdout(output).lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
    }
}

#[test]
fn clients_are_answered_while_there_is_no_engine() {
    let mut server = Program::without_engine(&[])
        .env("MCP_PYTHON_LOG_LEVEL", "debug")
        .start();
    let answer = initialize(&mut server);
    assert_eq!(answer["result"]["serverInfo"]["name"], "python-executor");
    server.send(&request(1, "tools/list", &json!({})));
    let list: Value = serde_json::from_str(&server.line()).unwrap();
    assert_eq!(list["result"]["tools"][0]["name"], "execute-python");
    let result = call(&mut server, 2, &json!({"code": "print(1)"}));
    assert_eq!(result["isError"], true, "{result}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(
        !text.contains("no.sock"),
        "the client sees a path of the host: {text}"
    );

    drop(server.stdin.take());
    let output = server.finish();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_only_messages(&output);
    assert!(
        stderr(&output).contains("no.sock"),
        "the log does not say where it looked"
    );
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_though_standard_input_stays_open() {
    for name in ["TERM", "INT", "HUP"] {
        let mut server = Program::without_engine(&[]).start();
        initialize(&mut server);
        server.signal(name);
        let stdin = server.stdin.take();
        let output = server.finish();
        drop(stdin);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        assert_only_messages(&output);
    }
}

#[test]
fn nobody_at_the_other_end_is_no_failure() {
    let output = Program::without_engine(&[]).output();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
}

/// Clients on Node use sockets, and a person may use files.
#[cfg(unix)]
#[test]
fn standard_streams_need_not_be_pipes() {
    use std::fs::File;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    let ping = request(1, "ping", &json!({})) + "\n";
    let is_pong = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    };

    let (mut ours, theirs) = UnixStream::pair().unwrap();
    // A server that dies must not leave the test waiting.
    ours.set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let both = OwnedFd::from(theirs);
    let server = Program::without_engine(&[])
        .streams(both.try_clone().unwrap(), both)
        .start();
    ours.write_all(ping.as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(&ours).read_line(&mut answer).unwrap();
    is_pong(&answer);
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(server.finish().status.code(), Some(0));

    let home = tempfile::tempdir().unwrap();
    let (asked, told) = (home.path().join("asked"), home.path().join("told"));
    std::fs::write(&asked, &ping).unwrap();
    let server = Program::without_engine(&[])
        .streams(File::open(&asked).unwrap(), File::create(&told).unwrap())
        .start();
    assert_eq!(server.finish().status.code(), Some(0));
    is_pong(&std::fs::read_to_string(&told).unwrap());
}

#[test]
fn the_log_can_be_json() {
    let output =
        Program::without_engine(&["--log-format", "json", "--open", "a.test=10.0.0.1"]).output();
    let log = stderr(&output);
    assert!(log.contains("a.test"), "opened names are not logged: {log}");
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["message"].is_string(), "{line}");
    }
}
