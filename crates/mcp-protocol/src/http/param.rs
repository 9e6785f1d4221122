//! Headers that repeat arguments of a tool (2026-07-28): which a schema asks for, and whether they say what the body does.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::decode_value;
use crate::schema::{self, Found, SchemaFault};

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

/// The annotation that asks for such a header.
const ANNOTATION: &str = "x-mcp-header";

impl ParamHeader {
    /// The headers that a schema of arguments asks for with `x-mcp-header`.
    ///
    /// # Errors
    ///
    /// The schema cannot be published, see [`schema::check`], or an annotation is one over which clients drop the tool.
    /// 2026-07-28, transports, "custom headers": it is a token, no other one of the schema is the same but for its case,
    /// and it stands on a string, an integer or a boolean, reachable through `properties` alone.
    pub fn of_schema(schema: &Map<String, Value>) -> Result<Vec<Self>, SchemaFault> {
        schema::check(schema)?;
        let mut found = Vec::new();
        let mut names = BTreeSet::new();
        schema::each(schema, &mut |at| {
            let Some(annotation) = at.schema.get(ANNOTATION) else {
                return Ok(());
            };
            let header = Self::of_property(annotation, at).and_then(|header| {
                let is_new = names.insert(header.name.clone());
                is_new
                    .then_some(header)
                    .ok_or("is there twice, whatever the case of its letters")
            });
            let fault = |why| SchemaFault::Header {
                name: schema::shown(annotation),
                why,
            };
            found.push(header.map_err(fault)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn of_property(annotation: &Value, at: Found<'_>) -> Result<Self, &'static str> {
        let name = annotation.as_str().filter(|name| is_token(name));
        let name = name.ok_or("is no token of HTTP")?;
        let path = at
            .path
            .ok_or("stands where `properties` alone do not lead")?;
        let kind = at.schema.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("string" | "integer" | "boolean")) {
            return Err("stands on what is not of the type string, integer or boolean");
        }
        Ok(Self {
            name: format!("{PARAM_PREFIX}{}", name.to_ascii_lowercase()),
            path,
        })
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
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_names_the_headers_that_repeat_its_arguments() {
        let schema = json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"type": "object", "properties": {
                "n": {"type": "integer", "x-mcp-header": "N"}}},
            "x-mcp-header": {"type": "object", "default": {"x-mcp-header": 7}},
        }});
        let headers = ParamHeader::of_schema(schema.as_object().unwrap()).unwrap();
        let shown: Vec<String> = headers
            .iter()
            .map(|header| format!("{} {}", header.name, header.path.join(".")))
            .collect();
        assert_eq!(shown, ["mcp-param-n deep.n", "mcp-param-region region"]);
    }

    #[test]
    fn what_clients_would_drop_a_tool_for_is_a_fault() {
        fn check(schema: &Value, expected: &Expect) {
            let fault = ParamHeader::of_schema(schema.as_object().unwrap()).unwrap_err();
            expected.assert_eq(&fault.to_string());
        }
        let named =
            |name: Value| json!({"properties": {"a": {"type": "string", "x-mcp-header": name}}});
        check(
            &named(json!("a b")),
            &expect!["its `x-mcp-header` `a b` is no token of HTTP"],
        );
        check(
            &named(json!("")),
            &expect!["its `x-mcp-header` `` is no token of HTTP"],
        );
        check(
            &named(json!(7)),
            &expect!["its `x-mcp-header` (a number) is no token of HTTP"],
        );
        for kind in [
            json!("array"),
            json!("number"),
            json!(["string", "null"]),
            json!(null),
        ] {
            check(
                &json!({"properties": {"a": {"type": kind, "x-mcp-header": "A"}}}),
                &expect![
                    "its `x-mcp-header` `A` stands on what is not of the type string, integer or boolean"
                ],
            );
        }
        let one = json!({"type": "string", "x-mcp-header": "A"});
        for elsewhere in [
            json!({"properties": {"a": {"type": "array", "items": one}}}),
            json!({"$defs": {"a": one}}),
            json!({"allOf": [{"properties": {"a": one}}]}),
            json!({"if": {"properties": {"a": one}}}),
            json!({"patternProperties": {"a": one}}),
        ] {
            check(
                &elsewhere,
                &expect!["its `x-mcp-header` `A` stands where `properties` alone do not lead"],
            );
        }
        check(
            &json!({"properties": {"a": one, "b": {"properties": {
                "c": {"type": "integer", "x-mcp-header": "a"}}}}}),
            &expect!["its `x-mcp-header` `a` is there twice, whatever the case of its letters"],
        );
        check(
            &json!({"properties": {"a": {"$ref": "https://example.com/a"}}}),
            &expect![
                "its reference `https://example.com/a` leads out of it: only references that begin with `#` are possible"
            ],
        );
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
}
