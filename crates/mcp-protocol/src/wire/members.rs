//! Members that are written only when there is something to write.

use serde_json::{Map, Value};

/// Comfort for building objects.
pub(super) trait Members {
    /// Writes a member.
    fn put(&mut self, key: &str, value: impl Into<Value>);
    /// Writes a member, if there is a value for it.
    fn put_some(&mut self, key: &str, value: Option<impl Into<Value>>);
}

impl Members for Map<String, Value> {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.insert(key.to_owned(), value.into());
    }

    fn put_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }
}
