//! One rich instance of everything that is sent, for the golden surface and the official schemas.

use std::time::Duration;

use mcp_protocol::Revision;
use mcp_protocol::completion::CompleteResult;
use mcp_protocol::content::{
    Annotations, ContentBlock, EmbeddedResource, ResourceContents, ResourceLink, Role,
};
use mcp_protocol::envelope::progress_token;
use mcp_protocol::icons::{Icon, Theme};
use mcp_protocol::input::{self, InputRequest, PageDone, UrlRequest};
use mcp_protocol::jsonrpc::{ErrorCode, ErrorObject, Outgoing, RequestId};
use mcp_protocol::lifecycle::{
    DiscoverResult, Feature, Implementation, InitializeResult, ServerCapabilities,
};
use mcp_protocol::logging::{self, LogLevel, LogMessage};
use mcp_protocol::progress::{self, Progress};
use mcp_protocol::prompts::{
    GetPromptResult, ListPromptsResult, Prompt, PromptArgument, PromptMessage,
};
use mcp_protocol::resources::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceTemplate,
};
use mcp_protocol::subscriptions::{self, Acknowledged, Change, Filter};
use mcp_protocol::tools::{CallToolResult, ListToolsResult, Tool, ToolAnnotations};
use mcp_protocol::wire::{Cache, ToWire, complete, input_required, stamp};
use serde_json::{Map, Value, json};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

fn server() -> Implementation {
    Implementation::new("python-executor", "1.0.0")
        .with_title("Python Executor")
        .with_description("runs Python")
        .with_website_url("https://example.com")
        .with_icon(icon())
}

fn icon() -> Icon {
    Icon::new("data:image/png;base64,iVBORw0KGgo=")
        .with_mime_type("image/png")
        .with_size("48x48")
        .with_theme(Theme::Dark)
}

fn tool() -> Tool {
    let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "properties": {"code": {"type": "string"}}, "required": ["code"]});
    let mut annotations = ToolAnnotations::new()
        .read_only(false)
        .destructive(false)
        .open_world(true);
    annotations.idempotent = Some(false);
    let mut tool = Tool::new("execute-python", object(schema.clone()))
        .with_title("Execute Python")
        .with_description("Runs a program")
        .with_output_schema(object(schema))
        .with_annotations(annotations)
        .with_icon(icon());
    tool.meta = object(json!({"com.example/x": 1}));
    tool
}

/// A tool whose results are no objects.
fn listing() -> Tool {
    Tool::new("list", object(json!({"type": "object"}))).with_output_schema(object(
        json!({"type": "array", "items": {"type": "integer"}}),
    ))
}

fn called() -> CallToolResult {
    let mut annotations = Annotations::for_audience([Role::User, Role::Assistant]);
    annotations.priority = Some(0.5);
    annotations.last_modified = Some("2026-01-01T00:00:00Z".to_owned());
    let mut link = ResourceLink::new("pyexec://runs/1/a.csv", "a.csv");
    link.title = Some("A".to_owned());
    link.mime_type = Some("text/csv".to_owned());
    link.size = Some(3);
    link.icons = vec![Icon::new("https://example.com/a.png")];
    let meta = object(json!({"com.example/block": true}));
    let text = ResourceContents::text("pyexec://t", Some("text/plain".to_owned()), "t")
        .with_meta(object(json!({"com.example/contents": true})));
    let blob = ResourceContents::blob("pyexec://b", None, &[0, 1, 2]);
    let mut result = CallToolResult::new(vec![
        ContentBlock::text("42\n")
            .with_annotations(annotations.clone())
            .with_meta(meta.clone()),
        ContentBlock::image(b"png", "image/png")
            .with_annotations(annotations)
            .with_meta(meta.clone()),
        ContentBlock::audio(b"wav", "audio/wav").with_meta(meta.clone()),
        ContentBlock::ResourceLink(link).with_meta(meta.clone()),
        ContentBlock::Resource(EmbeddedResource::new(text)).with_meta(meta),
        ContentBlock::Resource(EmbeddedResource::new(blob)),
    ])
    .with_structured_content(object(json!({"stdout": "42\n"})));
    result.meta = object(json!({"com.example/y": 2}));
    result
}

fn resource() -> Resource {
    let mut resource = Resource::new("pyexec://a.csv", "a.csv")
        .with_title("A")
        .with_description("a table")
        .with_mime_type("text/csv")
        .with_icon(icon());
    resource.size = Some(3);
    resource.annotations = Annotations::for_audience([Role::User]);
    resource.meta = object(json!({"com.example/z": 3}));
    resource
}

fn template() -> ResourceTemplate {
    ResourceTemplate::new("pyexec://{id}", "by id")
        .with_title("By id")
        .with_description("what has an id")
        .with_mime_type("text/plain")
        .with_icon(icon())
}

fn prompt() -> Prompt {
    Prompt::new("letter")
        .with_title("Letter")
        .with_description("writes a letter")
        .with_argument(PromptArgument::required("to").with_description("whom"))
        .with_argument(PromptArgument::optional("from"))
        .with_icon(icon())
}

/// The results of the features besides tools.
fn offers(
    make: &dyn Fn(&dyn ToWire, Option<Cache>) -> Value,
    cache: Option<Cache>,
) -> Vec<(&'static str, Value)> {
    let next = Some("cursor".to_owned());
    let contents = ResourceContents::text("pyexec://a.csv", Some("text/csv".to_owned()), "a,b");
    let said = PromptMessage::user(ContentBlock::text("Write to Ada"));
    let filled = GetPromptResult::new(vec![said]).with_description("a letter");
    vec![
        (
            "ListResourcesResult",
            make(
                &ListResourcesResult::new(vec![resource()], next.clone()),
                cache,
            ),
        ),
        (
            "ListResourceTemplatesResult",
            make(
                &ListResourceTemplatesResult::new(vec![template()], None),
                cache,
            ),
        ),
        (
            "ReadResourceResult",
            make(&ReadResourceResult::new(vec![contents]), cache),
        ),
        (
            "ListPromptsResult",
            make(&ListPromptsResult::new(vec![prompt()], next), cache),
        ),
        ("GetPromptResult", make(&filled, None)),
        (
            "CompleteResult",
            make(&CompleteResult::new(vec!["Ada".to_owned()]), None),
        ),
    ]
}

/// What a client is asked, by the name of the whole request or of its parameters.
fn questions(revision: Revision) -> Vec<(&'static str, InputRequest)> {
    let schema = object(json!({"type": "object", "properties": {"ok": {"type": "boolean"}}}));
    let mut questions = vec![
        ("CreateMessageRequest", InputRequest::sample("Well?", 9)),
        ("ListRootsRequest", InputRequest::Roots),
    ];
    if revision >= Revision::V2025_06_18 {
        questions.push(("ElicitRequest", InputRequest::form("Sure?", schema)));
    }
    if revision >= Revision::V2025_11_25 {
        let page = InputRequest::url("Look", "https://example.com/x", "e1");
        questions.push(("ElicitRequest", page));
    }
    questions
}

/// A result, by the name of its definition in the schema.
pub(crate) fn results(revision: Revision) -> Vec<(&'static str, Value)> {
    let cache = Some(Cache::public(Duration::from_secs(300)));
    let make = |value: &dyn ToWire, cache| {
        Value::Object(complete(
            value.to_wire(revision),
            revision,
            &server(),
            cache,
        ))
    };
    let capabilities = [
        Feature::ToolsListChanged,
        Feature::Resources,
        Feature::ResourcesListChanged,
        Feature::ResourcesSubscribe,
        Feature::Prompts,
        Feature::PromptsListChanged,
        Feature::Completions,
        Feature::Logging,
    ]
    .into_iter()
    .fold(ServerCapabilities::tools_only(), ServerCapabilities::with);
    let instructions = Some("Run short programs".to_owned());
    let mut results = vec![
        (
            "ListToolsResult",
            make(&ListToolsResult::new(vec![tool(), listing()]), cache),
        ),
        ("CallToolResult", make(&called(), None)),
        (
            "CallToolResult",
            make(
                &CallToolResult::text("[1,2]").with_structured_content(json!([1, 2])),
                None,
            ),
        ),
    ];
    results.extend(offers(&make, cache));
    if revision.is_modern() {
        let requests = questions(revision)
            .into_iter()
            .map(|(_, question)| (question.method().to_owned(), question))
            .collect();
        let state = Some("state".to_owned());
        let required = input_required(&requests, state, revision, &server());
        results.push(("InputRequiredResult", required.into()));
        let listened = stamp(
            complete(Map::new(), revision, &server(), None),
            &RequestId::from(8),
        );
        results.push(("SubscriptionsListenResult", listened.into()));
        let discovered = DiscoverResult::new(capabilities, instructions);
        results.push(("DiscoverResult", make(&discovered, cache)));
    } else {
        let opened = InitializeResult::new(revision, capabilities, server(), instructions);
        results.push(("InitializeResult", make(&opened, None)));
        results.push(("EmptyResult", json!({})));
    }
    results
}

/// A message, by the name of its definition in the schema.
pub(crate) fn messages(revision: Revision) -> Vec<(&'static str, Value)> {
    let (response, error) = if revision >= Revision::V2025_11_25 {
        ("JSONRPCResultResponse", "JSONRPCErrorResponse")
    } else {
        ("JSONRPCResponse", "JSONRPCError")
    };
    let token = progress_token(&object(json!({"_meta": {"progressToken": "t"}})))
        .unwrap()
        .unwrap();
    let params = Progress::new(token, 1, Some("installing".to_owned())).to_wire(revision);
    let mut messages = vec![
        (
            "ProgressNotification",
            Outgoing::Notification {
                method: progress::METHOD,
                params,
            },
        ),
        (
            error,
            Outgoing::Error {
                id: Some(7.into()),
                error: ErrorObject::unknown_tool("x"),
            },
        ),
    ];
    let notify = |method, params| Outgoing::Notification { method, params };
    let log = LogMessage::new(LogLevel::Warning, "slow").with_logger("sandbox");
    messages.push((
        "LoggingMessageNotification",
        notify(logging::METHOD, log.to_wire(revision)),
    ));
    for (name, change) in [
        ("ToolListChangedNotification", Change::Tools),
        ("PromptListChangedNotification", Change::Prompts),
        ("ResourceListChangedNotification", Change::Resources),
        (
            "ResourceUpdatedNotification",
            Change::Resource("pyexec://a.csv".to_owned()),
        ),
    ] {
        messages.push((name, notify(change.method(), change.to_wire(revision))));
    }
    if revision.is_modern() {
        let wanted = json!({"notifications": {"toolsListChanged": true,
            "resourceSubscriptions": ["pyexec://a.csv"]}});
        let filter = Filter::decode(&object(wanted)).unwrap();
        let acknowledged = Acknowledged::new(8.into(), filter).to_wire(revision);
        messages.push((
            "SubscriptionsAcknowledgedNotification",
            notify(subscriptions::ACKNOWLEDGED, acknowledged),
        ));
        let required = InputRequest::Roots.required();
        messages.push((
            "MissingRequiredClientCapabilityError",
            Outgoing::Error {
                id: Some(7.into()),
                error: ErrorObject::missing_capability(&required),
            },
        ));
    } else {
        for (name, question) in questions(revision) {
            messages.push((
                name,
                Outgoing::Request {
                    id: "ask-1".into(),
                    method: question.method(),
                    params: question.to_wire(revision),
                },
            ));
        }
    }
    for (_, result) in results(revision) {
        messages.push((
            response,
            Outgoing::Result {
                id: "a".into(),
                result: object(result),
            },
        ));
    }
    if revision == Revision::V2025_11_25 {
        let page = UrlRequest::new("Look", "https://example.com/x", "e1");
        messages.push((
            "URLElicitationRequiredError",
            Outgoing::Error {
                id: Some(7.into()),
                error: ErrorObject::url_elicitation_required(&[page]),
            },
        ));
        let done = PageDone::new("e1").to_wire(revision);
        messages.push((
            "ElicitationCompleteNotification",
            notify(input::PAGE_DONE, done),
        ));
    }
    // Before 2025-11-25 the schemas have no form for an error without an id.
    if revision >= Revision::V2025_11_25 {
        let unread = ErrorObject::parse_error("not JSON");
        messages.push((
            error,
            Outgoing::Error {
                id: None,
                error: unread,
            },
        ));
    }
    if revision.is_modern() {
        let unsupported = ErrorObject::unsupported_version("2027-01-01");
        let unsupported = Outgoing::Error {
            id: Some(7.into()),
            error: unsupported,
        };
        messages.push(("UnsupportedProtocolVersionError", unsupported));
        let mismatch = ErrorObject::new(ErrorCode::HEADER_MISMATCH, "`Mcp-Name` is missing");
        messages.push((
            error,
            Outgoing::Error {
                id: Some(7.into()),
                error: mismatch,
            },
        ));
    }
    messages
        .into_iter()
        .map(|(name, message)| (name, message.into_value()))
        .collect()
}
