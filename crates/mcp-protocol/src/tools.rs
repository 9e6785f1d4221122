//! `tools/list` and `tools/call`: what a tool is, how it is called, what it answers.

use serde_json::{Map, Value};

use crate::content::{ContentBlock, Meta};
use crate::fields::Fields;
use crate::icons::Icon;
use crate::jsonrpc::ErrorObject;

/// A tool as clients see it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tool {
    /// Unique in its server, 1 to 128 characters of `A-Z a-z 0-9 _ - .`.
    pub name: String,
    /// For people (2025-06-18).
    pub title: Option<String>,
    /// For the model.
    pub description: Option<String>,
    /// JSON Schema of the arguments; its root has `"type": "object"`.
    pub input_schema: Map<String, Value>,
    /// JSON Schema of the structured result (2025-06-18). One whose root is not `"type": "object"` is for clients of
    /// 2026-07-28 only: the others are not told of it.
    pub output_schema: Option<Map<String, Value>>,
    /// Hints on what calling it does (2025-03-26).
    pub annotations: Option<ToolAnnotations>,
    /// Pictures of it (2025-11-25).
    pub icons: Vec<Icon>,
    /// Free metadata (2025-06-18).
    pub meta: Meta,
}

impl Tool {
    /// A tool with a name and the schema of its arguments.
    pub fn new(name: impl Into<String>, input_schema: Map<String, Value>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            input_schema,
            output_schema: None,
            annotations: None,
            icons: Vec::new(),
            meta: Meta::new(),
        }
    }

    /// Adds the name for people.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds what the model should know.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds the schema of the structured result.
    #[must_use]
    pub fn with_output_schema(mut self, schema: Map<String, Value>) -> Self {
        self.output_schema = Some(schema);
        self
    }

    /// Adds hints.
    #[must_use]
    pub fn with_annotations(mut self, annotations: ToolAnnotations) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// Adds a picture of it.
    #[must_use]
    pub fn with_icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }
}

/// Hints on what calling a tool does. What is left out has the specification's default: not read-only, destructive,
/// not idempotent, open to the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolAnnotations {
    /// For people; older than [`Tool::title`].
    pub title: Option<String>,
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may destroy something.
    pub destructive: Option<bool>,
    /// Calling it twice is like calling it once.
    pub idempotent: Option<bool>,
    /// It reaches things outside.
    pub open_world: Option<bool>,
}

impl ToolAnnotations {
    /// No hints yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether it changes nothing.
    #[must_use]
    pub const fn read_only(mut self, hint: bool) -> Self {
        self.read_only = Some(hint);
        self
    }

    /// Says whether it may destroy something.
    #[must_use]
    pub const fn destructive(mut self, hint: bool) -> Self {
        self.destructive = Some(hint);
        self
    }

    /// Says whether calling it twice is like calling it once.
    #[must_use]
    pub const fn idempotent(mut self, hint: bool) -> Self {
        self.idempotent = Some(hint);
        self
    }

    /// Says whether it reaches things outside.
    #[must_use]
    pub const fn open_world(mut self, hint: bool) -> Self {
        self.open_world = Some(hint);
        self
    }
}

/// The answer to `tools/list`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ListToolsResult {
    /// One page of tools, in an order that does not change.
    pub tools: Vec<Tool>,
    /// Leads to the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

impl ListToolsResult {
    /// All tools on one page.
    #[must_use]
    pub const fn new(tools: Vec<Tool>) -> Self {
        Self {
            tools,
            next_cursor: None,
        }
    }

    /// Says how the next page is found.
    #[must_use]
    pub fn with_next_cursor(mut self, cursor: Option<String>) -> Self {
        self.next_cursor = cursor;
        self
    }
}

/// Reads the cursor of a list request.
///
/// # Errors
///
/// `INVALID_PARAMS` when it is not a string.
pub fn cursor(params: &Map<String, Value>) -> Result<Option<&str>, ErrorObject> {
    Fields::new(params, "params").optional_text("cursor")
}

/// The parameters of `tools/call`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CallToolParams {
    /// Which tool.
    pub name: String,
    /// Empty when the request had none. Whether they fit the tool's schema is the tool's own judgement.
    pub arguments: Map<String, Value>,
}

impl CallToolParams {
    /// Takes the parameters apart.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` when `name` is missing or mistyped, or `arguments` is not an object.
    pub fn decode(mut params: Map<String, Value>) -> Result<Self, ErrorObject> {
        let fields = Fields::new(&params, "params");
        let name = fields.text("name")?.to_owned();
        fields.optional_object("arguments")?;
        let arguments = match params.remove("arguments") {
            Some(Value::Object(arguments)) => arguments,
            _ => Map::new(),
        };
        Ok(Self { name, arguments })
    }
}

/// The answer to `tools/call`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CallToolResult {
    /// What the model reads.
    pub content: Vec<ContentBlock>,
    /// What programs read (2025-06-18); fits the tool's output schema. Any value in 2026-07-28, an object before: older
    /// clients do not get anything else, so the content should say it too.
    pub structured_content: Option<Value>,
    /// The tool did not achieve what was asked; the content says why, so that the model can do better.
    pub is_error: bool,
    /// Free metadata.
    pub meta: Meta,
}

impl CallToolResult {
    /// A success with this content.
    #[must_use]
    pub fn new(content: Vec<ContentBlock>) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }

    /// A success that is told in one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![ContentBlock::text(text)])
    }

    /// A failure that the model may mend, told in one text.
    pub fn error(text: impl Into<String>) -> Self {
        Self::text(text).with_is_error(true)
    }

    /// Adds what programs read.
    #[must_use]
    pub fn with_structured_content(mut self, structured: impl Into<Value>) -> Self {
        self.structured_content = Some(structured.into());
        self
    }

    /// Says whether the tool failed.
    #[must_use]
    pub const fn with_is_error(mut self, is_error: bool) -> Self {
        self.is_error = is_error;
        self
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_need_a_name_and_an_object() {
        fn check(params: Value, expected: &Expect) {
            let Value::Object(params) = params else {
                unreachable!()
            };
            let shown = match CallToolParams::decode(params) {
                Ok(call) => format!("{} {}", call.name, Value::from(call.arguments)),
                Err(error) => error.to_string(),
            };
            expected.assert_eq(&shown);
        }
        check(json!({"name": "t"}), &expect!["t {}"]);
        check(
            json!({"name": "t", "arguments": {"a": [1]}}),
            &expect![[r#"t {"a":[1]}"#]],
        );
        check(json!({}), &expect!["`params.name` is missing (-32602)"]);
        check(
            json!({"name": null}),
            &expect!["`params.name` must be a string, not null (-32602)"],
        );
        check(
            json!({"name": "t", "arguments": []}),
            &expect!["`params.arguments` must be an object, not an array (-32602)"],
        );
        check(
            json!({"name": "t", "arguments": "{}"}),
            &expect!["`params.arguments` must be an object, not a string (-32602)"],
        );
    }
}
