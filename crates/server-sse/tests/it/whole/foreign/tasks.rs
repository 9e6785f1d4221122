//! Long calls as tasks, by the one client of the matrix that knows the extension: rmcp.

use std::time::Duration;

use executor_testkit::engine::Engine;
use executor_testkit::witness::{self, marker, visible_program};
use serde_json::{Value, json};

use super::field::{RMCP_TASKS, Transport};
use super::follower::Follower;
use super::{Server, installed};

/// What may pass between a cancel and the end of the container.
const AT_ONCE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn rmcp_over_http_fetches_tasks() {
    fetches("rmcp_over_http_fetches_tasks", Transport::Http).await;
}

#[tokio::test]
async fn rmcp_over_stdio_fetches_tasks() {
    fetches("rmcp_over_stdio_fetches_tasks", Transport::Stdio).await;
}

async fn fetches(test: &str, transport: Transport) {
    let Some(turn) = Engine::turn(test).await.unwrap() else {
        return;
    };
    let mut program = match RMCP_TASKS.program(installed().as_deref(), transport) {
        Ok(program) => program,
        Err(why) => {
            println!("SKIPPED: {test}: {why}");
            return;
        }
    };
    let options = ["--task-after", "1s"];
    let server = match transport {
        Transport::Stdio => None,
        Transport::Http | Transport::Sse => Some(Server::start(&turn.engine, &options).await),
    };
    program.point(server.as_ref(), &turn.engine);
    if server.is_none() {
        program.command.args(options);
    }
    let (mut client, opened) = Follower::start(program.command).await.unwrap();
    assert_eq!(opened["revision"], "2026-07-28", "{opened}");

    let code = "import time\nprint('up', flush=True)\ntime.sleep(3)\nprint('done')";
    let task = client.call("long", code).await.unwrap().end;
    assert_eq!(task["status"], "working", "{task}");
    client
        .asks_until(&task, |found| found["message"] == "up")
        .await;
    let done = client
        .asks_until(&task, |found| found["status"] != "working")
        .await;
    assert_eq!(done["status"], "completed", "{done}");
    let structured = &done["result"]["structuredContent"];
    assert_eq!(structured["stdout"], "up\ndone\n", "{done}");

    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(600)");
    let task = client.call("endless", &code).await.unwrap().end;
    let container = witness::container_of(&marker, Duration::from_secs(40))
        .await
        .unwrap();
    let stopped = client.about("stop", &task).await;
    assert_eq!(stopped["stopped"], true, "{stopped}");
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    let found = client.about("ask", &task).await;
    assert_eq!(found["status"], "cancelled", "{found}");
    client.close().await.unwrap();
    if let Some(server) = server {
        assert!(server.stop().await, "the server did not end well");
    }
}

impl Follower {
    /// What is reported when it is told to do something about a task.
    async fn about(&mut self, what: &str, task: &Value) -> Value {
        let id = task["task"].as_str().expect("a task");
        self.order(&json!({ "do": what, "task": id }))
            .await
            .unwrap();
        loop {
            let report = self.report().await.unwrap();
            if report["task"] == id {
                return report;
            }
        }
    }

    async fn asks_until(&mut self, task: &Value, enough: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            loop {
                let found = self.about("ask", task).await;
                if enough(&found) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), asking)
            .await
            .expect("what was waited for")
    }
}
