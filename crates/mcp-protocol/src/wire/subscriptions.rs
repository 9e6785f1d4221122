//! Changes and who listens to them.

use serde_json::{Map, Value};

use super::ToWire;
use super::members::Members;
use crate::Revision;
use crate::jsonrpc::RequestId;
use crate::subscriptions::{
    Acknowledged, Change, Filter, LISTS, RESOURCES, SUBSCRIPTION_ID, TASKS,
};

impl ToWire for Change {
    fn to_wire(&self, _revision: Revision) -> Map<String, Value> {
        let mut params = Map::new();
        if let Self::Resource(uri) = self {
            params.put("uri", uri.clone());
        }
        params
    }
}

impl ToWire for Acknowledged {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut params = Map::new();
        params.put("notifications", self.filter.to_wire(revision));
        stamp(params, &self.subscription)
    }
}

impl ToWire for Filter {
    fn to_wire(&self, _revision: Revision) -> Map<String, Value> {
        let mut written = Map::new();
        for (key, change) in LISTS {
            if self.changes.contains(&change) {
                written.put(key, true);
            }
        }
        let uris: Vec<Value> = self
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Resource(uri) => Some(uri.clone().into()),
                Change::Tools | Change::Prompts | Change::Resources => None,
            })
            .collect();
        if !uris.is_empty() {
            written.put(RESOURCES, uris);
        }
        if !self.tasks.is_empty() {
            let ids: Vec<Value> = self.tasks.iter().cloned().map(Value::from).collect();
            written.put(TASKS, ids);
        }
        written
    }
}

/// Says on behalf of which subscription something is sent (2026-07-28, on everything of its stream).
#[must_use]
pub fn stamp(mut object: Map<String, Value>, subscription: &RequestId) -> Map<String, Value> {
    let mut meta = match object.remove("_meta") {
        Some(Value::Object(meta)) => meta,
        _ => Map::new(),
    };
    meta.put(SUBSCRIPTION_ID, subscription.to_value());
    object.put("_meta", meta);
    object
}
