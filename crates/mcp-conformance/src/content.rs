//! Tools that answer with every kind of content, and one that fails.

use std::sync::Arc;

use mcp_protocol::content::{ContentBlock, EmbeddedResource, ResourceContents};
use mcp_protocol::tools::CallToolResult;
use mcp_server::{Tool, ToolError};

use crate::fixture::{Arguments, Outcome, plain, text, with_schema};
use crate::schemas;

/// A picture of one red point.
pub(crate) const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0,
    1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0x0c, 0x49, 0x44, 0x41, 0x54,
    0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0, 0, 3, 1, 1, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0, 0, 0x49,
    0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// A sound of no length: the header of a WAV file.
const WAV: &[u8] =
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\0\0\0";

/// All of them.
pub(crate) fn tools() -> Vec<Arc<dyn Tool>> {
    let embedded = ResourceContents::text(
        "test://embedded-resource",
        Some("text/plain".to_owned()),
        "This is an embedded resource content.",
    );
    let mixed = ResourceContents::text(
        "test://mixed-content-resource",
        Some("application/json".to_owned()),
        r#"{"test":"data","value":123}"#,
    );
    vec![
        constant(
            "test_simple_text",
            vec![ContentBlock::text(
                "This is a simple text response for testing.",
            )],
        ),
        constant(
            "test_image_content",
            vec![ContentBlock::image(PNG, "image/png")],
        ),
        constant(
            "test_audio_content",
            vec![ContentBlock::audio(WAV, "audio/wav")],
        ),
        constant(
            "test_embedded_resource",
            vec![ContentBlock::Resource(EmbeddedResource::new(embedded))],
        ),
        constant(
            "test_multiple_content_types",
            vec![
                ContentBlock::text("Multiple content types test:"),
                ContentBlock::image(PNG, "image/png"),
                ContentBlock::Resource(EmbeddedResource::new(mixed)),
            ],
        ),
        plain("test_error_handling", "Always fails", |_, _| async {
            Ok(CallToolResult::error(
                "This tool intentionally returns an error for testing",
            ))
        }),
        with_schema(
            "json_schema_2020_12_tool",
            "Has a schema with much of JSON Schema 2020-12 in it",
            &schemas::json_schema_2020_12(),
            |arguments: Arguments, _| async move {
                let name = text(&arguments, "name");
                said(format!("JSON Schema 2020-12 tool called with: {name}"))
            },
        ),
        with_schema(
            "test_custom_headers",
            "Has arguments that a header repeats",
            &schemas::custom_headers(),
            |arguments: Arguments, _| async move {
                said(format!("region: {}", text(&arguments, "region")))
            },
        ),
    ]
}

/// A result of one text.
pub(crate) fn said(text: impl Into<String>) -> Outcome {
    Ok(CallToolResult::new(vec![ContentBlock::text(text)]))
}

fn constant(name: &str, content: Vec<ContentBlock>) -> Arc<dyn Tool> {
    plain(name, "Always answers the same", move |_, _| {
        let result = CallToolResult::new(content.clone());
        async move { Ok::<_, ToolError>(result) }
    })
}
