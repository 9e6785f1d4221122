//! The rules of the protocol as tables: what is said to an engine, and what it says and orders.

use std::time::Instant;

use expect_test::Expect;
use mcp_protocol::jsonrpc::decode;
use mcp_protocol::tools::{self, CallToolResult};
use serde_json::{Map, Value, json};

use super::*;
use crate::{CallContext, Server, Tool, ToolError, async_trait};

mod asking;
mod calls;
mod eras;
mod frames;
mod listening;
mod offers;
mod pages;
mod rich;
mod watching;

use rich::message;

#[derive(Debug)]
struct Named(&'static str);

#[async_trait]
impl Tool for Named {
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
        unreachable!("an engine calls nothing")
    }
}

/// An engine under a clock of its own, whose outputs are shown a line each.
struct Desk {
    engine: Engine,
    now: Instant,
    received: u64,
}

impl Desk {
    fn new(channel: Channel) -> Self {
        Self::with_limits(channel, ServerLimits::default())
    }

    fn with_limits(channel: Channel, limits: ServerLimits) -> Self {
        let server = Server::builder(Implementation::new("desk", "1"))
            .tool(Arc::new(Named("a")))
            .limits(limits)
            .build()
            .unwrap();
        Self {
            engine: server.engine(channel),
            now: Instant::now(),
            received: 0,
        }
    }

    /// A pipe whose session has been opened.
    fn opened(revision: &str) -> Self {
        let mut desk = Self::new(Channel::Pipe);
        desk.says(&initialize(revision));
        desk
    }

    fn says(&mut self, text: &str) -> String {
        self.received += 1;
        let exchange = ExchangeId(self.received);
        self.step(Input::Received {
            exchange,
            frame: decode(text.as_bytes()),
        })
    }

    fn returns(&mut self, call: u64, text: &str) -> String {
        let outcome = CallOutcome::Returned(CallToolResult::error(text).into());
        self.step(Input::Finished {
            call: CallId(call),
            outcome,
        })
    }

    fn tells(&mut self, call: u64, message: &str) -> String {
        self.step(Input::Told {
            call: CallId(call),
            told: Told::Progress {
                message: Some(message.to_owned()),
                done: None,
            },
        })
    }

    fn step(&mut self, input: Input) -> String {
        let outputs = self.engine.step(self.now, input);
        outputs.into_iter().map(show).collect::<Vec<_>>().join("\n")
    }
}

fn show(output: Output) -> String {
    match output {
        Output::Send {
            exchange, frame, ..
        } => format!("{} <- {}", exchange.0, frame.into_json()),
        Output::Close { exchange } => format!("{} close", exchange.0),
        Output::Done { exchange } => format!("{} done", exchange.0),
        Output::Cancel { call } => format!("cancel {}", call.0),
        Output::Watch { exchange, tasks } => format!("watch {tasks:?} for {}", exchange.0),
        Output::Answered { ticket, answer } => format!("answered {}: {answer:?}", ticket.0),
        Output::Start(start) => format!(
            "start {} {} {} by {} progress {}",
            start.call.0,
            show_work(start.work),
            start.revision,
            start
                .client_info
                .map_or_else(|| "-".to_owned(), |info| info.name.clone()),
            start.wants_progress
        ),
    }
}

fn show_work(work: Work) -> String {
    match work {
        Work::Call(tool, arguments) => format!("{tool:?} {}", Value::from(arguments)),
        work => format!("{work:?}"),
    }
}

fn check(shown: &str, expected: &Expect) {
    expected.assert_eq(shown);
}

fn initialize(revision: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}})
    .to_string()
}

fn request(id: impl Into<Value>, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params}).to_string()
}

fn modern(id: impl Into<Value>, method: &str, mut params: Value, version: &str) -> String {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = version.into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    request(id, method, &params)
}

fn cancel(id: impl Into<Value>) -> String {
    let params = json!({"requestId": id.into()});
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).to_string()
}
