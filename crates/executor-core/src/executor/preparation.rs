//! Makes the backend ready once, for all who wait, and again after it failed.
//!
//! The work goes on in a task of the executor, so that a caller who goes away does not stop an
//! image pull that others wait for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::{Progress, SandboxBackend};
use crate::capabilities::Capabilities;
use crate::error::{ErrorKind, Result, SandboxError};

/// How far the preparation is, as those who wait see it.
#[derive(Debug, Clone)]
enum Stage {
    /// Under way; the text is the newest progress message.
    Working(String),
    Ready,
    Failed(SandboxError),
}

#[derive(Debug)]
pub(super) struct Preparation {
    backend: Arc<dyn SandboxBackend>,
    required: Capabilities,
    tasks: TaskTracker,
    stop: CancellationToken,
    current: Mutex<Current>,
    /// What the log heard last of a failure, if nothing succeeded since: an outage is one line.
    logged: Arc<Mutex<Option<ErrorKind>>>,
}

#[derive(Debug, Default)]
struct Current {
    stage: Option<watch::Receiver<Stage>>,
    /// Whether the backend was ready once, and turned out not to be any more.
    lost: bool,
}

impl Current {
    fn is_ready(&self) -> bool {
        let stage = self.stage.as_ref();
        stage.is_some_and(|stage| matches!(*stage.borrow(), Stage::Ready))
    }

    /// The work under way, or a success; neither is begun again.
    fn standing(&self) -> Option<&watch::Receiver<Stage>> {
        self.stage.as_ref().filter(|stage| {
            let ready = matches!(*stage.borrow(), Stage::Ready);
            let over = matches!(*stage.borrow(), Stage::Failed(_)) || stage.has_changed().is_err();
            ready || !over
        })
    }
}

impl Preparation {
    pub(super) fn new(
        backend: Arc<dyn SandboxBackend>,
        required: Capabilities,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            backend,
            required,
            tasks,
            stop,
            current: Mutex::default(),
            logged: Arc::default(),
        }
    }

    /// Waits until the backend is ready, telling `progress` on the way. Starts the work if
    /// nobody did, or if the last try failed. Cancel-safe: the work goes on.
    pub(super) async fn ready(&self, progress: &dyn Progress) -> Result<()> {
        let mut stage = self.join_or_start();
        loop {
            let seen = stage.borrow_and_update().clone();
            match seen {
                Stage::Working(message) if message.is_empty() => {}
                Stage::Working(message) => progress.report(&message),
                Stage::Ready => return Ok(()),
                Stage::Failed(error) => return Err(error),
            }
            if stage.changed().await.is_err() {
                return Err(SandboxError::new(
                    ErrorKind::ShuttingDown,
                    "prepare the backend",
                ));
            }
        }
    }

    /// Whether the last preparation succeeded, and nothing was heard since that would have undone it.
    pub(super) fn is_ready(&self) -> bool {
        self.current().is_ready()
    }

    /// Whether the backend was ready and is not any more, and nobody is preparing it again.
    pub(super) fn is_lost(&self) -> bool {
        let current = self.current();
        current.lost && current.standing().is_none()
    }

    /// The backend turned out not to be ready any more: the next caller prepares again.
    pub(super) fn forget(&self) {
        let mut current = self.current();
        if current.is_ready() {
            *current = Current {
                stage: None,
                lost: true,
            };
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join_or_start(&self) -> watch::Receiver<Stage> {
        let mut current = self.current();
        if let Some(stage) = current.standing() {
            return stage.clone();
        }
        let (sender, receiver) = watch::channel(Stage::Working(String::new()));
        let backend = Arc::clone(&self.backend);
        let required = self.required.clone();
        let stop = self.stop.clone();
        let logged = Arc::clone(&self.logged);
        self.tasks.spawn(async move {
            let prepare = async {
                backend.prepare(&Teller(&sender)).await?;
                backend.capabilities().require(&required)
            };
            let last = match stop.run_until_cancelled(prepare).await {
                Some(Ok(())) => {
                    *logged.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    Stage::Ready
                }
                None => Stage::Failed(SandboxError::new(
                    ErrorKind::ShuttingDown,
                    "prepare the backend",
                )),
                Some(Err(error)) => {
                    log(&error, &logged);
                    Stage::Failed(error)
                }
            };
            sender.send_replace(last);
        });
        current.stage = Some(receiver.clone());
        receiver
    }
}

/// An error is told as one when it is news.
fn log(error: &SandboxError, logged: &Mutex<Option<ErrorKind>>) {
    let kind = error.kind();
    let before = logged
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .replace(kind);
    if before == Some(kind) {
        tracing::debug!(%kind, "still: {}", error.chain());
    } else {
        tracing::error!(%kind, hint = error.hint(), "{}", error.chain());
    }
}

/// Passes progress on to everybody who watches; only the newest message counts.
struct Teller<'a>(&'a watch::Sender<Stage>);

impl Progress for Teller<'_> {
    fn report(&self, message: &str) {
        self.0.send_replace(Stage::Working(message.to_owned()));
    }
}
