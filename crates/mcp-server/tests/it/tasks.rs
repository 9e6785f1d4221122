//! Calls that go on as tasks: fetched, supplied, cancelled, and never left behind.

use std::sync::Arc;
use std::time::Duration;

use mcp_protocol::content::ContentBlock;
use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::{Frame, Incoming, decode};
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Principal, Server, ServerLimits, Tool, ToolError, async_trait};
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc};

/// A tool that becomes a task and does then as it is told.
#[derive(Debug)]
struct Lasting {
    release: Arc<Notify>,
    gone: mpsc::UnboundedSender<()>,
}

struct Life(mpsc::UnboundedSender<()>);

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[async_trait]
impl Tool for Lasting {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new(
            "lasting",
            Map::from_iter([("type".to_owned(), json!("object"))]),
        )
    }

    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        let _life = Life(self.gone.clone());
        let way = arguments.get("way").and_then(Value::as_str);
        if way == Some("required") {
            context.require_task().await?;
        }
        if way == Some("tell") {
            context.progress("first");
            context.progress("second");
        }
        let is_task = context.become_task().await;
        match way {
            Some("panic") => panic!("as told"),
            Some("tell") => {}
            Some("ask") => {
                context.progress("asking");
                let roots = context.ask("roots", InputRequest::Roots).await?;
                let count = roots.as_roots().map_or(0, <[_]>::len);
                return Ok(CallToolResult::new(vec![ContentBlock::text(format!(
                    "{count} roots"
                ))]));
            }
            Some("flood") => {
                for number in 0..100_000 {
                    context.progress(format!("line {number}"));
                    if number % 100 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                self.release.notified().await;
            }
            Some("steady") => {
                for number in 1..=100 {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    context.progress(format!("line {number}"));
                }
                self.release.notified().await;
            }
            _ if is_task => self.release.notified().await,
            _ => {}
        }
        Ok(CallToolResult::error(format!("task: {is_task}")))
    }
}

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) release: Arc<Notify>,
    gone: mpsc::UnboundedReceiver<()>,
}

impl Site {
    pub(crate) fn new(limits: ServerLimits) -> Self {
        let (sender, gone) = mpsc::unbounded_channel();
        let release = Arc::new(Notify::new());
        let tool = Lasting {
            release: Arc::clone(&release),
            gone: sender,
        };
        let server = Server::builder(Implementation::new("s", "1"))
            .tool(Arc::new(tool))
            .tasks()
            .limits(limits)
            .build()
            .unwrap();
        Self {
            server,
            release,
            gone,
        }
    }

    /// What is answered to one request of a client that knows tasks, on a connection of its own.
    async fn asks(&self, method: &str, params: Value) -> Value {
        let capabilities =
            json!({"roots": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}});
        self.asks_as("local", capabilities, method, params).await
    }

    async fn asks_as(
        &self,
        principal: &str,
        capabilities: Value,
        method: &str,
        mut params: Value,
    ) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        let message = message(method, &params);
        let mut replies = self.server.exchange(message, Principal::new(principal));
        let reply = replies.next().await.expect("an answer");
        let response: Value = serde_json::from_str(&reply.into_json()).unwrap();
        match response.get("result") {
            Some(result) => result.clone(),
            None => response["error"].clone(),
        }
    }

    pub(crate) async fn starts(&self, way: &str) -> Value {
        let call = json!({"name": "lasting", "arguments": {"way": way}});
        self.asks("tools/call", call).await
    }

    /// Asks after a task until it has this status.
    async fn reaches(&self, task: &Value, status: &str) -> Value {
        loop {
            let found = self
                .asks("tasks/get", json!({"taskId": task["taskId"]}))
                .await;
            if found["status"] == status {
                return found;
            }
            assert_eq!(found["resultType"], "complete", "{found}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

pub(crate) fn message(method: &str, params: &Value) -> Incoming {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    match decode(request.to_string().as_bytes()) {
        Ok(Frame::Single(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_task_is_answered_by_its_id_and_fetched_later() {
    let mut site = Site::new(ServerLimits::default());
    let task = site.starts("wait").await;
    assert_eq!(task["resultType"], "task");
    assert_eq!(task["status"], "working");
    assert_eq!(task["ttlMs"], 3_600_000);
    assert_eq!(task.get("result"), None);
    assert!(
        site.gone.try_recv().is_err(),
        "its connection has ended, it goes on"
    );
    site.release.notify_one();
    let done = site.reaches(&task, "completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "task: true");
    assert_eq!(
        done["result"]["isError"], true,
        "a tool that failed has a result"
    );
    assert_eq!(done["createdAt"], task["createdAt"]);
    let cancelled = site
        .asks("tasks/cancel", json!({"taskId": task["taskId"]}))
        .await;
    assert_eq!(cancelled["resultType"], "complete");
    site.reaches(&task, "completed").await;
}

#[tokio::test]
async fn a_cancel_drops_the_future_and_so_does_the_end_of_the_server() {
    let mut site = Site::new(ServerLimits::default());
    let task = site.starts("wait").await;
    site.asks("tasks/cancel", json!({"taskId": task["taskId"]}))
        .await;
    site.gone.recv().await.unwrap();
    site.reaches(&task, "cancelled").await;
    site.starts("wait").await;
    site.server.stop().await;
    site.gone
        .try_recv()
        .expect("its future is gone when `stop` returns");
}

#[tokio::test]
async fn a_panic_fails_the_task_and_nothing_else() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("panic").await;
    let failed = site.reaches(&task, "failed").await;
    assert_eq!(failed["error"]["code"], -32603);
    assert!(failed["error"]["data"]["reference"].is_string());
    assert_eq!(failed.get("result"), None);
}

#[tokio::test]
async fn a_task_asks_and_waits_in_place() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("ask").await;
    let waiting = site.reaches(&task, "input_required").await;
    assert_eq!(waiting["statusMessage"], "asking");
    let asked = waiting["inputRequests"].as_object().unwrap();
    let (key, request) = asked.iter().next().unwrap();
    assert_eq!(request["method"], "roots/list");
    let update = |answers: Value| json!({"taskId": task["taskId"], "inputResponses": answers});
    let stale = update(json!({"roots-0": 1, "roots": {}}));
    assert_eq!(
        site.asks("tasks/update", stale).await["resultType"],
        "complete"
    );
    let malformed = update(json!({key: {"roots": 7}}));
    assert_eq!(site.asks("tasks/update", malformed).await["code"], -32602);
    site.reaches(&task, "input_required").await;
    let answered = update(json!({key: {"roots": [{"uri": "file:///a"}]}}));
    site.asks("tasks/update", answered).await;
    let done = site.reaches(&task, "completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "1 roots");
}

#[tokio::test]
async fn tasks_are_known_to_their_owner_alone() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("wait").await;
    let knows = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let params = json!({"taskId": task["taskId"], "inputResponses": {}});
        let foreign = site
            .asks_as("somebody", knows.clone(), method, params.clone())
            .await;
        let mut unknown = params.clone();
        unknown["taskId"] = json!("nothing");
        assert_eq!(foreign, site.asks(method, unknown).await, "{method}");
        assert_eq!(foreign["code"], -32602, "{method}");
        let ignorant = site.asks_as("local", json!({}), method, params).await;
        assert_eq!(ignorant["code"], -32021, "{method}");
    }
    site.reaches(&task, "working").await;
}

#[tokio::test]
async fn who_does_not_know_tasks_waits_for_the_answer() {
    let site = Site::new(ServerLimits::default());
    let call = |way: &str| json!({"name": "lasting", "arguments": {"way": way}});
    let plain = site
        .asks_as("local", json!({}), "tools/call", call("wait"))
        .await;
    assert_eq!(plain["content"][0]["text"], "task: false");
    let refused = site
        .asks_as("local", json!({}), "tools/call", call("required"))
        .await;
    assert_eq!(refused["code"], -32021);
    assert_eq!(
        refused["data"]["requiredCapabilities"]["extensions"],
        json!({"io.modelcontextprotocol/tasks": {}})
    );
    // The older revisions have neither the methods nor the extension.
    let mut client = site.server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    let response = client.request("tasks/get", &json!({"taskId": "x"})).await;
    assert_eq!(response.unwrap()["error"]["code"], -32601);
}

#[tokio::test(start_paused = true)]
async fn tasks_are_bounded_and_leave_when_their_time_is_over() {
    let mut limits = ServerLimits::default();
    limits.tasks = 1;
    let site = Site::new(limits);
    let task = site.starts("wait").await;
    let second = site.starts("wait").await;
    assert_eq!(
        second["content"][0]["text"], "task: false",
        "no place: answered when it ends"
    );
    tokio::time::advance(Duration::from_secs(3601)).await;
    let running = site.reaches(&task, "working").await;
    assert_eq!(running["ttlMs"], 7_201_000, "its time begins when it ends");
    site.release.notify_one();
    let ended = site.reaches(&task, "completed").await;
    let left = ended["ttlMs"].as_u64().unwrap() - 3_600_000;
    assert!((3_601_000..3_700_000).contains(&left), "{ended}");
    tokio::time::advance(Duration::from_secs(3599)).await;
    site.reaches(&task, "completed").await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let found = site
        .asks("tasks/get", json!({"taskId": task["taskId"]}))
        .await;
    assert_eq!(found["code"], -32602, "{found}");
    assert_eq!(site.starts("wait").await["resultType"], "task");
}

#[tokio::test]
async fn a_result_that_is_too_long_fails_its_task_and_says_so() {
    let mut limits = ServerLimits::default();
    limits.task_result_bytes = 16;
    let site = Site::new(limits);
    let task = site.starts("wait").await;
    site.release.notify_one();
    let failed = site.reaches(&task, "failed").await;
    let why = failed["error"]["message"].as_str().unwrap();
    assert!(why.ends_with("a task keeps at most 16"), "{failed}");
    assert_eq!(failed["statusMessage"], failed["error"]["message"]);
}

#[tokio::test]
async fn a_task_begins_with_what_its_call_told_last() {
    let site = Site::new(ServerLimits::default());
    let task = site.starts("tell").await;
    assert_eq!(task["statusMessage"], "second");
}
