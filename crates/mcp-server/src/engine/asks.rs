//! The questions that calls have put to their client and that are not answered yet (2024-11-05 to 2025-11-25).

use std::collections::BTreeMap;

use mcp_protocol::cancel;
use mcp_protocol::input::InputRequest;
use mcp_protocol::jsonrpc::{ErrorObject, Outgoing, OutgoingFrame, RequestId, Response};
use mcp_protocol::wire::ToWire as _;
use serde_json::{Map, Value};

use super::{CallId, Engine, ExchangeId, Output, Ticket};
use crate::MAX_QUESTIONS;

/// The table of open questions. It is bounded by the calls in flight, and [`MAX_QUESTIONS`] for each of them.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// By the number in the id.
    open: BTreeMap<u64, Ask>,
    last: u64,
}

#[derive(Debug)]
struct Ask {
    call: CallId,
    ticket: Ticket,
    method: &'static str,
}

impl Asks {
    fn number(id: &RequestId) -> Option<u64> {
        id.to_value().as_str()?.strip_prefix(PREFIX)?.parse().ok()
    }

    fn id(number: u64) -> RequestId {
        RequestId::from(format!("{PREFIX}{number}").as_str())
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Forgets the questions of a call; gives back their ids.
    pub(super) fn forget(&mut self, call: CallId) -> Vec<RequestId> {
        let gone = self.open.extract_if(.., |_, ask| ask.call == call);
        gone.map(|(number, _)| Self::id(number)).collect()
    }
}

/// What our ids begin with, so that they are no one else's.
const PREFIX: &str = "ask-";

impl Engine {
    /// Sends a question on the stream of the request that it arose from.
    pub(super) fn ask(
        &mut self,
        call: CallId,
        ticket: Ticket,
        request: &InputRequest,
        out: &mut Vec<Output>,
    ) {
        let Some(caller) = self.calls.caller(call) else {
            // Cancelled: the call is about to be dropped, and its question with it.
            return;
        };
        let open = self.asks.open.values().filter(|ask| ask.call == call);
        if open.count() >= MAX_QUESTIONS {
            let error = ErrorObject::internal("a tool asked for too much at once");
            out.push(Output::Answered {
                ticket,
                answer: Err(error),
            });
            return;
        }
        let exchange = caller.exchange;
        let method = request.method();
        let params = request.to_wire(caller.revision);
        if let InputRequest::Url(page) = request {
            self.page_asked(page);
        }
        self.asks.last += 1;
        let number = self.asks.last;
        let ask = Ask {
            call,
            ticket,
            method,
        };
        self.asks.open.insert(number, ask);
        let id = Asks::id(number);
        let message = Outgoing::Request { id, method, params };
        out.push(Output::answer(exchange, OutgoingFrame::Single(message)));
    }

    /// Takes in what a client answers.
    pub(super) fn response(&mut self, response: Response, out: &mut Vec<Output>) {
        let number = response.id.as_ref().and_then(Asks::number);
        let Some(ask) = number.and_then(|number| self.asks.open.remove(&number)) else {
            tracing::debug!("ignoring a response to a request that was never sent");
            return;
        };
        let answer = response.outcome.map(Value::Object).map_err(|error| {
            let code = error
                .get("code")
                .and_then(Value::as_i64)
                .unwrap_or_default();
            ErrorObject::internal(format!("the client refused `{}` ({code})", ask.method))
        });
        out.push(Output::Answered {
            ticket: ask.ticket,
            answer,
        });
    }

    /// Takes back what a call has asked, because it was cancelled.
    pub(super) fn withdraw(&mut self, call: CallId, exchange: ExchangeId, out: &mut Vec<Output>) {
        for id in self.asks.forget(call) {
            let params = Map::from_iter([("requestId".to_owned(), id.to_value())]);
            let method = cancel::METHOD;
            out.push(Output::notify(
                exchange,
                Outgoing::Notification { method, params },
            ));
        }
    }
}
