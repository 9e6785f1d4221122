//! An MCP server without a transport of its own: a deterministic engine, the driver around it, and the [`Tool`] trait.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mcp_protocol::Revision;
//! use mcp_protocol::content::ContentBlock;
//! use mcp_protocol::lifecycle::Implementation;
//! use mcp_protocol::tools::{self, CallToolResult};
//! use mcp_server::{CallContext, Server, Tool, ToolError, async_trait};
//! use serde_json::{Map, Value, json};
//!
//! #[derive(Debug)]
//! struct Shout;
//!
//! #[async_trait]
//! impl Tool for Shout {
//!     fn definition(&self) -> tools::Tool {
//!         tools::Tool::new("shout", Map::from_iter([("type".to_owned(), json!("object"))]))
//!     }
//!
//!     async fn call(
//!         &self,
//!         arguments: Map<String, Value>,
//!         context: CallContext,
//!     ) -> Result<CallToolResult, ToolError> {
//!         let Some(text) = arguments.get("text").and_then(Value::as_str) else {
//!             return Ok(CallToolResult::error("`text` must be a string"));
//!         };
//!         context.progress("taking a deep breath");
//!         Ok(CallToolResult::new(vec![ContentBlock::text(text.to_uppercase())]))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Server::builder(Implementation::new("shouter", "1.0.0"))
//!     .tool(Arc::new(Shout))
//!     .build();
//!
//! let mut client = server.in_memory();
//! client.initialize(Revision::V2025_11_25.as_str()).await?;
//! let call = json!({"name": "shout", "arguments": {"text": "hello"}});
//! let response = client.request("tools/call", &call).await?;
//! assert_eq!(response["result"]["content"][0]["text"], "HELLO");
//! client.close().await
//! # }
//! ```
//!
//! Over standard input and output it is [`Server::serve`]; an HTTP transport uses [`Server::exchange`],
//! [`Server::open_session`] and [`Server::open_stream_session`].
//!
//! | module | concern |
//! |---|---|
//! | [`engine`] | what is answered to what, without I/O |
//! | `driver` | tasks, timers and streams around an engine |
//! | `tool`, `resource`, `prompt` | what a server offers |
//! | `context` | what a handler knows of its caller, and how it tells and asks |
//! | `tasks` | calls that go on after their request was answered |
//! | `memory` | a client for tests |

pub mod engine;

mod context;
mod driver;
mod failure;
mod limits;
mod memory;
mod prompt;
mod registry;
mod resource;
mod seal;
mod server;
mod tasks;
mod tool;

pub use context::CallContext;
pub use driver::{EventId, Replies, Reply, ServeError, Session, SessionClosed};
pub use failure::ToolError;
pub use limits::{MAX_PROGRESS_BYTES, MAX_QUESTIONS, MAX_STATE_BYTES, ServerLimits};
pub use memory::MemoryClient;
pub use prompt::{Completer, Prompt};
pub use resource::{Page, ResourceProvider};
pub use server::{Server, ServerBuilder};
pub use tool::{Principal, Tool};

#[doc(no_inline)]
pub use async_trait::async_trait;
