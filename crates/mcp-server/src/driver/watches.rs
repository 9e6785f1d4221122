//! The tasks that the streams of one engine tell of, and when each of them changes.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::Principal;
use crate::engine::WatchedTask;
use crate::tasks::{RunningTask, Tasks};

/// The watched tasks, each once. There are no more of them than there are tasks.
#[derive(Default)]
pub(super) struct Watches {
    known: HashSet<String>,
    changes: FuturesUnordered<Pin<Box<dyn Future<Output = Changed> + Send>>>,
}

/// A task that has changed.
struct Changed {
    task: Arc<RunningTask>,
    receiver: watch::Receiver<()>,
}

impl Watches {
    /// Watches those of these tasks that this principal has.
    pub(super) fn watch(
        &mut self,
        tasks: &Tasks,
        ids: &BTreeSet<String>,
        principal: &Principal,
    ) -> Vec<WatchedTask> {
        let found = ids.iter().filter_map(|id| tasks.find(id, principal).ok());
        let found: Vec<_> = found.collect();
        for task in &found {
            // Its state is read after this, so no change falls in between.
            let receiver = task.changes();
            if !task.has_ended() && self.known.insert(task.id().to_owned()) {
                self.wait(Changed {
                    task: Arc::clone(task),
                    receiver,
                });
            }
        }
        found.into_iter().map(WatchedTask::new).collect()
    }

    /// Waits until a task changes, and names it. For ever, if none is left that can. Cancel safe.
    pub(super) async fn changed(&mut self) -> String {
        let Some(changed) = self.changes.next().await else {
            return std::future::pending().await;
        };
        let id = changed.task.id().to_owned();
        if changed.task.has_ended() {
            self.known.remove(&id);
        } else {
            self.wait(changed);
        }
        id
    }

    fn wait(&mut self, mut changed: Changed) {
        self.changes.push(Box::pin(async move {
            // An error cannot be: the task, and with it the sender, is held here.
            let _ = changed.receiver.changed().await;
            changed
        }));
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.known).finish()
    }
}
