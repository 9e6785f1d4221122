//! Who may run now, who waits, and who is turned away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::turns::{Turn, Turns};
use crate::error::{ErrorKind, Result, SandboxError};

/// A bounded number of runs at once and a bounded queue before them, in which callers take turns.
///
/// A run holds its [`Place`] until its answer is given. What is left of its sandbox then holds a
/// *body*, of which there are twice as many, until it is removed: so teardown delays nobody, and
/// still cannot pile up.
#[derive(Debug)]
pub(super) struct Places {
    tickets: Arc<Semaphore>,
    runs: Turns,
    bodies: Arc<Semaphore>,
    concurrency: usize,
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
    pub(super) fn new(concurrency: usize, queue: usize, patience: Duration) -> Self {
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS / 4);
        let queue = queue.min(Semaphore::MAX_PERMITS / 4);
        Self {
            // Those that run were in the queue too, and keep their tickets.
            tickets: Arc::new(Semaphore::new(queue.saturating_add(concurrency))),
            runs: Turns::new(concurrency),
            bodies: Arc::new(Semaphore::new(concurrency.saturating_mul(2))),
            concurrency,
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
        let entered = self
            .concurrency
            .saturating_add(self.queue)
            .saturating_sub(self.tickets.available_permits());
        self.runs.are_taken() && entered > self.concurrency
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded() {
        let places = Places::new(1, 1, Duration::from_secs(5));
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
}
