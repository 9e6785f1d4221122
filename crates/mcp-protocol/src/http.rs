//! Names and values of the headers that the HTTP transports use. Requests and routes are the transport's.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The revision (from 2025-06-18 on).
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// The session of a handshake (2025-03-26 to 2025-11-25).
pub const SESSION_ID: &str = "mcp-session-id";
/// The event after which a stream is taken up (2025-03-26 to 2025-11-25).
pub const LAST_EVENT_ID: &str = "last-event-id";
/// The method of the body (2026-07-28).
pub const METHOD: &str = "mcp-method";
/// What the method is about (2026-07-28).
pub const NAME: &str = "mcp-name";

/// The parameter that [`NAME`] must repeat for a request, where it has one.
///
/// 2026-07-28, transports, "standard request headers": a header is compared only when the body has the value.
#[must_use]
pub fn expected_name<'p>(method: &str, params: &'p Map<String, Value>) -> Option<&'p str> {
    let key = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    params.get(key).and_then(Value::as_str)
}

/// Decodes a header value that may be wrapped as `=?base64?...?=`, because it is not ASCII or has spaces at its ends.
///
/// Without both markers, in lower case and exact, the value stands for itself. `None` when the wrapped part is not
/// strict standard base64 of UTF-8.
#[must_use]
pub fn decode_value(value: &str) -> Option<Cow<'_, str>> {
    let wrapped = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match wrapped {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
    }
}

/// What the name of a header begins with that repeats an argument of a tool (2026-07-28).
pub const PARAM_PREFIX: &str = "mcp-param-";

/// A header that repeats an argument of a tool, so that proxies can route by it (2026-07-28).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParamHeader {
    /// The name of the header, in lower case, with [`PARAM_PREFIX`].
    pub name: String,
    /// Where the argument stands, from the root of the arguments.
    pub path: Vec<String>,
}

/// How deep annotations are looked for. Deeper ones would be found by no client either.
const PARAM_DEPTH: usize = 16;

impl ParamHeader {
    /// The headers that a schema of arguments asks for with `x-mcp-header`.
    ///
    /// 2026-07-28, transports, "custom headers": on strings, integers and booleans, reachable through `properties`
    /// alone. What is annotated in any other way is left out.
    #[must_use]
    pub fn of_schema(schema: &Map<String, Value>) -> Vec<Self> {
        let mut found = Vec::new();
        collect(schema, &mut Vec::new(), &mut found);
        found
    }

    /// Whether the header says what the arguments do; `value` is the header as it came, without the blanks around it.
    #[must_use]
    pub fn agrees(&self, value: Option<&str>, arguments: Option<&Value>) -> bool {
        let argument = arguments.and_then(|arguments| {
            let mut path = self.path.iter();
            path.try_fold(arguments, |value, key| value.get(key))
        });
        let argument = argument.filter(|argument| !argument.is_null());
        match (value, argument) {
            (None, None) => true,
            (Some(value), Some(argument)) => {
                decode_value(value).is_some_and(|value| says(&value, argument))
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

fn collect(schema: &Map<String, Value>, path: &mut Vec<String>, found: &mut Vec<ParamHeader>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, property) in properties.into_iter().flatten() {
        let Value::Object(property) = property else {
            continue;
        };
        path.push(key.clone());
        let kind = property.get("type").and_then(Value::as_str);
        let name = property.get("x-mcp-header").and_then(Value::as_str);
        let plain = matches!(kind, Some("string" | "integer" | "boolean"));
        if let Some(name) = name.filter(|name| plain && is_token(name)) {
            found.push(ParamHeader {
                name: format!("{PARAM_PREFIX}{}", name.to_ascii_lowercase()),
                path: path.clone(),
            });
        }
        if path.len() < PARAM_DEPTH {
            collect(property, path, found);
        }
        path.pop();
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let marks = b"!#$%&'*+-.^_`|~";
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || marks.contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

/// Strings as they are, integers by their number, booleans by their word. An argument of a kind that no header can
/// carry is the tool's to judge.
fn says(value: &str, argument: &Value) -> bool {
    match argument {
        Value::String(text) => value == text,
        Value::Bool(wanted) => value == if *wanted { "true" } else { "false" },
        Value::Number(number) => match (value.parse::<i64>(), number.as_i64()) {
            (Ok(value), Some(number)) => value == number,
            _ => value == number.to_string(),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_names_the_headers_that_repeat_its_arguments() {
        let schema = json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"type": "object", "properties": {
                "n": {"type": "integer", "x-mcp-header": "N"}}},
            "bad": {"type": "array", "x-mcp-header": "Bad", "items": {"properties": {
                "x": {"type": "string", "x-mcp-header": "X"}}}},
            "blank": {"type": "string", "x-mcp-header": "a b"},
        }});
        let headers = ParamHeader::of_schema(schema.as_object().unwrap());
        let shown: Vec<String> = headers
            .iter()
            .map(|header| format!("{} {}", header.name, header.path.join(".")))
            .collect();
        assert_eq!(shown, ["mcp-param-n deep.n", "mcp-param-region region"]);
    }

    #[test]
    fn a_header_agrees_with_its_argument_or_not() {
        let header = ParamHeader {
            name: "mcp-param-a".to_owned(),
            path: vec!["a".to_owned()],
        };
        let check = |value: Option<&str>, argument: Value, expected: bool| {
            let arguments = json!({ "a": argument });
            let agrees = header.agrees(value, Some(&arguments));
            assert_eq!(agrees, expected, "{value:?} {arguments}");
        };
        check(Some("x"), json!("x"), true);
        check(Some("=?base64?eA==?="), json!("x"), true);
        check(Some("=?base64?eA?="), json!("x"), false);
        check(Some("y"), json!("x"), false);
        check(None, json!("x"), false);
        check(None, Value::Null, true);
        check(Some("x"), Value::Null, false);
        check(Some("042"), json!(42), true);
        check(Some("43"), json!(42), false);
        check(Some("true"), json!(true), true);
        check(Some("TRUE"), json!(true), false);
        assert!(header.agrees(None, None), "no arguments at all");
    }

    #[test]
    fn wrapped_values_are_decoded_strictly() {
        let check = |value: &str, expected: Option<&str>| {
            assert_eq!(decode_value(value).as_deref(), expected, "{value}");
        };
        check("execute-python", Some("execute-python"));
        check("", Some(""));
        check("=?base64?Z3LDvMOfZQ==?=", Some("grüße"));
        check("=?base64??=", Some(""));
        check("=?base64?Z3LDvMOfZQ?=", None);
        check("=?base64?Z3LDvMOfZQ==", Some("=?base64?Z3LDvMOfZQ=="));
        check("=?BASE64?Z3LDvMOfZQ==?=", Some("=?BASE64?Z3LDvMOfZQ==?="));
        check("=?base64?_-_-?=", None);
        check("=?base64?/w==?=", None);
        check("=?base64?=", Some("=?base64?="));
    }

    #[test]
    fn the_name_header_repeats_the_parameter_of_the_method() {
        let params = json!({"name": "n", "uri": "u", "taskId": "t"});
        let params = params.as_object().unwrap();
        assert_eq!(expected_name("tools/call", params), Some("n"));
        assert_eq!(expected_name("resources/read", params), Some("u"));
        assert_eq!(expected_name("tasks/cancel", params), Some("t"));
        assert_eq!(expected_name("tools/list", params), None);
        assert_eq!(expected_name("tools/call", &Map::new()), None);
    }
}
