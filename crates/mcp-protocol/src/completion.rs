//! `completion/complete`: proposals for an argument of a prompt or a part of a resource's URI.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::jsonrpc::ErrorObject;
use crate::prompts::texts;

/// The most values that an answer may hold (all revisions, utilities, "completion results").
pub const MAX_VALUES: usize = 100;

/// The parameters of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompleteParams {
    /// What is being filled in.
    pub reference: Reference,
    /// Which argument of it.
    pub argument: String,
    /// What has been typed so far.
    pub value: String,
    /// The arguments that are settled already (2025-06-18).
    pub context: BTreeMap<String, String>,
}

/// What is being filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reference {
    /// A prompt, by its name.
    Prompt(String),
    /// A resource template, by its pattern.
    Resource(String),
}

impl CompleteParams {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` naming what is missing, mistyped or of an unknown kind.
    pub fn decode(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let params = Fields::new(params, "params");
        let reference = Fields::new(params.object("ref")?, "params.ref");
        let argument = Fields::new(params.object("argument")?, "params.argument");
        let context = match params.optional_object("context")? {
            Some(context) => texts(Fields::new(context, "params.context"), "arguments")?,
            None => BTreeMap::new(),
        };
        let reference = match reference.text("type")? {
            "ref/prompt" => Reference::Prompt(reference.text("name")?.to_owned()),
            "ref/resource" => Reference::Resource(reference.text("uri")?.to_owned()),
            _ => return Err(reference.wrong("type", "must be `ref/prompt` or `ref/resource`")),
        };
        Ok(Self {
            reference,
            argument: argument.text("name")?.to_owned(),
            value: argument.text("value")?.to_owned(),
            context,
        })
    }
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompleteResult {
    /// The proposals, best first. At most [`MAX_VALUES`] of them are sent, and the rest is said to exist.
    pub values: Vec<String>,
    /// How many there are in all, where that is known.
    pub total: Option<u64>,
}

impl CompleteResult {
    /// All proposals that there are.
    #[must_use]
    pub fn new(values: Vec<String>) -> Self {
        let total = u64::try_from(values.len()).ok();
        Self { values, total }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_completed_is_named() {
        fn check(params: &Value, expected: &Expect) {
            let shown = match CompleteParams::decode(params.as_object().unwrap()) {
                Ok(p) => format!(
                    "{:?} {}={} {:?}",
                    p.reference, p.argument, p.value, p.context
                ),
                Err(error) => error.to_string(),
            };
            expected.assert_eq(&shown);
        }
        let argument = json!({"name": "a", "value": "x"});
        check(
            &json!({"ref": {"type": "ref/prompt", "name": "p"}, "argument": argument}),
            &expect![[r#"Prompt("p") a=x {}"#]],
        );
        check(
            &json!({"ref": {"type": "ref/resource", "uri": "t://{a}"}, "argument": argument,
                "context": {"arguments": {"b": "y"}}}),
            &expect![[r#"Resource("t://{a}") a=x {"b": "y"}"#]],
        );
        check(
            &json!({"ref": {"type": "ref/tool", "name": "p"}, "argument": argument}),
            &expect!["`params.ref.type` must be `ref/prompt` or `ref/resource` (-32602)"],
        );
        check(
            &json!({"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a"}}),
            &expect!["`params.argument.value` is missing (-32602)"],
        );
    }
}
