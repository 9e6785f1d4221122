//! Whether a filled-in form fits its schema: a flat object of primitives, which is all that forms may be. Keywords that
//! it does not know are not looked at.

use serde_json::{Map, Value};

use crate::fields::{Fields, kind};
use crate::jsonrpc::ErrorObject;

/// Checks required fields, types, choices and bounds.
pub(super) fn check(
    schema: &Map<String, Value>,
    content: &Map<String, Value>,
) -> Result<(), ErrorObject> {
    let fields = Fields::new(content, "answer.content");
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !content.contains_key(name) {
            return Err(fields.missing(name));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if let Some(value) = content.get(name) {
            check_value(property, value).map_err(|why| fields.wrong(name, &why))?;
        }
    }
    Ok(())
}

fn check_value(property: &Value, value: &Value) -> Result<(), String> {
    let wanted = property.get("type").and_then(Value::as_str);
    let fits = match wanted {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        // A number such as 30.0 is an integer to JSON Schema.
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        Some("array") => value.is_array(),
        _ => true,
    };
    if !fits {
        return Err(format!(
            "must be of type `{}`, not {}",
            wanted.unwrap_or_default(),
            kind(value)
        ));
    }
    match value {
        Value::Array(values) => {
            let items = property.get("items").unwrap_or(&Value::Null);
            values
                .iter()
                .try_for_each(|value| check_choice(items, value))
        }
        value => check_choice(property, value).and_then(|()| check_bounds(property, value)),
    }
}

/// `enum`, or `oneOf` or `anyOf` of constants.
fn check_choice(property: &Value, value: &Value) -> Result<(), String> {
    let listed = property
        .get("enum")
        .and_then(Value::as_array)
        .is_none_or(|choices| choices.contains(value));
    let titled = ["oneOf", "anyOf"].into_iter().all(|keyword| {
        let choices = property.get(keyword).and_then(Value::as_array);
        choices.is_none_or(|choices| {
            choices
                .iter()
                .any(|choice| choice.get("const").is_none_or(|known| known == value))
        })
    });
    if listed && titled {
        Ok(())
    } else {
        Err("must be one of the choices".to_owned())
    }
}

fn check_bounds(property: &Value, value: &Value) -> Result<(), String> {
    let bound = |keyword| property.get(keyword).and_then(Value::as_f64);
    let (size, low, high) = match value {
        Value::Number(number) => (number.as_f64(), "minimum", "maximum"),
        Value::String(text) => {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            (Some(f64::from(length)), "minLength", "maxLength")
        }
        _ => return Ok(()),
    };
    let size = size.unwrap_or_default();
    if bound(low).is_some_and(|low| size < low) || bound(high).is_some_and(|high| size > high) {
        return Err(format!("is outside `{low}` and `{high}`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_are_checked_field_by_field() {
        let schema = json!({"type": "object", "required": ["s"], "properties": {
            "s": {"type": "string", "minLength": 2, "maxLength": 3},
            "i": {"type": "integer", "minimum": 1},
            "b": {"type": "boolean"},
            "e": {"type": "string", "enum": ["x", "y"]},
            "t": {"type": "string", "oneOf": [{"const": "x", "title": "X"}]},
            "m": {"type": "array", "items": {"type": "string", "enum": ["x"]}},
        }});
        let check_form = |content: Value, expected: bool| {
            let result = check(schema.as_object().unwrap(), content.as_object().unwrap());
            assert_eq!(result.is_ok(), expected, "{content}: {result:?}");
        };
        check_form(json!({"s": "äö"}), true);
        check_form(json!({}), false);
        check_form(json!({"s": "a"}), false);
        check_form(json!({"s": "abcd"}), false);
        check_form(json!({"s": 1}), false);
        check_form(json!({"s": "ab", "i": 1.0}), true);
        check_form(json!({"s": "ab", "i": 1.5}), false);
        check_form(json!({"s": "ab", "i": 0}), false);
        check_form(json!({"s": "ab", "b": "true"}), false);
        check_form(
            json!({"s": "ab", "e": "y", "t": "x", "m": ["x"], "unknown": []}),
            true,
        );
        check_form(json!({"s": "ab", "e": "z"}), false);
        check_form(json!({"s": "ab", "t": "X"}), false);
        check_form(json!({"s": "ab", "m": ["y"]}), false);
    }
}
