//! Completions, the same in every revision.

use serde_json::{Map, Value};

use super::ToWire;
use super::members::Members;
use crate::Revision;
use crate::completion::{CompleteResult, MAX_VALUES};

impl ToWire for CompleteResult {
    fn to_wire(&self, _revision: Revision) -> Map<String, Value> {
        let sent = self.values.iter().take(MAX_VALUES).cloned();
        let mut completion = Map::new();
        completion.put("values", sent.map(Value::from).collect::<Vec<_>>());
        completion.put_some("total", self.total);
        let shown = u64::try_from(self.values.len().min(MAX_VALUES)).unwrap_or(u64::MAX);
        let more = self.values.len() > MAX_VALUES || self.total.is_some_and(|total| total > shown);
        completion.put("hasMore", more);
        let mut result = Map::new();
        result.put("completion", completion);
        result
    }
}
