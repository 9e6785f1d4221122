//! What one stream is told of tasks: always the newest of each, and no more at once than the rate allows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use mcp_protocol::jsonrpc::held_by;
use mcp_protocol::tasks::{DetailedTask, TaskDetail, TaskStatus};

use super::WatchedTask;
use super::progress::{Rate, Spacing};

/// The tasks of one stream.
#[derive(Debug)]
pub(super) struct Watching {
    /// Those that have not been told to their end.
    tasks: BTreeMap<String, Watch>,
    /// Those of which something is to be told, in the order in which they changed. What it is, is read when it is sent,
    /// so nothing is kept for a client that does not read.
    waiting: VecDeque<String>,
    spacing: Spacing,
}

#[derive(Debug)]
struct Watch {
    task: WatchedTask,
    told: Option<TaskStatus>,
}

/// Something to be told of a task.
#[derive(Debug)]
pub(super) struct News {
    pub(super) task: DetailedTask,
    /// Whether it must not be left out: the task has come to another status, and that is short.
    pub(super) is_owed: bool,
}

/// The longest result, in bytes of memory, that is told even when too much waits for clients to read it. A longer one
/// can still be asked for.
const OWED: usize = 16 * 1024;

impl Watching {
    /// Of no task yet.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            tasks: BTreeMap::new(),
            waiting: VecDeque::new(),
            spacing: Spacing::new(now),
        }
    }

    /// Watches a task. What it is now is told first: whatever happened since its client asked last is not missed.
    pub(super) fn add(&mut self, task: WatchedTask) {
        let id = task.id().to_owned();
        self.waiting.push_back(id.clone());
        self.tasks.insert(id, Watch { task, told: None });
    }

    /// Takes in that a task has changed.
    pub(super) fn changed(&mut self, id: &str) {
        let is_news = self.tasks.contains_key(id) && !self.waiting.iter().any(|one| one == id);
        if is_news {
            self.waiting.push_back(id.to_owned());
        }
    }

    /// What may be told now.
    pub(super) fn due(&mut self, now: Instant, rate: Rate) -> Option<News> {
        if self.waiting.is_empty() || !self.spacing.admits(now, rate) {
            return None;
        }
        let id = self.waiting.pop_front()?;
        let watch = self.tasks.get_mut(&id)?;
        let task = watch.task.detailed();
        let status = task.task.status;
        let is_turn = watch.told.replace(status) != Some(status);
        let is_short = match &task.detail {
            TaskDetail::Result(result) => held_by(result) <= OWED,
            _ => true,
        };
        let is_owed = is_turn && is_short;
        if status.is_terminal() {
            self.tasks.remove(&id);
        }
        Some(News { task, is_owed })
    }

    /// When what waits may be told.
    pub(super) fn wake_at(&self, rate: Rate) -> Option<Instant> {
        self.waiting.front()?;
        Some(self.spacing.free_at(rate))
    }
}
