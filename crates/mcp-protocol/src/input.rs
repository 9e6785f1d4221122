//! What a server may ask its client for while it handles a request, and what comes back: a form or a page for the
//! user (elicitation), a text of the model (sampling), the directories of the client (roots).
//!
//! Until 2025-11-25 each is a request of the server's; in 2026-07-28 they travel in an `input_required` result, and the
//! client repeats its request with the answers, see [`Retry`]. Which of the two happens is the engine's business.

mod answer;
mod form;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::Revision;
use crate::content::{ContentBlock, Role};
use crate::fields::Fields;
use crate::jsonrpc::ErrorObject;
use crate::lifecycle::ClientCapabilities;

pub use answer::{Action, Elicited, InputAnswer, Root, Sampled};

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum InputRequest {
    /// The user fills in a form (2025-06-18).
    Form(FormRequest),
    /// The user opens a page (2025-11-25).
    Url(UrlRequest),
    /// The client's model says something.
    Sample(SampleRequest),
    /// The client names the directories it works in.
    Roots,
}

/// A form for the user. Never ask for secrets in it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FormRequest {
    /// What the user is told.
    pub message: String,
    /// A flat object of strings, numbers, booleans and choices, as JSON Schema.
    pub schema: Map<String, Value>,
}

/// A page that the user is to open, for what must not pass through the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UrlRequest {
    /// What the user is told.
    pub message: String,
    /// The page; nothing in it may identify the user.
    pub url: String,
    /// Unique in this server; only 2025-11-25 sends it.
    pub id: String,
}

/// Tells a client that the user is done at a page that it was asked to open (2025-11-25).
pub const PAGE_DONE: &str = "notifications/elicitation/complete";

/// The parameters of [`PAGE_DONE`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageDone {
    /// The id of the [`UrlRequest`].
    pub id: String,
}

impl PageDone {
    /// The user is done at the page with this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }
}

/// A question to the client's model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SampleRequest {
    /// The conversation so far.
    pub messages: Vec<(Role, ContentBlock)>,
    /// The most that the model may say.
    pub max_tokens: u32,
    /// What the model is told first.
    pub system_prompt: Option<String>,
}

impl UrlRequest {
    /// A page, under an id that is unique in this server.
    pub fn new(message: impl Into<String>, url: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            url: url.into(),
            id: id.into(),
        }
    }
}

impl InputRequest {
    /// A form with a message and the schema of its fields.
    pub fn form(message: impl Into<String>, schema: Map<String, Value>) -> Self {
        Self::Form(FormRequest {
            message: message.into(),
            schema,
        })
    }

    /// A page, under an id that is unique in this server.
    pub fn url(message: impl Into<String>, url: impl Into<String>, id: impl Into<String>) -> Self {
        Self::Url(UrlRequest::new(message, url, id))
    }

    /// One question of the user to the model.
    pub fn sample(text: impl Into<String>, max_tokens: u32) -> Self {
        Self::Sample(SampleRequest {
            messages: vec![(Role::User, ContentBlock::text(text))],
            max_tokens,
            system_prompt: None,
        })
    }

    /// The method on the wire.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Form(_) | Self::Url(_) => "elicitation/create",
            Self::Sample(_) => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }

    /// What a client must have declared to be asked, in the shape in which it declares it.
    #[must_use]
    pub fn required(&self) -> Map<String, Value> {
        let required = match self {
            Self::Form(_) => json!({"elicitation": {"form": {}}}),
            Self::Url(_) => json!({"elicitation": {"url": {}}}),
            Self::Sample(_) => json!({"sampling": {}}),
            Self::Roots => json!({"roots": {}}),
        };
        match required {
            Value::Object(required) => required,
            _ => Map::new(),
        }
    }

    /// Whether a client may be asked for this: its revision knows the question, and it declared that it can answer.
    #[must_use]
    pub fn is_possible(&self, client: &ClientCapabilities, revision: Revision) -> bool {
        match self {
            // 2025-11-25, elicitation, "capabilities": an empty object means forms.
            Self::Form(_) => {
                revision >= Revision::V2025_06_18
                    && client.settings("elicitation").is_some_and(|modes| {
                        modes.contains_key("form") || !modes.contains_key("url")
                    })
            }
            Self::Url(_) => {
                revision >= Revision::V2025_11_25
                    && client
                        .settings("elicitation")
                        .is_some_and(|modes| modes.contains_key("url"))
            }
            Self::Sample(_) => client.has("sampling"),
            Self::Roots => client.has("roots"),
        }
    }

    /// Reads the client's answer to this request.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` when it is not an answer to such a request, or a filled-in form does not fit its schema.
    pub fn read(&self, answer: &Value) -> Result<InputAnswer, ErrorObject> {
        let Value::Object(answer) = answer else {
            return Err(ErrorObject::invalid_params(format!(
                "the answer to `{}` must be an object",
                self.method()
            )));
        };
        let answer = Fields::new(answer, "answer");
        match self {
            Self::Form(form) => {
                let elicited = Elicited::decode(answer)?;
                if elicited.action == Action::Accept {
                    form::check(&form.schema, &elicited.content)?;
                }
                Ok(InputAnswer::Elicited(elicited))
            }
            Self::Url(_) => Elicited::decode(answer).map(InputAnswer::Elicited),
            Self::Sample(_) => Sampled::decode(answer).map(InputAnswer::Sampled),
            Self::Roots => answer::roots(answer).map(InputAnswer::Roots),
        }
    }
}

/// What a repeated request brings along (2026-07-28).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// The answers, by the keys of what was asked for, not yet read.
    pub responses: BTreeMap<String, Value>,
    /// The state of the earlier round, as the client says.
    pub state: Option<String>,
}

impl Retry {
    /// Reads it; empty for a request that is made for the first time.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` when a member is mistyped.
    pub fn decode(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let params = Fields::new(params, "params");
        let responses = params
            .optional_object("inputResponses")?
            .into_iter()
            .flatten()
            .map(|(key, answer)| (key.clone(), answer.clone()))
            .collect();
        Ok(Self {
            responses,
            state: params.optional_text("requestState")?.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_declared_may_be_asked() {
        let form = InputRequest::form("m", Map::new());
        let url = InputRequest::url("m", "https://x", "1");
        let sample = InputRequest::sample("t", 1);
        let check = |request: &InputRequest, declared: Value, revision, expected: bool| {
            let client = ClientCapabilities::from(declared.as_object().unwrap().clone());
            let possible = request.is_possible(&client, revision);
            assert_eq!(possible, expected, "{request:?} {declared}");
        };
        let d = Revision::V2025_11_25;
        check(&form, json!({}), d, false);
        check(&form, json!({"elicitation": {}}), d, true);
        check(&form, json!({"elicitation": {"form": {}}}), d, true);
        check(&form, json!({"elicitation": {"url": {}}}), d, false);
        check(
            &form,
            json!({"elicitation": {}}),
            Revision::V2025_03_26,
            false,
        );
        check(&url, json!({"elicitation": {}}), d, false);
        check(&url, json!({"elicitation": {"url": {}}}), d, true);
        check(
            &url,
            json!({"elicitation": {"url": {}}}),
            Revision::V2025_06_18,
            false,
        );
        check(
            &sample,
            json!({"sampling": {}}),
            Revision::V2024_11_05,
            true,
        );
        check(&sample, json!({"sampling": true}), d, false);
        check(
            &InputRequest::Roots,
            json!({"roots": {"listChanged": true}}),
            d,
            true,
        );
    }
}
