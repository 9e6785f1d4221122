//! The audit of a whole server that has one client: what ended well, what was cancelled, and when the client left.

use executor_testkit::witness::{marker, visible_program};
use serde_json::{Value, json};

use super::client::{Client, container_of, turn};

#[tokio::test]
async fn what_ended_well_and_what_was_cancelled_is_written_down_once_each() {
    let what = "what_ended_well_and_what_was_cancelled_is_written_down_once_each";
    let Some(turn) = turn(what).await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let options = ["--audit", path.to_str().unwrap()];
    let mut client = Client::start(&turn.engine, &options).await;
    assert_eq!(client.run("print('well')").await.stdout(), "well\n");
    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(600)");
    let id = client.start_call(json!({ "code": code })).await;
    container_of(&marker).await;
    client
        .send(&json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id },
        }))
        .await;
    let (status, _) = client.close().await;
    assert!(status.success());

    let text = std::fs::read_to_string(&path).unwrap();
    let mut told: Vec<_> = text
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let what = line.get("ending").or_else(|| line.get("transport"));
            format!("{} {}", line["kind"], what.unwrap_or(&Value::Null))
        })
        .collect();
    // What ends at the same time is written in any order.
    told.sort();
    assert_eq!(
        told,
        [
            r#""client" "stdio""#,
            r#""execution" "cancelled""#,
            r#""execution" "exited""#,
        ],
        "{text}"
    );
}
