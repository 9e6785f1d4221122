//! Tools that tell their client something while they work: progress, log messages, changes.

use std::sync::Arc;
use std::time::Duration;

use mcp_protocol::logging::{LogLevel, LogMessage};
use mcp_protocol::subscriptions::Change;
use mcp_server::{CallContext, Tool};
use tokio::time::sleep;

use crate::content::said;
use crate::fixture::plain;

/// The suite wants to see the messages arrive one by one.
const PAUSE: Duration = Duration::from_millis(50);

/// All of them.
pub(crate) fn tools() -> Vec<Arc<dyn Tool>> {
    vec![
        plain(
            "test_tool_with_progress",
            "Tells how far it is",
            |_, context: CallContext| async move {
                context.progress_at(0, Some(100), None);
                sleep(PAUSE).await;
                context.progress_at(50, Some(100), None);
                sleep(PAUSE).await;
                context.progress_at(100, Some(100), None);
                said("Tool with progress executed successfully")
            },
        ),
        plain("test_tool_with_logging", "Logs while it works", logging),
        plain("test_logging_tool", "Logs while it works", logging),
        plain(
            "test_reconnection",
            "Lets go of its connection while it works",
            |_, context: CallContext| async move {
                context.close_stream();
                sleep(2 * PAUSE).await;
                said("Reconnection test completed successfully")
            },
        ),
        plain(
            "test_trigger_tool_change",
            "Announces a change of the list of tools",
            |_, context: CallContext| async move {
                context.announce(Change::Tools);
                said("announced")
            },
        ),
        plain(
            "test_trigger_prompt_change",
            "Announces a change of the list of prompts",
            |_, context: CallContext| async move {
                context.announce(Change::Prompts);
                said("announced")
            },
        ),
    ]
}

async fn logging(_: crate::fixture::Arguments, context: CallContext) -> crate::fixture::Outcome {
    context.log(LogMessage::new(LogLevel::Info, "Tool execution started"));
    sleep(PAUSE).await;
    context.log(LogMessage::new(LogLevel::Info, "Tool processing data"));
    sleep(PAUSE).await;
    context.log(LogMessage::new(LogLevel::Info, "Tool execution completed"));
    said("Tool with logging executed successfully")
}
