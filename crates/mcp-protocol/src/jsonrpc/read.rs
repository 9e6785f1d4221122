//! Reads JSON under bounds: depth, number of values, no key twice. It knows nothing of JSON-RPC.
//!
//! A broken bound does not stop the reading: the offending part is skipped, and the first violation is reported with
//! what could be read. So an answer can still bear the id of the message that it refuses.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep arrays and objects may nest. Tool arguments of real clients stay below ten; the JSON parser's own limit,
/// which would end the reading, is 128.
pub const MAX_DEPTH: usize = 64;

/// How many values one message may hold. A value takes up to 100 bytes of memory however short its text is, so this
/// bounds what a message of many small values can grow to; a long program text is one value.
pub const MAX_VALUES: usize = 100_000;

/// How many messages one batch may hold.
pub const MAX_BATCH: usize = 128;

/// Reads `bytes` as one JSON value.
///
/// # Errors
///
/// The bytes are not JSON, or hold a number that fits no 64-bit type.
pub(super) fn read(bytes: &[u8]) -> Result<Document, serde_json::Error> {
    let bounds = Bounds::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Reader {
        bounds: &bounds,
        depth: 0,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Document {
        value,
        violation: bounds.violation.into_inner(),
    })
}

/// What was read, and the first bound that it broke.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) violation: Option<String>,
}

#[derive(Debug, Default)]
struct Bounds {
    values: Cell<usize>,
    violation: RefCell<Option<String>>,
}

impl Bounds {
    fn violated(&self, what: impl FnOnce() -> String) {
        self.violation.borrow_mut().get_or_insert_with(what);
    }

    /// Counts one value; false once there are too many.
    fn count(&self) -> bool {
        let values = self.values.get() + 1;
        self.values.set(values);
        if values > MAX_VALUES {
            self.violated(|| format!("the message holds more than {MAX_VALUES} values"));
        }
        values <= MAX_VALUES
    }

    /// Whether a container may open inside `depth` others.
    fn descend(&self, depth: usize) -> bool {
        if depth >= MAX_DEPTH {
            self.violated(|| format!("the message nests deeper than {MAX_DEPTH} levels"));
        }
        depth < MAX_DEPTH
    }
}

#[derive(Clone, Copy)]
struct Reader<'b> {
    bounds: &'b Bounds,
    depth: usize,
}

impl Reader<'_> {
    const fn inner(self) -> Self {
        Self {
            bounds: self.bounds,
            depth: self.depth + 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        if !self.bounds.descend(self.depth) {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut array = Vec::new();
        while self.bounds.count() {
            match items.next_element_seed(self.inner())? {
                Some(item) => array.push(item),
                None => return Ok(Value::Array(array)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        if !self.bounds.descend(self.depth) {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut object = Map::new();
        // Members of the outermost object are read whatever was counted before, or an id behind a huge `params`
        // would be lost. There are few of them, unless somebody means harm, and then they are counted as well.
        while self.bounds.count() || (self.depth == 0 && object.len() < 16) {
            let Some(key) = entries.next_key::<String>()? else {
                return Ok(Value::Object(object));
            };
            let value = entries.next_value_seed(self.inner())?;
            if object.contains_key(&key) {
                self.bounds.violated(|| {
                    format!(
                        "the key {} appears twice in one object",
                        super::code::quoted(&key)
                    )
                });
                // Which of the two the peer meant cannot be known, least of all for an id.
                object.insert(key, Value::Null);
            } else {
                object.insert(key, value);
            }
        }
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, value: &Value, violation: Option<&str>) {
        let document = read(text.as_bytes()).unwrap();
        assert_eq!(&document.value, value, "{text}");
        assert_eq!(document.violation.as_deref(), violation, "{text}");
    }

    #[test]
    fn reads_what_is_within_the_bounds() {
        let text = r#"{"a":[1,-2,3.5,"x",null,true,{"b":{}}],"n":18446744073709551615}"#;
        check(text, &serde_json::from_str(text).unwrap(), None);
        check("-0", &json!(-0.0), None);
    }

    #[test]
    fn a_key_that_appears_twice_is_reported_and_has_no_value() {
        check(
            r#"{"id":1,"id":2,"x":3}"#,
            &json!({"id": null, "x": 3}),
            Some("the key `id` appears twice in one object"),
        );
    }

    #[test]
    fn depth_is_bounded_and_the_rest_is_still_read() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(read(nested(MAX_DEPTH).as_bytes()).unwrap().violation, None);
        let document = read(nested(MAX_DEPTH + 1).as_bytes()).unwrap();
        assert_eq!(
            document.violation.as_deref(),
            Some("the message nests deeper than 64 levels")
        );
        let text = format!(r#"{{"params":{},"id":7}}"#, nested(100_000));
        let document = read(text.as_bytes()).unwrap();
        assert!(document.violation.is_some());
        assert_eq!(document.value["id"], json!(7));
    }

    #[test]
    fn the_number_of_values_is_bounded_and_the_id_is_still_read() {
        let items = vec!["1"; 1_000_000].join(",");
        let document = read(format!(r#"{{"params":[{items}],"id":7}}"#).as_bytes()).unwrap();
        assert_eq!(
            document.violation.as_deref(),
            Some("the message holds more than 100000 values")
        );
        assert_eq!(document.value["id"], json!(7));
        assert!(document.value["params"].as_array().unwrap().len() <= MAX_VALUES);
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        for text in [
            "",
            " ",
            "{",
            "nul",
            "{\"a\":}",
            "[1,]",
            "\u{feff}{}",
            "1 2",
            "1e999",
            "\"\\ud800\"",
            "{a:1}",
            "\0",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(read(b"\"\xff\"").is_err());
        assert!(read(b"\xfe\xff\0{\0}").is_err());
    }
}
