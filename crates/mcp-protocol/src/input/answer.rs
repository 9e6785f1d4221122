//! The answers of clients. They are foreign: whatever is missing or mistyped is an error that names it.

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::jsonrpc::ErrorObject;

/// An answer to an [`InputRequest`](super::InputRequest) of the same kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum InputAnswer {
    /// To a form or a page.
    Elicited(Elicited),
    /// To a question for the model.
    Sampled(Sampled),
    /// To a question for roots.
    Roots(Vec<Root>),
}

impl InputAnswer {
    /// What the user did, if a user was asked.
    #[must_use]
    pub const fn as_elicited(&self) -> Option<&Elicited> {
        match self {
            Self::Elicited(elicited) => Some(elicited),
            Self::Sampled(_) | Self::Roots(_) => None,
        }
    }

    /// What the user wrote into a field of a form; none if the form was not accepted, or the field left empty.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.as_elicited()?.content.get(name)
    }

    /// What the model said, if it was asked.
    #[must_use]
    pub const fn as_sampled(&self) -> Option<&Sampled> {
        match self {
            Self::Sampled(sampled) => Some(sampled),
            Self::Elicited(_) | Self::Roots(_) => None,
        }
    }

    /// The roots, if they were asked for.
    #[must_use]
    pub fn as_roots(&self) -> Option<&[Root]> {
        match self {
            Self::Roots(roots) => Some(roots),
            Self::Elicited(_) | Self::Sampled(_) => None,
        }
    }
}

/// What a user did with a form or a page.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Elicited {
    /// What was decided.
    pub action: Action,
    /// The filled-in form, which fits its schema; empty unless it was accepted.
    pub content: Map<String, Value>,
}

/// What a user decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// To answer.
    Accept,
    /// Not to answer.
    Decline,
    /// Nothing: the form was dismissed.
    Cancel,
}

impl Action {
    /// The wire name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Cancel => "cancel",
        }
    }
}

impl Elicited {
    pub(super) fn decode(answer: Fields<'_>) -> Result<Self, ErrorObject> {
        let action = match answer.text("action")? {
            "accept" => Action::Accept,
            "decline" => Action::Decline,
            "cancel" => Action::Cancel,
            _ => return Err(answer.wrong("action", "must be `accept`, `decline` or `cancel`")),
        };
        // Some clients write `null` where they mean "none".
        let content = match answer.get("content") {
            Some(Value::Null) => None,
            _ => answer.optional_object("content")?,
        };
        let content = content.filter(|_| action == Action::Accept);
        Ok(Self {
            action,
            content: content.cloned().unwrap_or_default(),
        })
    }

    /// The filled-in form, if the user accepted it.
    #[must_use]
    pub fn accepted(&self) -> Option<&Map<String, Value>> {
        (self.action == Action::Accept).then_some(&self.content)
    }
}

/// What the client's model said.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sampled {
    /// Which model, as the client calls it.
    pub model: String,
    /// Its text, the blocks of text joined by line breaks; other kinds of content are not looked at.
    pub text: String,
    /// Why it stopped.
    pub stop_reason: Option<String>,
}

impl Sampled {
    pub(super) fn decode(answer: Fields<'_>) -> Result<Self, ErrorObject> {
        let blocks = match answer.get("content") {
            Some(Value::Array(blocks)) => blocks.iter().collect(),
            Some(block @ Value::Object(_)) => vec![block],
            Some(_) => return Err(answer.wrong("content", "must be a block of content")),
            None => return Err(answer.missing("content")),
        };
        let texts: Vec<&str> = blocks
            .into_iter()
            .filter_map(|block| block.get("text")?.as_str())
            .collect();
        Ok(Self {
            model: answer.text("model")?.to_owned(),
            text: texts.join("\n"),
            stop_reason: answer.optional_text("stopReason")?.map(str::to_owned),
        })
    }
}

/// A directory of the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Root {
    /// Where it is: a `file:` URI of the client's host.
    pub uri: String,
    /// For people.
    pub name: Option<String>,
}

pub(super) fn roots(answer: Fields<'_>) -> Result<Vec<Root>, ErrorObject> {
    let Some(roots) = answer.optional_array("roots")? else {
        return Err(answer.missing("roots"));
    };
    roots
        .iter()
        .map(|root| {
            let Value::Object(root) = root else {
                return Err(answer.wrong("roots", "must hold objects"));
            };
            let root = Fields::new(root, "answer.roots");
            Ok(Root {
                uri: root.text("uri")?.to_owned(),
                name: root.optional_text("name")?.map(str::to_owned),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::super::InputRequest;
    use super::*;

    #[test]
    fn answers_must_fit_their_questions() {
        fn check(request: &InputRequest, answer: &Value, expected: &Expect) {
            let shown = match request.read(answer) {
                Ok(InputAnswer::Elicited(e)) => {
                    format!("{} {}", e.action.as_str(), json!(e.content))
                }
                Ok(InputAnswer::Sampled(s)) => format!("{}: {:?}", s.model, s.text),
                Ok(InputAnswer::Roots(roots)) => format!("{} roots", roots.len()),
                Err(error) => error.to_string(),
            };
            expected.assert_eq(&shown);
        }
        let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
        let form = InputRequest::form("m", schema.as_object().unwrap().clone());
        check(
            &form,
            &json!({"action": "accept", "content": {"ok": true}}),
            &expect![[r#"accept {"ok":true}"#]],
        );
        check(
            &form,
            &json!({"action": "decline", "content": null}),
            &expect!["decline {}"],
        );
        check(
            &form,
            &json!({"action": "accept"}),
            &expect!["`answer.content.ok` is missing (-32602)"],
        );
        check(
            &form,
            &json!({"action": "perhaps"}),
            &expect!["`answer.action` must be `accept`, `decline` or `cancel` (-32602)"],
        );
        check(
            &form,
            &json!("yes"),
            &expect!["the answer to `elicitation/create` must be an object (-32602)"],
        );
        let sample = InputRequest::sample("t", 9);
        check(
            &sample,
            &json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}}),
            &expect![[r#"m: "hi""#]],
        );
        check(
            &sample,
            &json!({"model": "m", "content": [{"text": "a"}, {"data": ""}, {"text": "b"}]}),
            &expect![[r#"m: "a\nb""#]],
        );
        check(
            &sample,
            &json!({"model": "m"}),
            &expect!["`answer.content` is missing (-32602)"],
        );
        check(
            &InputRequest::Roots,
            &json!({"roots": [{"uri": "file:///a"}]}),
            &expect!["1 roots"],
        );
        check(
            &InputRequest::Roots,
            &json!({}),
            &expect!["`answer.roots` is missing (-32602)"],
        );
        check(
            &InputRequest::Roots,
            &json!({"roots": [{}]}),
            &expect!["`answer.roots.uri` is missing (-32602)"],
        );
    }
}
