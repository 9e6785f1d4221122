//! Progress per revision.

use serde_json::{Map, Value};

use super::ToWire;
use super::members::Members;
use crate::Revision;
use crate::progress::Progress;

impl ToWire for Progress {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut params = Map::new();
        params.put("progressToken", self.token.to_value());
        params.put("progress", self.progress);
        params.put_some("total", self.total);
        if revision >= Revision::V2025_03_26 {
            params.put_some("message", self.message.clone());
        }
        params
    }
}
