//! Log messages, the same in every revision.

use serde_json::{Map, Value};

use super::ToWire;
use super::members::Members;
use crate::Revision;
use crate::logging::LogMessage;

impl ToWire for LogMessage {
    fn to_wire(&self, _revision: Revision) -> Map<String, Value> {
        let mut params = Map::new();
        params.put("level", self.level.as_str());
        params.put_some("logger", self.logger.clone());
        params.put("data", self.data.clone());
        params
    }
}
