//! A tool that does as it is told, and tells when its calls begin and when their futures are gone.

use std::sync::Arc;

use mcp_protocol::content::ContentBlock;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Server, ServerLimits, Tool, ToolError, async_trait};
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc};

/// What happened to a call, by the text it was called with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Began(String),
    Gone(String),
}

#[derive(Debug)]
struct Bench {
    events: mpsc::UnboundedSender<Event>,
    release: Arc<Notify>,
}

/// What a test holds of the tool.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    /// Lets one call of "wait" go on.
    pub(crate) release: Arc<Notify>,
}

impl Watch {
    pub(crate) async fn next(&mut self) -> Event {
        self.events.recv().await.expect("the tool is alive")
    }
}

/// A server with this one tool.
pub(crate) fn server(limits: ServerLimits) -> (Server, Watch) {
    let (sender, events) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let tool = Bench {
        events: sender,
        release: Arc::clone(&release),
    };
    let server = Server::builder(Implementation::new("bench", "1"))
        .tool(Arc::new(tool))
        .limits(limits)
        .build()
        .unwrap();
    (server, Watch { events, release })
}

/// The parameters of a call.
pub(crate) fn call(task: &str) -> Value {
    json!({"name": "bench", "arguments": {"task": task}})
}

struct Life<'a>(&'a Bench, String);

impl Drop for Life<'_> {
    fn drop(&mut self) {
        let _ = self.0.events.send(Event::Gone(std::mem::take(&mut self.1)));
    }
}

#[async_trait]
impl Tool for Bench {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new(
            "bench",
            Map::from_iter([("type".to_owned(), json!("object"))]),
        )
    }

    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        let task = arguments
            .get("task")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let _ = self.events.send(Event::Began(task.clone()));
        let _life = Life(self, task.clone());
        match task.as_str() {
            "panic" => panic!("as told"),
            "fail" => {
                return Err(ToolError::new("the sandbox could not be started")
                    .with_reference("ref-1")
                    .with_source(std::io::Error::other("/secret/path")));
            }
            "ever" => std::future::pending().await,
            "wait" => self.release.notified().await,
            "progress" => {
                for step in 1..=3 {
                    context.progress(format!("step {step}"));
                }
            }
            "flood" => {
                for step in 0..100_000 {
                    context.progress(format!("step {step}"));
                }
            }
            "large" | "large when released" => {
                if task != "large" {
                    self.release.notified().await;
                }
                return Ok(CallToolResult::new(vec![ContentBlock::text(
                    "x".repeat(300_000),
                )]));
            }
            _ => {}
        }
        let client = context.client_info().map_or("-", |info| info.name.as_str());
        let text = format!("{task} for {client} at {}", context.revision());
        Ok(CallToolResult::new(vec![ContentBlock::text(text)]))
    }
}
