//! Messages: what is taken means what a plain reader of JSON says it does, and what is refused is refused by its code.

use mcp_protocol::cancel::Cancelled;
use mcp_protocol::completion::CompleteParams;
use mcp_protocol::envelope::{self, Envelope};
use mcp_protocol::http;
use mcp_protocol::input::Retry;
use mcp_protocol::jsonrpc::{
    DecodeError, ErrorObject, Frame, Incoming, MAX_BATCH, Outgoing, OutgoingFrame, RequestId,
    decode,
};
use mcp_protocol::lifecycle::InitializeParams;
use mcp_protocol::logging::LogLevel;
use mcp_protocol::prompts::GetPromptParams;
use mcp_protocol::subscriptions::{Filter, MAX_URIS};
use mcp_protocol::tools::{self, CallToolParams};
use mcp_protocol::{resources, tasks};
use serde_json::{Map, Value};

use super::wellformed::{self, Kind};
use crate::target::{Breach, Tally, hold};

/// The longest message of an error: what it quotes of its peer is cut.
const MAX_MESSAGE_BYTES: usize = 2048;

/// One message, or whatever else it is.
pub(super) fn message(input: &[u8]) -> Result<Tally, Breach> {
    let decoded = decode(input);
    let plain = serde_json::from_slice::<Value>(input);
    match (&decoded, &plain) {
        (Ok(_), Err(error)) => Err(Breach(format!("took what is no JSON: {error}"))),
        (Err(fault), Ok(_)) if fault.error.code.get() == -32700 => {
            Err(Breach(format!("refused JSON as unreadable: {fault}")))
        }
        (Ok(Frame::Single(message)), Ok(plain)) => {
            check_message(message, plain)?;
            check_unique(input, plain)?;
            Ok(Tally::one(true))
        }
        (Ok(Frame::Batch(elements)), Ok(all @ Value::Array(plain))) => {
            check_batch(elements, plain)?;
            check_unique(input, all)?;
            Ok(Tally::one(elements.iter().all(Result::is_ok)))
        }
        (Ok(frame), Ok(_)) => Err(Breach(format!("read something else: {frame:?}"))),
        (Err(fault), _) => {
            check_fault(fault, plain.ok().as_ref())?;
            Ok(Tally::one(false))
        }
    }
}

/// The same, with every message of the array counted.
pub(super) fn batch(input: &[u8]) -> Result<Tally, Breach> {
    let tally = message(input)?;
    let Ok(Frame::Batch(elements)) = decode(input) else {
        return Ok(tally);
    };
    let mut tally = Tally::default();
    elements
        .iter()
        .for_each(|element| tally.count(element.is_ok()));
    Ok(tally)
}

/// No key stands twice in one object: two readers could take different ones. Every member has one colon, and a reader that
/// takes the last of two has one member less.
fn check_unique(text: &[u8], plain: &Value) -> Result<(), Breach> {
    let (mut colons, mut inside, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b':' if !inside => colons += 1,
            _ => {}
        }
    }
    hold(colons == members(plain), || {
        "took a message in which a key stands twice".to_owned()
    })
}

/// How many members all objects of a value have.
fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        Value::Array(items) => items.iter().map(members).sum(),
        _ => 0,
    }
}

fn check_batch(elements: &[Result<Incoming, DecodeError>], plain: &[Value]) -> Result<(), Breach> {
    hold((1..=MAX_BATCH).contains(&elements.len()), || {
        format!("a batch of {}", elements.len())
    })?;
    hold(elements.len() == plain.len(), || {
        "lost an element".to_owned()
    })?;
    for (element, plain) in elements.iter().zip(plain) {
        match element {
            Ok(message) => check_message(message, plain)?,
            Err(fault) => check_fault(fault, Some(plain))?,
        }
    }
    Ok(())
}

/// What was taken says what stood there.
fn check_message(message: &Incoming, plain: &Value) -> Result<(), Breach> {
    let differs = || Breach(format!("{plain} was read as {message:?}"));
    let member = |key: &str| plain.get(key).cloned().unwrap_or_default();
    let params = |params: &Map<String, Value>| {
        let plain = plain.get("params").and_then(Value::as_object);
        plain.map_or(params.is_empty(), |plain| plain == params)
    };
    let same = member("jsonrpc") == "2.0"
        && match message {
            Incoming::Request(request) => {
                check_id(&request.id)?;
                check_readers(&request.params)?;
                member("id") == request.id.to_value()
                    && member("method") == request.method
                    && params(&request.params)
            }
            Incoming::Notification(notification) => {
                check_readers(&notification.params)?;
                plain.get("id").is_none()
                    && member("method") == notification.method
                    && params(&notification.params)
            }
            Incoming::Response(response) => {
                let id = response.id.as_ref().map(RequestId::to_value);
                let key = if response.outcome.is_ok() {
                    "result"
                } else {
                    "error"
                };
                plain.get("method").is_none()
                    && member(key).is_object()
                    && id.is_none_or(|id| member("id") == id)
            }
            _ => false,
        };
    if same { Ok(()) } else { Err(differs()) }
}

/// A refusal bears one of three codes, an id only if one stood there, and is itself a message of bounded size.
fn check_fault(fault: &DecodeError, plain: Option<&Value>) -> Result<(), Breach> {
    hold(
        [-32700, -32600, -32602].contains(&fault.error.code.get()),
        || format!("refused by {fault}"),
    )?;
    hold(fault.error.message.len() <= MAX_MESSAGE_BYTES, || {
        format!("a message of {} bytes", fault.error.message.len())
    })?;
    if fault.is_notification {
        let bears_id = plain.is_some_and(|plain| plain.get("id").is_some());
        hold(!bears_id && fault.id.is_none(), || {
            format!("a request was taken for a notification: {fault:?}")
        })?;
    }
    if let (Some(id), Some(plain)) = (&fault.id, plain) {
        hold(plain.get("id") == Some(&id.to_value()), || {
            format!("refused {plain} under the id {id}")
        })?;
    }
    let answer = Outgoing::Error {
        id: fault.id.clone(),
        error: fault.error.clone(),
    };
    let sent = wellformed::text(&OutgoingFrame::Single(answer).into_json())?;
    hold(matches!(sent.as_slice(), [(Kind::Error, _)]), || {
        format!("a refusal that is no error: {sent:?}")
    })
}

/// An id is echoed exactly.
fn check_id(id: &RequestId) -> Result<(), Breach> {
    let answer = Outgoing::Result {
        id: id.clone(),
        result: Map::new(),
    };
    match decode(OutgoingFrame::Single(answer).into_json().as_bytes()) {
        Ok(Frame::Single(Incoming::Response(response))) if response.id.as_ref() == Some(id) => {
            Ok(())
        }
        other => Err(Breach(format!("the id {id} came back as {other:?}"))),
    }
}

/// Every reader of parameters, whatever the method is: an error says what, and not much of it.
fn check_readers(params: &Map<String, Value>) -> Result<(), Breach> {
    let errors = [
        Envelope::decode(params).err(),
        envelope::progress_token(params).err(),
        InitializeParams::decode(params).err(),
        Cancelled::decode(params).err(),
        tools::cursor(params).err(),
        CallToolParams::decode(params.clone()).err(),
        resources::uri(params).err(),
        GetPromptParams::decode(params).err(),
        CompleteParams::decode(params).err(),
        LogLevel::decode(params).err(),
        Retry::decode(params).err(),
        tasks::task_id(params).err(),
        tasks::answers(params).err(),
    ];
    errors
        .into_iter()
        .flatten()
        .try_for_each(|error| check_error(&error))?;
    match Filter::decode(params) {
        Ok(filter) => hold(filter.changes.len() <= MAX_URIS + 3, || {
            "too many changes".to_owned()
        })?,
        Err(error) => check_error(&error)?,
    }
    for method in ["tools/call", "resources/read", "tasks/get"] {
        let _ = http::expected_name(method, params);
    }
    Ok(())
}

/// An error of a reader of parameters.
pub(super) fn check_error(error: &ErrorObject) -> Result<(), Breach> {
    hold(error.code.get() == -32602, || {
        format!("not `invalid params`: {error}")
    })?;
    hold(error.message.len() <= MAX_MESSAGE_BYTES, || {
        format!("a message of {} bytes", error.message.len())
    })
}
