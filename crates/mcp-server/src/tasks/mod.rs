//! Calls that go on as tasks (2026-07-28): the table of them all, which outlives every connection. Who runs them is the
//! driver's; what is said of them is the protocol's.

mod detachment;
mod result;
mod task;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::tasks::DetailedTask;
use serde_json::Value;
use uuid::Uuid;

use crate::{Principal, ServerLimits};

pub(crate) use detachment::Detachment;
pub(crate) use task::RunningTask;

/// The table of tasks. It is bounded, and what has ended leaves it when its time is over.
#[derive(Debug)]
pub(crate) struct Tasks {
    entries: Mutex<HashMap<String, Arc<RunningTask>>>,
    limits: ServerLimits,
}

impl Tasks {
    pub(crate) fn new(limits: &ServerLimits) -> Self {
        Self {
            entries: Mutex::default(),
            limits: limits.clone(),
        }
    }

    /// Makes a task, if there is a place for it. It can be asked after at once.
    pub(crate) fn create(&self, principal: &Principal) -> Option<Arc<RunningTask>> {
        let mut entries = self.entries();
        entries.retain(|_, task| !task.is_over());
        if entries.len() >= self.limits.tasks {
            return None;
        }
        // 122 random bits.
        let id = Uuid::new_v4().to_string();
        let task = Arc::new(RunningTask::new(&id, principal.clone(), &self.limits));
        entries.insert(id, Arc::clone(&task));
        Some(task)
    }

    /// Takes back a task whose id nobody has heard of.
    fn forget(&self, task: &RunningTask) {
        self.entries().remove(task.id());
    }

    /// What a task is now.
    pub(crate) fn get(&self, id: &str, principal: &Principal) -> Result<DetailedTask, ErrorObject> {
        self.find(id, principal).map(|task| task.detailed())
    }

    /// Hands answers to a task. What it does not ask for is passed over.
    pub(crate) fn update(
        &self,
        id: &str,
        principal: &Principal,
        answers: BTreeMap<String, Value>,
    ) -> Result<(), ErrorObject> {
        self.find(id, principal)?.answer(answers)
    }

    /// Stops a task, if it still runs.
    pub(crate) fn cancel(&self, id: &str, principal: &Principal) -> Result<(), ErrorObject> {
        self.find(id, principal)?.cancel();
        Ok(())
    }

    /// A task of another principal looks like one that never was.
    pub(crate) fn find(
        &self,
        id: &str,
        principal: &Principal,
    ) -> Result<Arc<RunningTask>, ErrorObject> {
        let entries = self.entries();
        entries
            .get(id)
            .filter(|task| task.belongs_to(principal) && !task.is_over())
            .map(Arc::clone)
            .ok_or_else(|| ErrorObject::invalid_params("no such task"))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Arc<RunningTask>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
