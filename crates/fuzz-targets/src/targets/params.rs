//! Parts of messages that deserve a target of their own: the envelope, and the answers to our questions.

use mcp_protocol::envelope::{self, Envelope};
use mcp_protocol::input::{Action, InputAnswer, InputRequest};
use serde_json::{Map, Value, json};

use super::corpus;
use super::jsonrpc::check_error;
use crate::target::{Breach, Tally, hold};

/// Parameters with an envelope.
pub(super) fn envelopes() -> Vec<Vec<u8>> {
    let spare = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    [
        json!({"_meta": corpus::meta()}),
        json!({"_meta": spare, "name": "a"}),
    ]
    .iter()
    .map(|params| params.to_string().into_bytes())
    .collect()
}

/// An envelope: what it says is what stood there, and it is never overlooked.
pub(super) fn envelope(input: &[u8]) -> Result<Tally, Breach> {
    let Ok(Value::Object(params)) = serde_json::from_slice(input) else {
        return Ok(Tally::one(false));
    };
    if let Err(error) = envelope::progress_token(&params) {
        check_error(&error)?;
    }
    match Envelope::decode(&params) {
        Err(error) => {
            check_error(&error)?;
            Ok(Tally::one(false))
        }
        Ok(envelope) => {
            let meta = params.get("_meta").cloned().unwrap_or_default();
            let said = meta.get(envelope::PROTOCOL_VERSION).and_then(Value::as_str);
            hold(Envelope::is_present(&params), || {
                "an envelope was overlooked".to_owned()
            })?;
            hold(said == Some(envelope.protocol_version.as_str()), || {
                format!("{meta} was read as {envelope:?}")
            })?;
            hold(
                meta.get(envelope::CLIENT_CAPABILITIES)
                    .is_some_and(Value::is_object),
                || format!("no capabilities in {meta}"),
            )?;
            Ok(Tally::one(true))
        }
    }
}

/// Answers, each with what was asked.
pub(super) fn answers() -> Vec<Vec<u8>> {
    [
        json!({"form": {"action": "accept", "content": {"ok": true, "name": "ab", "n": 3, "pick": "x", "many": ["y"]}}}),
        json!({"form": {"action": "decline", "content": null}}),
        json!({"form": {"action": "cancel"}}),
        json!({"url": {"action": "accept"}}),
        json!({"sample": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}, "stopReason": "endTurn"}}),
        json!({"sample": {"model": "m", "content": [{"text": "a"}, {"data": ""}]}}),
        json!({"roots": {"roots": [{"uri": "file:///a", "name": "a"}, {"uri": "file:///b"}]}}),
    ]
    .iter()
    .map(|answer| answer.to_string().into_bytes())
    .collect()
}

/// Answers to questions: what is accepted fits what was asked.
pub(super) fn answer(input: &[u8]) -> Result<Tally, Breach> {
    let Ok(Value::Object(answers)) = serde_json::from_slice(input) else {
        return Ok(Tally::one(false));
    };
    let mut all = true;
    for (asked, answer) in answers.iter().take(16) {
        let question = match asked.as_str() {
            "url" => InputRequest::url("m", "https://example.com", "1"),
            "sample" => InputRequest::sample("t", 9),
            "roots" => InputRequest::Roots,
            _ => InputRequest::form("m", schema()),
        };
        match question.read(answer) {
            Err(error) => {
                check_error(&error)?;
                all = false;
            }
            Ok(InputAnswer::Elicited(elicited)) if asked == "form" => {
                let fits = match elicited.action {
                    Action::Accept => {
                        let content = &elicited.content;
                        let text = content.get("name").and_then(Value::as_str);
                        content.get("ok").is_some_and(Value::is_boolean)
                            && text.is_none_or(|text| (1..=9).contains(&text.chars().count()))
                            && content.get("name").is_none_or(Value::is_string)
                            && content.get("n").is_none_or(Value::is_number)
                            && content
                                .get("pick")
                                .is_none_or(|pick| pick == "x" || pick == "y")
                    }
                    _ => elicited.content.is_empty() && elicited.accepted().is_none(),
                };
                hold(fits, || format!("took {answer} for a filled-in form"))?;
            }
            Ok(InputAnswer::Roots(roots)) => {
                let said = answer.get("roots").and_then(Value::as_array).map(Vec::len);
                hold(said == Some(roots.len()), || {
                    format!("read {roots:?} in {answer}")
                })?;
            }
            Ok(_) => {}
        }
    }
    Ok(Tally::one(all && !answers.is_empty()))
}

fn schema() -> Map<String, Value> {
    let schema = json!({"type": "object", "required": ["ok"], "properties": {
        "ok": {"type": "boolean"},
        "name": {"type": "string", "minLength": 1, "maxLength": 9},
        "n": {"type": "integer", "minimum": 1, "maximum": 5},
        "pick": {"type": "string", "enum": ["x", "y"]},
        "many": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}},
    }});
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}
