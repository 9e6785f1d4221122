//! An engine that fails as told: a real one behind a proxy on a socket of its own, and one that may be killed.
//!
//! The proxy knows the calls of the backend by what they do ([`Route`]) and makes the next one, or every one, fail in
//! a chosen way ([`Fault`]). What no proxy can pretend, such as an engine that is killed while containers run, is done
//! to a [`SacrificialEngine`], which shares nothing with the machine's own.

mod rule;
mod sacrifice;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::rule::{Fault, Rewrite, Route};
use self::rule::{Rule, strike};
pub use self::sacrifice::{Harm, Part, SacrificialEngine};
use self::wire::Message;

/// So many calls are counted; no test makes more.
const MAX_CALLS: usize = 100_000;

/// The proxy. It and its connections end when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    socket: PathBuf,
    listening: JoinSet<()>,
    _directory: TempDir,
}

#[derive(Debug)]
struct Shared {
    engine: PathBuf,
    rules: Mutex<Vec<Rule>>,
    calls: watch::Sender<Vec<Route>>,
    /// Cancelled to end the connections of now.
    connections: Mutex<CancellationToken>,
}

impl FaultProxy {
    /// Stands before the engine whose socket is `engine`, and passes everything on until it is told otherwise. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When no socket can be made.
    pub fn before(engine: impl Into<PathBuf>) -> std::io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut proxy = Self {
            shared: Arc::new(Shared {
                engine: engine.into(),
                rules: Mutex::default(),
                calls: watch::Sender::default(),
                connections: Mutex::default(),
            }),
            socket: directory.path().join("engine.sock"),
            listening: JoinSet::new(),
            _directory: directory,
        };
        proxy.listen()?;
        Ok(proxy)
    }

    /// Its address, as for `DOCKER_HOST`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The next call of this kind fails so.
    pub fn next(&self, route: Route, fault: Fault) {
        self.add(Some(route), fault, 1);
    }

    /// Every call of this kind fails so from now on.
    pub fn every(&self, route: Route, fault: Fault) {
        self.add(Some(route), fault, usize::MAX);
    }

    /// Every call of any kind fails so from now on.
    pub fn all(&self, fault: Fault) {
        self.add(None, fault, usize::MAX);
    }

    /// Everything is passed on again. What is being kept back stays so.
    pub fn heal(&self) {
        self.shared.rules().clear();
    }

    /// Whether every fault of [`next`](Self::next) has struck, and none of the others is in force.
    #[must_use]
    pub fn is_healed(&self) -> bool {
        self.shared.rules().is_empty()
    }

    /// Breaks every connection there is; new ones are made.
    pub fn cut(&self) {
        let mut token = self.shared.connections();
        token.cancel();
        *token = CancellationToken::new();
    }

    /// Breaks every connection and takes no new ones, as if the engine had ended.
    pub async fn leave(&mut self) {
        self.listening.shutdown().await;
    }

    /// Takes connections again after [`leave`](Self::leave).
    ///
    /// # Errors
    ///
    /// When no socket can be made.
    pub fn come_back(&mut self) -> std::io::Result<()> {
        std::fs::remove_file(&self.socket)?;
        self.listen()
    }

    /// How many calls of this kind came so far.
    #[must_use]
    pub fn calls(&self, route: Route) -> usize {
        count(&self.shared.calls.borrow(), route)
    }

    /// How many calls came so far.
    #[must_use]
    pub fn all_calls(&self) -> usize {
        self.shared.calls.borrow().len()
    }

    /// Waits until so many calls of this kind have come, and says whether they did `within` that time.
    pub async fn until_called(&self, route: Route, times: usize, within: Duration) -> bool {
        let mut calls = self.shared.calls.subscribe();
        let called = calls.wait_for(|calls| count(calls, route) >= times);
        tokio::time::timeout(within, called).await.is_ok()
    }

    fn add(&self, route: Option<Route>, fault: Fault, times: usize) {
        self.shared.rules().push(Rule {
            route,
            fault,
            times,
        });
    }

    fn listen(&mut self) -> std::io::Result<()> {
        let listener = UnixListener::bind(&self.socket)?;
        let shared = Arc::clone(&self.shared);
        self.listening.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let cut = shared.connections().clone();
                connections.spawn(async move {
                    // A connection that breaks is for its two ends to notice.
                    let _ = cut.run_until_cancelled(serve(&shared, client)).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(())
    }
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, CancellationToken> {
        let lock = self.connections.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, route: Route) {
        self.calls.send_modify(|calls| {
            if calls.len() < MAX_CALLS {
                calls.push(route);
            }
        });
    }
}

fn count(calls: &[Route], route: Route) -> usize {
    calls.iter().filter(|&&call| call == route).count()
}

/// One call a connection: what answers says so, and clients make a new one.
async fn serve(shared: &Shared, client: UnixStream) -> std::io::Result<()> {
    let (from_client, mut to_client) = client.into_split();
    let mut from_client = BufReader::new(from_client);
    let Some(call) = Message::read(&mut from_client, false).await? else {
        return Ok(());
    };
    let route = Route::of(&call);
    let fault = strike(&mut shared.rules(), route);
    shared.count(route);
    match &fault {
        Some(Fault::Delay(time)) => tokio::time::sleep(*time).await,
        Some(Fault::Swallow) => return until_gone(from_client).await,
        Some(Fault::Reset) => return Ok(()),
        Some(Fault::Answer(status, body)) => {
            let answer = Message::answer(*status, body.as_bytes()).to_bytes();
            return to_client.write_all(&answer).await;
        }
        _ => {}
    }

    let engine = UnixStream::connect(&shared.engine).await?;
    let (from_engine, mut to_engine) = engine.into_split();
    let mut from_engine = BufReader::new(from_engine);
    to_engine.write_all(&call.to_bytes()).await?;
    let Some(mut answer) = Message::read(&mut from_engine, true).await? else {
        return Ok(());
    };
    match &fault {
        Some(Fault::Hold) => return until_gone(from_client).await,
        Some(Fault::AnswerInstead(status, body)) => {
            answer = Message::answer(*status, body.as_bytes());
        }
        Some(Fault::Rewrite(change)) => answer.rewrite(&**change),
        Some(Fault::CutAnswer(after)) => {
            let bytes = answer.to_bytes();
            let part = bytes.get(..*after).unwrap_or(&bytes);
            return to_client.write_all(part).await;
        }
        _ => {}
    }
    to_client.write_all(&answer.to_bytes()).await?;
    if answer.status() == Some(101) {
        let near = (from_client, to_client);
        return stream(near, (from_engine, to_engine), fault.as_ref()).await;
    }
    Ok(())
}

/// Stays silent until the client goes.
async fn until_gone(mut client: BufReader<OwnedReadHalf>) -> std::io::Result<()> {
    let mut rest = [0; 1024];
    while client.read(&mut rest).await? > 0 {}
    Ok(())
}

type Halves = (BufReader<OwnedReadHalf>, OwnedWriteHalf);

/// Both directions of an attached stream, each of which may end before the other.
async fn stream(near: Halves, far: Halves, fault: Option<&Fault>) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = near;
    let (mut from_engine, mut to_engine) = far;
    let (passed, mut seen) = watch::channel(0_usize);
    let down = async {
        copy(&mut from_engine, &mut to_client, Some(&passed), fault).await?;
        to_client.shutdown().await
    };
    let up = async {
        copy(&mut from_client, &mut to_engine, None, fault).await?;
        to_engine.shutdown().await
    };
    let both = async { tokio::try_join!(down, up).map(drop) };
    let Some(Fault::CutStream(after) | Fault::StallStream(after)) = fault else {
        return both.await;
    };
    tokio::select! {
        ended = both => return ended,
        _ = seen.wait_for(|passed| passed >= after) => {}
    }
    if matches!(fault, Some(Fault::StallStream(_))) {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Copies to the end, counting, and no further than a fault lets it.
async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    passed: Option<&watch::Sender<usize>>,
    fault: Option<&Fault>,
) -> std::io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let room = match (fault, passed) {
            (Some(Fault::CutStream(after) | Fault::StallStream(after)), Some(passed)) => {
                after.saturating_sub(*passed.borrow())
            }
            _ => chunk.len(),
        };
        if room == 0 {
            return std::future::pending().await;
        }
        let room = room.min(chunk.len());
        let read = from.read(chunk.get_mut(..room).unwrap_or_default()).await?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(chunk.get(..read).unwrap_or_default()).await?;
        if let Some(passed) = passed {
            passed.send_modify(|passed| *passed = passed.saturating_add(read));
        }
    }
}

/// The path in an engine's address, if it is a socket of this host.
#[must_use]
pub fn socket_of(host: &str) -> Option<&Path> {
    host.strip_prefix("unix://").map(Path::new)
}

#[cfg(test)]
mod tests;
