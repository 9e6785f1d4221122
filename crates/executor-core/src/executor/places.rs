//! Who may run now, who waits, and who is turned away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::turns::{Turn, Turns};
use crate::error::{ErrorKind, Result, SandboxError};

/// A bounded number of runs at once and a bounded queue before them, in which callers take turns.
///
/// A run holds its [`Place`] until its answer is given. What is left of its sandbox then holds a
/// *body* until it is removed, of which there are twice as many as places, and one more for each that may have waited
/// in the pool: so teardown delays nobody, and still cannot pile up.
#[derive(Debug)]
pub(super) struct Places {
    tickets: Arc<Semaphore>,
    runs: Turns,
    bodies: Arc<Semaphore>,
    concurrency: usize,
    pool: usize,
    queue: usize,
    patience: Duration,
}

/// The right to run one program. Dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Place {
    _run: Turn,
    _ticket: Ticket,
    body: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Splits off what teardown holds; the rest of the place may be dropped before it.
    pub(super) fn take_body(&mut self) -> Option<OwnedSemaphorePermit> {
        self.body.take()
    }
}

/// The right to be here at all, waiting or running. Dropping it leaves the queue.
#[derive(Debug)]
pub(super) struct Ticket {
    _ticket: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(concurrency: usize, queue: usize, patience: Duration, pool: usize) -> Self {
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS / 4);
        let queue = queue.min(Semaphore::MAX_PERMITS / 4);
        Self {
            // Those that run were in the queue too, and keep their tickets.
            tickets: Arc::new(Semaphore::new(queue.saturating_add(concurrency))),
            runs: Turns::new(concurrency),
            bodies: Arc::new(Semaphore::new(
                concurrency.saturating_mul(2).saturating_add(pool),
            )),
            concurrency,
            pool,
            queue,
            patience,
        }
    }

    /// Enters the queue, or says at once that it is full.
    pub(super) fn enter(&self) -> Result<Ticket> {
        let ticket = Arc::clone(&self.tickets).try_acquire_owned().map_err(|_| {
            let text = format!("{} calls wait already, which is the bound", self.queue);
            SandboxError::new(ErrorKind::Busy, "queue the run")
                .with_context(text.clone())
                .with_hint(format!("{text}; try again in a moment"))
        })?;
        Ok(Ticket { _ticket: ticket })
    }

    /// Whether who comes now has to wait.
    pub(super) fn are_taken(&self) -> bool {
        self.runs.are_taken() || self.bodies.available_permits() == 0
    }

    /// Whether anybody waits for a place that is not free.
    pub(super) fn are_waited_for(&self) -> bool {
        self.runs.are_waited_for()
    }

    /// Whether more sandboxes wait to be removed than those that run could have left: a burst is being tidied up.
    pub(super) fn are_tidied(&self) -> bool {
        self.bodies.available_permits() < self.pool
    }

    /// Returns when nobody waits for a place, and after a second in any case: to remove a sandbox takes the processor for
    /// longer than a small program does, and those who wait want it now.
    pub(super) async fn lull(&self) {
        let lull = self.runs.wait_while(|| self.are_waited_for());
        let _elapsed = tokio::time::timeout(LONGEST_LULL, lull).await;
    }

    /// Returns when those who run may soon need the bodies of what has ended.
    pub(super) async fn shortage(&self) {
        let spare = || self.bodies.available_permits() > self.concurrency;
        self.runs.wait_while(spare).await;
    }

    /// Waits for a place in the turn of `caller`. Cancel-safe.
    pub(super) async fn take(&self, ticket: Ticket, caller: &str) -> Result<Place> {
        let take = async {
            let run = self.runs.take(caller).await;
            let body = Arc::clone(&self.bodies).acquire_owned().await.ok()?;
            Some((run, body))
        };
        let (run, body) = match tokio::time::timeout(self.patience, take).await {
            Ok(Some(permits)) => permits,
            Ok(None) => return Err(SandboxError::new(ErrorKind::ShuttingDown, "queue the run")),
            Err(_elapsed) => {
                let text = format!("no sandbox was free for {} s", self.patience.as_secs());
                return Err(SandboxError::new(ErrorKind::Busy, "queue the run")
                    .with_context(text.clone())
                    .with_hint(format!("{text}; try again later")));
            }
        };
        Ok(Place {
            _run: run,
            _ticket: ticket,
            body: Some(body),
        })
    }
}

/// The longest that somebody waits for those who wait.
const LONGEST_LULL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use futures_util::future::FutureExt as _;
    use futures_util::poll;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded() {
        let places = Places::new(1, 1, Duration::from_secs(5), 0);
        assert!(!places.are_taken());
        let running = places.take(places.enter().unwrap(), "").await.unwrap();
        assert!(places.are_taken());
        let first = places.enter().unwrap();
        let busy = places.enter().unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy);
        assert!(busy.hint().unwrap().starts_with("1 calls wait already"));
        let impatient = places.take(first, "").await.unwrap_err();
        assert_eq!(impatient.kind(), ErrorKind::Busy);
        drop(running);
        assert!(places.take(places.enter().unwrap(), "").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_removal_waits_for_those_who_wait_and_not_for_long() {
        let places = Places::new(1, 9, Duration::from_secs(5), 2);
        let place = || places.take(places.enter().unwrap(), "");
        let mut first = place().await.unwrap();
        let body = first.take_body();
        assert!(places.lull().now_or_never().is_some(), "nobody waits");
        let mut second = Box::pin(place());
        assert!(poll!(&mut second).is_pending());
        let mut lull = Box::pin(places.lull());
        assert!(poll!(&mut lull).is_pending());
        drop(first);
        assert!(poll!(&mut lull).is_ready(), "it is the turn of who waited");
        let _second = second.await.unwrap();

        let mut third = Box::pin(place());
        assert!(poll!(&mut third).is_pending());
        let begun = tokio::time::Instant::now();
        places.lull().await;
        assert_eq!(
            begun.elapsed(),
            LONGEST_LULL,
            "a long run may be before them"
        );
        drop(body);
    }

    #[tokio::test]
    async fn who_waits_gets_the_bodies_that_are_left() {
        let places = Places::new(1, 9, Duration::from_secs(5), 0);
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let mut place = places.take(places.enter().unwrap(), "").await.unwrap();
            bodies.push(place.take_body());
        }
        let mut waiting = Box::pin(places.take(places.enter().unwrap(), ""));
        assert!(poll!(&mut waiting).is_pending());
        assert!(places.shortage().now_or_never().is_some());
        bodies.pop();
        assert!(poll!(&mut waiting).is_ready());
    }
}
