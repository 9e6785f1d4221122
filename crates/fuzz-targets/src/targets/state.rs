//! The state of a call between its rounds (2026-07-28): what comes back is what was given out, or it is refused.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mcp_protocol::content::ContentBlock;
use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::{Incoming, Request, RequestId};
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Principal, Server, ServerLimits, Tool, ToolError, async_trait};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

use super::cursor::KEY;
use super::{built, corpus};
use crate::target::{Breach, Tally, hold};

/// What the tool keeps between its rounds; nothing else may ever come back to it.
const KEPT: &str = "only this";

/// Asks twice, and says what it has kept in between.
#[derive(Debug)]
struct Asking;

#[async_trait]
impl Tool for Asking {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new("a", Map::from_iter([("type".to_owned(), json!("object"))]))
    }

    async fn call(
        &self,
        _: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        let kept = context.kept();
        context.keep(KEPT.into());
        context
            .ask("first", InputRequest::form("1", Map::new()))
            .await?;
        let kept = kept.map_or_else(|| "nothing".to_owned(), |kept| kept.to_string());
        Ok(CallToolResult::new(vec![ContentBlock::text(kept)]))
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut limits = ServerLimits::default();
        // The state says until when it is good; so it says the same in every run.
        limits.state_ttl = Duration::from_secs(u64::MAX);
        let builder = Server::builder(Implementation::new("states", "1"))
            .tool(Arc::new(Asking))
            .limits(limits)
            .seal_key(&KEY);
        built(builder)
    })
}

thread_local! {
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
}

/// Runs a future to its end on this thread.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Breach> {
    RUNTIME.with(|runtime| match runtime {
        Some(runtime) => Ok(runtime.block_on(future)),
        None => Err(Breach("there is no runtime".to_owned())),
    })
}

/// Calls the tool, with answers or without, and gives its answer.
fn call(argument: &str, state: Option<&str>, answered: bool) -> Result<Value, Breach> {
    let mut params = Map::from_iter([
        ("name".to_owned(), json!("a")),
        ("arguments".to_owned(), json!({"x": argument})),
        ("_meta".to_owned(), corpus::meta()),
    ]);
    params.extend(state.map(|state| ("requestState".to_owned(), state.into())));
    if answered {
        let answer = json!({"first": {"action": "accept", "content": {}}});
        params.insert("inputResponses".to_owned(), answer);
    }
    let request = Incoming::Request(Request::new(RequestId::from(1), "tools/call", params));
    let reply = block_on(async {
        let mut replies = server().exchange(request, Principal::local());
        replies.next().await
    })?;
    let reply = reply.ok_or_else(|| Breach("a call without an answer".to_owned()))?;
    serde_json::from_str(&reply.into_json())
        .map_err(|error| Breach(format!("sent no JSON: {error}")))
}

/// The state that goes with one argument.
fn genuine() -> &'static str {
    static GENUINE: OnceLock<String> = OnceLock::new();
    GENUINE.get_or_init(|| {
        let first = call("x", None, false).unwrap_or_default();
        let state = first
            .get("result")
            .and_then(|result| result.get("requestState"));
        state.and_then(Value::as_str).unwrap_or_default().to_owned()
    })
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![genuine().as_bytes().to_vec()]
}

/// A state is taken if, and only if, it is the one that was given out, and for no other request.
pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    let state = String::from_utf8_lossy(input);
    let is_genuine = state == genuine();
    let answer = call("x", Some(&state), true)?;
    let text = answer
        .pointer("/result/content/0/text")
        .and_then(Value::as_str);
    let code = answer.pointer("/error/code").and_then(Value::as_i64);
    match (is_genuine, text, code) {
        (true, Some(text), None) => {
            hold(text == format!("\"{KEPT}\""), || format!("it kept {text}"))?
        }
        (false, None, Some(-32602)) => {}
        _ => {
            return Err(Breach(format!(
                "`{state}` (genuine: {is_genuine}) brought {answer}"
            )));
        }
    }
    if is_genuine {
        let elsewhere = call("y", Some(&state), true)?;
        hold(elsewhere.get("error").is_some(), || {
            "a state was taken for another request".to_owned()
        })?;
    }
    Ok(Tally::one(is_genuine))
}
