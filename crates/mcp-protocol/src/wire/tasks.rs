//! Tasks, which only one revision has.

use std::time::Duration;

use serde_json::{Map, Value};

use super::members::Members;
use super::{ToWire, input_requests};
use crate::Revision;
use crate::tasks::{DetailedTask, Task, TaskDetail};

impl ToWire for Task {
    fn to_wire(&self, _revision: Revision) -> Map<String, Value> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut task = Map::new();
        task.put("taskId", self.id.clone());
        task.put("status", self.status.as_str());
        task.put_some("statusMessage", self.status_message.clone());
        task.put("createdAt", self.created_at.clone());
        task.put("lastUpdatedAt", self.last_updated_at.clone());
        task.put("ttlMs", millis(self.ttl));
        task.put("pollIntervalMs", millis(self.poll_interval));
        task
    }
}

impl ToWire for DetailedTask {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut task = self.task.to_wire(revision);
        match &self.detail {
            TaskDetail::Nothing => {}
            TaskDetail::Result(result) => task.put("result", result.clone()),
            TaskDetail::Error(error) => task.put("error", error.to_map()),
            TaskDetail::Input(requests) => {
                task.put("inputRequests", input_requests(requests, revision));
            }
        }
        task
    }
}
