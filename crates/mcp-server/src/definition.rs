//! What a tool says of itself, held against what clients can read before it is offered to any of them.

use mcp_protocol::http::ParamHeader;
use mcp_protocol::jsonrpc::quoted;
use mcp_protocol::schema::{self, SchemaFault};
use mcp_protocol::tools;
use thiserror::Error;

use crate::MAX_TOOL_NAME;

/// A tool cannot be offered as it describes itself: clients would drop it, or stumble over it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the tool {} cannot be offered: {why}", quoted(name))]
pub struct ToolRefused {
    name: String,
    why: Fault,
}

impl ToolRefused {
    /// What the tool calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with one of its schemas; none if its name is wrong.
    #[must_use]
    pub const fn schema_fault(&self) -> Option<&SchemaFault> {
        match &self.why {
            Fault::Name => None,
            Fault::Input(fault) | Fault::Output(fault) => Some(fault),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum Fault {
    #[error("its name is not 1 to {MAX_TOOL_NAME} letters, digits, `_`, `-` and `.`")]
    Name,
    #[error("the schema of its arguments: {0}")]
    Input(SchemaFault),
    #[error("the schema of its results: {0}")]
    Output(SchemaFault),
}

/// Whether a tool can be offered; gives back the headers that repeat its arguments (2026-07-28).
///
/// A schema of results may be of any value, which only 2026-07-28 lets a tool say; older clients are not told of one
/// that is of no object.
pub(crate) fn check(definition: &tools::Tool) -> Result<Vec<ParamHeader>, ToolRefused> {
    let refused = |why| ToolRefused {
        name: definition.name.clone(),
        why,
    };
    if !is_name(&definition.name) {
        return Err(refused(Fault::Name));
    }
    if !schema::is_of_objects(&definition.input_schema) {
        return Err(refused(Fault::Input(SchemaFault::NoObject)));
    }
    let headers = ParamHeader::of_schema(&definition.input_schema);
    let headers = headers.map_err(|fault| refused(Fault::Input(fault)))?;
    if let Some(output) = &definition.output_schema {
        schema::check(output).map_err(|fault| refused(Fault::Output(fault)))?;
    }
    Ok(headers)
}

/// 2025-11-25, tools, "tool names".
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_TOOL_NAME).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::{Expect, expect};
    use mcp_protocol::lifecycle::Implementation;
    use mcp_protocol::tools::CallToolResult;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::{CallContext, Server, Tool, ToolError, async_trait};

    #[derive(Debug)]
    struct Saying(&'static str, Value);

    #[async_trait]
    impl Tool for Saying {
        fn definition(&self) -> tools::Tool {
            tools::Tool::new(self.0, object(&self.1))
        }

        async fn call(
            &self,
            _: Map<String, Value>,
            _: CallContext,
        ) -> Result<CallToolResult, ToolError> {
            unreachable!("nobody calls")
        }
    }

    #[test]
    fn a_server_is_not_built_with_a_tool_that_is_refused() {
        let offering = |tools: &[(&'static str, Value)]| {
            let mut builder = Server::builder(Implementation::new("s", "1"));
            for (name, schema) in tools {
                builder = builder.tool(Arc::new(Saying(name, schema.clone())));
            }
            builder.build()
        };
        let good = ("a", json!({"type": "object"}));
        let bad = |name| (name, json!({"type": "object", "$ref": "x:y"}));
        assert!(offering(std::slice::from_ref(&good)).is_ok());
        let refused = offering(&[good.clone(), bad("b"), bad("c")]).unwrap_err();
        assert_eq!(refused.name(), "b", "the first");
        assert!(matches!(
            refused.schema_fault(),
            Some(SchemaFault::Reference(_))
        ));
        let replaced = offering(&[bad("a"), good]).unwrap_err();
        assert_eq!(replaced.name(), "a", "though another took its place");
    }

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn told(tool: &tools::Tool) -> String {
        match check(tool) {
            Ok(headers) => format!("offered with {} headers", headers.len()),
            Err(refused) => refused.to_string(),
        }
    }

    #[test]
    fn names_are_of_few_characters() {
        let check = |name: &str, offered: bool| {
            let tool = tools::Tool::new(name, object(&json!({"type": "object"})));
            assert_eq!(told(&tool).starts_with("offered"), offered, "{name:?}");
        };
        check("execute-python", true);
        check("A.b_c-9", true);
        check(&"x".repeat(MAX_TOOL_NAME), true);
        check(&"x".repeat(MAX_TOOL_NAME + 1), false);
        for bad in ["", "a b", "a/b", "a,b", "ä", "a\n", "a`b"] {
            check(bad, false);
        }
    }

    #[test]
    fn schemas_can_be_read_by_clients() {
        fn check(input: &Value, output: Option<&Value>, expected: &Expect) {
            let mut tool = tools::Tool::new("t", object(input));
            tool.output_schema = output.map(object);
            expected.assert_eq(&told(&tool));
        }
        let plain = json!({"type": "object"});
        let annotated = json!({"type": "object", "properties": {
            "a": {"type": "string", "x-mcp-header": "A"}}});
        let old = json!({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"});
        check(&plain, None, &expect!["offered with 0 headers"]);
        check(&annotated, None, &expect!["offered with 1 headers"]);
        check(
            &plain,
            Some(&json!({"type": "array"})),
            &expect!["offered with 0 headers"],
        );
        for no_object in [
            json!({}),
            json!({"type": "array"}),
            json!({"type": ["object"]}),
        ] {
            check(
                &no_object,
                None,
                &expect![[
                    r#"the tool `t` cannot be offered: the schema of its arguments: its root does not have `"type": "object"`"#
                ]],
            );
        }
        check(
            &old,
            None,
            &expect![
                "the tool `t` cannot be offered: the schema of its arguments: its dialect `http://json-schema.org/draft-07/schema#` is not supported: `https://json-schema.org/draft/2020-12/schema` is, and none means the same"
            ],
        );
        check(
            &plain,
            Some(&json!({"items": {"$ref": "other.json"}})),
            &expect![
                "the tool `t` cannot be offered: the schema of its results: its reference `other.json` leads out of it: only references that begin with `#` are possible"
            ],
        );
        check(
            &json!({"type": "object", "properties": {"a": {"type": "number", "x-mcp-header": "A"}}}),
            None,
            &expect![
                "the tool `t` cannot be offered: the schema of its arguments: its `x-mcp-header` `A` stands on what is not of the type string, integer or boolean"
            ],
        );
    }
}
