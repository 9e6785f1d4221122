//! The step from a call to a task: the handler asks for it, the driver hands the running handler over.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::{RunningTask, Tasks};
use crate::Principal;

/// The way of one call to become a task. There is one only for clients that know tasks.
#[derive(Debug)]
pub(crate) struct Detachment {
    tasks: Arc<Tasks>,
    principal: Principal,
    task: OnceLock<Arc<RunningTask>>,
    wished: Notify,
    adopted: Notify,
}

impl Detachment {
    pub(crate) fn new(tasks: Arc<Tasks>, principal: Principal) -> Self {
        Self {
            tasks,
            principal,
            task: OnceLock::new(),
            wished: Notify::new(),
            adopted: Notify::new(),
        }
    }

    /// The task that the call has become.
    pub(crate) fn task(&self) -> Option<&Arc<RunningTask>> {
        self.task.get()
    }

    /// Becomes a task, and waits until the call runs as one; false if there is no place for it.
    pub(crate) async fn detach(&self) -> bool {
        if self.task.get().is_some() {
            return true;
        }
        let Some(task) = self.tasks.create(&self.principal) else {
            return false;
        };
        if self.task.set(task).is_ok() {
            self.wished.notify_one();
            self.adopted.notified().await;
        }
        true
    }

    /// Waits for the handler's wish.
    pub(crate) async fn wished(&self) {
        self.wished.notified().await;
    }

    /// Lets the handler go on, now that somebody else runs it.
    pub(crate) fn adopt(&self) {
        self.adopted.notify_one();
    }
}

impl Drop for Detachment {
    /// The last one who could finish the task is gone: a call that was cancelled on its way, or a handler that ended.
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abandon();
        }
    }
}
