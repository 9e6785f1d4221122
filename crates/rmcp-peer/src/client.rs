//! An rmcp client that does what it is told on standard input, and says on standard output what it saw.
//!
//! `rmcp-client default|auto|tasks stdio COMMAND...` or `rmcp-client default|auto|tasks http URL`; `tasks` is `auto` with
//! the extension of that name declared. Orders and reports are lines of
//! JSON, as for all clients that our servers are tested with; `crates/server-sse/tests/clients/README.md` has them. It
//! judges nothing.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelTaskParams, ClientCapabilities, ClientConfig,
    ClientRequest, GetTaskParams, GetTaskResult, Implementation, ProgressNotificationParam,
    ProgressToken, ProtocolVersion, ServerResult, TaskPayload,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RunningService, ServiceError};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How many progress messages may wait to be reported; the sender waits behind them.
const WAITING_PROGRESS: usize = 1024;

/// One thread, so that what rmcp hands on arrives in the order in which it handed it on.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (lifecycle, kind, target) = match arguments.as_slice() {
        [lifecycle, kind, target @ ..] => (lifecycle.as_str(), kind.as_str(), target),
        _ => bail!("it takes a lifecycle, a transport and a target"),
    };
    let knows_tasks = lifecycle == "tasks";
    let lifecycle = match lifecycle {
        "default" => ClientLifecycleMode::Initialize,
        "auto" | "tasks" => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: None,
        },
        other => bail!("there is no lifecycle `{other}`"),
    };
    let (progress, seen) = mpsc::channel(WAITING_PROGRESS);
    let listener = Listener {
        progress,
        knows_tasks,
    };
    let service = match (kind, target) {
        ("stdio", [program, arguments @ ..]) => {
            let mut command = Command::new(program);
            command.args(arguments);
            let (transport, _) = TokioChildProcess::builder(command)
                .stderr(Stdio::null())
                .spawn()
                .with_context(|| format!("cannot start `{program}`"))?;
            listener.serve_with_lifecycle(transport, lifecycle).await
        }
        ("http", [url]) => {
            let transport = StreamableHttpClientTransport::from_uri(url.as_str());
            listener.serve_with_lifecycle(transport, lifecycle).await
        }
        _ => bail!("there is no transport `{kind}` to {target:?}"),
    };
    obey(service.context("cannot connect")?, seen).await
}

/// Hands on the progress that arrives.
#[derive(Debug)]
struct Listener {
    progress: mpsc::Sender<ProgressNotificationParam>,
    knows_tasks: bool,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        let mut info = ClientConfig::default();
        if self.knows_tasks {
            info.capabilities = ClientCapabilities::builder().enable_tasks().build();
        }
        info
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        // At the end nobody listens any more.
        let _ = self.progress.send(params).await;
    }
}

type Service = RunningService<RoleClient, Listener>;

/// Follows orders until there are none left, then closes the connection.
async fn obey(service: Service, mut seen: mpsc::Receiver<ProgressNotificationParam>) -> Result<()> {
    let peer = service
        .peer_info()
        .context("there is no peer behind the connection")?;
    // What rmcp says of itself unless it is told otherwise.
    let version = Implementation::from_build_env().version;
    report(&json!({ "version": version, "revision": peer.protocol_version.as_str() }))?;
    drop(peer);
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut calls = Calls::default();
    loop {
        // Progress is reported before the end of its call, as it came.
        tokio::select! {
            biased;
            Some(progress) = seen.recv() => calls.progress(&progress)?,
            Some(ended) = calls.running.join_next() => report(&ended.context("a call panicked")?)?,
            order = orders.next_line() => {
                let Some(order) = order.context("cannot read an order")? else { break };
                follow(&service, &mut calls, &order).await?;
            }
        }
    }
    service
        .cancel()
        .await
        .context("the connection did not close")?;
    Ok(())
}

async fn follow(service: &Service, calls: &mut Calls, order: &str) -> Result<()> {
    let order: Value =
        serde_json::from_str(order).with_context(|| format!("cannot read the order `{order}`"))?;
    let text = |name: &str| {
        order
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    match text("do").as_str() {
        "list" => {
            let tools = service
                .list_all_tools()
                .await
                .context("cannot list the tools")?;
            let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
            report(&json!({ "tools": names }))
        }
        "call" => calls.start(service, text("call"), text("code")).await,
        "cancel" => {
            if let Some(cancel) = calls.cancels.remove(&text("call")) {
                // It may have ended meanwhile.
                let _ = cancel.send(());
            }
            Ok(())
        }
        "ask" => {
            let found = service.get_task(GetTaskParams::new(text("task"))).await;
            report(&asked(&text("task"), found))
        }
        "stop" => {
            let stopped = service
                .cancel_task(CancelTaskParams::new(text("task")))
                .await;
            let error = stopped.err().map(|error| error.to_string());
            report(&json!({ "task": text("task"), "stopped": error.is_none(), "error": error }))
        }
        other => bail!("there is no order `{other}`"),
    }
}

/// What is known of a task.
fn asked(task: &str, found: Result<GetTaskResult, ServiceError>) -> Value {
    match found {
        Ok(found) => {
            let result = match &found.task.payload {
                TaskPayload::Completed { result } => Some(result),
                _ => None,
            };
            json!({
                "task": task,
                "status": found.task.status(),
                "message": found.task.task.status_message,
                "result": result,
            })
        }
        Err(error) => json!({ "task": task, "error": error.to_string() }),
    }
}

/// The calls that were started.
#[derive(Debug, Default)]
struct Calls {
    /// Each gives what is to be reported of its end.
    running: JoinSet<Value>,
    cancels: HashMap<String, oneshot::Sender<()>>,
    names: HashMap<ProgressToken, String>,
}

impl Calls {
    async fn start(&mut self, service: &Service, name: String, code: String) -> Result<()> {
        let mut params = CallToolRequestParams::new("execute-python");
        params.arguments = json!({ "code": code }).as_object().cloned();
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let mut handle = service
            .send_cancellable_request(request, PeerRequestOptions::no_options())
            .await
            .context("cannot call the tool")?;
        self.names
            .insert(handle.progress_token.clone(), name.clone());
        let (cancel, cancelled) = oneshot::channel();
        self.cancels.insert(name.clone(), cancel);
        self.running.spawn(async move {
            tokio::select! {
                answer = &mut handle.rx => match answer {
                    Ok(answer) => told(&name, answer),
                    Err(_) => json!({ "call": name, "error": "the connection ended" }),
                },
                Ok(()) = cancelled => match handle.cancel(None).await {
                    Ok(()) => json!({ "call": name, "cancelled": true }),
                    Err(error) => json!({ "call": name, "error": error.to_string() }),
                },
            }
        });
        Ok(())
    }

    fn progress(&self, progress: &ProgressNotificationParam) -> Result<()> {
        let call = self.names.get(&progress.progress_token);
        report(&json!({ "call": call, "progress": progress.progress, "message": progress.message }))
    }
}

fn told(name: &str, answer: Result<ServerResult, ServiceError>) -> Value {
    match answer {
        Ok(ServerResult::CallToolResult(result)) => {
            let texts = result.content.iter().filter_map(|block| block.as_text());
            let texts: Vec<_> = texts.map(|block| block.text.as_str()).collect();
            json!({
                "call": name,
                "failed": result.is_error.unwrap_or_default(),
                "text": texts.join("\n"),
                "structured": result.structured_content,
                "kinds": kinds(&json!(result.content)),
            })
        }
        Ok(ServerResult::CreateTaskResult(created)) => {
            json!({ "call": name, "task": created.task.task_id, "status": created.task.status })
        }
        Ok(other) => json!({ "call": name, "error": format!("it was answered by {other:?}") }),
        Err(error) => json!({ "call": name, "error": error.to_string() }),
    }
}

/// What each block is, and the part of it that shows that it arrived whole.
fn kinds(content: &Value) -> Vec<Value> {
    let blocks = content.as_array().map_or(&[] as &[Value], Vec::as_slice);
    let kind = |block: &Value| {
        let kind = block.get("type").and_then(Value::as_str);
        let detail = match kind {
            Some("image") => block.get("data"),
            Some("resource_link") => block.get("name"),
            Some("resource") => block.pointer("/resource/text"),
            _ => None,
        };
        json!([kind, detail])
    };
    blocks.iter().map(kind).collect()
}

fn report(seen: &Value) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{seen}")
        .and_then(|()| output.flush())
        .context("cannot report")
}
