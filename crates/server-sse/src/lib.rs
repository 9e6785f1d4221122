//! The HTTP transports of an MCP server: Streamable HTTP for both eras on `/mcp`, HTTP+SSE for old clients on `/sse`
//! and `/message`, and `/healthz`.
//!
//! [`serve`] runs them on a listener, [`router`] hands them to an application of one's own. Every request is checked
//! for its Host, its Origin and, if one is asked for, its bearer token before its body is read.
//!
//! What is served is a [`Server`](mcp_server::Server), this product's or any other:
//!
//! ```no_run
//! use mcp_protocol::lifecycle::Implementation;
//! use mcp_server::Server;
//! use server_sse::HttpSettings;
//! use tokio::net::TcpListener;
//! use tokio_util::sync::CancellationToken;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::builder(Implementation::new("shouter", "1.0.0")).build()?;
//!     let listener = TcpListener::bind("127.0.0.1:8080").await?;
//!     // Cancelled by whatever should end the server: streams are closed, calls get some seconds to end.
//!     let shutdown = CancellationToken::new();
//!     server_sse::serve(listener, server, HttpSettings::default(), shutdown).await?;
//!     Ok(())
//! }
//! ```
//!
//! Inside another application, which then accepts connections and bounds them itself:
//!
//! ```
//! use axum::Router;
//! use axum::routing::get;
//! # use mcp_protocol::lifecycle::Implementation;
//! # use mcp_server::Server;
//! # use server_sse::HttpSettings;
//!
//! # let server = Server::builder(Implementation::new("shouter", "1.0.0")).build()?;
//! let mut settings = HttpSettings::default();
//! settings.allowed_hosts.push("tools.example".to_owned());
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .merge(server_sse::router(server, settings));
//! # Ok::<(), mcp_server::ToolRefused>(())
//! ```
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
//! | `listen` | accepting, timeouts, shutdown |
//! | `connections`, `activity`, `stall`, `recorded` | how many, what they do, who does not read, who was there |

mod activity;
mod answer;
mod app;
mod auth;
mod body;
mod chosen;
mod connections;
mod event;
mod guard;
mod hosts;
mod listen;
mod mcp;
mod media;
mod recorded;
mod reject;
mod sessions;
mod settings;
mod sse;
mod stall;

pub use app::router;
pub use listen::serve;
pub use server_app::settings::{
    AuthorizationSettings, Issuer, IssuerReach, KeysUrl, Resource, Scope, SigningAlgorithm,
    UrlRefused,
};
pub use settings::{BearerToken, HttpSettings};
