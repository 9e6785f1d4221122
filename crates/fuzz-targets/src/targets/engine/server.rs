//! The server behind the engine: it offers everything, and its handlers are never run. What they would bring is made here.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use mcp_protocol::completion::{CompleteParams, CompleteResult};
use mcp_protocol::content::ContentBlock;
use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::logging::{LogLevel, LogMessage};
use mcp_protocol::prompts::{self, GetPromptResult, PromptArgument};
use mcp_protocol::resources::{ReadResourceResult, Resource, ResourceTemplate};
use mcp_protocol::subscriptions::Change;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::engine::{CallOutcome, Product, Told};
use mcp_server::{
    CallContext, Completer, Page, Prompt, ResourceProvider, Server, ServerLimits, Tool, ToolError,
    async_trait,
};
use serde_json::{Map, Value, json};

use super::super::built;
use super::super::cursor::KEY;
use super::script::Order;

/// Calls that may be in flight.
pub(super) const CALLS: usize = 4;
/// Streams of changes that may be open.
pub(super) const STREAMS: usize = 3;

#[derive(Debug)]
struct Idle(&'static str);

fn idle<T>() -> Result<T, ToolError> {
    Err(ToolError::new("an engine calls nothing"))
}

#[async_trait]
impl Tool for Idle {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new(
            self.0,
            Map::from_iter([("type".to_owned(), json!("object"))]),
        )
    }

    async fn call(
        &self,
        _: Map<String, Value>,
        _: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        idle()
    }
}

#[async_trait]
impl Prompt for Idle {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new(self.0).with_argument(PromptArgument::required("to"))
    }

    async fn get(
        &self,
        _: BTreeMap<String, String>,
        _: CallContext,
    ) -> Result<GetPromptResult, ToolError> {
        idle()
    }
}

#[async_trait]
impl Completer for Idle {
    async fn complete(
        &self,
        _: CompleteParams,
        _: CallContext,
    ) -> Result<CompleteResult, ToolError> {
        idle()
    }
}

#[async_trait]
impl ResourceProvider for Idle {
    async fn list(&self, _: Option<&str>, _: CallContext) -> Result<Page<Resource>, ToolError> {
        idle()
    }

    async fn templates(
        &self,
        _: Option<&str>,
        _: CallContext,
    ) -> Result<Page<ResourceTemplate>, ToolError> {
        idle()
    }

    async fn read(&self, _: &str, _: CallContext) -> Result<Option<ReadResourceResult>, ToolError> {
        idle()
    }
}

/// One server for all conversations: it has no state of its own.
pub(super) fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut limits = ServerLimits::default();
        limits.calls_per_connection = CALLS;
        limits.listens_per_connection = STREAMS;
        limits.page = 2;
        limits.progress_burst = 2;
        limits.log_burst = 2;
        let builder = Server::builder(Implementation::new("fuzzed", "1"))
            .limits(limits)
            .seal_key(&KEY)
            .resources(Arc::new(Idle("shelf")))
            .completions(Arc::new(Idle("guess")))
            .logging()
            .tasks()
            .announces_tools()
            .announces_prompts()
            .announces_resources()
            .announces_updates();
        let offer = |builder: mcp_server::ServerBuilder, name| {
            builder
                .tool(Arc::new(Idle(name)))
                .prompt(Arc::new(Idle(name)))
        };
        built(["a", "b", "c"].into_iter().fold(builder, offer))
    })
}

/// How a call ends.
pub(super) fn outcome(order: Order, number: u64) -> CallOutcome {
    match (order, number % 4) {
        (Order::Fail, _) => CallOutcome::Failed(ErrorObject::internal("as told")),
        (Order::Incapable, _) => {
            CallOutcome::Incapable(Map::from_iter([("sampling".to_owned(), json!({}))]))
        }
        (_, 0) => {
            CallOutcome::Returned(CallToolResult::new(vec![ContentBlock::text("done\n")]).into())
        }
        (_, 1) => CallOutcome::Returned(Product::NothingAt("x:1".to_owned())),
        (_, 2) => {
            let page = Page::last(vec![Resource::new("x:1", "one")]).with_next("2");
            CallOutcome::Returned(Product::Listed(page))
        }
        (_, _) => CallOutcome::Returned(Product::Completed(CompleteResult::new(vec![
            "Ada".to_owned(),
        ]))),
    }
}

/// What a call tells.
pub(super) fn told(order: Order, number: u64) -> Told {
    match order {
        Order::Log => Told::Log(LogMessage::new(
            LogLevel::Warning,
            format!("line\n{number}"),
        )),
        Order::Release => Told::Close,
        _ => Told::progress("x".repeat(usize::try_from(number % 3).unwrap_or(0) * 700)),
    }
}

/// What a call asks.
pub(super) fn question(number: u64) -> InputRequest {
    match number % 4 {
        0 => InputRequest::form("Sure?", Map::new()),
        1 => InputRequest::url("Look", "https://example.com", "e1"),
        2 => InputRequest::sample("Well?", 9),
        _ => InputRequest::Roots,
    }
}

/// What changes.
pub(super) fn change(number: u64) -> Change {
    match number % 4 {
        0 => Change::Tools,
        1 => Change::Prompts,
        2 => Change::Resources,
        _ => Change::Resource("x:1".to_owned()),
    }
}
