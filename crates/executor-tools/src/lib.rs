//! `execute-python` as an MCP tool: where the two columns meet.
//!
//! [`ExecutePython`] takes the arguments of a call apart, has an [`Executor`](executor_core::Executor) run the program,
//! tells what happens while it goes on, and renders the outcome for a model (text) and for programs (structured content).
//! It decides nothing about isolation. Between calls it keeps nothing but what results link to, in a [`ResultStore`],
//! for a while.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use executor_core::Executor;
//! use executor_tools::ExecutePython;
//! use mcp_protocol::lifecycle::Implementation;
//! use mcp_server::{Server, ToolRefused};
//!
//! fn server(executor: Executor) -> Result<Server, ToolRefused> {
//!     let tool = Arc::new(ExecutePython::new(executor));
//!     let results = Arc::clone(tool.results());
//!     Server::builder(Implementation::new("python-executor", "1.0.0"))
//!         .tool(tool)
//!         .resources(results)
//!         .build()
//! }
//! ```

mod tool;

mod arguments;
mod description;
mod facts;
mod incoming;
mod structured;

mod account;
mod asker;
mod budget;
mod cost;
mod entries;
mod excerpt;
mod failure;
mod follow;
mod hints;
mod left_out;
mod lines;
mod notes;
mod render;
mod shown;
mod signal;
mod store;
mod teller;
mod ticker;
mod tokens;
mod visible;

pub use self::account::Account;
pub use self::budget::ResultBudget;
pub use self::store::{ResultStore, StoreLimits};
pub use self::tool::ExecutePython;

const _: () = {
    const fn shared<T: Send + Sync + 'static>() {}
    shared::<ExecutePython>();
    shared::<ResultStore>();
};
