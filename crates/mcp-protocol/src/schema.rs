//! What a schema of a tool must be to be published: JSON Schema 2020-12 that stands by itself and has a bounded size.
//! Whether a value fits a schema is for those who have the value; nothing here is ever fetched.
//!
//! Clients read a schema before they show its tool to a model, and drop the tool, or fail, over one that they cannot
//! read. So what they would refuse is refused here, while the server is built.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::jsonrpc::quoted;

/// The dialect of all schemas, whether they name it or not (2025-11-25, basic, "JSON schema usage").
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// How deep a schema may nest, as JSON: as deep as a message that is read.
pub const MAX_DEPTH: usize = 64;

/// How many values a schema may have, as JSON. Those of large tools have some hundreds; a client has to look at each.
pub const MAX_VALUES: usize = 10_000;

/// Why a schema cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaFault {
    /// Arguments are always an object, and the root must say so.
    #[error("its root does not have `\"type\": \"object\"`")]
    NoObject,
    /// It names another dialect than [`DIALECT`].
    #[error("its dialect {0} is not supported: `{DIALECT}` is, and none means the same")]
    Dialect(String),
    /// It refers to what does not stand in it.
    #[error("its reference {0} leads out of it: only references that begin with `#` are possible")]
    Reference(String),
    /// It nests deeper than [`MAX_DEPTH`].
    #[error("it nests deeper than {MAX_DEPTH}")]
    Depth,
    /// It has more than [`MAX_VALUES`].
    #[error("it has more than {MAX_VALUES} values")]
    Size,
    /// An annotation `x-mcp-header` makes no header of the argument.
    #[error("its `x-mcp-header` {name} {why}")]
    Header {
        /// What the annotation says, as it may be shown.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Whether a schema can be published, whatever its root is.
///
/// # Errors
///
/// The first fault that was found.
pub fn check(schema: &Map<String, Value>) -> Result<(), SchemaFault> {
    let mut left = MAX_VALUES;
    let mut values = schema.values();
    values.try_for_each(|value| measure(value, MAX_DEPTH - 1, &mut left))?;
    each(schema, &mut |found| {
        if let Some(dialect) = found.schema.get("$schema")
            && !names_dialect(dialect)
        {
            return Err(SchemaFault::Dialect(shown(dialect)));
        }
        for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
            let leads_out = |to: &&Value| !to.as_str().is_some_and(|to| to.starts_with('#'));
            if let Some(to) = found.schema.get(keyword).filter(leads_out) {
                return Err(SchemaFault::Reference(shown(to)));
            }
        }
        Ok(())
    })
}

/// Whether the root of a schema says that its values are objects.
#[must_use]
pub fn is_of_objects(schema: &Map<String, Value>) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

/// A schema, and where it stands in the one that was asked about.
#[derive(Debug)]
pub(crate) struct Found<'s> {
    pub(crate) schema: &'s Map<String, Value>,
    /// The properties that lead to it; none if anything else does.
    pub(crate) path: Option<Vec<String>>,
}

/// Keywords whose values are no schemas, whatever they look like.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// Keywords whose values are schemas by name, so that the names are no keywords.
const NAMED: [&str; 6] = [
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

/// Looks at a schema and all those that stand in it. It calls itself as deep as they nest, so [`measure`] comes first.
/// Keywords that nobody knows are taken to hold schemas: too many are looked at rather than too few.
pub(crate) fn each(
    schema: &Map<String, Value>,
    look: &mut dyn FnMut(Found<'_>) -> Result<(), SchemaFault>,
) -> Result<(), SchemaFault> {
    visit(schema, Some(&mut Vec::new()), look)
}

fn visit(
    schema: &Map<String, Value>,
    mut path: Option<&mut Vec<String>>,
    look: &mut dyn FnMut(Found<'_>) -> Result<(), SchemaFault>,
) -> Result<(), SchemaFault> {
    let here = path.as_deref().cloned();
    look(Found { schema, path: here })?;
    for (keyword, value) in schema {
        match value {
            _ if DATA.contains(&keyword.as_str()) => {}
            Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                for (name, value) in named {
                    let Value::Object(below) = value else {
                        continue;
                    };
                    match path.as_deref_mut().filter(|_| keyword == "properties") {
                        Some(path) => {
                            path.push(name.clone());
                            visit(below, Some(path), look)?;
                            path.pop();
                        }
                        None => visit(below, None, look)?,
                    }
                }
            }
            value => within(value, look)?,
        }
    }
    Ok(())
}

/// The schemas that a keyword holds, alone or in a list.
fn within(
    value: &Value,
    look: &mut dyn FnMut(Found<'_>) -> Result<(), SchemaFault>,
) -> Result<(), SchemaFault> {
    match value {
        Value::Object(below) => visit(below, None, look),
        Value::Array(values) => values.iter().try_for_each(|value| within(value, look)),
        _ => Ok(()),
    }
}

/// Whether a value that may still nest so deep, and what stands in it, is within the bounds.
fn measure(value: &Value, depth: usize, left: &mut usize) -> Result<(), SchemaFault> {
    *left = left.checked_sub(1).ok_or(SchemaFault::Size)?;
    let deeper = || depth.checked_sub(1).ok_or(SchemaFault::Depth);
    match value {
        Value::Array(values) => {
            let depth = deeper()?;
            values
                .iter()
                .try_for_each(|value| measure(value, depth, left))
        }
        Value::Object(members) => {
            let depth = deeper()?;
            members
                .values()
                .try_for_each(|value| measure(value, depth, left))
        }
        _ => Ok(()),
    }
}

/// An empty fragment says nothing.
fn names_dialect(dialect: &Value) -> bool {
    dialect
        .as_str()
        .is_some_and(|name| name.strip_suffix('#').unwrap_or(name) == DIALECT)
}

/// A value for a message: foreign text is cut, what is no text is named by its kind.
pub(crate) fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) => quoted(text),
        None => format!("({})", crate::fields::kind(value)),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check_one(schema: &Value, expected: &Expect) {
        let told = match check(schema.as_object().unwrap()) {
            Ok(()) => "published".to_owned(),
            Err(fault) => fault.to_string(),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn one_dialect_is_spoken() {
        let named = |dialect: Value| json!({"type": "object", "$schema": dialect});
        check_one(&json!({"type": "object"}), &expect!["published"]);
        check_one(&json!({}), &expect!["published"]);
        check_one(&named(json!(DIALECT)), &expect!["published"]);
        check_one(&named(json!(format!("{DIALECT}#"))), &expect!["published"]);
        check_one(
            &named(json!("http://json-schema.org/draft-07/schema#")),
            &expect![
                "its dialect `http://json-schema.org/draft-07/schema#` is not supported: `https://json-schema.org/draft/2020-12/schema` is, and none means the same"
            ],
        );
        check_one(
            &named(json!(7)),
            &expect![
                "its dialect (a number) is not supported: `https://json-schema.org/draft/2020-12/schema` is, and none means the same"
            ],
        );
        check_one(
            &json!({"$defs": {"a": {"$id": "x:a", "$schema": "x:b"}}}),
            &expect![
                "its dialect `x:b` is not supported: `https://json-schema.org/draft/2020-12/schema` is, and none means the same"
            ],
        );
        // A property and a value may be called as keywords are.
        check_one(
            &json!({"properties": {"$schema": {"type": "string"}, "$ref": {"const": 1}}, "default": {"$schema": 7, "$ref": "x:y"}}),
            &expect!["published"],
        );
    }

    #[test]
    fn references_stay_within() {
        let leads = |to: &str| json!({"properties": {"a": {"$ref": to}}});
        check_one(&leads("#"), &expect!["published"]);
        check_one(&leads("#/$defs/a"), &expect!["published"]);
        check_one(&leads("#anchor"), &expect!["published"]);
        for far in [
            "https://example.com/a.json",
            "file:///etc/passwd",
            "a.json",
            "",
            "//a/b#/c",
        ] {
            for schema in [
                leads(far),
                json!({"$ref": far}),
                json!({"$dynamicRef": far}),
                json!({"allOf": [{"not": {"items": {"$ref": far}}}]}),
                json!({"$defs": {"default": {"$ref": far}}}),
                json!({"patternProperties": {"^x": {"prefixItems": [{"$ref": far}]}}}),
                json!({"dependencies": {"a": {"$ref": far}}}),
                json!({"if": {"unheard-of": [[{"$ref": far}]]}}),
            ] {
                let fault = check(schema.as_object().unwrap());
                assert_eq!(fault, Err(SchemaFault::Reference(quoted(far))), "{schema}");
            }
        }
    }

    #[test]
    fn size_is_bounded() {
        let deep = |levels: usize| {
            let value = (1..levels).fold(json!({}), |value, _| json!({ "not": value }));
            check(value.as_object().unwrap())
        };
        assert_eq!(deep(MAX_DEPTH), Ok(()));
        assert_eq!(deep(MAX_DEPTH + 1), Err(SchemaFault::Depth));
        let wide = |values: usize| check(json!({"enum": vec![0; values - 1]}).as_object().unwrap());
        assert_eq!(wide(MAX_VALUES), Ok(()));
        assert_eq!(wide(MAX_VALUES + 1), Err(SchemaFault::Size));
    }
}
