//! A server that offers everything, for the tables of what it offers. Its handlers are never run.

use std::collections::BTreeMap;

use mcp_protocol::completion::{CompleteParams, CompleteResult};
use mcp_protocol::prompts::{self, GetPromptResult, PromptArgument};
use mcp_protocol::resources::{ReadResourceResult, Resource, ResourceTemplate};

use super::*;
use crate::{Completer, Page, Prompt, ResourceProvider};

#[derive(Debug)]
struct Shelf;

#[async_trait]
impl ResourceProvider for Shelf {
    async fn list(&self, _: Option<&str>, _: CallContext) -> Result<Page<Resource>, ToolError> {
        unreachable!("an engine calls nothing")
    }

    async fn templates(
        &self,
        _: Option<&str>,
        _: CallContext,
    ) -> Result<Page<ResourceTemplate>, ToolError> {
        unreachable!("an engine calls nothing")
    }

    async fn read(&self, _: &str, _: CallContext) -> Result<Option<ReadResourceResult>, ToolError> {
        unreachable!("an engine calls nothing")
    }
}

#[derive(Debug)]
struct Letter(&'static str);

#[async_trait]
impl Prompt for Letter {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new(self.0).with_argument(PromptArgument::required("to"))
    }

    async fn get(
        &self,
        _: BTreeMap<String, String>,
        _: CallContext,
    ) -> Result<GetPromptResult, ToolError> {
        unreachable!("an engine calls nothing")
    }
}

#[derive(Debug)]
struct Guess;

#[async_trait]
impl Completer for Guess {
    async fn complete(
        &self,
        _: CompleteParams,
        _: CallContext,
    ) -> Result<CompleteResult, ToolError> {
        unreachable!("an engine calls nothing")
    }
}

impl Desk {
    /// A desk at which everything is offered.
    pub(super) fn rich(channel: Channel) -> Self {
        let limits = ServerLimits {
            page: 2,
            log_burst: 2,
            listens_per_connection: 2,
            ..ServerLimits::default()
        };
        let mut builder = Server::builder(Implementation::new("desk", "1"))
            .resources(Arc::new(Shelf))
            .completions(Arc::new(Guess))
            .logging()
            .announces_tools()
            .announces_resources()
            .announces_updates()
            .limits(limits);
        for name in ["a", "b", "c"] {
            builder = builder
                .tool(Arc::new(Named(name)))
                .prompt(Arc::new(Letter(name)));
        }
        Self {
            engine: builder.build().unwrap().engine(channel),
            now: Instant::now(),
            received: 0,
        }
    }

    /// The same with a session of a client that can be asked.
    pub(super) fn rich_session(revision: &str) -> Self {
        let mut desk = Self::rich(Channel::Pipe);
        let capabilities = json!({"elicitation": {}, "sampling": {}});
        let opening = request(
            0,
            "initialize",
            &json!({"protocolVersion": revision, "capabilities": capabilities,
                "clientInfo": {"name": "c", "version": "1"}}),
        );
        desk.says(&opening);
        desk.is_initialized();
        desk
    }

    /// Takes in the notification that ends the handshake, as an exchange that is not counted.
    pub(super) fn is_initialized(&mut self) {
        let text = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        self.step(Input::Received {
            exchange: ExchangeId(u64::MAX),
            frame: decode(text.as_bytes()),
        });
    }

    pub(super) fn brings(&mut self, call: u64, product: Product) -> String {
        let outcome = CallOutcome::Returned(product);
        self.step(Input::Finished {
            call: CallId(call),
            outcome,
        })
    }

    /// What is answered, as JSON.
    pub(super) fn answer(&mut self, text: &str) -> Value {
        message(&self.says(text))
    }
}

/// The first message that is shown.
pub(super) fn message(shown: &str) -> Value {
    let line = shown
        .lines()
        .find(|line| line.contains(" <- "))
        .expect(shown);
    let (_, json) = line.split_once(" <- ").unwrap();
    serde_json::from_str(json).unwrap()
}
