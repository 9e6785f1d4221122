//! The HTTP transports of an MCP server: Streamable HTTP for both eras on `/mcp`, HTTP+SSE for old clients on `/sse`
//! and `/message`, and `/healthz`.
//!
//! [`serve`] runs them on a listener, [`router`] hands them to an application of one's own. Every request is checked
//! for its Host, its Origin and, if one is asked for, its bearer token before its body is read.
//!
//! | module | concern |
//! |---|---|
//! | `settings`, `chosen` | what an operator can set |
//! | `app` | the routes and what they share |
//! | `guard`, `hosts` | who may ask |
//! | `auth` | whose access tokens let in whom |
//! | `mcp` | Streamable HTTP, in both eras |
//! | `sse` | HTTP+SSE |
//! | `sessions` | the sessions of both |
//! | `answer`, `event`, `reject` | what goes back |
//! | `body`, `media` | what comes in |
//! | `listen` | connections, timeouts, shutdown |

mod answer;
mod app;
mod auth;
mod body;
mod chosen;
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
pub use server_app::settings::{
    AuthorizationSettings, Issuer, IssuerReach, KeysUrl, Resource, Scope, SigningAlgorithm,
    UrlRefused,
};
pub use settings::{BearerToken, HttpSettings};
