//! JSON-RPC and MCP as pure data: what the bytes of every protocol revision mean.
//!
//! This crate reads foreign bytes into checked types and writes our types for whichever revision the peer speaks. It
//! performs no I/O, knows no runtime, keeps no state, and never panics, whatever the bytes are.
//!
//! There is **one** internal model, as rich as the newest revision. Reading accepts what any revision may send; writing
//! goes through [`wire`], the only place that knows which field exists in which revision.
//!
//! ```
//! use mcp_protocol::jsonrpc::{Frame, Incoming, decode};
//!
//! let frame = decode(br#"{"jsonrpc":"2.0","id":"p9","method":"ping"}"#)?;
//! let Frame::Single(Incoming::Request(request)) = frame else { panic!("not a request") };
//! assert_eq!(request.method, "ping");
//! assert_eq!(request.id.to_string(), "\"p9\"");
//! # Ok::<(), mcp_protocol::jsonrpc::DecodeError>(())
//! ```
//!
//! | module | concern |
//! |---|---|
//! | [`revision`] | the five revisions and the choice between them |
//! | [`jsonrpc`] | envelope, ids, error codes, decoding with bounds |
//! | [`envelope`] | `_meta`: the self-description of stateless requests, progress tokens |
//! | [`lifecycle`] | `initialize`, `server/discover`, who the peers are |
//! | [`tools`], [`content`] | tools, their results and what these are made of |
//! | [`icons`] | what servers and their offers look like |
//! | [`resources`], [`prompts`], [`completion`] | what else a server offers |
//! | [`subscriptions`] | what changed, and who wants to know |
//! | [`tasks`] | calls that go on after their request was answered |
//! | [`input`] | what a server asks its client for |
//! | [`progress`], [`cancel`], [`logging`] | what travels beside a request |
//! | [`schema`] | what the schemas of tools must be |
//! | [`http`] | header names and values of the HTTP transports |
//! | [`wire`] | one model, written for a given revision |

pub mod revision;

pub mod jsonrpc;

pub mod envelope;
pub mod lifecycle;

pub mod cancel;
pub mod completion;
pub mod content;
pub mod icons;
pub mod input;
pub mod logging;
pub mod progress;
pub mod prompts;
pub mod resources;
pub mod schema;
pub mod subscriptions;
pub mod tasks;
pub mod tools;

pub mod http;
pub mod wire;

mod fields;

pub use revision::Revision;
