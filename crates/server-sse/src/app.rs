//! The routes, and what all of them share.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use mcp_server::Server;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::{self, ResourceServer};
use crate::body::BodyBudget;
use crate::guard::{self, guard};
use crate::mcp;
use crate::sessions::Sessions;
use crate::settings::{BearerToken, HttpSettings};
use crate::sse;

/// What every request can reach.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) server: Server,
    pub(crate) settings: HttpSettings,
    pub(crate) access: Access,
    pub(crate) sessions: Sessions,
    pub(crate) bodies: BodyBudget,
    /// When it began: what signs of life are counted from.
    pub(crate) began: Instant,
    /// Cancelled when the server is shutting down: streams that would stay open for ever end.
    pub(crate) closing: CancellationToken,
}

/// What a request must bear.
#[derive(Debug)]
pub(crate) enum Access {
    Open,
    Token(BearerToken),
    Authorized(Box<ResourceServer>),
    /// Nobody gets in: what decides could not be set up.
    Closed,
}

impl Access {
    fn new(server: &Server, settings: &HttpSettings) -> Self {
        let Some(authorization) = settings.authorization.clone() else {
            return settings.token.clone().map_or(Self::Open, Self::Token);
        };
        let info = server.info();
        let name = info.title.as_deref().unwrap_or(&info.name);
        match ResourceServer::new(authorization, name, settings.keys_pause) {
            Ok(server) => Self::Authorized(Box::new(server)),
            Err(error) => {
                tracing::error!(%error, "access tokens cannot be checked: no request is let in");
                Self::Closed
            }
        }
    }
}

impl App {
    pub(crate) fn new(server: Server, settings: HttpSettings, closing: CancellationToken) -> Self {
        Self {
            access: Access::new(&server, &settings),
            server,
            sessions: Sessions::new(settings.max_sessions, settings.session_idle),
            bodies: BodyBudget::new(settings.max_buffered_bytes),
            settings,
            began: Instant::now(),
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
        .route(auth::WELL_KNOWN, get(metadata))
        .route(
            &format!("{}/{{*resource}}", auth::WELL_KNOWN),
            get(metadata),
        )
        .route(guard::HEALTH, get(|| async { "ok\n" }))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(Arc::clone(app), guard))
        .with_state(Arc::clone(app))
}

/// The metadata of the resource, where access tokens are asked for; elsewhere there are none.
async fn metadata(State(app): State<Arc<App>>, uri: Uri) -> Response {
    match &app.access {
        Access::Authorized(resource) => resource.metadata(uri.path()),
        Access::Open | Access::Token(_) | Access::Closed => StatusCode::NOT_FOUND.into_response(),
    }
}
