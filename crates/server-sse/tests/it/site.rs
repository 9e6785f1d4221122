//! A running server with one tool that does as it is told, and ways to talk to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mcp_protocol::content::ContentBlock;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Server, ServerLimits, Tool, ToolError, async_trait};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Map, Value, json};
use server_sse::HttpSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// No test waits longer than this for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a port of its own; it ends with the test.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinSet<std::io::Result<()>>,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) release: Arc<Notify>,
    pub(crate) client: Client,
}

/// What happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Began,
    Gone,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut HttpSettings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, change)
    }

    /// The same at an address that is known before.
    pub(crate) fn on(listener: TcpListener, change: impl FnOnce(&mut HttpSettings)) -> Self {
        Self::limited(listener, ServerLimits::default(), change)
    }

    /// The same with limits of its own.
    pub(crate) fn limited(
        listener: TcpListener,
        limits: ServerLimits,
        change: impl FnOnce(&mut HttpSettings),
    ) -> Self {
        let mut settings = HttpSettings::default();
        change(&mut settings);
        let (sender, events) = mpsc::unbounded_channel();
        let release = Arc::new(Notify::new());
        let tool = Bench {
            events: sender,
            release: Arc::clone(&release),
        };
        let info = Implementation::new("bench", "1").with_title("The Bench");
        let server = Server::builder(info)
            .tool(Arc::new(tool))
            .announces_tools()
            .tasks()
            .limits(limits)
            .build()
            .unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(server_sse::serve(
            listener,
            server,
            settings,
            shutdown.clone(),
        ));
        let client = Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self {
            address,
            shutdown,
            serving,
            events,
            release,
            client,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A post to `/mcp` as a client of any era sends it.
    pub(crate) fn post(&self, body: &Value) -> RequestBuilder {
        self.client
            .post(self.url("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .json(body)
    }

    /// A post of a request that describes itself, with the headers that go with it.
    pub(crate) fn modern(&self, method: &str, params: Value) -> RequestBuilder {
        let body = modern(method, params);
        let mut post = self
            .post(&body)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if let Some(name) = body["params"]["name"].as_str() {
            post = post.header("mcp-name", name);
        }
        post
    }

    /// Opens a session of the given revision.
    pub(crate) async fn session(&self, revision: &str) -> String {
        let response = self.post(&initialize(revision)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let id = response.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_graphic()),
            "{id}"
        );
        assert_eq!(
            json_of(response).await["result"]["protocolVersion"],
            revision
        );
        id
    }

    pub(crate) async fn event(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event of the tool")
            .unwrap()
    }

    /// A connection without an HTTP client in between.
    pub(crate) async fn raw(&self) -> Raw {
        Raw(TcpStream::connect(self.address).await.unwrap())
    }
}

/// A connection by hand.
#[derive(Debug)]
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until `until` has come, or the connection ends.
    pub(crate) async fn read(&mut self, until: &str) -> String {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.contains(until) {
            match timeout(PATIENCE, self.0.read(&mut buffer))
                .await
                .expect("an answer")
            {
                Ok(0) | Err(_) => break,
                Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
            }
        }
        text
    }

    /// Reads until the connection ends.
    pub(crate) async fn rest(&mut self) -> String {
        self.read("\0 never sent").await
    }
}

pub(crate) fn request(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

pub(crate) fn modern(method: &str, mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    request(method, &params)
}

pub(crate) fn initialize(revision: &str) -> Value {
    let info = json!({"name": "c", "version": "1"});
    let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": info});
    request("initialize", &params)
}

pub(crate) fn call(task: &str) -> Value {
    json!({"name": "bench", "arguments": {"task": task}})
}

pub(crate) async fn json_of(response: Response) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

/// The messages of a stream of events that ends by itself.
pub(crate) async fn events_of(response: Response) -> Vec<Value> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(
        response.headers()["cache-control"],
        "no-cache, no-transform"
    );
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let text = response.text().await.unwrap();
    messages_in(&text)
}

/// The messages in the text of a stream.
pub(crate) fn messages_in(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

#[derive(Debug)]
struct Bench {
    events: mpsc::UnboundedSender<Event>,
    release: Arc<Notify>,
}

struct Life<'a>(&'a Bench);

impl Drop for Life<'_> {
    fn drop(&mut self) {
        let _ = self.0.events.send(Event::Gone);
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
            .unwrap_or_default();
        let _ = self.events.send(Event::Began);
        let _life = Life(self);
        match task {
            "ever" => std::future::pending().await,
            "wait" => self.release.notified().await,
            "progress" => context.progress("half way"),
            "let go" => {
                context.close_stream();
                self.release.notified().await;
            }
            "tell and wait" => {
                context.progress("waiting");
                self.release.notified().await;
            }
            "detach" => {
                context.become_task().await;
                self.release.notified().await;
            }
            "bulky" | "large" => {
                let size = if task == "large" { 50 } else { 12 };
                return Ok(CallToolResult::new(vec![ContentBlock::text(
                    "x".repeat(size * 1_000_000),
                )]));
            }
            "panic" => panic!("as told"),
            _ => {}
        }
        let text = format!(
            "{task} at {} for {}",
            context.revision(),
            context.principal()
        );
        Ok(CallToolResult::new(vec![ContentBlock::text(text)]))
    }
}
