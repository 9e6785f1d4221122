//! Bytes into messages, with the exact error for everything that is not one. It does not look into `params`.

use std::fmt;

use serde_json::{Map, Value};

use super::read::{self, MAX_BATCH};
use super::{ErrorObject, Frame, Incoming, Notification, Request, RequestId, Response};

/// Reads one line or one body. Never panics, and its memory is bounded by the length of `bytes` and
/// [`MAX_VALUES`](super::MAX_VALUES).
///
/// # Errors
///
/// See [`DecodeError`]. The elements of a batch carry their own.
pub fn decode(bytes: &[u8]) -> Result<Frame, DecodeError> {
    let document = read::read(bytes).map_err(|error| {
        DecodeError::unread(ErrorObject::parse_error(format!("not valid JSON: {error}")))
    })?;
    match document.value {
        Value::Array(elements) => batch(elements, document.violation),
        value => message(value, document.violation).map(Frame::Single),
    }
}

/// A message that could not be taken as one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DecodeError {
    /// The id of the refused request, where it could be read. An answer without one leaves `id` out.
    pub id: Option<RequestId>,
    /// What to answer.
    pub error: ErrorObject,
    /// The message was a notification, which must not be answered over a stream, whatever is wrong with it.
    pub is_notification: bool,
}

impl DecodeError {
    /// For a message of which nothing was read, not even an id.
    #[must_use]
    pub const fn unread(error: ErrorObject) -> Self {
        Self {
            id: None,
            error,
            is_notification: false,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for DecodeError {}

fn batch(elements: Vec<Value>, violation: Option<String>) -> Result<Frame, DecodeError> {
    let refuse = |why: String| Err(DecodeError::unread(ErrorObject::invalid_request(why)));
    if let Some(violation) = violation {
        return refuse(violation);
    }
    if elements.is_empty() {
        return refuse("a batch must not be empty".to_owned());
    }
    if elements.len() > MAX_BATCH {
        return refuse(format!("a batch may hold at most {MAX_BATCH} messages"));
    }
    Ok(Frame::Batch(
        elements
            .into_iter()
            .map(|element| message(element, None))
            .collect(),
    ))
}

fn message(value: Value, violation: Option<String>) -> Result<Incoming, DecodeError> {
    let Value::Object(mut members) = value else {
        let error = ErrorObject::invalid_request("a message must be a JSON object");
        return Err(DecodeError::unread(error));
    };
    let id = members.remove("id").map(|id| RequestId::from_value(&id));
    let fault = |error: ErrorObject| DecodeError {
        id: id.as_ref().and_then(|id| id.as_ref().ok().cloned()),
        error,
        is_notification: false,
    };
    let invalid = |why: String| fault(ErrorObject::invalid_request(why));

    if let Some(violation) = violation {
        return Err(invalid(violation));
    }
    match members.remove("jsonrpc") {
        Some(Value::String(version)) if version == "2.0" => {}
        Some(_) => return Err(invalid("`jsonrpc` must be \"2.0\"".to_owned())),
        None => return Err(invalid("`jsonrpc` is missing".to_owned())),
    }
    let is_answer = members.contains_key("result") || members.contains_key("error");
    let Some(method) = members.remove("method") else {
        return answer(members, id.clone(), invalid);
    };
    if is_answer {
        return Err(invalid(
            "a message cannot be a request and a response at once".to_owned(),
        ));
    }
    let Value::String(method) = method else {
        return Err(invalid("`method` must be a string".to_owned()));
    };
    let params = match members.remove("params") {
        // Some clients write `null` where they mean "none"; nothing else could be meant by it.
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(params)) => Ok(params),
        Some(_) => Err(fault(ErrorObject::invalid_params(
            "`params` must be an object",
        ))),
    };
    match &id {
        Some(Ok(id)) => Ok(Incoming::Request(Request {
            id: id.clone(),
            method,
            params: params?,
        })),
        Some(Err(why)) => Err(invalid(format!("`id` {why}"))),
        None => match params {
            Ok(params) => Ok(Incoming::Notification(Notification { method, params })),
            Err(error) => Err(DecodeError {
                is_notification: true,
                ..error
            }),
        },
    }
}

fn answer(
    mut members: Map<String, Value>,
    id: Option<Result<RequestId, &'static str>>,
    invalid: impl Fn(String) -> DecodeError,
) -> Result<Incoming, DecodeError> {
    match (members.remove("result"), members.remove("error")) {
        (None, None) => Err(invalid("`method` is missing".to_owned())),
        (Some(_), Some(_)) => Err(invalid(
            "a response has either `result` or `error`, not both".to_owned(),
        )),
        (Some(Value::Object(result)), None) => match id {
            Some(Ok(id)) => Ok(Incoming::Response(Response {
                id: Some(id),
                outcome: Ok(result),
            })),
            Some(Err(why)) => Err(invalid(format!("`id` {why}"))),
            None => Err(invalid(
                "a response needs the `id` of its request".to_owned(),
            )),
        },
        (Some(_), None) => Err(invalid("`result` must be an object".to_owned())),
        // The id is null or absent when the peer could not read it.
        (None, Some(Value::Object(error))) => Ok(Incoming::Response(Response {
            id: id.and_then(Result::ok),
            outcome: Err(error),
        })),
        (None, Some(_)) => Err(invalid("`error` must be an object".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let shown = match decode(text.as_bytes()) {
            Ok(Frame::Single(incoming)) => show(&Ok(incoming)),
            Ok(Frame::Batch(elements)) => elements.iter().map(show).collect::<Vec<_>>().join(" | "),
            Err(error) => show(&Err(error)),
        };
        expected.assert_eq(&shown);
    }

    fn show(message: &Result<Incoming, DecodeError>) -> String {
        let id = |id: &Option<RequestId>| {
            id.as_ref()
                .map_or_else(|| "-".to_owned(), RequestId::to_string)
        };
        match message {
            Ok(Incoming::Request(r)) => {
                format!(
                    "request {} {} {}",
                    r.id,
                    r.method,
                    Value::from(r.params.clone())
                )
            }
            Ok(Incoming::Notification(n)) => {
                format!(
                    "notification {} {}",
                    n.method,
                    Value::from(n.params.clone())
                )
            }
            Ok(Incoming::Response(r)) => format!("response {} {:?}", id(&r.id), r.outcome.is_ok()),
            Err(e) => {
                let note = if e.is_notification { "silent " } else { "" };
                format!("{note}{} {}: {}", e.error.code, id(&e.id), e.error.message)
            }
        }
    }

    #[test]
    fn messages_are_told_apart() {
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            &expect!["request 1 ping {}"],
        );
        check(
            r#"{"method":"tools/call","params":{"name":"x"},"id":"1","jsonrpc":"2.0","extra":0}"#,
            &expect![[r#"request "1" tools/call {"name":"x"}"#]],
        );
        check(
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            &expect!["notification notifications/initialized {}"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
            &expect!["request 1 ping {}"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":"s1","result":{}}"#,
            &expect![[r#"response "s1" true"#]],
        );
        check(
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#,
            &expect!["response - false"],
        );
    }

    #[test]
    fn every_fault_has_its_code_and_the_id_where_it_can_be_read() {
        check(
            "{",
            &expect!["-32700 -: not valid JSON: EOF while parsing an object at line 1 column 1"],
        );
        check("1", &expect!["-32600 -: a message must be a JSON object"]);
        check(
            r#""x""#,
            &expect!["-32600 -: a message must be a JSON object"],
        );
        check(
            r#"{"id":1,"method":"ping"}"#,
            &expect!["-32600 1: `jsonrpc` is missing"],
        );
        check(
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            &expect![[r#"-32600 1: `jsonrpc` must be "2.0""#]],
        );
        check(
            r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
            &expect![[r#"-32600 1: `jsonrpc` must be "2.0""#]],
        );
        check(
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            &expect!["-32600 -: `id` must be a string or an integer, not null"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            &expect!["-32600 -: `id` must be an integer of at most 64 bits or a string"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#,
            &expect!["-32600 -: `id` must be a string or an integer"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1}"#,
            &expect!["-32600 1: `method` is missing"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"Method":"ping"}"#,
            &expect!["-32600 1: `method` is missing"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            &expect!["-32600 1: `method` must be a string"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
            &expect!["-32602 1: `params` must be an object"],
        );
        check(
            r#"{"jsonrpc":"2.0","method":"notifications/x","params":7}"#,
            &expect!["silent -32602 -: `params` must be an object"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}"#,
            &expect!["-32600 -: the key `id` appears twice in one object"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"a":2}}"#,
            &expect!["-32600 1: the key `a` appears twice in one object"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            &expect!["-32600 1: a message cannot be a request and a response at once"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            &expect!["-32600 1: a response has either `result` or `error`, not both"],
        );
        check(
            r#"{"jsonrpc":"2.0","result":{}}"#,
            &expect!["-32600 -: a response needs the `id` of its request"],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"result":7}"#,
            &expect!["-32600 1: `result` must be an object"],
        );
    }

    #[test]
    fn batches_fail_element_by_element() {
        check("[]", &expect!["-32600 -: a batch must not be empty"]);
        check(
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},7,[],{"jsonrpc":"2.0","method":"n"},{"id":2}]"#,
            &expect![
                "request 1 ping {} | -32600 -: a message must be a JSON object | -32600 -: a message must be a JSON object | notification n {} | -32600 2: `jsonrpc` is missing"
            ],
        );
        let many = format!("[{}]", vec!["{}"; MAX_BATCH + 1].join(","));
        check(
            &many,
            &expect!["-32600 -: a batch may hold at most 128 messages"],
        );
    }
}
