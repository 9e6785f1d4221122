//! A small MCP client over the real binary's standard input and output.
//!
//! Every line that the server prints must be one JSON-RPC message: anything else fails the test
//! that sees it.

use std::collections::HashMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use executor_testkit::engine::{Engine, Turn};
use executor_testkit::witness;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout};

/// The longest that any one answer may take; installs are the slowest.
const PATIENCE: Duration = Duration::from_secs(150);

/// The revision of the handshake that this client speaks.
pub(crate) const REVISION: &str = "2025-11-25";

/// A running server and the conversation with it. Dropping it kills the server.
#[derive(Debug)]
pub(crate) struct Client {
    server: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    log: NamedTempFile,
    last_id: u64,
    answers: HashMap<u64, Value>,
    /// What the server said without being asked, and answers that bear no id.
    pub(crate) others: Vec<Value>,
}

impl Client {
    /// Starts a server without speaking to it.
    pub(crate) fn spawn(engine: &Engine, options: &[&str]) -> Self {
        let log = NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-python-stdio"));
        command
            .args(options)
            .env("MCP_PYTHON_IMAGE", engine.image())
            // Sets of modules that are kept are for the tests that name a volume of their own.
            .env("MCP_PYTHON_ENVIRONMENTS", "off");
        if let Some(host) = engine.host() {
            command.env("DOCKER_HOST", host);
        }
        let mut server = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log.reopen().unwrap()))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = server.stdin.take();
        let output = BufReader::new(server.stdout.take().unwrap()).lines();
        let (answers, others) = (HashMap::new(), Vec::new());
        Self {
            server,
            input,
            output,
            log,
            last_id: 0,
            answers,
            others,
        }
    }

    /// Starts a server and opens the conversation.
    pub(crate) async fn start(engine: &Engine, options: &[&str]) -> Self {
        let mut client = Self::spawn(engine, options);
        let id = client
            .request(
                "initialize",
                json!({
                    "protocolVersion": REVISION,
                    "capabilities": {},
                    "clientInfo": { "name": "tests", "version": "1" },
                }),
            )
            .await;
        let answer = client.answer(id).await;
        assert_eq!(
            answer["result"]["serverInfo"]["name"], "python-executor",
            "{answer}"
        );
        client
            .send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
        client
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_line(message.to_string().as_bytes()).await;
    }

    /// Sends one line, whatever it holds.
    pub(crate) async fn send_line(&mut self, line: &[u8]) {
        let input = self.input.as_mut().expect("the conversation is open");
        input.write_all(line).await.unwrap();
        input.write_all(b"\n").await.unwrap();
        input.flush().await.unwrap();
    }

    /// Sends a request and gives its id.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
        id
    }

    /// Starts a call of the tool.
    pub(crate) async fn start_call(&mut self, arguments: Value) -> u64 {
        self.request(
            "tools/call",
            json!({ "name": "execute-python", "arguments": arguments }),
        )
        .await
    }

    /// Calls the tool and waits for its result.
    pub(crate) async fn call(&mut self, arguments: Value) -> Answer {
        let id = self.start_call(arguments).await;
        self.result(id).await
    }

    /// Runs a program and waits for its result.
    pub(crate) async fn run(&mut self, code: &str) -> Answer {
        self.call(json!({ "code": code })).await
    }

    /// The result of a call.
    pub(crate) async fn result(&mut self, id: u64) -> Answer {
        Answer::of(self.answer(id).await)
    }

    /// The response to a request, result or error.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.hear().await;
        }
    }

    /// A response that came and that nobody has taken yet.
    pub(crate) fn untaken(&self, id: u64) -> Option<&Value> {
        self.answers.get(&id)
    }

    /// The next response to any request.
    pub(crate) async fn next_answer(&mut self) -> (u64, Value) {
        while self.answers.is_empty() {
            self.hear().await;
        }
        let id = *self.answers.keys().next().unwrap();
        (id, self.answers.remove(&id).unwrap())
    }

    /// The next message that answers no request of ours.
    pub(crate) async fn next_other(&mut self) -> Value {
        while self.others.is_empty() {
            self.hear().await;
        }
        self.others.remove(0)
    }

    /// The next message, whatever it is.
    pub(crate) async fn next_answer_or_other(&mut self) -> Value {
        while self.answers.is_empty() && self.others.is_empty() {
            self.hear().await;
        }
        if self.others.is_empty() {
            self.next_answer().await.1
        } else {
            self.others.remove(0)
        }
    }

    async fn hear(&mut self) {
        let line = match timeout(PATIENCE, self.output.next_line()).await {
            Ok(line) => line.unwrap(),
            Err(_elapsed) => panic!("no word for {PATIENCE:?}; its log:\n{}", self.log()),
        };
        let Some(line) = line else {
            panic!("the server ended; its log:\n{}", self.log())
        };
        let message: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("stdout carries `{line}`, which is no JSON: {error}"));
        assert_eq!(
            message["jsonrpc"], "2.0",
            "stdout carries what is no message: {line}"
        );
        match (message["id"].as_u64(), message.get("method")) {
            (Some(id), None) => {
                assert!(
                    self.answers.insert(id, message).is_none(),
                    "{id} was answered twice"
                );
            }
            _ => self.others.push(message),
        }
    }

    /// What the server wrote on stderr so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log.path()).unwrap()).into_owned()
    }

    /// Ends the server as no program can prepare for.
    pub(crate) async fn kill(mut self) {
        self.server.kill().await.unwrap();
    }

    /// Ends the conversation as a client does, and gives how the server took it.
    pub(crate) async fn close(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        drop(self.input.take());
        match timeout(Duration::from_secs(20), self.server.wait()).await {
            Ok(status) => (status.unwrap(), begun.elapsed()),
            Err(_elapsed) => panic!("it lives on without input; its log:\n{}", self.log()),
        }
    }

    /// Who this server is to the engine: the owner label of its containers. Found by a program
    /// whose child can be seen from outside.
    pub(crate) async fn owner(&mut self, engine: &Engine) -> String {
        let marker = witness::marker().unwrap();
        let code = witness::visible_program(&marker, "child.wait(timeout=1.5)");
        let id = self.start_call(json!({ "code": code })).await;
        let container = container_of(&marker).await;
        let owner = engine.owner_of(&container).await.unwrap();
        self.result(id).await;
        owner
    }
}

/// The result of a call.
#[derive(Debug, Clone)]
pub(crate) struct Answer(Value);

impl Answer {
    /// The result in a response, which must be one.
    pub(crate) fn of(mut response: Value) -> Self {
        assert!(response.get("error").is_none(), "not a result: {response}");
        Self(response["result"].take())
    }

    /// Whether the tool said that it failed.
    pub(crate) fn is_error(&self) -> bool {
        self.0["isError"].as_bool().unwrap_or(false)
    }

    /// The blocks of content.
    pub(crate) fn content(&self) -> &[Value] {
        self.0["content"].as_array().map_or(&[], Vec::as_slice)
    }

    /// All text of the content blocks.
    pub(crate) fn text(&self) -> String {
        let blocks = self.0["content"].as_array().cloned().unwrap_or_default();
        blocks
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// By which kind of sandbox it was served, as its metadata say.
    pub(crate) fn served_by(&self) -> &str {
        self.0["_meta"]["python-executor/served-by"]
            .as_str()
            .unwrap_or_default()
    }

    /// A member of the structured content.
    pub(crate) fn field(&self, name: &str) -> &Value {
        &self.0["structuredContent"][name]
    }

    /// What the program printed.
    pub(crate) fn stdout(&self) -> &str {
        self.field("stdout").as_str().unwrap_or_default()
    }

    /// How the run ended.
    pub(crate) fn ending(&self) -> &str {
        self.field("ending").as_str().unwrap_or_default()
    }
}

/// The engine and its turn, or `None` after the skip was told.
pub(crate) async fn turn(what: &str) -> Option<Turn> {
    Engine::turn(what).await.unwrap()
}

/// The container in which a process with this marker runs, once it runs.
pub(crate) async fn container_of(marker: &str) -> String {
    witness::container_of(marker, Duration::from_secs(40))
        .await
        .unwrap()
}
