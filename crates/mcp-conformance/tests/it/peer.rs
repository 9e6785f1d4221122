//! A client that can do everything and answers whatever it is asked, in the session form and in the stateless one.

use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// No test waits longer than this for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which form a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// A session of 2025-11-25.
    Session,
    /// Requests that describe themselves, of 2026-07-28.
    Stateless,
}

/// The server with the fixtures in a process of its own, and a client of it.
#[derive(Debug)]
pub(crate) struct Peer {
    era: Era,
    client: Client,
    url: String,
    session: Option<String>,
    last_id: u64,
    /// The notifications that came with the last answer.
    pub(crate) notes: Vec<Value>,
    _server: Child,
}

impl Peer {
    pub(crate) async fn start(era: Era) -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_mcp-conformance"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = server.stdout.take().unwrap();
        let url = BufReader::new(stdout).lines().next_line().await.unwrap();
        let client = Client::builder().no_proxy().timeout(PATIENCE);
        let mut peer = Self {
            era,
            client: client.build().unwrap(),
            url: url.unwrap(),
            session: None,
            last_id: 0,
            notes: Vec::new(),
            _server: server,
        };
        if era == Era::Session {
            let params = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities(),
                "clientInfo": {"name": "peer", "version": "1"}});
            peer.request("initialize", params).await.unwrap();
            let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            peer.post(&told).send().await.unwrap();
        }
        peer
    }

    /// What a request comes to when all that is asked on the way is answered: its result, or its error.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let mut again = params.clone();
        loop {
            let result = self.once(method, again).await?;
            match result["resultType"].as_str() {
                Some("input_required") => {
                    again = params.clone();
                    again["inputResponses"] = answers(&result["inputRequests"]);
                    if let Some(state) = result.get("requestState") {
                        again["requestState"] = state.clone();
                    }
                }
                Some("task") => return self.follow(&result["taskId"]).await,
                _ => return Ok(result),
            }
        }
    }

    /// Asks after a task until it has ended.
    async fn follow(&mut self, id: &Value) -> Result<Value, Value> {
        loop {
            let task = self.once("tasks/get", json!({"taskId": id})).await?;
            match task["status"].as_str() {
                Some("completed") => return Ok(task["result"].clone()),
                Some("failed") => return Err(task["error"].clone()),
                Some("input_required") => {
                    let given = answers(&task["inputRequests"]);
                    let update = json!({"taskId": id, "inputResponses": given});
                    self.once("tasks/update", update).await?;
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn once(&mut self, method: &str, mut params: Value) -> Result<Value, Value> {
        self.last_id += 1;
        let id = self.last_id;
        if self.era == Era::Stateless {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities();
            params["_meta"]["io.modelcontextprotocol/logLevel"] = "debug".into();
        }
        params["_meta"]["progressToken"] = id.into();
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let response = self.post(&message).send().await.unwrap();
        if let Some(session) = response.headers().get("Mcp-Session-Id") {
            self.session = Some(session.to_str().unwrap().to_owned());
        }
        let mut answer = self.read(response, id).await;
        assert_eq!(answer["id"], id, "{answer}");
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(answer["error"].take()),
        }
    }

    fn post(&self, message: &Value) -> RequestBuilder {
        let mut request = self
            .client
            .post(&self.url)
            .header("Accept", "application/json, text/event-stream");
        if let Some(session) = &self.session {
            request = request
                .header("Mcp-Session-Id", session)
                .header("MCP-Protocol-Version", "2025-11-25");
        }
        if self.era == Era::Stateless {
            let params = &message["params"];
            let headers = [
                ("MCP-Protocol-Version", &json!("2026-07-28")),
                ("Mcp-Method", &message["method"]),
                ("Mcp-Name", &params["name"]),
                ("Mcp-Name", &params["uri"]),
                ("Mcp-Name", &params["taskId"]),
                ("Mcp-Param-Region", &params["arguments"]["region"]),
            ];
            for (name, value) in headers {
                if let Some(value) = value.as_str() {
                    request = request.header(name, value);
                }
            }
        }
        request.json(message)
    }

    /// The answer in a body or at the end of a stream. A server that lets go of its stream is followed to the next one.
    async fn read(&mut self, response: Response, id: u64) -> Value {
        self.notes.clear();
        let mut response = response;
        loop {
            let kind = response.headers()["content-type"].to_str().unwrap();
            if kind.starts_with("application/json") {
                return response.json().await.unwrap();
            }
            let mut text = String::new();
            let mut last_event = None;
            while let Some(chunk) = response.chunk().await.unwrap() {
                text.push_str(str::from_utf8(&chunk).unwrap());
                while let Some((event, rest)) = text.split_once("\n\n") {
                    let field = |name: &str| {
                        let mut lines = event.lines();
                        lines.find_map(|line| line.strip_prefix(name))
                    };
                    if let Some(event_id) = field("id: ") {
                        last_event = Some(event_id.to_owned());
                    }
                    if let Some(data) = field("data: ").filter(|data| !data.is_empty()) {
                        let message: Value = serde_json::from_str(data).unwrap();
                        if message["id"] == id && message.get("method").is_none() {
                            return message;
                        }
                        self.take(message).await;
                    }
                    text = rest.to_owned();
                }
            }
            let resume = last_event.expect("a stream that ends without an answer can be taken up");
            response = self
                .client
                .get(&self.url)
                .header("Accept", "text/event-stream")
                .header("Mcp-Session-Id", self.session.as_ref().unwrap())
                .header("Last-Event-ID", resume)
                .send()
                .await
                .unwrap();
        }
    }

    /// Takes what came before the answer: a question is answered, anything else is kept.
    async fn take(&mut self, message: Value) {
        if message.get("id").is_none() {
            self.notes.push(message);
            return;
        }
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": answer(&message)});
        let taken = self.post(&answer).send().await.unwrap();
        assert_eq!(taken.status(), 202);
    }
}

fn capabilities() -> Value {
    json!({
        "elicitation": {"form": {}},
        "sampling": {},
        "roots": {},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    })
}

fn answers(requests: &Value) -> Value {
    let requests = requests.as_object().unwrap().iter();
    requests
        .map(|(key, request)| (key.clone(), answer(request)))
        .collect()
}

/// The same person answers everything.
fn answer(request: &Value) -> Value {
    match request["method"].as_str() {
        Some("sampling/createMessage") => json!({"role": "assistant", "model": "m",
            "content": {"type": "text", "text": "Paris"}, "stopReason": "endTurn"}),
        Some("roots/list") => json!({"roots": [{"uri": "file:///home/ada"}]}),
        Some("elicitation/create") => {
            let person = json!({"name": "Ada", "username": "ada", "email": "ada@example.com",
                "ok": true, "confirm": true, "color": "blue", "context": "poetry",
                "untitledSingle": "option1"});
            let fields = request["params"]["requestedSchema"]["properties"]
                .as_object()
                .unwrap();
            let known = fields.keys().filter_map(|field| {
                let value = person.get(field)?;
                Some((field.clone(), value.clone()))
            });
            json!({"action": "accept", "content": known.collect::<Value>()})
        }
        _ => panic!("{request}"),
    }
}
