//! Long programs over a pipe: calls that become tasks, and signs of life for clients that know none.

use std::time::Duration;

use executor_testkit::witness::{self, marker, visible_program};
use serde_json::{Value, json};

use super::client::{Client, REVISION, container_of, turn};

/// What may pass between a cancel and the end of the container.
const AT_ONCE: Duration = Duration::from_secs(2);

impl Client {
    /// Sends a request of a client that knows tasks, and waits for the response.
    async fn asks(&mut self, method: &str, mut params: Value) -> Value {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
        let id = self.request(method, params).await;
        self.answer(id).await
    }

    /// The result of a call, be it a task or not.
    async fn runs_perhaps_long(&mut self, code: &str) -> Value {
        let params = json!({ "name": "execute-python", "arguments": { "code": code } });
        let answer = self.asks("tools/call", params).await;
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    async fn asks_after(&mut self, method: &str, task: &Value) -> Value {
        let params = json!({ "taskId": task["taskId"] });
        self.asks(method, params).await["result"].clone()
    }
}

#[tokio::test]
async fn a_long_call_becomes_a_task_that_is_polled_and_listened_to() {
    let what = "a_long_call_becomes_a_task_that_is_polled_and_listened_to";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::spawn(&turn.engine, &["--task-after", "1s"]);
    let code = "import time\nprint('up', flush=True)\ntime.sleep(4)\nprint('done')";
    let task = client.runs_perhaps_long(code).await;
    assert_eq!(task["resultType"], "task", "{task}");
    loop {
        let found = client.asks_after("tasks/get", &task).await;
        assert_eq!(found["status"], "working", "{found}");
        if found["statusMessage"] == "up" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client
        .request(
            "subscriptions/listen",
            json!({
                "notifications": { "taskIds": [task["taskId"]] },
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities":
                        { "extensions": { "io.modelcontextprotocol/tasks": {} } },
                },
            }),
        )
        .await;
    let acknowledged = client.next_other().await;
    assert_eq!(
        acknowledged["params"]["notifications"]["taskIds"],
        json!([task["taskId"]])
    );
    let mut told = client.next_other().await;
    assert_eq!(told["params"]["statusMessage"], "up", "{told}");
    while told["params"]["status"] == "working" {
        told = client.next_other().await;
    }
    assert_eq!(told["params"]["status"], "completed", "{told}");
    let result = &told["params"]["result"];
    assert_eq!(result["structuredContent"]["stdout"], "up\ndone\n");
    let found = client.asks_after("tasks/get", &task).await;
    assert_eq!(&found["result"], result);
    client.close().await;
}

#[tokio::test]
async fn a_cancelled_task_ends_its_container() {
    let Some(turn) = turn("a_cancelled_task_ends_its_container").await else {
        return;
    };
    let mut client = Client::spawn(&turn.engine, &["--task-after", "0s"]);
    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(600)");
    let task = client.runs_perhaps_long(&code).await;
    assert_eq!(task["resultType"], "task", "{task}");
    let container = container_of(&marker).await;
    let cancelled = client.asks_after("tasks/cancel", &task).await;
    assert_eq!(cancelled["resultType"], "complete", "{cancelled}");
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    assert_eq!(witness::processes(&marker), 0);
    let found = client.asks_after("tasks/get", &task).await;
    assert_eq!(found["status"], "cancelled", "{found}");
    client.close().await;
}

#[tokio::test]
async fn the_end_of_stdin_ends_tasks_too() {
    let Some(turn) = turn("the_end_of_stdin_ends_tasks_too").await else {
        return;
    };
    let mut client = Client::spawn(&turn.engine, &["--task-after", "0s"]);
    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(600)");
    let task = client.runs_perhaps_long(&code).await;
    assert_eq!(task["resultType"], "task", "{task}");
    let container = container_of(&marker).await;
    let (closed, gone) = tokio::join!(client.close(), turn.engine.until_gone(&container, AT_ONCE));
    gone.unwrap();
    let (status, took) = closed;
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(witness::processes(&marker), 0);
}

/// The revisions with a handshake know no tasks: their clients wait, and hear that it is worth while.
#[tokio::test]
async fn a_client_without_tasks_sees_none_and_hears_signs_of_life() {
    let what = "a_client_without_tasks_sees_none_and_hears_signs_of_life";
    let Some(turn) = turn(what).await else { return };
    let options = ["--task-after", "0s", "--heartbeat", "1s"];
    let mut client = Client::start(&turn.engine, &options).await;
    let code =
        "import time\nprint('10%\\r20%\\r30%', end='', flush=True)\ntime.sleep(3)\nprint('done')";
    let params = json!({
        "name": "execute-python", "arguments": { "code": code }, "_meta": { "progressToken": 7 },
    });
    let id = client.request("tools/call", params).await;
    let answer = client.answer(id).await;
    assert_eq!(
        answer["result"]["structuredContent"]["stdout"], "10%\r20%\r30%done\n",
        "{REVISION}: {answer}"
    );
    assert_eq!(answer["result"].get("resultType"), None);
    let told: Vec<&str> = client
        .others
        .iter()
        .filter_map(|other| other["params"]["message"].as_str())
        .collect();
    let at = |wanted: &str| told.iter().position(|told| told.starts_with(wanted));
    let (line, begun, pulse) = (at("20%"), at("30%"), at("still running: "));
    assert!(line.is_some() && line < begun && begun < pulse, "{told:?}");
    let numbers: Vec<_> = client
        .others
        .iter()
        .filter_map(|other| other["params"]["progress"].as_u64())
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    client.close().await;
}
