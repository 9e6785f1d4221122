//! Long programs over HTTP: calls that become tasks and outlive their connection, and signs of life for all others.

use std::time::Duration;

use executor_testkit::witness::{self, marker, visible_program};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::server::{Events, Server, answer, turn};

/// What may pass between a cancel and the end of the container.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A client that knows tasks, on connections of its own.
struct Caller<'a> {
    server: &'a Server,
    http: Client,
}

impl<'a> Caller<'a> {
    fn new(server: &'a Server) -> Self {
        let http = Client::builder().no_proxy().build().unwrap();
        Self { server, http }
    }

    /// A request, ready to be sent.
    fn request(&self, method: &str, mut params: Value) -> RequestBuilder {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
        let mut request = self
            .http
            .post(self.server.url("/mcp"))
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", method);
        for name in ["name", "taskId"] {
            if let Some(name) = params[name].as_str() {
                request = request.header("Mcp-Name", name);
            }
        }
        request.json(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
    }

    async fn sends(&self, method: &str, params: Value) -> Response {
        self.request(method, params).send().await.unwrap()
    }

    async fn runs(&self, code: &str) -> Value {
        let params = json!({ "name": "execute-python", "arguments": { "code": code } });
        let answer = answer(self.sends("tools/call", params).await).await;
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// The response to a request about a task.
    async fn asks(&self, method: &str, task: &Value) -> Value {
        let params = json!({ "taskId": task["taskId"] });
        answer(self.sends(method, params).await).await
    }

    /// Asks after a task until `enough`.
    async fn polls(&self, task: &Value, enough: impl Fn(&Value) -> bool) -> Value {
        let polling = async {
            loop {
                let found = self.asks("tasks/get", task).await["result"].clone();
                if enough(&found) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), polling)
            .await
            .expect("what was waited for")
    }
}

#[tokio::test]
async fn a_long_call_outlives_its_connection_and_is_fetched_on_another() {
    let what = "a_long_call_outlives_its_connection_and_is_fetched_on_another";
    let Some(turn) = turn(what).await else { return };
    let server = Server::start(&turn.engine, &["--task-after", "1s"]).await;
    let code = "import time\nprint('up', flush=True)\ntime.sleep(4)\nprint('done')";
    let beginner = Caller::new(&server);
    let task = beginner.runs(code).await;
    assert_eq!(task["resultType"], "task", "{task}");
    assert_eq!(task["status"], "working");
    // The client and its connections are gone; the program runs on.
    drop(beginner);
    let caller = Caller::new(&server);
    caller
        .polls(&task, |found| found["statusMessage"] == "up")
        .await;

    // A third connection is told, and asks nothing any more.
    let filter = json!({ "notifications": { "taskIds": [task["taskId"], "nothing"] } });
    let listener = Caller::new(&server);
    let mut events = Events::of(listener.sends("subscriptions/listen", filter).await);
    let mut next = async || -> Value { serde_json::from_str(&events.next().await.1).unwrap() };
    let acknowledged = next().await;
    assert_eq!(
        acknowledged["params"]["notifications"]["taskIds"],
        json!([task["taskId"]])
    );
    let mut told = next().await;
    assert_eq!(told["params"]["status"], "working", "{told}");
    while told["params"]["status"] == "working" {
        assert_eq!(told["method"], "notifications/tasks");
        told = next().await;
    }
    assert_eq!(told["params"]["status"], "completed", "{told}");
    assert_eq!(
        told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        1
    );

    let done = caller.asks("tasks/get", &task).await["result"].clone();
    assert_eq!(done["status"], "completed");
    assert_eq!(done["result"], told["params"]["result"]);
    assert_eq!(
        done["result"]["structuredContent"]["stdout"], "up\ndone\n",
        "{done}"
    );
    // Who does not know tasks waits, and gets the same.
    let params = json!({ "name": "execute-python", "arguments": { "code": code } });
    let plain = server.modern(2, "tools/call", params).send().await.unwrap();
    let plain = answer(plain).await["result"].clone();
    assert_eq!(plain["resultType"], "complete");
    assert_eq!(plain["content"], done["result"]["content"]);
    assert_eq!(plain["isError"], done["result"]["isError"]);
    let unknown = caller.asks("tasks/get", &json!({ "taskId": "x" })).await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_cancelled_task_ends_its_container_and_short_calls_are_none() {
    let what = "a_cancelled_task_ends_its_container_and_short_calls_are_none";
    let Some(turn) = turn(what).await else { return };
    let server = Server::start(&turn.engine, &["--task-after", "3s"]).await;
    let caller = Caller::new(&server);
    // The first call may wait for the engine to be looked at.
    caller.server.run("print(0)").await;
    let short = caller.runs("print(1)").await;
    assert_eq!(short["resultType"], "complete", "{short}");
    assert_eq!(short["content"][0]["text"], "1\n");
    let marker = marker().unwrap();
    let task = caller
        .runs(&visible_program(&marker, "time.sleep(600)"))
        .await;
    assert_eq!(task["resultType"], "task", "{task}");
    let container = witness::container_of(&marker, Duration::from_secs(40))
        .await
        .unwrap();
    let cancelled = caller.asks("tasks/cancel", &task).await;
    assert_eq!(cancelled["result"]["resultType"], "complete", "{cancelled}");
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    let found = caller.asks("tasks/get", &task).await;
    assert_eq!(found["result"]["status"], "cancelled", "{found}");
    assert!(server.stop().await);
}

#[tokio::test]
async fn the_end_of_the_server_ends_its_tasks() {
    let Some(turn) = turn("the_end_of_the_server_ends_its_tasks").await else {
        return;
    };
    let server = Server::start(&turn.engine, &["--task-after", "0s"]).await;
    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(600)");
    let task = Caller::new(&server).runs(&code).await;
    assert_eq!(task["resultType"], "task", "{task}");
    let container = witness::container_of(&marker, Duration::from_secs(40))
        .await
        .unwrap();
    assert!(server.stop().await);
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    assert_eq!(witness::processes(&marker), 0);
}

#[tokio::test]
async fn a_silent_call_is_told_to_go_on() {
    let Some(turn) = turn("a_silent_call_is_told_to_go_on").await else {
        return;
    };
    let server = Server::start(&turn.engine, &["--heartbeat", "1s"]).await;
    let params = json!({
        "name": "execute-python",
        "arguments": { "code": "import time; time.sleep(3); print('done')", "timeout_seconds": 30 },
        "_meta": { "progressToken": "p" },
    });
    let called = server.modern(5, "tools/call", params).send().await.unwrap();
    let mut events = Events::of(called);
    let mut told = Vec::new();
    let result = loop {
        let message: Value = serde_json::from_str(&events.next().await.1).unwrap();
        if message["id"] == 5 {
            break message;
        }
        assert_eq!(message["method"], "notifications/progress", "{message}");
        told.push(message["params"].clone());
    };
    let pulses = told.iter().filter(|params| {
        let message = params["message"].as_str().unwrap_or_default();
        message.starts_with("still running: ") && message.ends_with(" s of at most 30 s")
    });
    assert!(pulses.count() >= 2, "{told:?}");
    let numbers: Vec<_> = told
        .iter()
        .map(|params| params["progress"].as_u64())
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(
        result["result"]["structuredContent"]["stdout"], "done\n",
        "{result}"
    );
    assert!(server.stop().await);
}
