//! The example as its client sees it: a process that is spoken to line by line.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// No test waits longer than this for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

struct Notebook {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    last_id: u64,
}

impl Notebook {
    fn start() -> Self {
        let mut child = Command::new(program())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            input,
            output,
            last_id: 0,
        }
    }

    async fn opened() -> Self {
        let mut notebook = Self::start();
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "lines", "version": "1"}});
        let opened = notebook.asks("initialize", params).await;
        assert_eq!(opened["result"]["serverInfo"]["name"], "notebook");
        notebook
            .says(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
        notebook
    }

    async fn says(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    async fn hears(&mut self) -> Value {
        let line = timeout(PATIENCE, self.output.next_line()).await;
        serde_json::from_str(&line.unwrap().unwrap().expect("a message")).unwrap()
    }

    async fn sends(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.says(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
        id
    }

    /// The response to a request, when notifications do not matter.
    async fn asks(&mut self, method: &str, params: Value) -> Value {
        let id = self.sends(method, params).await;
        loop {
            let message = self.hears().await;
            if message["id"] == id {
                return message;
            }
        }
    }

    async fn writes(&mut self, title: &str, text: &str) -> Value {
        let call = json!({"name": "write-note", "arguments": {"title": title, "text": text}});
        self.asks("tools/call", call).await["result"].take()
    }
}

/// Cargo builds examples with the tests, beside them.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap();
    let program = built.join("examples/notebook");
    assert!(
        program.exists(),
        "the example is built by `cargo test` without `--test`, or by `cargo build --examples`"
    );
    program
}

#[tokio::test]
async fn notes_are_written_listed_read_and_proposed() {
    let mut notebook = Notebook::opened().await;
    let listed = notebook.asks("tools/list", json!({})).await;
    let schema = &listed["result"]["tools"][0]["inputSchema"];
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["required"], json!(["title", "text"]));
    assert_eq!(
        schema["properties"]["text"]["description"],
        "What to write down."
    );
    assert_eq!(
        listed["result"]["tools"][1]["inputSchema"]["type"],
        "object"
    );

    let written = notebook.writes("groceries", "two apples").await;
    assert_eq!(written["content"][0]["text"], "wrote note://groceries");
    for (title, text) in [("", "x"), ("../x", "x")] {
        assert_eq!(notebook.writes(title, text).await["isError"], true);
    }
    let call = json!({"name": "write-note", "arguments": {"title": "x"}});
    let lacking = notebook.asks("tools/call", call).await;
    assert_eq!(
        lacking["result"]["content"][0]["text"],
        "missing field `text`"
    );

    let listed = notebook.asks("resources/list", json!({})).await;
    assert_eq!(
        listed["result"]["resources"],
        json!([{"uri": "note://groceries", "name": "groceries"}])
    );
    let read = json!({"uri": "note://groceries"});
    let read = notebook.asks("resources/read", read).await;
    assert_eq!(read["result"]["contents"][0]["text"], "two apples");
    let missing = notebook.asks("resources/read", json!({"uri": "note://x"}));
    assert_eq!(missing.await["error"]["code"], -32002);
    let prompt = json!({"name": "summarise", "arguments": {"title": "groceries"}});
    let prompt = notebook.asks("prompts/get", prompt).await;
    assert_eq!(
        prompt["result"]["messages"][0]["content"]["text"],
        "Summarise note://groceries in one sentence."
    );
    let typed = json!({"ref": {"type": "ref/prompt", "name": "summarise"},
        "argument": {"name": "title", "value": "gro"}});
    let proposed = notebook.asks("completion/complete", typed).await;
    assert_eq!(
        proposed["result"]["completion"]["values"],
        json!(["groceries"])
    );
}

#[tokio::test]
async fn the_user_is_asked_before_a_note_is_replaced() {
    let mut notebook = Notebook::opened().await;
    notebook.writes("a", "old").await;
    for (replace, text) in [(false, "old"), (true, "new")] {
        let call = json!({"name": "write-note", "arguments": {"title": "a", "text": "new"}});
        let id = notebook.sends("tools/call", call).await;
        let question = loop {
            let message = notebook.hears().await;
            if message["method"] == "elicitation/create" {
                break message;
            }
        };
        assert_eq!(question["params"]["message"], "Replace the note a?");
        let answer = json!({"action": "accept", "content": {"replace": replace}});
        notebook
            .says(json!({"jsonrpc": "2.0", "id": question["id"], "result": answer}))
            .await;
        let answered = loop {
            let message = notebook.hears().await;
            if message["id"] == id {
                break message;
            }
        };
        assert_eq!(answered["result"]["isError"], !replace, "{answered}");
        let read = notebook.asks("resources/read", json!({"uri": "note://a"}));
        assert_eq!(read.await["result"]["contents"][0]["text"], text);
    }
}

#[tokio::test]
async fn counting_tells_how_far_it_is_and_can_be_cancelled() {
    let mut notebook = Notebook::opened().await;
    notebook.writes("a", "one two").await;
    notebook.writes("b", "three").await;
    let count = json!({"name": "count-words", "_meta": {"progressToken": "t"}});
    let id = notebook.sends("tools/call", count.clone()).await;
    let mut told = Vec::new();
    let answered = loop {
        let message = notebook.hears().await;
        if message["method"] == "notifications/progress" {
            told.push(message["params"]["message"].clone());
        } else if message["id"] == id {
            break message;
        }
    };
    assert_eq!(told, ["counted a", "counted b"]);
    assert_eq!(answered["result"]["content"][0]["text"], "3 words");

    let id = notebook.sends("tools/call", count).await;
    notebook
        .says(
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": {"requestId": id}}),
        )
        .await;
    notebook.asks("ping", json!({})).await;
    // The end of the input is the end of the server; until then nothing more comes of the count.
    let Notebook {
        mut child,
        input,
        mut output,
        ..
    } = notebook;
    drop(input);
    while let Some(line) = timeout(PATIENCE, output.next_line())
        .await
        .unwrap()
        .unwrap()
    {
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_ne!(message["id"], id, "{message}");
    }
    let ended = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn the_newest_revision_needs_no_handshake() {
    let mut notebook = Notebook::start();
    let describes = |mut params: Value| {
        params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}});
        params
    };
    let found = notebook.asks("server/discover", describes(json!({}))).await;
    assert_eq!(found["result"]["supportedVersions"][0], "2026-07-28");
    let call = json!({"name": "write-note", "arguments": {"title": "a", "text": "x"}});
    let first = notebook.asks("tools/call", describes(call.clone())).await;
    assert_eq!(first["result"]["isError"], false);
    let second = notebook.asks("tools/call", describes(call)).await;
    assert_eq!(
        second["result"]["content"][0]["text"],
        "there is such a note already"
    );
}
