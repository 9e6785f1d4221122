//! Headers that repeat arguments of a tool (2026-07-28): which a schema asks for, and whether they agree.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_protocol::http::{PARAM_PREFIX, ParamHeader, decode_value};
use mcp_protocol::schema::MAX_DEPTH;
use serde_json::{Map, Value, json};

use crate::target::{Breach, Tally, hold};

/// A schema, arguments, and values of headers.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let schema = json!({"type": "object", "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
        "on": {"type": "boolean", "x-mcp-header": "On"},
    }});
    let refused = json!({"type": "object", "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "list": {"type": "array", "items": {"type": "string", "x-mcp-header": "No"}},
    }});
    [
        json!({"schema": schema, "arguments": {"region": "eu", "deep": {"n": 42}, "on": true}, "values": ["eu", "42", "true"]}),
        json!({"schema": schema, "arguments": {"region": "grüße", "deep": {"n": -1}, "on": null},
            "values": ["=?base64?Z3LDvMOfZQ==?=", "=?base64??=", "=?base64?=", "=?BASE64?eA==?="]}),
        json!({"schema": refused, "arguments": {}, "values": []}),
    ]
    .iter()
    .map(|seed| seed.to_string().into_bytes())
    .collect()
}

/// Names are tokens, each its own, values are read strictly, and an argument's own text always agrees with it.
pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    let Ok(given) = serde_json::from_slice::<Value>(input) else {
        return Ok(Tally::one(false));
    };
    let mut decoded = true;
    let values = given.get("values").and_then(Value::as_array);
    let values: Vec<&str> = values
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .take(64)
        .collect();
    for value in &values {
        match decode_value(value) {
            Some(text) => {
                let again = decode_value(&wrap(&text)).map(std::borrow::Cow::into_owned);
                hold(again.as_deref() == Some(&*text), || {
                    format!("{text:?} was not read again")
                })?;
                hold(
                    text == *value || (value.starts_with("=?base64?") && value.ends_with("?=")),
                    || format!("{value:?} was read as {text:?}"),
                )?;
            }
            None => decoded = false,
        }
    }
    let empty = Map::new();
    let schema = given
        .get("schema")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let arguments = given.get("arguments");
    let headers = ParamHeader::of_schema(schema).unwrap_or_default();
    let names: BTreeSet<_> = headers.iter().map(|header| &header.name).collect();
    hold(names.len() == headers.len(), || {
        "a header for two arguments".to_owned()
    })?;
    for header in &headers {
        let token = header.name.strip_prefix(PARAM_PREFIX).unwrap_or_default();
        let fits = |byte: u8| {
            byte.is_ascii_graphic()
                && !b"\"(),/:;<=>?@[\\]{}".contains(&byte)
                && !byte.is_ascii_uppercase()
        };
        hold(!token.is_empty() && token.bytes().all(fits), || {
            format!("no name of a header: {header:?}")
        })?;
        hold(header.path.len() <= MAX_DEPTH, || {
            "a path without end".to_owned()
        })?;
        for value in values.iter().map(|value| Some(*value)).chain([None]) {
            let _ = header.agrees(value, arguments);
        }
        let argument = arguments.and_then(|arguments| {
            header
                .path
                .iter()
                .try_fold(arguments, |value, key| value.get(key))
        });
        if let Some(Value::String(text)) = argument {
            hold(header.agrees(Some(&wrap(text)), arguments), || {
                format!("{text:?} does not agree with itself")
            })?;
            hold(
                !header.agrees(Some(&wrap(&format!("{text}x"))), arguments),
                || format!("{text:?} agrees with another text"),
            )?;
        }
    }
    Ok(Tally::one(decoded && !headers.is_empty()))
}

fn wrap(text: &str) -> String {
    format!("=?base64?{}?=", STANDARD.encode(text))
}
