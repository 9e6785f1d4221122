//! Properties of reading: no bytes make it panic, what is written is read again, ids survive.

use mcp_protocol::cancel::Cancelled;
use mcp_protocol::completion::CompleteParams;
use mcp_protocol::envelope::{self, Envelope};
use mcp_protocol::http;
use mcp_protocol::input::{InputRequest, Retry};
use mcp_protocol::jsonrpc::{ErrorObject, Frame, Incoming, Outgoing, OutgoingFrame, decode};
use mcp_protocol::lifecycle::InitializeParams;
use mcp_protocol::logging::LogLevel;
use mcp_protocol::prompts::GetPromptParams;
use mcp_protocol::resources;
use mcp_protocol::subscriptions::Filter;
use mcp_protocol::tools::{self, CallToolParams};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Any JSON, with the words of the protocol more likely than others, so that the readers get somewhere.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("jsonrpc"),
        Just("id"),
        Just("method"),
        Just("params"),
        Just("result"),
        Just("error"),
        Just("_meta"),
        Just("progressToken"),
        Just("name"),
        Just("arguments"),
        Just("requestId"),
        Just("protocolVersion"),
        Just("capabilities"),
        Just("clientInfo"),
        Just("version"),
        Just("cursor"),
        Just("uri"),
        Just("ref"),
        Just("argument"),
        Just("level"),
        Just("notifications"),
        Just("resourceSubscriptions"),
        Just("inputResponses"),
        Just("action"),
        Just("content"),
        Just("properties"),
        Just("required"),
        Just("type"),
        Just(envelope::PROTOCOL_VERSION),
        Just(envelope::CLIENT_CAPABILITIES),
        Just("2.0"),
        Just("initialize"),
        Just("tools/call"),
    ]
    .prop_map(str::to_owned);
    let text = prop_oneof![word.clone(), ".{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..8)
                .prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

/// Looks into a message with every reader there is.
fn read_all(message: &Incoming) {
    let params = match message {
        Incoming::Request(request) => &request.params,
        Incoming::Notification(notification) => &notification.params,
        _ => return,
    };
    let _ = Envelope::decode(params);
    let _ = envelope::progress_token(params);
    let _ = InitializeParams::decode(params);
    let _ = Cancelled::decode(params);
    let _ = tools::cursor(params);
    let _ = CallToolParams::decode(params.clone());
    let _ = http::expected_name("tools/call", params);
    let _ = http::ParamHeader::of_schema(params);
    let _ = resources::uri(params);
    let _ = GetPromptParams::decode(params);
    let _ = CompleteParams::decode(params);
    let _ = LogLevel::decode(params);
    let _ = Filter::decode(params);
    let _ = Retry::decode(params);
    let answer = Value::Object(params.clone());
    for question in [
        InputRequest::form("", params.clone()),
        InputRequest::sample("", 1),
        InputRequest::Roots,
    ] {
        let _ = question.read(&answer);
    }
}

fn read(bytes: &[u8]) {
    match decode(bytes) {
        Ok(Frame::Single(message)) => read_all(&message),
        Ok(Frame::Batch(elements)) => elements.iter().flatten().for_each(read_all),
        Ok(other) => panic!("unknown frame {other:?}"),
        Err(fault) => assert!(
            [-32700, -32600, -32602].contains(&fault.error.code.get()),
            "{fault}"
        ),
    }
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn no_json_makes_reading_panic(value in any_json()) {
        read(value.to_string().as_bytes());
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "m", "params": value});
        read(message.to_string().as_bytes());
    }

    #[test]
    fn a_message_cut_anywhere_is_a_parse_error(value in any_json(), at in any::<prop::sample::Index>()) {
        let text = json!({"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"x": value}}).to_string();
        let cut = &text.as_bytes()[..at.index(text.len())];
        let fault = decode(cut).unwrap_err();
        prop_assert_eq!(fault.error.code.get(), -32700);
        prop_assert_eq!(fault.id, None);
    }

    #[test]
    fn requests_are_read_as_they_were_written(
        id in prop_oneof![any::<i64>().prop_map(Value::from), any::<u64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from)],
        method in ".{0,20}",
        params in prop::collection::vec((".{0,4}", any_json()), 0..4),
    ) {
        let params = Map::from_iter(params);
        let text = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        let Frame::Single(Incoming::Request(request)) = decode(text.as_bytes()).unwrap() else {
            panic!("not a request: {text}");
        };
        prop_assert_eq!(request.id.to_value(), id);
        prop_assert_eq!(request.method, method);
        // Numbers may change their form, not their text.
        prop_assert_eq!(Value::Object(request.params).to_string(), Value::Object(params).to_string());
    }

    #[test]
    fn answers_are_one_line_and_read_again(id in any::<i64>(), value in any_json(), text in ".{0,40}") {
        let result = Map::from_iter([("x".to_owned(), value.clone())]);
        let messages = [
            Outgoing::Result { id: id.into(), result: result.clone() },
            Outgoing::Error { id: Some(id.into()), error: ErrorObject::internal(text.clone()).with_data(value) },
        ];
        for message in messages {
            let json = OutgoingFrame::Single(message).into_json();
            prop_assert!(!json.contains(['\n', '\r']));
            let Frame::Single(Incoming::Response(response)) = decode(json.as_bytes()).unwrap() else {
                panic!("not a response: {json}");
            };
            prop_assert_eq!(response.id, Some(id.into()));
            match response.outcome {
                Ok(read) => prop_assert_eq!(Value::Object(read).to_string(), Value::Object(result.clone()).to_string()),
                Err(error) => prop_assert_eq!(&error["message"], &Value::from(text.clone())),
            }
        }
    }

    #[test]
    fn header_values_never_panic(value in "[ -~]{0,40}") {
        let _ = http::decode_value(&value);
        let _ = http::decode_value(&format!("=?base64?{value}?="));
    }
}
