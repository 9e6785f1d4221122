//! Calls that take their time: what their client hears meanwhile, and when they become tasks.

use std::time::Duration;

use mcp_protocol::Revision;
use mcp_protocol::jsonrpc::{Frame, Incoming, decode};
use mcp_protocol::lifecycle::Implementation;
use mcp_server::{Principal, Server};
use serde_json::{Value, json};

use crate::{Bench, bench, heard};

/// Prints its way and waits in between.
const SLOW: &str = "import time\nprint('one', flush=True)\ntime.sleep(0.4)\nprint('two')";

/// A server with the tool, before which clients with and without tasks appear.
struct Site {
    server: Server,
    bench: Bench,
}

impl Site {
    fn new(task_after: Option<Duration>) -> Self {
        let bench = bench();
        let tool = bench.another().with_task_after(task_after);
        let server = Server::builder(Implementation::new("s", "1"))
            .tool(std::sync::Arc::new(tool))
            .tasks()
            .build()
            .expect("a tool that can be offered");
        Self { server, bench }
    }

    /// The result of one request on a connection of its own.
    async fn asks(&self, extensions: Value, method: &str, mut params: Value) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions},
        });
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let Ok(Frame::Single(message @ Incoming::Request(_))) =
            decode(request.to_string().as_bytes())
        else {
            panic!("{request}");
        };
        let mut replies = self.server.exchange(message, Principal::local());
        let reply = replies.next().await.expect("an answer");
        let answer: Value = serde_json::from_str(&reply.into_json()).expect("JSON");
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    async fn runs(&self, extensions: Value, code: &str) -> Value {
        let params = json!({"name": "execute-python", "arguments": {"code": code}});
        self.asks(extensions, "tools/call", params).await
    }

    /// Asks after a task until `enough`.
    async fn polls(&self, task: &Value, enough: impl Fn(&Value) -> bool) -> Value {
        let polling = async {
            loop {
                let params = json!({"taskId": task["taskId"]});
                let found = self.asks(tasks(), "tasks/get", params).await;
                if enough(&found) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), polling)
            .await
            .expect("soon")
    }

    async fn close(self) {
        self.server.stop().await;
        self.bench.close().await;
    }
}

fn tasks() -> Value {
    json!({"io.modelcontextprotocol/tasks": {}})
}

#[tokio::test]
async fn a_long_call_becomes_a_task_with_the_result_of_a_plain_one() {
    let site = Site::new(Some(Duration::from_millis(100)));
    let task = site.runs(tasks(), SLOW).await;
    assert_eq!(task["resultType"], "task", "{task}");
    assert_eq!(task["status"], "working");
    site.polls(&task, |found| found["statusMessage"] == "one")
        .await;
    let done = site
        .polls(&task, |found| found["status"] != "working")
        .await;
    assert_eq!(done["status"], "completed", "{done}");
    let plain = site.runs(json!({}), SLOW).await;
    assert_eq!(plain["resultType"], "complete");
    let result = &done["result"];
    assert_eq!(result["content"], plain["content"]);
    assert_eq!(result["content"][0]["text"], "one\ntwo\n");
    assert_eq!(result["isError"], plain["isError"]);
    for field in ["ending", "exit_code", "stdout", "stderr", "truncated"] {
        let of = |result: &Value| result["structuredContent"][field].clone();
        assert_eq!(of(result), of(&plain), "{field}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_short_call_and_one_that_never_becomes_a_task_are_answered_plainly() {
    let site = Site::new(Some(Duration::from_secs(60)));
    let answer = site.runs(tasks(), "print(1)").await;
    assert_eq!(answer["resultType"], "complete", "{answer}");
    assert_eq!(answer["content"][0]["text"], "1\n");
    site.close().await;
    let site = Site::new(None);
    let answer = site.runs(tasks(), SLOW).await;
    assert_eq!(answer["resultType"], "complete", "{answer}");
    site.close().await;
}

/// A program that prints without end keeps the tool busy, which must still notice that time passes.
#[tokio::test]
async fn a_program_that_never_stops_printing_becomes_a_task_and_is_cancelled() {
    let site = Site::new(Some(Duration::from_millis(100)));
    let task = site
        .runs(tasks(), "while True:\n    print('x' * 80, flush=True)")
        .await;
    assert_eq!(task["resultType"], "task", "{task}");
    site.asks(tasks(), "tasks/cancel", json!({"taskId": task["taskId"]}))
        .await;
    let found = site
        .polls(&task, |found| found["status"] != "working")
        .await;
    assert_eq!(found["status"], "cancelled", "{found}");
    site.bench.until_empty().await;
    site.close().await;
}

#[tokio::test]
async fn a_silent_program_is_told_to_go_on_and_a_begun_line_is_told() {
    let bench = bench();
    let tool = bench.another().with_heartbeat(Duration::from_millis(150));
    let code = "import time\nprint('name? ', end='', flush=True)\ntime.sleep(1)";
    let told = heard(&tool, Revision::ALL[0], code).await;
    let question = told.iter().position(|told| told == "name?");
    let pulse = told.iter().rposition(|told| {
        told.starts_with("still running: ") && told.ends_with(" s of at most 60 s")
    });
    let (question, pulse) = (question.expect("the question"), pulse.expect("a pulse"));
    assert!(question < pulse, "{told:?}");
    bench.close().await;
}
