//! What we send: messages as data, and their one-line JSON. Their content comes from `wire`.

use serde_json::{Map, Value};

use super::{ErrorObject, RequestId};

/// One message of ours.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outgoing {
    /// The successful answer to a request.
    Result {
        /// The id of the request.
        id: RequestId,
        /// The `result` member.
        result: Map<String, Value>,
    },
    /// The failed answer to a request.
    Error {
        /// The id of the request; left out of the message when it could not be read.
        id: Option<RequestId>,
        /// The `error` member.
        error: ErrorObject,
    },
    /// A request of ours (2024-11-05 to 2025-11-25).
    Request {
        /// From our own number space.
        id: RequestId,
        /// Its method.
        method: &'static str,
        /// Its parameters; left out of the message when empty.
        params: Map<String, Value>,
    },
    /// A notification.
    Notification {
        /// Its method.
        method: &'static str,
        /// Its parameters; left out of the message when empty.
        params: Map<String, Value>,
    },
}

impl Outgoing {
    /// Whether this answers a request.
    #[must_use]
    pub const fn is_response(&self) -> bool {
        matches!(self, Self::Result { .. } | Self::Error { .. })
    }

    /// The message as a JSON value.
    #[must_use]
    pub fn into_value(self) -> Value {
        let mut members = Map::new();
        members.insert("jsonrpc".to_owned(), "2.0".into());
        match self {
            Self::Result { id, result } => {
                members.insert("id".to_owned(), id.to_value());
                members.insert("result".to_owned(), Value::Object(result));
            }
            Self::Error { id, error } => {
                if let Some(id) = id {
                    members.insert("id".to_owned(), id.to_value());
                }
                members.insert("error".to_owned(), Value::Object(error.to_map()));
            }
            Self::Request { id, method, params } => {
                members.insert("id".to_owned(), id.to_value());
                members.insert("method".to_owned(), method.into());
                if !params.is_empty() {
                    members.insert("params".to_owned(), Value::Object(params));
                }
            }
            Self::Notification { method, params } => {
                members.insert("method".to_owned(), method.into());
                if !params.is_empty() {
                    members.insert("params".to_owned(), Value::Object(params));
                }
            }
        }
        Value::Object(members)
    }
}

/// What goes out at once: one message, or the answers to a batch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OutgoingFrame {
    /// One message.
    Single(Outgoing),
    /// The answers to a batch, in any order.
    Batch(Vec<Outgoing>),
}

impl OutgoingFrame {
    /// The JSON text, on one line: it never holds a raw line break, so it fits both line framing and server-sent
    /// events.
    #[must_use]
    pub fn into_json(self) -> String {
        match self {
            Self::Single(message) => message.into_value(),
            Self::Batch(messages) => {
                Value::Array(messages.into_iter().map(Outgoing::into_value).collect())
            }
        }
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_one_line_each() {
        let check = |message: Outgoing, expected: &str| {
            assert_eq!(OutgoingFrame::Single(message).into_json(), expected);
        };
        let result = Map::from_iter([("text".to_owned(), json!("a\nb\r\u{2028}"))]);
        check(
            Outgoing::Result {
                id: 7.into(),
                result,
            },
            "{\"id\":7,\"jsonrpc\":\"2.0\",\"result\":{\"text\":\"a\\nb\\r\u{2028}\"}}",
        );
        check(
            Outgoing::Error {
                id: None,
                error: ErrorObject::parse_error("not valid JSON"),
            },
            r#"{"error":{"code":-32700,"message":"not valid JSON"},"jsonrpc":"2.0"}"#,
        );
        check(
            Outgoing::Notification {
                method: "notifications/x",
                params: Map::new(),
            },
            r#"{"jsonrpc":"2.0","method":"notifications/x"}"#,
        );
    }
}
