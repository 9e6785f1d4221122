//! Counting what moves: the bytes and connections of one sandbox, the bytes of one connection, and whether anything moves
//! at all. Says what a sandbox did in its [`LinkReport`].

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::limits::LimitHit;

/// What the programs of a sandbox did with their way out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkReport {
    /// Bytes sent to destinations.
    pub sent: u64,
    /// Bytes received from destinations.
    pub received: u64,
    /// Connections that the programs opened to the proxy.
    pub connections: u64,
    /// What was refused: the first 64 different destinations and reasons.
    pub refused: Vec<RefusedHost>,
    /// How many refusals there were beside those.
    pub refused_more: u64,
    /// The limits that were hit.
    pub limits: Vec<LimitHit>,
}

/// A destination that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedHost {
    /// The host as it was understood; empty if it was not.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The stable name of the reason.
    pub reason: &'static str,
    /// How often.
    pub times: u64,
}

/// The counters of one sandbox.
#[derive(Debug)]
pub(super) struct Tally {
    sent: AtomicU64,
    received: AtomicU64,
    connections: AtomicU64,
    bytes_total: u64,
    bytes_left: AtomicU64,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    refused: Vec<RefusedHost>,
    more: u64,
    limits: Vec<LimitHit>,
}

impl Tally {
    pub(super) fn new(bytes_total: u64) -> Self {
        Self {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            bytes_total,
            bytes_left: AtomicU64::new(bytes_total),
            noted: Mutex::default(),
        }
    }

    /// Counts a connection and says how many there have been, this one included.
    pub(super) fn count_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Fails if no byte is left.
    pub(super) fn check_bytes(&self) -> Result<(), LimitHit> {
        if self.bytes_left.load(Ordering::Relaxed) == 0 {
            return Err(LimitHit::BytesTotal(self.bytes_total));
        }
        Ok(())
    }

    pub(super) fn note_refused(&self, host: &str, port: u16, reason: &'static str) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |entry: &&mut RefusedHost| {
            entry.host == host && entry.port == port && entry.reason == reason
        };
        if let Some(entry) = noted.refused.iter_mut().find(same) {
            entry.times += 1;
        } else if noted.refused.len() < REFUSED_KEPT {
            noted.refused.push(RefusedHost {
                host: host.to_owned(),
                port,
                reason,
                times: 1,
            });
        } else {
            noted.more += 1;
        }
    }

    pub(super) fn note_limit(&self, limit: LimitHit) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if !noted.limits.contains(&limit) {
            noted.limits.push(limit);
        }
    }

    pub(super) fn report(&self) -> LinkReport {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        LinkReport {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            refused: noted.refused.clone(),
            refused_more: noted.more,
            limits: noted.limits.clone(),
        }
    }

    /// Sets aside up to `wanted` of the bytes that are left; what is not used comes back by [`Self::put_back`].
    fn take(&self, wanted: u64) -> u64 {
        let take = |left: u64| Some(left.saturating_sub(wanted));
        let before = self
            .bytes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        before.unwrap_or_else(|left| left).min(wanted)
    }

    fn put_back(&self, unused: u64) {
        self.bytes_left.fetch_add(unused, Ordering::Relaxed);
    }
}

/// The bytes of one connection, and the limit that cut it, if one did.
#[derive(Debug, Default)]
pub(super) struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
    cut: AtomicBool,
}

impl Counts {
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn was_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// When something last moved on a connection of a program.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    last_ms: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }

    /// Waits until nothing has moved for `limit`.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let last = self.start + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let end = last + limit;
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    pub(super) fn touch(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }
}

/// A stream to a destination whose bytes are counted against the sandbox's budget.
///
/// Never more than the budget passes: the call that finds it spent fails.
#[derive(Debug)]
pub(super) struct Metered<S> {
    inner: S,
    tally: Arc<Tally>,
    counts: Arc<Counts>,
    activity: Arc<Activity>,
}

impl<S> Metered<S> {
    pub(super) fn new(
        inner: S,
        tally: Arc<Tally>,
        counts: Arc<Counts>,
        activity: Arc<Activity>,
    ) -> Self {
        Self {
            inner,
            tally,
            counts,
            activity,
        }
    }

    /// Sets bytes aside, or fails when there are none.
    fn take(&self, wanted: usize) -> io::Result<usize> {
        let taken = self.tally.take(u64::try_from(wanted).unwrap_or(u64::MAX));
        if taken == 0 && wanted > 0 {
            let limit = LimitHit::BytesTotal(self.tally.bytes_total);
            self.counts.cut.store(true, Ordering::Relaxed);
            self.tally.note_limit(limit);
            return Err(io::Error::other(limit));
        }
        Ok(usize::try_from(taken).unwrap_or(usize::MAX))
    }

    fn settle(&self, taken: usize, used: usize, ours: &AtomicU64, all: &AtomicU64) {
        let count = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        self.tally.put_back(count(taken.saturating_sub(used)));
        if used > 0 {
            ours.fetch_add(count(used), Ordering::Relaxed);
            all.fetch_add(count(used), Ordering::Relaxed);
            self.activity.touch();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let taken = self.take(buf.remaining())?;
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(taken));
        let result = Pin::new(&mut self.inner).poll_read(cx, &mut part);
        let read = if result.is_ready() {
            part.filled().len()
        } else {
            0
        };
        self.settle(taken, read, &self.counts.received, &self.tally.received);
        ready!(result)?;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = self.take(bytes.len())?;
        let part = bytes.get(..taken).unwrap_or(bytes);
        let result = Pin::new(&mut self.inner).poll_write(cx, part);
        let written = match &result {
            Poll::Ready(Ok(written)) => *written,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.settle(taken, written, &self.counts.sent, &self.tally.sent);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// How many different refusals a report names.
const REFUSED_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn not_one_byte_passes_over_the_budget() {
        let tally = Arc::new(Tally::new(10));
        let counts = Arc::new(Counts::default());
        let (near, mut far) = tokio::io::duplex(64);
        let activity = Arc::new(Activity::new());
        let mut metered = Metered::new(near, Arc::clone(&tally), Arc::clone(&counts), activity);
        metered.write_all(b"123456").await.unwrap();
        far.write_all(b"abcdef").await.unwrap();
        let mut got = Vec::new();
        metered.read_to_end(&mut got).await.unwrap_err();
        assert_eq!(got, b"abcd");
        assert_eq!(
            (counts.sent(), counts.received(), counts.was_cut()),
            (6, 4, true)
        );
        assert_eq!(tally.check_bytes(), Err(LimitHit::BytesTotal(10)));
        assert_eq!(tally.report().limits, [LimitHit::BytesTotal(10)]);
        metered.write_all(b"7").await.unwrap_err();
    }

    #[test]
    fn the_list_of_refusals_is_bounded() {
        let tally = Tally::new(1);
        for host in 0..100 {
            tally.note_refused(&host.to_string(), 80, "port");
            tally.note_refused("0", 80, "port");
        }
        let report = tally.report();
        assert_eq!((report.refused.len(), report.refused_more), (64, 36));
        assert_eq!(
            (report.refused[0].host.as_str(), report.refused[0].times),
            ("0", 101)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn idleness_counts_from_the_last_movement() {
        let activity = Activity::new();
        let start = Instant::now();
        let moving = async {
            tokio::time::sleep(Duration::from_secs(7)).await;
            activity.touch();
            std::future::pending::<()>().await;
        };
        tokio::select! { () = moving => {}, () = activity.idle(Duration::from_secs(10)) => {} }
        assert_eq!(start.elapsed().as_secs(), 17);
    }
}
