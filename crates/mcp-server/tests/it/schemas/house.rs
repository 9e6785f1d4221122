//! A server that offers everything that the engine can send, each thing as rich as the model has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mcp_protocol::completion::{CompleteParams, CompleteResult};
use mcp_protocol::content::{
    Annotations, ContentBlock, EmbeddedResource, ResourceContents, ResourceLink, Role,
};
use mcp_protocol::icons::{Icon, Theme};
use mcp_protocol::input::{InputRequest, UrlRequest};
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::logging::{LogLevel, LogMessage};
use mcp_protocol::prompts::{self, GetPromptResult, PromptArgument, PromptMessage};
use mcp_protocol::resources::{ReadResourceResult, Resource, ResourceTemplate};
use mcp_protocol::tools::{self, CallToolResult, ToolAnnotations};
use mcp_protocol::wire::Cache;
use mcp_server::{
    CallContext, Completer, Page, Prompt, ResourceProvider, Server, ServerLimits, Tool, ToolError,
    async_trait,
};
use serde_json::{Map, Value, json};

/// What the tool can be told to do, by its argument `do`.
pub(super) const WAYS: &[&str] = &[
    "everything",
    "fail",
    "break",
    "panic",
    "form",
    "sample",
    "roots",
    "page",
    "task",
    "broken task",
    "asking task",
];

/// The server, with lists that have two pages.
pub(super) fn server() -> Server {
    let mut limits = ServerLimits::default();
    limits.page = 1;
    let info = Implementation::new("house", "1.2.3")
        .with_title("The House")
        .with_description("has everything")
        .with_website_url("https://example.com")
        .with_icon(icon());
    Server::builder(info)
        .instructions("Look around")
        .tool(Arc::new(Handy))
        .tool(Arc::new(Plain))
        .resources(Arc::new(Shelf))
        .prompt(Arc::new(Letter))
        .prompt(Arc::new(Note))
        .completions(Arc::new(Guess))
        .logging()
        .tasks()
        .announces_tools()
        .announces_prompts()
        .announces_resources()
        .announces_updates()
        .limits(limits)
        .build()
        .unwrap()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn icon() -> Icon {
    Icon::new("https://example.com/house.png")
        .with_mime_type("image/png")
        .with_size("48x48")
        .with_theme(Theme::Light)
}

fn annotations() -> Annotations {
    let mut annotations = Annotations::for_audience([Role::User, Role::Assistant]);
    annotations.priority = Some(0.5);
    annotations.last_modified = Some("2026-01-01T00:00:00Z".to_owned());
    annotations
}

#[derive(Debug)]
struct Handy;

#[async_trait]
impl Tool for Handy {
    fn definition(&self) -> tools::Tool {
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object", "properties": {"do": {"type": "string", "enum": WAYS}}});
        let output = json!({"type": "object", "properties": {"done": {"type": "boolean"}}});
        let hints = ToolAnnotations::new()
            .read_only(false)
            .destructive(false)
            .idempotent(true)
            .open_world(true);
        let mut tool = tools::Tool::new("handy", object(&schema))
            .with_title("Handy")
            .with_description("Does as it is told")
            .with_output_schema(object(&output))
            .with_annotations(hints)
            .with_icon(icon());
        tool.meta = object(&json!({"com.example/x": 1}));
        tool
    }

    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        let form = || {
            let schema = json!({"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "minLength": 1, "title": "Name"},
                "age": {"type": "integer", "minimum": 0},
                "sure": {"type": "boolean", "default": false},
                "colour": {"type": "string", "enum": ["red", "blue"]}}});
            InputRequest::form("Who are you?", object(&schema))
        };
        match arguments.get("do").and_then(Value::as_str) {
            Some("everything") => return Ok(everything(&context)),
            Some("fail") => return Ok(CallToolResult::error("it did not work")),
            Some("break") => return Err(ToolError::new("the tool broke")),
            Some("panic") => panic!("as told"),
            Some("form") => drop(context.ask("who", form()).await?),
            Some("sample") => {
                drop(
                    context
                        .ask("what", InputRequest::sample("Well?", 9))
                        .await?,
                );
            }
            Some("roots") => drop(context.ask("where", InputRequest::Roots).await?),
            Some("page") => {
                let page = InputRequest::url("Look", "https://example.com/x", "e1");
                drop(context.ask("page", page).await?);
            }
            Some("pages") => {
                let page = UrlRequest::new("Look", "https://example.com/y", "e2");
                return Err(ToolError::pages(vec![page]));
            }
            Some("task") => {
                context.become_task().await;
                context.progress("begun");
            }
            Some("broken task") => {
                context.become_task().await;
                return Err(ToolError::new("the task broke"));
            }
            Some("asking task") => {
                context.become_task().await;
                drop(context.ask("who", form()).await?);
            }
            // Until its future is dropped.
            _ => std::future::pending().await,
        }
        Ok(CallToolResult::new(vec![ContentBlock::text("done")]))
    }
}

/// Tells everything there is to tell, and answers with all kinds of content.
fn everything(context: &CallContext) -> CallToolResult {
    context.progress("looking around");
    context.progress_at(2, Some(3), Some("still looking".to_owned()));
    context.progress_at(3, None, None);
    context.log(LogMessage::new(LogLevel::Warning, "slow").with_logger("house"));
    context.log(LogMessage::new(LogLevel::Error, json!({"seconds": 12})));
    let mut link = ResourceLink::new("house://a.csv", "a.csv");
    link.title = Some("A".to_owned());
    link.mime_type = Some("text/csv".to_owned());
    link.size = Some(3);
    link.icons = vec![icon()];
    let meta = object(&json!({"com.example/block": 1}));
    let text = ResourceContents::text("house://t", Some("text/plain".to_owned()), "t")
        .with_meta(meta.clone());
    let blob = ResourceContents::blob("house://b", None, &[0, 1, 2]);
    let mut result = CallToolResult::new(vec![
        ContentBlock::text("42\n")
            .with_annotations(annotations())
            .with_meta(meta.clone()),
        ContentBlock::image(b"png", "image/png").with_annotations(annotations()),
        ContentBlock::audio(b"wav", "audio/wav").with_meta(meta.clone()),
        ContentBlock::ResourceLink(link).with_meta(meta.clone()),
        ContentBlock::Resource(EmbeddedResource::new(text)).with_meta(meta),
        ContentBlock::Resource(EmbeddedResource::new(blob)),
    ])
    .with_structured_content(object(&json!({"done": true})));
    result.meta = object(&json!({"com.example/y": 2}));
    result
}

/// A tool of which as little is said as may be.
#[derive(Debug)]
struct Plain;

#[async_trait]
impl Tool for Plain {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new("plain", object(&json!({"type": "object"})))
    }

    async fn call(
        &self,
        _: Map<String, Value>,
        _: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::new(Vec::new()))
    }
}

#[derive(Debug)]
struct Shelf;

#[async_trait]
impl ResourceProvider for Shelf {
    async fn list(
        &self,
        position: Option<&str>,
        _: CallContext,
    ) -> Result<Page<Resource>, ToolError> {
        if position.is_some() {
            return Ok(Page::last(vec![Resource::new("house://b", "b")]));
        }
        let mut resource = Resource::new("house://a", "a")
            .with_title("A")
            .with_description("a table")
            .with_mime_type("text/csv")
            .with_icon(icon());
        resource.size = Some(3);
        resource.annotations = annotations();
        resource.meta = object(&json!({"com.example/z": 3}));
        Ok(Page::last(vec![resource])
            .with_next("b")
            .with_cache(Cache::private(Duration::from_secs(5))))
    }

    async fn templates(
        &self,
        _: Option<&str>,
        _: CallContext,
    ) -> Result<Page<ResourceTemplate>, ToolError> {
        let template = ResourceTemplate::new("house://{room}", "by room")
            .with_title("By room")
            .with_description("what has a room")
            .with_mime_type("text/plain")
            .with_icon(icon());
        Ok(Page::last(vec![template]))
    }

    async fn read(
        &self,
        uri: &str,
        context: CallContext,
    ) -> Result<Option<ReadResourceResult>, ToolError> {
        let plain = Some("text/plain".to_owned());
        Ok(match uri {
            "house://a" => Some(ReadResourceResult::new(vec![
                ResourceContents::text(uri, plain, "a"),
                ResourceContents::blob(uri, None, &[1]),
            ])),
            "house://asks" => {
                drop(context.ask("where", InputRequest::Roots).await?);
                Some(ReadResourceResult::new(vec![ResourceContents::text(
                    uri, plain, "asked",
                )]))
            }
            _ => None,
        })
    }
}

#[derive(Debug)]
struct Letter;

#[async_trait]
impl Prompt for Letter {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new("letter")
            .with_title("Letter")
            .with_description("writes a letter")
            .with_argument(PromptArgument::required("to").with_description("whom"))
            .with_argument(PromptArgument::optional("from"))
            .with_icon(icon())
    }

    async fn get(
        &self,
        _: BTreeMap<String, String>,
        _: CallContext,
    ) -> Result<GetPromptResult, ToolError> {
        let picture = ContentBlock::image(b"png", "image/png");
        Ok(GetPromptResult::new(vec![
            PromptMessage::user(ContentBlock::text("Write to Ada")),
            PromptMessage::new(Role::Assistant, picture),
        ])
        .with_description("a letter"))
    }
}

#[derive(Debug)]
struct Note;

#[async_trait]
impl Prompt for Note {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new("note")
    }

    async fn get(
        &self,
        _: BTreeMap<String, String>,
        context: CallContext,
    ) -> Result<GetPromptResult, ToolError> {
        drop(context.ask("where", InputRequest::Roots).await?);
        Ok(GetPromptResult::new(Vec::new()))
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
        Ok(CompleteResult::new(vec!["Ada".to_owned(); 101]))
    }
}
