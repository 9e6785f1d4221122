//! Whether what we send is JSON-RPC 2.0 as MCP has it. Written apart from what writes it.

use serde_json::{Map, Value};

use crate::target::{Breach, hold};

/// The longest error that anybody should be sent: the id and what it quotes are bounded.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Result,
    Error,
    Request,
    Notification,
}

/// Reads a text of ours: one message, or a batch of answers.
pub(super) fn text(text: &str) -> Result<Vec<(Kind, Value)>, Breach> {
    hold(!text.contains(['\n', '\r']), || {
        "a line break in a message".to_owned()
    })?;
    let value =
        serde_json::from_str(text).map_err(|error| Breach(format!("sent {text}: {error}")))?;
    match value {
        Value::Array(messages) => {
            hold(!messages.is_empty(), || "sent an empty batch".to_owned())?;
            messages.into_iter().map(message).collect()
        }
        single => Ok(vec![message(single)?]),
    }
}

fn message(value: Value) -> Result<(Kind, Value), Breach> {
    let wrong = |what: &str| Breach(format!("{what}: sent {value}"));
    let Value::Object(members) = &value else {
        return Err(wrong("a message is no object"));
    };
    if members.get("jsonrpc") != Some(&Value::from("2.0")) {
        return Err(wrong("`jsonrpc` is not \"2.0\""));
    }
    let has = |key: &str| members.contains_key(key);
    let kind = match (has("method"), has("result"), has("error"), has("id")) {
        (false, true, false, true) => Kind::Result,
        (false, false, true, _) => Kind::Error,
        (true, false, false, true) => Kind::Request,
        (true, false, false, false) => Kind::Notification,
        _ => return Err(wrong("neither request nor response nor notification")),
    };
    let known = ["jsonrpc", "id", "method", "params", "result", "error"];
    if members.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(wrong("an unknown member"));
    }
    if members
        .get("id")
        .is_some_and(|id| !(id.is_string() || id.is_i64() || id.is_u64()))
    {
        return Err(wrong("an id that is neither string nor integer"));
    }
    if members
        .get("result")
        .is_some_and(|result| !result.is_object())
        || members
            .get("params")
            .is_some_and(|params| !params.is_object())
        || members
            .get("method")
            .is_some_and(|method| !method.is_string())
    {
        return Err(wrong("a member of a wrong type"));
    }
    match members.get("error") {
        Some(Value::Object(error)) => {
            check_error(error).map_err(wrong)?;
            if value.to_string().len() > MAX_ERROR_BYTES {
                return Err(Breach("an error of more than 16 KiB".to_owned()));
            }
        }
        Some(_) => return Err(wrong("an error that is no object")),
        None => {}
    }
    Ok((kind, value))
}

fn check_error(error: &Map<String, Value>) -> Result<(), &'static str> {
    if !error.get("code").is_some_and(Value::is_i64) {
        return Err("an error without a code");
    }
    if !error.get("message").is_some_and(Value::is_string) {
        return Err("an error without a message");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_and_others_refused() {
        let check = |given: &str, expected: Option<Kind>| {
            let read = text(given)
                .ok()
                .and_then(|all| all.first().map(|(kind, _)| *kind));
            assert_eq!(read, expected, "{given}");
        };
        check(
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            Some(Kind::Result),
        );
        check(
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#,
            Some(Kind::Error),
        );
        check(
            r#"{"jsonrpc":"2.0","id":"a","method":"m","params":{}}"#,
            Some(Kind::Request),
        );
        check(
            r#"[{"jsonrpc":"2.0","method":"m"}]"#,
            Some(Kind::Notification),
        );
        for wrong in [
            "",
            "{}",
            "[]",
            "1",
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"x":1}"#,
            "{\"jsonrpc\":\"2.0\",\n\"id\":1,\"result\":{}}",
        ] {
            check(wrong, None);
        }
        let long = "x".repeat(MAX_ERROR_BYTES);
        check(
            &format!(r#"{{"jsonrpc":"2.0","error":{{"code":1,"message":"{long}"}}}}"#),
            None,
        );
    }
}
