//! Serves the routes on a listener: connections with bounds and timeouts, and a shutdown that lets work end.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use mcp_server::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::activity::Activity;
use crate::app::{Access, App, routes};
use crate::connections::{Connections, Room};
use crate::recorded::Recorded;
use crate::settings::HttpSettings;
use crate::stall::Stalling;

/// The largest head of a request (431), give or take what one read brings, which is as much again at most. Those of real
/// clients are a tenth of it, a long access token included. A connection buffers as much of what it writes.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How often idle sessions are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The pause after a failed accept. Running out of file descriptors passes when connections end; until then there is
/// nothing to do but wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often failed accepts are told.
const TOLD_EVERY: Duration = Duration::from_secs(60);

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
    let mut connections = Connections::new(app.settings.max_connections);
    let mut failures = Failures::default();
    let mut sweep = time::interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let room = connections.room();
        let pause = failures.pause();
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = sweep.tick() => app.sessions.sweep(),
            Some(()) = connections.ended() => {}
            () = wait_until(room, pause) => {}
            accepted = listener.accept(), if matches!(room, Room::Now) && pause.is_none() => {
                match accepted {
                    Ok((stream, _)) => {
                        let activity = Activity::new();
                        let shutdown = shutdown.clone();
                        let (router, app) = (router.clone(), Arc::clone(&app));
                        connections.spawn(
                            activity.clone(),
                            connection(stream, activity, router, app, shutdown),
                        );
                    }
                    Err(error) => {
                        failures.one_more(&error);
                        // An idle client's file may serve a busy one.
                        connections.give_one_up();
                    }
                }
            }
        }
    }
    drop(listener);
    // Those who wait for changes would do so until the end of the drain.
    server.end_subscriptions();
    let all_gone =
        async |connections: &mut Connections| while connections.ended().await.is_some() {};
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
    connections.close().await;
    Ok(())
}

/// Waits until a connection may be accepted again; for ever, when that has no time.
async fn wait_until(room: Room, pause: Option<Instant>) {
    match (pause, room) {
        (Some(pause), _) => time::sleep_until(pause).await,
        (None, Room::At(when)) => time::sleep_until(when).await,
        (None, Room::Now | Room::None) => std::future::pending().await,
    }
}

/// Accepts that failed: they are paused for, and told now and then and not each time.
#[derive(Debug, Default)]
struct Failures {
    untold: u64,
    told: Option<Instant>,
    until: Option<Instant>,
}

impl Failures {
    /// Until when nothing is to be accepted, while that is in the future.
    fn pause(&self) -> Option<Instant> {
        self.until.filter(|until| *until > Instant::now())
    }

    fn one_more(&mut self, error: &io::Error) {
        self.untold += 1;
        self.until = Some(Instant::now() + ACCEPT_PAUSE);
        if self.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            let times = std::mem::take(&mut self.untold);
            tracing::warn!(%error, times, "connections cannot be accepted; trying again");
            self.told = Some(Instant::now());
        }
    }
}

async fn connection(
    stream: TcpStream,
    activity: Activity,
    router: Router,
    app: Arc<App>,
    shutdown: CancellationToken,
) {
    let _recorded = Recorded::new(&app.settings.audit, stream.peer_addr().ok());
    // Events are small and must not wait for more of them.
    let _ = stream.set_nodelay(true);
    let stream = Stalling::new(stream, app.settings.write_timeout, app.server.clone());
    let answers = service_fn(move |request: Request<Incoming>| {
        let request = request.map(|body| activity.watch_request(body));
        let answering = router.clone().call(request);
        let activity = activity.clone();
        async move {
            let response = answering.await?;
            Ok::<_, Infallible>(response.map(|body| activity.watch_response(body)))
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answers);
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
