//! Reads named members of an object, with errors that say where and what. Every decoder of parameters uses it.

use serde_json::{Map, Value};

use crate::jsonrpc::ErrorObject;

/// An object of the peer, and how to call it in an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(object: &'a Map<String, Value>, path: &'a str) -> Self {
        Self { object, path }
    }

    pub(crate) fn get(self, key: &str) -> Option<&'a Value> {
        self.object.get(key)
    }

    pub(crate) fn text(self, key: &str) -> Result<&'a str, ErrorObject> {
        self.optional_text(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn optional_text(self, key: &str) -> Result<Option<&'a str>, ErrorObject> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.mistyped(key, "a string", other)),
        }
    }

    pub(crate) fn object(self, key: &str) -> Result<&'a Map<String, Value>, ErrorObject> {
        self.optional_object(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn optional_object(
        self,
        key: &str,
    ) -> Result<Option<&'a Map<String, Value>>, ErrorObject> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(other) => Err(self.mistyped(key, "an object", other)),
        }
    }

    pub(crate) fn optional_boolean(self, key: &str) -> Result<Option<bool>, ErrorObject> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.mistyped(key, "a boolean", other)),
        }
    }

    pub(crate) fn optional_array(self, key: &str) -> Result<Option<&'a [Value]>, ErrorObject> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(other) => Err(self.mistyped(key, "an array", other)),
        }
    }

    /// The strings of an array; none when it is absent.
    pub(crate) fn optional_texts(self, key: &str) -> Result<Vec<&'a str>, ErrorObject> {
        self.optional_array(key)?
            .unwrap_or_default()
            .iter()
            .map(|value| match value {
                Value::String(text) => Ok(text.as_str()),
                other => Err(self.wrong(key, &format!("must hold strings, not {}", kind(other)))),
            })
            .collect()
    }

    pub(crate) fn missing(self, key: &str) -> ErrorObject {
        ErrorObject::invalid_params(format!("`{}.{key}` is missing", self.path))
    }

    pub(crate) fn wrong(self, key: &str, why: &str) -> ErrorObject {
        ErrorObject::invalid_params(format!("`{}.{key}` {why}", self.path))
    }

    fn mistyped(self, key: &str, wanted: &str, found: &Value) -> ErrorObject {
        self.wrong(key, &format!("must be {wanted}, not {}", kind(found)))
    }
}

/// The JSON type of a value, with its article.
pub(crate) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
