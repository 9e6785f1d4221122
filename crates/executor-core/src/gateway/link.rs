//! The way out of one sandbox: takes its connections in, within bounds, and hands each to the protocol that its first byte
//! announces.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::builder::Shared;
use super::dial::BoxStream;
use super::limits::LimitHit;
use super::meter::{Activity, LinkReport, Tally};
use super::policy::Egress;
use super::{http, socks};

/// The way out of one sandbox for one phase of its life, made by [`Gateway::open`](super::Gateway::open).
///
/// Cloning it gives another handle on the same way out, with the same counters.
#[derive(Clone, Debug)]
pub struct GatewayLink {
    link: Arc<Link>,
}

impl GatewayLink {
    pub(super) fn new(shared: Arc<Shared>, egress: Egress) -> Self {
        let limits = &shared.limits;
        let permits = |count: usize| Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            link: Arc::new(Link {
                turns: permits(limits.connections_at_once),
                lookups: permits(limits.lookups_at_once),
                inside: AtomicUsize::new(0),
                tally: Arc::new(Tally::new(limits.bytes_total)),
                egress,
                shared,
            }),
        }
    }

    /// Serves one connection that a program made to the sandbox's proxy port, until it ends.
    ///
    /// There is no error: whatever goes wrong is answered within the protocol that the program speaks. The end of the
    /// program's bytes is a half-close and not yet the end of the connection; the bytes to it end with a shutdown of the
    /// channel. Dropping the future closes the connection at once on both sides, and it is audited all the same.
    pub fn serve<C>(&self, channel: C) -> impl Future<Output = ()> + Send + 'static
    where
        C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let link = Arc::clone(&self.link);
        // One instance of everything below, whatever the channel is.
        let channel: BoxStream = Box::new(channel);
        Box::pin(link.serve(channel))
    }

    /// What has gone through so far. The bytes of connections under way are counted.
    #[must_use]
    pub fn report(&self) -> LinkReport {
        self.link.tally.report()
    }
}

/// What the connections of one sandbox share.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) shared: Arc<Shared>,
    pub(super) egress: Egress,
    pub(super) tally: Arc<Tally>,
    pub(super) lookups: Semaphore,
    turns: Semaphore,
    inside: AtomicUsize,
}

/// One connection of a program.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) link: Arc<Link>,
    pub(super) activity: Arc<Activity>,
    /// A connection over a limit is still heard, so that the answer names the limit.
    pub(super) admitted: Result<(), LimitHit>,
}

impl Link {
    async fn serve(self: Arc<Self>, channel: BoxStream) {
        let limits = &self.shared.limits;
        let inside = Inside::enter(&self.inside);
        let room = limits
            .connections_at_once
            .saturating_add(limits.connections_waiting);
        if inside.count > room.saturating_add(HEARD_OVER_LIMIT) {
            // Too many to be told so one by one.
            self.tally
                .note_limit(LimitHit::ConnectionsAtOnce(limits.connections_at_once));
            return;
        }
        let (turn, admitted) = self.admit(inside.count > room).await;
        let activity = Arc::new(Activity::new());
        let visit = Visit {
            link: Arc::clone(&self),
            activity: Arc::clone(&activity),
            admitted,
        };
        tokio::select! {
            () = converse(Arc::new(visit), channel) => {}
            () = activity.idle(limits.idle_timeout) => {
                tracing::debug!("a connection out of a sandbox was idle for too long");
            }
        }
        drop(turn);
    }

    /// Waits for this connection's turn, or says which limit it is over.
    async fn admit(&self, full: bool) -> (Option<SemaphorePermit<'_>>, Result<(), LimitHit>) {
        let limits = &self.shared.limits;
        if self.tally.count_connection() > limits.connections_total {
            return (
                None,
                Err(LimitHit::ConnectionsTotal(limits.connections_total)),
            );
        }
        if !full && let Ok(Ok(turn)) = timeout(limits.wait_timeout, self.turns.acquire()).await {
            return (Some(turn), Ok(()));
        }
        (
            None,
            Err(LimitHit::ConnectionsAtOnce(limits.connections_at_once)),
        )
    }
}

/// Hands the connection to the protocol that its first byte announces.
async fn converse(visit: Arc<Visit>, channel: BoxStream) {
    let limits = &visit.link.shared.limits;
    let mut channel = BufReader::with_capacity(FIRST_BYTES, channel);
    let first = match timeout(limits.header_timeout, channel.fill_buf()).await {
        Ok(Ok(bytes)) => bytes.first().copied(),
        Ok(Err(_)) | Err(_) => None,
    };
    match first {
        None => {}
        Some(socks::VERSION) => socks::serve(&visit, channel).await,
        Some(socks::VERSION_4) => socks::refuse_version_4(&mut channel).await,
        Some(_) => http::serve(&visit, channel).await,
    }
}

/// Counts a connection for as long as it lives.
struct Inside<'a> {
    all: &'a AtomicUsize,
    count: usize,
}

impl<'a> Inside<'a> {
    fn enter(all: &'a AtomicUsize) -> Self {
        Self {
            all,
            count: all.fetch_add(1, Ordering::Relaxed) + 1,
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many connections over the limit are heard at once, only to be told of it.
const HEARD_OVER_LIMIT: usize = 64;
const FIRST_BYTES: usize = 4 * 1024;
