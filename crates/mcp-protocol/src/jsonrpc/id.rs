//! Request ids: strings or integers that are echoed exactly as they came. Nothing here tracks which ids are in use.

use std::fmt;
use std::sync::Arc;

use serde_json::{Number, Value};

/// The longest string that is taken as an id or a progress token. Ids are held while a request runs, so they are
/// bounded apart from the message; real clients use numbers or UUIDs.
pub const MAX_ID_BYTES: usize = 1024;

/// The id of a request. `1` and `"1"` are two ids.
///
/// `Display` tells them apart: a string is shown in quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Scalar);

impl RequestId {
    pub(crate) fn from_value(value: &Value) -> Result<Self, &'static str> {
        Scalar::from_value(value).map(Self)
    }

    /// The id as it stood in the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

impl From<i64> for RequestId {
    fn from(id: i64) -> Self {
        Self(Scalar::Integer(id.into()))
    }
}

impl From<&str> for RequestId {
    fn from(id: &str) -> Self {
        Self(Scalar::Text(id.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What ids and progress tokens are made of: a string or an integer, kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scalar {
    /// Never a fraction; beyond 64 bits it would not be echoed exactly, so it is refused.
    Integer(Number),
    Text(Arc<str>),
}

impl Scalar {
    pub(crate) fn from_value(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::String(text) if text.len() > MAX_ID_BYTES => {
                Err("must be at most 1024 bytes long")
            }
            Value::String(text) => Ok(Self::Text(text.as_str().into())),
            Value::Number(number) if number.is_i64() || number.is_u64() => {
                Ok(Self::Integer(number.clone()))
            }
            Value::Number(_) => Err("must be an integer of at most 64 bits or a string"),
            Value::Null => Err("must be a string or an integer, not null"),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                Err("must be a string or an integer")
            }
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Integer(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::from(&**text),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_keep_their_type() {
        let number = RequestId::from_value(&json!(1)).unwrap();
        let text = RequestId::from_value(&json!("1")).unwrap();
        assert_ne!(number, text);
        assert_eq!(number.to_string(), "1");
        assert_eq!(text.to_string(), "\"1\"");
        assert_eq!(number.to_value(), json!(1));
        assert_eq!(text.to_value(), json!("1"));
    }

    #[test]
    fn what_may_be_an_id() {
        let check = |value: Value, accepted: bool| {
            let id = RequestId::from_value(&value);
            assert_eq!(id.is_ok(), accepted, "{value}");
            if let Ok(id) = id {
                assert_eq!(id.to_value(), value);
            }
        };
        check(json!(0), true);
        check(json!(-1), true);
        check(json!(u64::MAX), true);
        check(json!(i64::MIN), true);
        check(json!(""), true);
        check(json!("x".repeat(MAX_ID_BYTES)), true);
        check(json!("x".repeat(MAX_ID_BYTES + 1)), false);
        check(json!(1.5), false);
        check(json!(1.0), false);
        check(json!(1e20), false);
        check(json!(null), false);
        check(json!(true), false);
        check(json!([1]), false);
        check(json!({}), false);
    }
}
