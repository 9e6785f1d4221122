//! Properties of the engine over any sequence of events: it never panics, answers each request at most once, and
//! once everything has ended, exactly once unless it was cancelled.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mcp_protocol::jsonrpc::{Outgoing, OutgoingFrame, decode};
use mcp_protocol::tools::CallToolResult;
use mcp_server::ServerLimits;
use mcp_server::engine::{CallId, CallOutcome, Channel, ExchangeId, Input, Output, Told};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bench_tool::{call, server};

#[derive(Clone, Debug)]
enum Event {
    Line(String),
    Finish(u64),
    Progress(u64),
    Wake,
    Later(u16),
}

fn any_event() -> impl Strategy<Value = Event> {
    let id = 0_i64..4;
    let request = move |method: &'static str, params: Value| {
        id.clone().prop_map(move |id| {
            Event::Line(
                json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string(),
            )
        })
    };
    let mut tracked = call("x");
    tracked["_meta"] = json!({"progressToken": 1});
    let mut modern = call("x");
    modern["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let hello = json!({"protocolVersion": "2025-03-26", "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"}});
    prop_oneof![
        request("initialize", hello),
        request("tools/call", tracked),
        request("tools/call", modern),
        request("tools/list", json!({})),
        (0_i64..4).prop_map(|id| Event::Line(
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                "params": {"requestId": id}})
            .to_string()
        )),
        (0_i64..4).prop_map(|id| Event::Line(
            json!([{"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call("x")},
                {"jsonrpc": "2.0", "id": id + 1, "method": "ping"}])
            .to_string()
        )),
        ".{0,20}".prop_map(Event::Line),
        (0_u64..12).prop_map(Event::Finish),
        (0_u64..12).prop_map(Event::Progress),
        Just(Event::Wake),
        any::<u16>().prop_map(Event::Later),
    ]
}

proptest! {
    #[test]
    fn every_exchange_ends_once_and_calls_end_when_told(
        events in prop::collection::vec(any_event(), 0..60)
    ) {
        let mut limits = ServerLimits::default();
        limits.calls_per_connection = 3;
        let (server, _watch) = server(limits);
        let mut engine = server.engine(Channel::Pipe);
        let mut now = Instant::now();
        let mut received = 0;
        let mut running: HashMap<CallId, bool> = HashMap::new();
        let mut done: HashMap<ExchangeId, bool> = HashMap::new();
        let end = [Event::Finish(u64::MAX)];
        for event in events.into_iter().chain(end) {
            let inputs = match event {
                Event::Line(line) => {
                    received += 1;
                    done.insert(ExchangeId(received), false);
                    vec![Input::Received { exchange: ExchangeId(received), frame: decode(line.as_bytes()) }]
                }
                // At the end, all calls return.
                Event::Finish(u64::MAX) => running.keys().map(|call| finished(*call)).collect(),
                Event::Finish(call) if running.contains_key(&CallId(call)) => {
                    running.remove(&CallId(call));
                    vec![finished(CallId(call))]
                }
                Event::Finish(_) => continue,
                Event::Progress(call) => {
                    vec![Input::Told { call: CallId(call), told: Told::progress("m") }]
                }
                Event::Wake => vec![Input::Wake],
                Event::Later(millis) => {
                    now += Duration::from_millis(millis.into());
                    continue;
                }
            };
            for input in inputs {
                for output in engine.step(now, input) {
                    match output {
                        Output::Start(start) => {
                            running.insert(start.call, true);
                            prop_assert!(running.len() <= 3, "the bound on calls");
                        }
                        Output::Cancel { call } => {
                            prop_assert_eq!(running.get(&call), Some(&true), "cancelled once");
                            running.insert(call, false);
                        }
                        Output::Done { exchange } => {
                            prop_assert_eq!(done.insert(exchange, true), Some(false), "ends once");
                        }
                        Output::Send { exchange, frame, .. } => {
                            prop_assert_eq!(done.get(&exchange), Some(&false), "nothing after the end");
                            if let OutgoingFrame::Batch(answers) = frame {
                                prop_assert!(answers.iter().all(Outgoing::is_response));
                            }
                        }
                        other => prop_assert!(false, "unknown output {:?}", other),
                    }
                }
            }
        }
        prop_assert!(done.values().all(|done| *done), "every exchange ends");
        prop_assert_eq!(engine.calls_in_flight(), 0);
        prop_assert_eq!(engine.next_wake(), None);
    }
}

fn finished(call: CallId) -> Input {
    Input::Finished {
        call,
        outcome: CallOutcome::Returned(CallToolResult::default().into()),
    }
}
