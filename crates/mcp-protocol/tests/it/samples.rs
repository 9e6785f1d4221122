//! One rich instance of everything that is sent, for the golden surface and the official schemas.

use std::time::Duration;

use mcp_protocol::Revision;
use mcp_protocol::content::{
    Annotations, ContentBlock, EmbeddedResource, ResourceContents, ResourceLink, Role,
};
use mcp_protocol::envelope::progress_token;
use mcp_protocol::jsonrpc::{ErrorCode, ErrorObject, Outgoing};
use mcp_protocol::lifecycle::{
    DiscoverResult, Implementation, InitializeResult, ServerCapabilities,
};
use mcp_protocol::progress::{self, Progress};
use mcp_protocol::tools::{CallToolResult, ListToolsResult, Tool, ToolAnnotations};
use mcp_protocol::wire::{Cache, ToWire, complete};
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
        .with_annotations(annotations);
    tool.meta = object(json!({"com.example/x": 1}));
    tool
}

fn called() -> CallToolResult {
    let mut annotations = Annotations::for_audience([Role::User, Role::Assistant]);
    annotations.priority = Some(0.5);
    annotations.last_modified = Some("2026-01-01T00:00:00Z".to_owned());
    let mut link = ResourceLink::new("pyexec://runs/1/a.csv", "a.csv");
    link.title = Some("A".to_owned());
    link.mime_type = Some("text/csv".to_owned());
    link.size = Some(3);
    let text = ResourceContents::text("pyexec://t", Some("text/plain".to_owned()), "t");
    let blob = ResourceContents::blob("pyexec://b", None, &[0, 1, 2]);
    let mut result = CallToolResult::new(vec![
        ContentBlock::text("42\n").with_annotations(annotations.clone()),
        ContentBlock::image(b"png", "image/png").with_annotations(annotations),
        ContentBlock::audio(b"wav", "audio/wav"),
        ContentBlock::ResourceLink(link),
        ContentBlock::Resource(EmbeddedResource::new(text)),
        ContentBlock::Resource(EmbeddedResource::new(blob)),
    ])
    .with_structured_content(object(json!({"stdout": "42\n"})));
    result.meta = object(json!({"com.example/y": 2}));
    result
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
    let capabilities = ServerCapabilities::tools_only();
    let instructions = Some("Run short programs".to_owned());
    let mut results = vec![
        (
            "ListToolsResult",
            make(&ListToolsResult::new(vec![tool()]), cache),
        ),
        ("CallToolResult", make(&called(), None)),
    ];
    if revision.is_modern() {
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
    for (_, result) in results(revision) {
        messages.push((
            response,
            Outgoing::Result {
                id: "a".into(),
                result: object(result),
            },
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
