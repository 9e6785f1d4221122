//! The HTTP transports of an MCP server: Streamable HTTP for both eras on `/mcp`, HTTP+SSE for old clients on `/sse`
//! and `/message`, and `/healthz`.
//!
//! [`serve`] runs them on a listener, [`router`] hands them to an application of one's own. Every request is checked
//! for its Host, its Origin and, if one is set, its bearer token before its body is read.
//!
//! | module | concern |
//! |---|---|
//! | `settings` | what an operator can set |
//! | `app` | the routes and what they share |
//! | `guard`, `hosts` | who may ask |
//! | `mcp` | Streamable HTTP, in both eras |
//! | `sse` | HTTP+SSE |
//! | `sessions` | the sessions of both |
//! | `answer`, `event`, `reject` | what goes back |
//! | `body`, `media` | what comes in |
//! | `listen` | connections, timeouts, shutdown |

mod answer;
mod app;
mod body;
mod event;
mod guard;
mod hosts;
mod listen;
mod mcp;
mod media;
mod reject;
mod sessions;
mod settings;
mod sse;

pub use app::router;
pub use listen::serve;
pub use settings::{BearerToken, HttpSettings};
