//! The routes, and what all of them share.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{any, get};
use mcp_server::Server;
use tokio_util::sync::CancellationToken;

use crate::body::BodyBudget;
use crate::guard::{self, guard};
use crate::mcp;
use crate::sessions::Sessions;
use crate::settings::HttpSettings;
use crate::sse;

/// What every request can reach.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) server: Server,
    pub(crate) settings: HttpSettings,
    pub(crate) sessions: Sessions,
    pub(crate) bodies: BodyBudget,
    /// Cancelled when the server is shutting down: streams that would stay open for ever end.
    pub(crate) closing: CancellationToken,
}

impl App {
    pub(crate) fn new(server: Server, settings: HttpSettings, closing: CancellationToken) -> Self {
        Self {
            server,
            sessions: Sessions::new(settings.max_sessions, settings.session_idle),
            bodies: BodyBudget::new(settings.max_buffered_bytes),
            settings,
            closing,
        }
    }
}

/// The routes of the server, to be mounted in an application of one's own. Timeouts of connections are then that
/// application's affair; [`serve`](crate::serve) has them.
pub fn router(server: Server, settings: HttpSettings) -> Router {
    routes(&Arc::new(App::new(
        server,
        settings,
        CancellationToken::new(),
    )))
}

pub(crate) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/mcp", any(mcp::endpoint))
        .route("/sse", any(sse::stream))
        .route(sse::MESSAGE_PATH, any(sse::message))
        .route(guard::HEALTH, get(|| async { "ok\n" }))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(Arc::clone(app), guard))
        .with_state(Arc::clone(app))
}
