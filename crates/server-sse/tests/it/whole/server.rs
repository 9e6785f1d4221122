//! The real binary on a port of its own, and short ways to speak to it.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use executor_testkit::engine::{Engine, Turn};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The longest that starting, ending or one answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The engine and its turn, or `None` after the skip was told.
pub(crate) async fn turn(what: &str) -> Option<Turn> {
    Engine::turn(what).await.unwrap()
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    address: String,
    pub(crate) http: reqwest::Client,
    log: Arc<Mutex<String>>,
    _reading: JoinSet<()>,
}

impl Server {
    /// Starts the binary on a free port and waits until it listens.
    pub(crate) async fn start(engine: &Engine, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-python-sse"));
        command.args(["--bind", "127.0.0.1:0"]).args(options);
        command.env("MCP_PYTHON_IMAGE", engine.image());
        command.env("MCP_PYTHON_ENVIRONMENTS", "off");
        if let Some(host) = engine.host() {
            command.env("DOCKER_HOST", host);
        }
        command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        let (listening, heard) = oneshot::channel();
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            let mut listening = Some(listening);
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = address(&line)
                    && let Some(listening) = listening.take()
                {
                    let _ = listening.send(address);
                }
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let Ok(Ok(address)) = timeout(PATIENCE, heard).await else {
            panic!("it does not listen; its log:\n{}", log.lock().unwrap());
        };
        // The tests speak to this machine: whatever proxy it has is none of theirs.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self {
            process,
            address,
            http,
            log,
            _reading: reading,
        }
    }

    /// A URL of this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it wrote on stderr.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// A request of the stateless revision, ready to be sent.
    pub(crate) fn modern(&self, id: u64, method: &str, mut params: Value) -> RequestBuilder {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let mut request = self
            .http
            .post(self.url("/mcp"))
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", method);
        if let Some(name) = params["name"].as_str() {
            request = request.header("Mcp-Name", name);
        }
        request.json(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
    }

    /// A call of the tool in the stateless revision, ready to be sent.
    pub(crate) fn call(&self, id: u64, arguments: &Value) -> RequestBuilder {
        let params = json!({ "name": "execute-python", "arguments": arguments });
        self.modern(id, "tools/call", params)
    }

    /// The stdout of a program that must run well.
    pub(crate) async fn run(&self, code: &str) -> String {
        let response = self.call(1, &json!({ "code": code })).send().await.unwrap();
        let answer = answer(response).await;
        let stdout = answer["result"]["structuredContent"]["stdout"].as_str();
        stdout
            .unwrap_or_else(|| panic!("{answer}; its log:\n{}", self.log()))
            .to_owned()
    }

    /// Opens a session of the handshake revisions and gives its id.
    pub(crate) async fn open_session(&self) -> String {
        let response = self
            .session_post(None, &initialize("2025-11-25"))
            .send()
            .await
            .unwrap();
        let session = response.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let opened = answer(response).await;
        assert_eq!(
            opened["result"]["protocolVersion"], "2025-11-25",
            "{opened}"
        );
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let response = self
            .session_post(Some(&session), &initialized)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202);
        session
    }

    /// A message on a session, ready to be sent.
    pub(crate) fn session_post(&self, session: Option<&str>, message: &Value) -> RequestBuilder {
        let mut request = self
            .http
            .post(self.url("/mcp"))
            .header("Accept", "application/json, text/event-stream");
        if let Some(session) = session {
            request = request
                .header("Mcp-Session-Id", session)
                .header("MCP-Protocol-Version", "2025-11-25");
        }
        request.json(message)
    }

    /// Asks the server to end, as an operator does, and gives whether it ended well.
    pub(crate) async fn stop(mut self) -> bool {
        let pid = self.process.id().unwrap().to_string();
        let killed = Command::new("kill")
            .args(["-s", "TERM", &pid])
            .status()
            .await
            .unwrap();
        assert!(killed.success());
        match timeout(PATIENCE, self.process.wait()).await {
            Ok(status) => status.unwrap().success(),
            Err(_elapsed) => panic!("it does not end; its log:\n{}", self.log()),
        }
    }
}

/// The handshake's first message.
pub(crate) fn initialize(revision: &str) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "tests", "version": "1" },
        },
    })
}

/// The response message in an HTTP response, be it JSON or a stream of events.
pub(crate) async fn answer(response: Response) -> Value {
    let body = response.text().await.unwrap();
    if let Ok(message) = serde_json::from_str(&body) {
        return message;
    }
    let messages = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let messages = messages.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let mut answers = messages.filter(|message| message.get("method").is_none());
    answers
        .next()
        .unwrap_or_else(|| panic!("no answer in: {body}"))
}

/// The events of a stream, one at a time: name and data.
#[derive(Debug)]
pub(crate) struct Events {
    response: Response,
    text: String,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event that is more than a comment.
    pub(crate) async fn next(&mut self) -> (String, String) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim_start().to_owned())
                };
                let found = field("data:").map(|data| (field("event:").unwrap_or_default(), data));
                self.text = rest.to_owned();
                if let Some(found) = found {
                    return found;
                }
                continue;
            }
            let chunk = self
                .response
                .chunk()
                .await
                .unwrap()
                .expect("the stream goes on");
            self.text
                .push_str(&String::from_utf8_lossy(&chunk).replace('\r', ""));
        }
    }
}

/// The address in the line that says where the server listens.
fn address(line: &str) -> Option<String> {
    let address = line.split_once("listening on http://")?.1;
    Some(address.split('/').next()?.to_owned())
}
