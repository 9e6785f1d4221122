//! The books of a conversation, kept apart from the engine: who was promised what, and who got it.

use std::collections::BTreeMap;

use mcp_protocol::cancel;
use mcp_protocol::jsonrpc::{DecodeError, Frame, Incoming, OutgoingFrame};
use mcp_server::MAX_QUESTIONS;
use mcp_server::engine::{CallId, Engine, ExchangeId, Output, Ticket};
use serde_json::Value;

use super::super::wellformed::{self, Kind};
use super::server::CALLS;
use crate::target::{Breach, hold};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    exchanges: BTreeMap<ExchangeId, Promise>,
    calls: BTreeMap<CallId, Call>,
    questions: BTreeMap<Ticket, CallId>,
    asked: BTreeMap<String, u64>,
    /// Whether anything was cancelled, so that fewer answers than requests are in order.
    cancelled: bool,
    closed: bool,
    watches: Vec<ExchangeId>,
}

/// What an exchange is owed.
#[derive(Debug, Default)]
struct Promise {
    /// The ids of its requests that are not answered yet, as JSON.
    ids: Vec<String>,
    /// Answers without an id that may come: for what could not be read.
    nameless: usize,
    /// A batch may be refused as a whole, by one answer without an id.
    may_be_refused: bool,
    answered: usize,
    done: bool,
}

#[derive(Debug)]
struct Call {
    cancelled: bool,
    questions: usize,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Something was said.
    pub(super) fn receive(&mut self, exchange: ExchangeId, frame: &Result<Frame, DecodeError>) {
        let mut promise = Promise::default();
        match frame {
            _ if self.closed => {}
            Ok(Frame::Single(message)) => promise.owe(&Ok(message)),
            Ok(Frame::Batch(elements)) => {
                promise.may_be_refused = true;
                elements
                    .iter()
                    .for_each(|element| promise.owe(&element.as_ref()));
            }
            Ok(_) => {}
            Err(fault) => promise.owe(&Err(fault)),
        }
        self.cancelled |= cancels(frame);
        self.exchanges.insert(exchange, promise);
    }

    /// Notes what the engine does; says whether it answered with an error.
    pub(super) fn note(&mut self, output: Output) -> Result<bool, Breach> {
        match output {
            Output::Send {
                exchange,
                frame,
                droppable,
            } => self.sent(exchange, frame, droppable),
            Output::Start(start) => {
                let call = Call {
                    cancelled: false,
                    questions: 0,
                };
                hold(self.calls.insert(start.call, call).is_none(), || {
                    format!("{:?} was started twice", start.call)
                })?;
                hold(self.calls.len() <= CALLS, || {
                    format!(
                        "{} calls at once, and {CALLS} is the limit",
                        self.calls.len()
                    )
                })?;
                Ok(false)
            }
            Output::Cancel { call } => {
                let running = self.calls.get_mut(&call).filter(|call| !call.cancelled);
                let running = running
                    .ok_or_else(|| Breach(format!("{call:?} was cancelled, and does not run")))?;
                running.cancelled = true;
                Ok(false)
            }
            Output::Done { exchange } => {
                let promise = self
                    .exchanges
                    .get_mut(&exchange)
                    .filter(|promise| !promise.done);
                let promise = promise.ok_or_else(|| Breach(format!("{exchange:?} ended twice")))?;
                promise.done = true;
                Ok(false)
            }
            Output::Answered { ticket, .. } => {
                let asking = self.questions.remove(&ticket);
                let asking = asking
                    .ok_or_else(|| Breach(format!("{ticket:?} was answered, and was not open")))?;
                if let Some(call) = self.calls.get_mut(&asking) {
                    call.questions = call.questions.saturating_sub(1);
                }
                Ok(false)
            }
            Output::Close { exchange } => {
                hold(self.exchanges.contains_key(&exchange), || {
                    format!("closed {exchange:?}, which is unknown")
                })?;
                Ok(false)
            }
            Output::Watch { exchange, .. } => {
                self.watches.push(exchange);
                Ok(false)
            }
            other => Err(Breach(format!("an unknown output: {other:?}"))),
        }
    }

    /// The exchanges that want to watch tasks, once each.
    pub(super) fn take_watches(&mut self) -> Vec<ExchangeId> {
        std::mem::take(&mut self.watches)
    }

    fn sent(
        &mut self,
        exchange: ExchangeId,
        frame: OutgoingFrame,
        droppable: bool,
    ) -> Result<bool, Breach> {
        let text = frame.into_json();
        let mut refused = false;
        for (kind, message) in wellformed::text(&text)? {
            let is_answer = matches!(kind, Kind::Result | Kind::Error);
            refused |= kind == Kind::Error;
            hold(!(droppable && is_answer), || {
                format!("an answer may be left out: {message}")
            })?;
            if kind == Kind::Request {
                self.question(&message)?;
            }
            if exchange == ExchangeId::NONE {
                hold(kind == Kind::Notification, || {
                    format!("belongs to nothing: {message}")
                })?;
                continue;
            }
            let promise = self
                .exchanges
                .get_mut(&exchange)
                .filter(|promise| !promise.done);
            let promise = promise
                .ok_or_else(|| Breach(format!("after the end of {exchange:?}: {message}")))?;
            if is_answer {
                promise.keep(&message)?;
            }
        }
        Ok(refused)
    }

    fn question(&mut self, message: &Value) -> Result<(), Breach> {
        let id = message.get("id").map(Value::to_string).unwrap_or_default();
        let times = self.asked.entry(id).or_default();
        *times += 1;
        hold(*times == 1, || {
            format!("two questions of one id: {message}")
        })
    }

    /// A call of those that run, cancelled ones included: their futures have not been dropped yet.
    pub(super) fn nth_call(&self, number: u64) -> Option<CallId> {
        let count = u64::try_from(self.calls.len()).unwrap_or(u64::MAX).max(1);
        let at = usize::try_from(number % count).unwrap_or(0);
        self.calls.keys().nth(at).copied()
    }

    pub(super) fn finish(&mut self, call: CallId) {
        self.calls.remove(&call);
    }

    pub(super) fn ask(&mut self, call: CallId, ticket: Ticket) {
        self.questions.insert(ticket, call);
        if let Some(call) = self.calls.get_mut(&call) {
            call.questions += 1;
        }
    }

    /// The peer went. Those who wait for changes are told nothing more.
    pub(super) const fn close(&mut self) {
        self.closed = true;
    }

    /// Something happened after which fewer answers than requests are in order.
    pub(super) const fn excuse(&mut self) {
        self.cancelled = true;
    }

    /// The engine's own tables hold no more than they may.
    pub(super) fn check_load(&self, engine: &Engine) -> Result<(), Breach> {
        hold(engine.calls_in_flight() <= CALLS, || {
            format!("{} calls in flight", engine.calls_in_flight())
        })?;
        let load = engine.load();
        let open = self
            .exchanges
            .values()
            .filter(|promise| !promise.done)
            .count();
        hold(load.exchanges <= open, || {
            format!("{load:?}, and {open} exchanges are open")
        })?;
        hold(load.exchanges <= load.calls + load.streams, || {
            format!("exchanges without a call or a stream: {load:?}")
        })?;
        hold(load.questions <= CALLS * MAX_QUESTIONS, || {
            format!("too many questions: {load:?}")
        })?;
        hold(load.streams <= super::server::STREAMS, || {
            format!("too many streams: {load:?}")
        })?;
        hold(
            load.subscriptions <= mcp_protocol::subscriptions::MAX_URIS,
            || format!("too many subscriptions: {load:?}"),
        )
    }

    /// Everything has ended, and everybody got what was promised.
    pub(super) fn check_end(&self, engine: &Engine) -> Result<(), Breach> {
        for (exchange, promise) in &self.exchanges {
            hold(promise.done, || {
                format!("{exchange:?} did not end: {promise:?}")
            })?;
            let kept = promise.ids.is_empty() && promise.nameless == 0;
            let refused = promise.may_be_refused && promise.answered == 1;
            hold(kept || refused || self.cancelled, || {
                format!("{exchange:?} was not answered: {promise:?}")
            })?;
        }
        let load = engine.load();
        let left = load.calls + load.exchanges + load.questions + load.streams;
        hold(left == 0 && engine.next_wake().is_none(), || {
            format!("something is left: {load:?}")
        })
    }
}

impl Promise {
    fn owe(&mut self, element: &Result<&Incoming, &DecodeError>) {
        match element {
            Ok(Incoming::Request(request)) => self.ids.push(request.id.to_value().to_string()),
            Ok(_) => {}
            Err(fault) if fault.is_notification => {}
            Err(DecodeError { id: Some(id), .. }) => self.ids.push(id.to_value().to_string()),
            Err(_) => self.nameless += 1,
        }
    }

    /// Takes an answer off what is owed.
    fn keep(&mut self, message: &Value) -> Result<(), Breach> {
        self.answered += 1;
        match message.get("id").map(Value::to_string) {
            Some(id) => {
                let at = self.ids.iter().position(|owed| *owed == id);
                let at = at.ok_or_else(|| Breach(format!("nobody waits for {message}")))?;
                self.ids.remove(at);
            }
            None if self.nameless > 0 => self.nameless -= 1,
            None => hold(self.may_be_refused && self.answered == 1, || {
                format!("nobody waits for {message}")
            })?,
        }
        Ok(())
    }
}

/// Whether anything in a frame may cancel a request.
fn cancels(frame: &Result<Frame, DecodeError>) -> bool {
    let one = |message: &Incoming| matches!(message, Incoming::Notification(told) if told.method == cancel::METHOD);
    match frame {
        Ok(Frame::Single(message)) => one(message),
        Ok(Frame::Batch(elements)) => elements.iter().flatten().any(one),
        _ => false,
    }
}
