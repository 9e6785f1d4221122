//! Names and values of the headers that the HTTP transports use. Requests and routes are the transport's.

mod param;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

pub use param::{PARAM_PREFIX, ParamHeader};

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
