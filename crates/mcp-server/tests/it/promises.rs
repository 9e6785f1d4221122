//! Single promises of the specification that belong to no feature of ours in particular.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_protocol::completion::{CompleteParams, CompleteResult};
use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::{Frame, decode};
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::logging::{LogLevel, LogMessage};
use mcp_protocol::prompts::{self, GetPromptResult};
use mcp_protocol::resources::{ReadResourceResult, Resource, ResourceTemplate};
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{
    CallContext, Completer, Page, Principal, Prompt, ResourceProvider, Server, ServerLimits, Tool,
    ToolError, async_trait,
};
use serde_json::{Map, Value, json};

/// Everything that a server can offer, each part of which asks, except that the tool does so only when it is told to.
#[derive(Clone, Debug, Default)]
struct Curious {
    /// The context of the last call.
    last: Arc<Mutex<Option<CallContext>>>,
}

async fn asks(context: &CallContext) -> Result<(), ToolError> {
    context.keep(json!("kept"));
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}});
    let request = InputRequest::form("Well?", schema.as_object().unwrap().clone());
    context.ask("well", request).await.map(drop)
}

#[async_trait]
impl Tool for Curious {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new(
            "curious",
            Map::from_iter([("type".to_owned(), json!("object"))]),
        )
    }

    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        *self.last.lock().unwrap() = Some(context.clone());
        context.log(LogMessage::new(LogLevel::Emergency, "called"));
        context.progress("working");
        if arguments.contains_key("ask") {
            asks(&context).await?;
        }
        Ok(CallToolResult::text("done"))
    }
}

#[async_trait]
impl ResourceProvider for Curious {
    async fn list(&self, _: Option<&str>, it: CallContext) -> Result<Page<Resource>, ToolError> {
        asks(&it).await?;
        Ok(Page::last(Vec::new()))
    }

    async fn templates(
        &self,
        _: Option<&str>,
        it: CallContext,
    ) -> Result<Page<ResourceTemplate>, ToolError> {
        asks(&it).await?;
        Ok(Page::last(Vec::new()))
    }

    async fn read(&self, _: &str, _: CallContext) -> Result<Option<ReadResourceResult>, ToolError> {
        Ok(Some(ReadResourceResult::new(Vec::new())))
    }
}

#[async_trait]
impl Prompt for Curious {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new("curious")
    }

    async fn get(
        &self,
        _: std::collections::BTreeMap<String, String>,
        it: CallContext,
    ) -> Result<GetPromptResult, ToolError> {
        asks(&it).await?;
        Ok(GetPromptResult::new(Vec::new()))
    }
}

#[async_trait]
impl Completer for Curious {
    async fn complete(
        &self,
        _: CompleteParams,
        it: CallContext,
    ) -> Result<CompleteResult, ToolError> {
        asks(&it).await?;
        Ok(CompleteResult::new(Vec::new()))
    }
}

fn server() -> (Server, Curious) {
    let mut limits = ServerLimits::default();
    limits.answer_timeout = Duration::from_secs(5);
    let curious = Curious::default();
    let part = || Arc::new(curious.clone());
    let server = Server::builder(Implementation::new("curious", "1"))
        .tool(part())
        .resources(part())
        .prompt(part())
        .completions(part())
        .logging()
        .tasks()
        .limits(limits)
        .build()
        .unwrap();
    (server, curious)
}

fn opening(revision: &str) -> Value {
    json!({"protocolVersion": revision, "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "c", "version": "1"}})
}

/// The parameters of a stateless request.
fn modern(mut params: Value, capabilities: &Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    params
}

/// What is answered to one stateless request of somebody who can be asked.
async fn answer(server: &Server, who: &str, method: &str, params: Value) -> Value {
    let params = modern(params, &json!({"elicitation": {}}));
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let Ok(Frame::Single(message)) = decode(request.to_string().as_bytes()) else {
        panic!("{request}");
    };
    let mut replies = server.exchange(message, Principal::new(who));
    let mut last = Value::Null;
    while let Some(reply) = replies.next().await {
        last = serde_json::from_str(&reply.into_json()).unwrap();
    }
    last
}

/// All revisions, progress: none after the answer, whatever a handler left behind does.
#[tokio::test]
async fn nothing_is_told_of_a_call_that_was_answered() {
    let (server, curious) = server();
    let mut client = server.in_memory();
    client
        .request("initialize", &opening("2025-11-25"))
        .await
        .unwrap();
    let call = json!({"name": "curious", "_meta": {"progressToken": 1}});
    client.request("tools/call", &call).await.unwrap();
    let late = curious.last.lock().unwrap().take().unwrap();
    late.progress("too late");
    late.log(LogMessage::new(LogLevel::Emergency, "too late"));
    // Whatever it left would come before the last of these answers.
    for id in ["first", "second", "third"] {
        let ping = json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
        client.send(&ping).await.unwrap();
        assert_eq!(client.receive().await.unwrap()["id"], id);
    }
}

/// 2026-07-28, resources: a missing resource is an error, never an empty list of contents.
#[tokio::test]
async fn a_resource_without_contents_is_missing() {
    let (server, _) = server();
    let read = json!({"uri": "t://empty"});
    let missing = answer(&server, "a", "resources/read", read.clone()).await;
    assert_eq!(missing["error"]["code"], -32602);
    assert_eq!(missing["error"]["data"]["uri"], "t://empty");
    let mut client = server.in_memory();
    client.initialize("2025-11-25").await.unwrap();
    let missing = client.request("resources/read", &read).await.unwrap();
    assert_eq!(missing["error"]["code"], -32002);
}

/// 2026-07-28, lifecycle: nothing is relied on that an earlier message said, on the same pipe either.
#[tokio::test]
async fn what_a_session_settled_counts_for_nothing_in_a_stateless_request() {
    let (server, _) = server();
    let mut client = server.in_memory();
    client
        .request("initialize", &opening("2025-11-25"))
        .await
        .unwrap();
    let level = json!({"level": "debug"});
    client.request("logging/setLevel", &level).await.unwrap();
    let call = json!({"name": "curious", "arguments": {"ask": true}});
    let call = modern(call, &json!({}));
    let request = json!({"jsonrpc": "2.0", "id": "m", "method": "tools/call", "params": call});
    client.send(&request).await.unwrap();
    // The answer is the first that comes: no log message of a level that the session set is before it.
    let refused = client.receive().await.unwrap();
    assert_eq!(refused["id"], "m");
    assert_eq!(refused["error"]["code"], -32021);
}

/// 2026-07-28, multi-round-trip requests: only three methods may ask, and they do so without hints for caches.
#[tokio::test]
async fn only_three_methods_may_ask() {
    let (server, _) = server();
    let asking = json!({"name": "curious", "arguments": {"ask": true}});
    for (method, params) in [
        ("tools/call", asking),
        ("prompts/get", json!({"name": "curious"})),
    ] {
        let asked = answer(&server, "a", method, params).await;
        assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
        assert!(asked["result"].get("ttlMs").is_none(), "{asked}");
        assert!(asked["result"].get("cacheScope").is_none(), "{asked}");
    }
    let proposals = json!({"ref": {"type": "ref/prompt", "name": "curious"},
        "argument": {"name": "to", "value": ""}});
    for (method, params) in [
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("completion/complete", proposals),
    ] {
        let refused = answer(&server, "a", method, params).await;
        assert_eq!(refused["error"]["code"], -32603, "{method}: {refused}");
    }
}

/// 2026-07-28, multi-round-trip requests: state is bound to the principal it was given to.
#[tokio::test]
async fn the_state_of_one_is_nothing_to_another() {
    let (server, _) = server();
    let call = json!({"name": "curious", "arguments": {"ask": true}});
    let asked = answer(&server, "ada", "tools/call", call.clone()).await;
    let mut again = call;
    again["requestState"] = asked["result"]["requestState"].clone();
    again["inputResponses"] = json!({"well": {"action": "accept", "content": {"ok": true}}});
    let foreign = answer(&server, "bob", "tools/call", again.clone()).await;
    assert_eq!(foreign["error"]["code"], -32602, "{foreign}");
    let own = answer(&server, "ada", "tools/call", again).await;
    assert_eq!(own["result"]["content"][0]["text"], "done", "{own}");
}

/// All revisions, lifecycle: a request that is sent has a hard time limit.
#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_has_an_end() {
    let (server, _) = server();
    let mut client = server.in_memory();
    client
        .request("initialize", &opening("2025-11-25"))
        .await
        .unwrap();
    let call = json!({"name": "curious", "arguments": {"ask": true}});
    let before = tokio::time::Instant::now();
    let given_up = client.request("tools/call", &call).await.unwrap();
    assert_eq!(given_up["error"]["code"], -32603, "{given_up}");
    assert!(before.elapsed() >= Duration::from_secs(5));
    client.request("ping", &json!({})).await.unwrap();
}

/// 2025-11-25 and 2026-07-28, tasks: those of the older kind are not offered, and nobody is misled about it.
#[tokio::test]
async fn experimental_tasks_are_neither_declared_nor_started() {
    let (server, _) = server();
    let mut client = server.in_memory();
    let opened = client.request("initialize", &opening("2025-11-25")).await;
    assert_eq!(opened.unwrap()["result"]["capabilities"].get("tasks"), None);
    let call = json!({"name": "curious", "task": {"ttl": 1000}});
    let plain = client.request("tools/call", &call).await.unwrap();
    assert_eq!(plain["result"]["content"][0]["text"], "done");
    for method in ["tasks/get", "tasks/result", "tasks/list", "tasks/cancel"] {
        let unknown = client.request(method, &json!({"taskId": "x"})).await;
        assert_eq!(unknown.unwrap()["error"]["code"], -32601, "{method}");
    }
    let found = answer(&server, "a", "server/discover", json!({})).await;
    let declared = &found["result"]["capabilities"];
    assert_eq!(declared.get("tasks"), None, "{declared}");
    assert_eq!(
        declared["extensions"],
        json!({"io.modelcontextprotocol/tasks": {}})
    );
    for method in ["tasks/result", "tasks/list"] {
        let unknown = answer(&server, "a", method, json!({"taskId": "x"})).await;
        assert_eq!(unknown["error"]["code"], -32601, "{method}");
    }
}
