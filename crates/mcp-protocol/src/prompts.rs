//! Prompts: texts that a server has ready for its users, how they are listed, filled in and handed out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::content::{ContentBlock, Meta, Role};
use crate::fields::{Fields, kind};
use crate::icons::Icon;
use crate::jsonrpc::ErrorObject;

/// A prompt as clients see it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Prompt {
    /// Unique in its server.
    pub name: String,
    /// For people (2025-06-18).
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it is filled in with.
    pub arguments: Vec<PromptArgument>,
    /// Pictures of it (2025-11-25).
    pub icons: Vec<Icon>,
    /// Free metadata (2025-06-18).
    pub meta: Meta,
}

impl Prompt {
    /// A prompt without arguments.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            arguments: Vec::new(),
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

    /// Adds what it is for.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn with_argument(mut self, argument: PromptArgument) -> Self {
        self.arguments.push(argument);
        self
    }

    /// Adds a picture of it.
    #[must_use]
    pub fn with_icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }
}

/// One argument of a prompt. Its value is text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptArgument {
    /// Unique in its prompt.
    pub name: String,
    /// For people (2025-06-18).
    pub title: Option<String>,
    /// What to fill in.
    pub description: Option<String>,
    /// Whether the prompt cannot do without.
    pub required: bool,
}

impl PromptArgument {
    /// An argument that may be left out.
    pub fn optional(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            required: false,
        }
    }

    /// An argument that must be given.
    pub fn required(name: impl Into<String>) -> Self {
        Self {
            required: true,
            ..Self::optional(name)
        }
    }

    /// Adds what to fill in.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// The answer to `prompts/list`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ListPromptsResult {
    /// One page of prompts, in an order that does not change.
    pub prompts: Vec<Prompt>,
    /// Leads to the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

impl ListPromptsResult {
    /// One page.
    #[must_use]
    pub const fn new(prompts: Vec<Prompt>, next_cursor: Option<String>) -> Self {
        Self {
            prompts,
            next_cursor,
        }
    }
}

/// The parameters of `prompts/get`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetPromptParams {
    /// Which prompt.
    pub name: String,
    /// What to fill in; empty when the request had none.
    pub arguments: BTreeMap<String, String>,
}

impl GetPromptParams {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` when `name` is missing, or an argument is not text.
    pub fn decode(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let fields = Fields::new(params, "params");
        Ok(Self {
            name: fields.text("name")?.to_owned(),
            arguments: texts(fields, "arguments")?,
        })
    }
}

/// Reads an object whose values are all text; an absent one is empty.
pub(crate) fn texts(
    fields: Fields<'_>,
    key: &str,
) -> Result<BTreeMap<String, String>, ErrorObject> {
    let Some(object) = fields.optional_object(key)? else {
        return Ok(BTreeMap::new());
    };
    object
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            other => Err(fields.wrong(key, &format!("must hold strings, not {}", kind(other)))),
        })
        .collect()
}

/// The answer to `prompts/get`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct GetPromptResult {
    /// What the prompt is for.
    pub description: Option<String>,
    /// What is said, in order.
    pub messages: Vec<PromptMessage>,
}

impl GetPromptResult {
    /// These messages.
    #[must_use]
    pub const fn new(messages: Vec<PromptMessage>) -> Self {
        Self {
            description: None,
            messages,
        }
    }

    /// Adds what the prompt is for.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: ContentBlock,
}

impl PromptMessage {
    /// Something that somebody says.
    #[must_use]
    pub const fn new(role: Role, content: ContentBlock) -> Self {
        Self { role, content }
    }

    /// Something that the user says.
    #[must_use]
    pub const fn user(content: ContentBlock) -> Self {
        Self::new(Role::User, content)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_are_texts() {
        fn check(params: &Value, expected: &Expect) {
            let shown = match GetPromptParams::decode(params.as_object().unwrap()) {
                Ok(params) => format!("{} {:?}", params.name, params.arguments),
                Err(error) => error.to_string(),
            };
            expected.assert_eq(&shown);
        }
        check(&json!({"name": "p"}), &expect!["p {}"]);
        check(
            &json!({"name": "p", "arguments": {"a": "1"}}),
            &expect![[r#"p {"a": "1"}"#]],
        );
        check(
            &json!({"name": "p", "arguments": {"a": 1}}),
            &expect!["`params.arguments` must hold strings, not a number (-32602)"],
        );
        check(
            &json!({"name": "p", "arguments": []}),
            &expect!["`params.arguments` must be an object, not an array (-32602)"],
        );
        check(&json!({}), &expect!["`params.name` is missing (-32602)"]);
    }
}
