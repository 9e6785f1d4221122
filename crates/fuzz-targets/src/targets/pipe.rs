//! A whole server at the end of a pipe: framing, calls that run, questions that nobody answers, and the end of the input.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mcp_protocol::content::ContentBlock;
use mcp_protocol::input::InputRequest;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::logging::{LogLevel, LogMessage};
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Server, ServerLimits, Tool, ToolError, async_trait};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::state::block_on;
use super::wellformed::{self, Kind};
use super::{built, corpus};
use crate::target::{Breach, Tally, hold};

/// The longest line that the server reads.
const LINE: usize = 16 * 1024;

/// Does a little of everything.
#[derive(Debug)]
struct Busy;

#[async_trait]
impl Tool for Busy {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new("a", Map::from_iter([("type".to_owned(), json!("object"))]))
    }

    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        context.progress("on it");
        context.log(LogMessage::new(LogLevel::Error, "a\nb"));
        match arguments.get("code").and_then(Value::as_str) {
            Some("ask") => drop(
                context
                    .ask("q", InputRequest::form("?", Map::new()))
                    .await?,
            ),
            Some("fail") => return Err(ToolError::new("as told")),
            Some("wait") => std::future::pending().await,
            Some("task") => context.require_task().await?,
            _ => {}
        }
        let text = arguments
            .get("code")
            .map(Value::to_string)
            .unwrap_or_default();
        Ok(CallToolResult::new(vec![ContentBlock::text(text)]))
    }
}

fn server() -> Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let mut limits = ServerLimits::default();
        limits.line_bytes = LINE;
        limits.calls_per_connection = 4;
        limits.task_ttl = Duration::from_millis(1);
        limits.drain = Duration::from_millis(100);
        let builder = Server::builder(Implementation::new("piped", "1"))
            .tool(Arc::new(Busy))
            .logging()
            .limits(limits);
        built(builder)
    });
    server.clone()
}

/// Conversations, a message a line.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let call = |id: u64, code: &str| {
        let params =
            json!({"name": "a", "arguments": {"code": code}, "_meta": {"progressToken": id}});
        corpus::request(id, "tools/call", &params)
    };
    let mut seeds = Vec::new();
    for revision in corpus::HANDSHAKES {
        let mut lines = vec![corpus::initialize(revision)];
        lines.extend(
            ["say", "ask", "fail", "wait"]
                .into_iter()
                .zip(1..)
                .map(|(code, id)| call(id, code)),
        );
        lines.extend(corpus::told());
        lines.push(corpus::request("end", "ping", &json!({})));
        seeds.push(lines);
    }
    let modern = |id: u64, code: &str| {
        let params = json!({"name": "a", "arguments": {"code": code}});
        corpus::modern(id, "tools/call", &params)
    };
    let mut lines: Vec<Value> = ["say", "ask", "fail", "wait"]
        .into_iter()
        .zip(1..)
        .map(|(code, id)| modern(id, code))
        .collect();
    lines.push(corpus::modern(
        "l",
        "subscriptions/listen",
        &json!({"notifications": {"toolsListChanged": true}}),
    ));
    lines.push(corpus::modern("d", "server/discover", &json!({})));
    seeds.push(lines);
    let text = |lines: &Vec<Value>| {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        lines.join("\n").into_bytes()
    };
    seeds.iter().map(text).collect()
}

/// Everything that comes back is a message, a line each; and there are no more answers than there were requests.
pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    let mut output = Vec::new();
    let served = block_on(server().serve(input, &mut output, CancellationToken::new()))?;
    served.map_err(|error| Breach(format!("serving failed: {error}")))?;
    let output =
        String::from_utf8(output).map_err(|_| Breach("sent what is no text".to_owned()))?;
    hold(output.is_empty() || output.ends_with('\n'), || {
        "the last line has no end".to_owned()
    })?;
    let mut tally = Tally::default();
    for line in output.lines() {
        for (kind, _) in wellformed::text(line)? {
            match kind {
                Kind::Result => tally.count(true),
                Kind::Error => tally.count(false),
                Kind::Request | Kind::Notification => {}
            }
        }
    }
    let asked: u64 = input
        .split(|byte| *byte == b'\n')
        .map(|line| most_answers(line.trim_ascii()))
        .sum();
    let answered = tally.accepted + tally.rejected;
    hold(answered <= asked, || {
        format!("{answered} answers to {asked} requests")
    })?;
    Ok(tally)
}

/// The most answers that a line may have. That notifications have none is checked where messages are told apart.
fn most_answers(line: &[u8]) -> u64 {
    match serde_json::from_slice::<Value>(line) {
        _ if line.is_empty() => 0,
        Ok(Value::Array(elements)) => u64::try_from(elements.len()).unwrap_or(u64::MAX).max(1),
        _ => 1,
    }
}
