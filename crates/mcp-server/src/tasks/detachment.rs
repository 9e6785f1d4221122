//! The step from a call to a task: the handler asks for it, the driver hands the running handler over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

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
    /// Whether the client has been told of the task, as far as that is up to us.
    is_adopted: AtomicBool,
    /// What was told last, before there was a task.
    told: Mutex<Option<String>>,
}

impl Detachment {
    pub(crate) fn new(tasks: Arc<Tasks>, principal: Principal) -> Self {
        Self {
            tasks,
            principal,
            task: OnceLock::new(),
            wished: Notify::new(),
            adopted: Notify::new(),
            is_adopted: AtomicBool::new(false),
            told: Mutex::default(),
        }
    }

    /// The task that the call has become.
    pub(crate) fn task(&self) -> Option<&Arc<RunningTask>> {
        self.task.get()
    }

    /// Remembers what the call tells as long as it is no task: a task begins with its newest message.
    pub(crate) fn note(&self, message: &str) {
        *self.told() = Some(message.to_owned());
    }

    /// Becomes a task, and waits until the call runs as one; false if there is no place for it.
    pub(crate) async fn detach(&self) -> bool {
        if self.task.get().is_some() {
            return true;
        }
        let Some(task) = self.tasks.create(&self.principal) else {
            return false;
        };
        let told = self.told().take();
        if let Some(message) = told {
            task.tell(message);
        }
        match self.task.set(task) {
            Ok(()) => {
                self.wished.notify_one();
                self.adopted.notified().await;
            }
            // The handler has asked twice at the same time.
            Err(second) => self.tasks.forget(&second),
        }
        true
    }

    /// Waits for the handler's wish.
    pub(crate) async fn wished(&self) {
        self.wished.notified().await;
    }

    /// Lets the handler go on, now that somebody else runs it.
    pub(crate) fn adopt(&self) {
        self.is_adopted.store(true, Ordering::Relaxed);
        self.adopted.notify_one();
    }

    fn told(&self) -> MutexGuard<'_, Option<String>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Detachment {
    /// The last one who could finish the task is gone: a call that was cancelled on its way, or a handler that ended.
    fn drop(&mut self) {
        let Some(task) = self.task.get() else { return };
        if self.is_adopted.load(Ordering::Relaxed) {
            task.abandon();
        } else {
            self.tasks.forget(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerLimits;

    #[tokio::test]
    async fn a_task_that_nobody_heard_of_takes_no_place() {
        let limits = ServerLimits {
            tasks: 1,
            ..ServerLimits::default()
        };
        let tasks = Arc::new(Tasks::new(&limits));
        let detachment = Detachment::new(Arc::clone(&tasks), Principal::local());
        // The call is cancelled while it waits for somebody to run it.
        assert!(futures_util::poll!(Box::pin(detachment.detach())).is_pending());
        let id = detachment.task().unwrap().id().to_owned();
        assert!(tasks.get(&id, &Principal::local()).is_ok());
        assert!(tasks.create(&Principal::local()).is_none());
        drop(detachment);
        assert!(tasks.get(&id, &Principal::local()).is_err());
        assert!(tasks.create(&Principal::local()).is_some());
    }
}
