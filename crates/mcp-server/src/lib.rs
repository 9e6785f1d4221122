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
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder(Implementation::new("shouter", "1.0.0"))
//!     .tool(Arc::new(Shout))
//!     .build()?;
//!
//! let mut client = server.in_memory();
//! client.initialize(Revision::V2025_11_25.as_str()).await?;
//! let call = json!({"name": "shout", "arguments": {"text": "hello"}});
//! let response = client.request("tools/call", &call).await?;
//! assert_eq!(response["result"]["content"][0]["text"], "HELLO");
//! client.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # A server of your own
//!
//! The types of messages are those of [`mcp_protocol`], which a server depends on as well. Every feature is a trait or
//! a call, and every revision of the protocol is served from the same code; what a client's revision does not have is
//! left out or replaced on the way. `examples/notebook.rs` in this crate has nearly all of it in one file.
//!
//! | to … | there is |
//! |---|---|
//! | offer a tool | [`Tool`], given to [`ServerBuilder::tool`]; its schema may be derived, with `schemars` for example |
//! | tell a model what it did wrong | `Ok` of [`CallToolResult::error`](mcp_protocol::tools::CallToolResult::error) |
//! | say that we failed ourselves | `Err` of [`ToolError`]: a safe sentence outside, the cause in the log |
//! | tell how far a call is, or log to its client | [`CallContext::progress`], [`CallContext::log`] |
//! | ask the user, the client's model or for its roots | [`CallContext::ask`] |
//! | have the user open a page before the call can be made | [`ToolError::pages`], later [`Server::page_done`] |
//! | stop when the client cancels or goes away | nothing: the future of the call is dropped |
//! | go on after the request was answered | [`ServerBuilder::tasks`] and [`CallContext::become_task`] |
//! | offer resources, prompts, proposals | [`ResourceProvider`], [`Prompt`], [`Completer`] |
//! | say that something changed | [`ServerBuilder::announces_tools`] and its siblings, then [`Server::announce`] |
//! | bound what clients may use | [`ServerLimits`] |
//! | test it | [`Server::in_memory`], as above |
//!
//! A tool's schemas are JSON Schema 2020-12, which is what none in `$schema` means, and no other dialect is spoken. They
//! stand by themselves: nothing is fetched, so a reference begins with `#`. [`ServerBuilder::build`] refuses a tool that
//! clients would not take, with its name and the reason: see [`ToolRefused`].
//!
//! # Serving it
//!
//! Over the standard streams of the process it is one call, which returns when the client closes its end:
//!
//! ```no_run
//! use mcp_protocol::lifecycle::Implementation;
//! use mcp_server::Server;
//! use tokio_util::sync::CancellationToken;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::builder(Implementation::new("shouter", "1.0.0")).build()?;
//!     server.serve_stdio(CancellationToken::new()).await?;
//!     Ok(())
//! }
//! ```
//!
//! Any other pair of byte streams goes through [`Server::serve`]. Over HTTP it is the crate `server-sse`: its `serve`
//! takes a listener, its `router` is an [`axum`](https://docs.rs/axum) router to be mounted in an application of one's
//! own. A transport of another kind is built on [`Server::exchange`], [`Server::open_session`] and
//! [`Server::open_stream_session`].
//!
//! # Inside
//!
//! | module | concern |
//! |---|---|
//! | [`engine`] | what is answered to what, without I/O |
//! | `driver` | tasks, timers and streams around an engine |
//! | `tool`, `resource`, `prompt` | what a server offers |
//! | `definition` | what a tool may say of itself |
//! | `context` | what a handler knows of its caller, and how it tells and asks |
//! | `tasks` | calls that go on after their request was answered |
//! | `stdio` | the standard streams of a process |
//! | `memory` | a client for tests |

pub mod engine;

mod budget;
mod context;
mod definition;
mod driver;
mod failure;
mod limits;
mod memory;
mod prompt;
mod registry;
mod resource;
mod seal;
mod server;
mod stdio;
mod tasks;
mod tool;

pub use context::CallContext;
pub use definition::ToolRefused;
pub use driver::{EventId, HeldText, Replies, Reply, ServeError, Session, SessionClosed};
pub use failure::ToolError;
pub use limits::{
    MAX_PAGES, MAX_PROGRESS_BYTES, MAX_QUESTIONS, MAX_STATE_BYTES, MAX_TOOL_NAME, ServerLimits,
};
pub use memory::MemoryClient;
pub use prompt::{Completer, Prompt};
pub use resource::{Page, ResourceProvider};
pub use server::{Server, ServerBuilder};
pub use stdio::{StdioReader, StdioWriter, stdio};
pub use tool::{Principal, Tool};

#[doc(no_inline)]
pub use async_trait::async_trait;
