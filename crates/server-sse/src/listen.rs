//! Serves the routes on a listener: connections with bounds and timeouts, and a shutdown that lets work end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use mcp_server::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{self, MissedTickBehavior};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use crate::app::{Access, App, routes};
use crate::settings::HttpSettings;

/// The largest head of a request (431). Ours need a tenth of it.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How often idle sessions are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The pause after a failed accept. Running out of file descriptors passes when connections end; until then there is
/// nothing to do but wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time that connections have to write their last bytes when everything was cancelled.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves `server` on `listener` until `shutdown` is cancelled.
///
/// Then no connection is accepted any more, idle ones are closed, subscriptions get their final answer, and requests under way may go on for
/// [`HttpSettings::drain`]; what is left after that is cancelled. It returns when the futures of all calls have been
/// dropped. Dropping the future closes all connections at once, without waiting for the calls.
///
/// # Errors
///
/// None at present: a listener that fails for a while is tried again.
pub async fn serve(
    listener: TcpListener,
    server: Server,
    settings: HttpSettings,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let app = Arc::new(App::new(server.clone(), settings, shutdown.clone()));
    if let Access::Authorized(resource) = &app.access {
        resource.prepare();
    }
    let router = routes(&app);
    let mut connections = JoinSet::new();
    let mut sweep = time::interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let may_accept = connections.len() < app.settings.max_connections;
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = sweep.tick() => app.sessions.sweep(),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if may_accept => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(
                        stream,
                        router.clone(),
                        Arc::clone(&app),
                        shutdown.clone(),
                    ));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // Those who wait for changes would do so until the end of the drain.
    server.end_subscriptions();
    let all_gone =
        async |connections: &mut JoinSet<()>| while connections.join_next().await.is_some() {};
    if time::timeout(app.settings.drain, all_gone(&mut connections))
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "requests are cancelled by the shutdown"
        );
    }
    server.stop().await;
    let _ = time::timeout(LAST_WORDS, all_gone(&mut connections)).await;
    connections.shutdown().await;
    Ok(())
}

async fn connection(stream: TcpStream, router: Router, app: Arc<App>, shutdown: CancellationToken) {
    // Events are small and must not wait for more of them.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(app.settings.write_timeout));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(router),
        );
    tokio::pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
