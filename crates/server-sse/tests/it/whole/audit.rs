//! The audit of a whole server: what was run, what was reached for, and who was there.

use serde_json::Value;

use super::server::{Server, turn};

#[tokio::test]
async fn what_was_run_what_it_reached_for_and_who_was_there_is_written_down() {
    let what = "what_was_run_what_it_reached_for_and_who_was_there_is_written_down";
    let Some(turn) = turn(what).await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let options = ["--audit", path.to_str().unwrap()];
    let server = Server::start(&turn.engine, &options).await;
    let code = "import urllib.request\n\
                try: urllib.request.urlopen('http://10.1.2.3/a-secret-path')\n\
                except OSError: print('refused')";
    assert_eq!(server.run(code).await, "refused\n");
    assert!(server.stop().await);

    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of_kind = |kind: &str| -> Vec<&Value> {
        let all = lines.iter();
        all.filter(|line| line["kind"] == kind).collect()
    };
    let [execution] = of_kind("execution")[..] else {
        panic!("one execution: {text}");
    };
    assert_eq!(execution["ending"], "exited", "{execution}");
    assert_eq!(execution["exit_code"], 0, "{execution}");
    assert_eq!(execution["caller"], "local", "{execution}");
    assert_eq!(execution["program_bytes"], code.len(), "{execution}");
    assert_eq!(execution["connections"], 1, "{execution}");
    let [connection] = of_kind("connection")[..] else {
        panic!("one connection: {text}");
    };
    assert_eq!(connection["execution"], execution["id"], "{connection}");
    assert_eq!(connection["phase"], "program", "{connection}");
    assert_eq!(connection["host"], "10.1.2.3", "{connection}");
    assert_eq!(connection["decision"], "refused", "{connection}");
    let [client] = of_kind("client")[..] else {
        panic!("one client: {text}");
    };
    assert_eq!(client["transport"], "http", "{client}");
    let peer = client["peer"].as_str().unwrap();
    assert!(peer.starts_with("127.0.0.1:"), "{client}");
    assert_eq!(lines.len(), 3, "{text}");
}
