//! Removal that is certain: a background task that takes container names and tries until each is
//! gone, and the register of names that are somebody's concern in this process.
//!
//! `Drop` only hands a name over. What the reaper cannot remove in [`PATIENCE`], or cannot take
//! because its queue is full, is left to the sweep, which finds it by its labels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::client::{Client, Removal};
use crate::error::DockerError;

/// So many names may wait. A server runs far fewer sandboxes at once.
const QUEUE: usize = 4096;
/// So many removals run side by side; more only make an engine slower.
const SIDE_BY_SIDE: usize = 8;
/// The first and the longest wait between two attempts.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// So many attempts fail before who asked is told; some engines stumble over a container that is
/// just ending by itself.
const TOLD_AFTER: u32 = 3;
/// After so long the place is given to the next, and the sweep goes on with this one.
const PATIENCE: Duration = Duration::from_secs(120);
/// A creation whose answer we never heard may still come about for so long.
const LATE: Duration = Duration::from_secs(10);

/// Hands names to the task that removes them.
#[derive(Debug)]
pub(crate) struct Reaper {
    client: Arc<Client>,
    names: Arc<Names>,
    queue: OnceLock<mpsc::Sender<Job>>,
    /// Owns the reaper's task and the starts. The task ends by itself when the last sender is gone and the queue is empty, so
    /// that dropping a backend does not strand what its sandboxes left.
    tasks: TaskTracker,
}

/// The outcome of one removal, sent when it is known that it is gone or after the first
/// [`TOLD_AFTER`] attempts failed.
pub(crate) type Outcome = oneshot::Receiver<Result<(), DockerError>>;

#[derive(Debug)]
struct Job {
    name: String,
    creation: Creation,
    answer: Option<oneshot::Sender<Result<(), DockerError>>>,
}

/// What we know of a container's creation when its name is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creation {
    /// The engine answered: what is not there now never will be.
    Answered,
    /// It was asked and did not answer: it may come about yet.
    Unanswered,
}

impl Reaper {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            names: Arc::new(Names::new()),
            queue: OnceLock::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Takes `name` into the register before it is created. Starts the task, so that a later
    /// `Drop` outside of any runtime has where to send it.
    pub(crate) fn register(&self, name: &str) {
        self.queue();
        self.names.set(name, Stage::Starting);
    }

    /// Where work on containers runs that must not be cut. Owned here, because it may outlive
    /// whoever asked for it.
    pub(crate) const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Notes that `name` has been started, and how long somebody may need it.
    pub(crate) fn started(&self, name: &str, lifetime: Duration) {
        let since = Instant::now();
        self.names.set(name, Stage::Alive { since, lifetime });
    }

    /// Where `name` is in its life, if it is somebody's concern in this process.
    pub(crate) fn stage(&self, name: &str) -> Option<Stage> {
        self.names.get(name)
    }

    /// Hands over a name without waiting, for `Drop`.
    pub(crate) fn hand_over(&self, name: String, creation: Creation) {
        let Some(queue) = self.queue.get() else {
            return;
        };
        self.names.set(&name, Stage::Removing);
        let job = Job {
            name,
            creation,
            answer: None,
        };
        if let Err(refused) = queue.try_send(job) {
            let job = refused.into_inner();
            tracing::warn!(
                container = job.name,
                "the reaper takes no more; left to the sweep"
            );
            self.names.finished(&job.name);
        }
    }

    /// Hands over a name and promises word of the outcome. Waits while the queue is full.
    pub(crate) async fn remove(&self, name: String, creation: Creation) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        self.names.set(&name, Stage::Removing);
        let job = Job {
            name,
            creation,
            answer: Some(answer),
        };
        if let Err(refused) = self.queue().send(job).await {
            self.names.finished(&refused.0.name);
        }
        outcome
    }

    /// Waits until no container of this process is being started or removed: all that was handed
    /// over is gone, or given to the sweep.
    pub(crate) async fn settle(&self) {
        self.names.settled().await;
    }

    fn queue(&self) -> &mpsc::Sender<Job> {
        self.queue.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let work = run(Arc::clone(&self.client), Arc::clone(&self.names), receiver);
            self.tasks.spawn(work);
            sender
        })
    }
}

async fn run(client: Arc<Client>, names: Arc<Names>, mut queue: mpsc::Receiver<Job>) {
    let mut removals = JoinSet::new();
    let mut open = true;
    while open || !removals.is_empty() {
        tokio::select! {
            job = queue.recv(), if open && removals.len() < SIDE_BY_SIDE => match job {
                Some(job) => {
                    removals.spawn(remove_until_gone(Arc::clone(&client), Arc::clone(&names), job));
                }
                None => open = false,
            },
            Some(_ended) = removals.join_next() => {}
        }
    }
}

async fn remove_until_gone(client: Arc<Client>, names: Arc<Names>, mut job: Job) {
    let begun = Instant::now();
    let mut wait = FIRST_WAIT;
    let mut failures = 0;
    loop {
        let mut answer = |result| {
            if let Some(answer) = job.answer.take() {
                // Who asked may have gone.
                let _unheard = answer.send(result);
            }
        };
        match client.remove(&job.name).await {
            Ok(Removal::Done) => {
                answer(Ok(()));
                break;
            }
            Ok(Removal::Absent) => {
                answer(Ok(()));
                if job.creation == Creation::Answered || begun.elapsed() > LATE {
                    break;
                }
            }
            Ok(Removal::InProgress) => {}
            Err(error) => {
                tracing::debug!(container = job.name, %error, "a removal failed; trying again");
                failures += 1;
                if failures >= TOLD_AFTER {
                    answer(Err(error));
                }
            }
        }
        if begun.elapsed() > PATIENCE {
            tracing::warn!(
                container = job.name,
                "not gone after many attempts; left to the sweep"
            );
            if let Some(answer) = job.answer.take() {
                let _unheard = answer.send(Err(DockerError::StillThere));
            }
            break;
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
    names.finished(&job.name);
}

/// Where a container of this process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Starting,
    /// Held by somebody here. Its time is measured by our monotonic clock: the engine's may be set,
    /// or a machine may sleep, and whoever holds it has lost nothing of its time then.
    Alive {
        since: Instant,
        lifetime: Duration,
    },
    Removing,
}

/// Names that are somebody's concern here, and how many of them are on their way in or out.
#[derive(Debug)]
struct Names {
    known: Mutex<HashMap<String, Stage>>,
    moving: watch::Sender<usize>,
}

impl Names {
    fn new() -> Self {
        Self {
            known: Mutex::new(HashMap::new()),
            moving: watch::Sender::new(0),
        }
    }

    fn set(&self, name: &str, stage: Stage) {
        self.change(|known| {
            known.insert(name.to_owned(), stage);
        });
    }

    fn finished(&self, name: &str) {
        self.change(|known| {
            known.remove(name);
        });
    }

    fn get(&self, name: &str) -> Option<Stage> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .copied()
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<String, Stage>)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        self.moving.send_replace(
            known
                .values()
                .filter(|stage| !matches!(stage, Stage::Alive { .. }))
                .count(),
        );
    }

    async fn settled(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let mut moving = self.moving.subscribe();
        let _settled = moving.wait_for(|count| *count == 0).await;
    }
}
