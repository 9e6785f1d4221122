//! Tools that go on as tasks, and one that does not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::tools::CallToolResult;
use mcp_server::{CallContext, Tool, ToolError};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::content::said;
use crate::fixture::{Arguments, plain, text, with_schema};
use crate::schemas;

/// All of them.
pub(crate) fn tools() -> Vec<Arc<dyn Tool>> {
    vec![
        with_schema(
            "greet",
            "Greets at once",
            &json!({"type": "object", "properties": {"name": {"type": "string"}}}),
            |arguments: Arguments, _| async move {
                said(format!("Hello, {}!", text(&arguments, "name")))
            },
        ),
        with_schema(
            "slow_compute",
            "Takes its time",
            &json!({"type": "object", "properties": {
                "seconds": {"type": "number"}, "label": {"type": "string"}}}),
            |arguments: Arguments, context: CallContext| async move {
                context.become_task().await;
                let seconds = arguments.get("seconds").and_then(Value::as_u64);
                context.progress("computing");
                sleep(Duration::from_secs(seconds.unwrap_or_default())).await;
                said(format!("computed {}", text(&arguments, "label")))
            },
        ),
        plain(
            "failing_job",
            "Fails after a while, and only as a task",
            |_, context: CallContext| async move {
                context.require_task().await?;
                sleep(Duration::from_secs(1)).await;
                Ok(CallToolResult::error("this job always fails"))
            },
        ),
        plain(
            "protocol_error_job",
            "Breaks after a while",
            |_, context: CallContext| async move {
                context.become_task().await;
                sleep(Duration::from_millis(200)).await;
                Err(ToolError::refused(ErrorObject::internal(
                    "this job always breaks",
                )))
            },
        ),
        with_schema(
            "confirm_delete",
            "Asks before it would delete something",
            &json!({"type": "object", "properties": {"filename": {"type": "string"}}}),
            |arguments: Arguments, context: CallContext| async move {
                context.become_task().await;
                let name = text(&arguments, "filename");
                let request = InputRequest::form(
                    format!("Delete {name}?"),
                    schemas::one_field("confirm", "boolean"),
                );
                let answer = context.ask("confirm", request).await?;
                let action = answer.as_elicited().map(|answer| answer.action.as_str());
                said(format!("{name}: {}", action.unwrap_or_default()))
            },
        ),
        plain(
            "multi_input",
            "Asks two things at once",
            |_, context: CallContext| async move {
                context.become_task().await;
                let question =
                    |text: &str| InputRequest::form(text, schemas::one_field("name", "string"));
                let answers = context
                    .ask_all(BTreeMap::from([
                        ("first".to_owned(), question("First name?")),
                        ("second".to_owned(), question("Second name?")),
                    ]))
                    .await?;
                said(format!("{} answers", answers.len()))
            },
        ),
        plain(
            "test_tool_with_task",
            "Asks first, and then takes its time",
            |_, context: CallContext| async move {
                let request =
                    InputRequest::form("What is your name?", schemas::one_field("name", "string"));
                context.keep(json!("asked"));
                let answer = context.ask("user_name", request).await?;
                context.become_task().await;
                sleep(Duration::from_millis(200)).await;
                let content = answer.as_elicited().map(|answer| &answer.content);
                let name = content.map(|content| text(content, "name"));
                said(format!("Hello, {}!", name.unwrap_or_default()))
            },
        ),
    ]
}
