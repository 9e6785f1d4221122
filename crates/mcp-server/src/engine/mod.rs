//! The engine: messages and events in, messages and orders out. It decides everything and waits for nothing.
//!
//! [`Engine::step`] takes the time as an argument, does no I/O and needs no runtime, so every rule of the protocol can
//! be tested as a table. Bytes, tasks, timers and streams are the driver's.
//!
//! One engine serves one connection, one session or one exchange, see [`Channel`]. Which dialect a message speaks is
//! decided **per message**: a request that describes itself is modern, any other belongs to the session that
//! `initialize` opened.

mod asks;
mod calls;
mod exchanges;
mod io;
mod legacy;
mod listens;
mod lists;
mod methods;
mod modern;
mod outcomes;
mod pages;
mod progress;
mod rounds;
mod watching;
mod work;

use std::sync::Arc;
use std::time::Instant;

use mcp_protocol::Revision;
use mcp_protocol::cancel::{self, Cancelled};
use mcp_protocol::envelope::Envelope;
use mcp_protocol::jsonrpc::{
    DecodeError, ErrorObject, Frame, Incoming, Notification, Outgoing, Request, RequestId, quoted,
};
use mcp_protocol::lifecycle::{ClientCapabilities, Implementation};
use mcp_protocol::logging::LogLevel;

use crate::registry::Registry;
use crate::{Principal, ServerLimits};
use asks::Asks;
use calls::Calls;
use exchanges::Exchanges;
use legacy::Session;
use listens::Listen;

pub use io::{
    CallId, CallOutcome, Channel, ExchangeId, Input, Load, Output, Question, Start, Ticket, Told,
    WatchedTask,
};
pub use work::{Product, Work};

/// The state of one connection, session or exchange. See the [module](self).
#[derive(Debug)]
pub struct Engine {
    registry: Arc<Registry>,
    channel: Channel,
    principal: Principal,
    limits: ServerLimits,
    session: Option<Session>,
    calls: Calls,
    asks: Asks,
    listens: Vec<Listen>,
    exchanges: Exchanges,
    closed: bool,
}

/// What is answered to calls that were running when everything ended.
const ENDED: &str =
    "the call was ended: its connection, its session or the server has come to its end";

/// Who asks, and where the answer goes.
#[derive(Clone, Debug)]
struct Caller {
    exchange: ExchangeId,
    id: RequestId,
    revision: Revision,
    client_info: Option<Arc<Implementation>>,
    capabilities: Arc<ClientCapabilities>,
    /// What the request itself says about logging (2026-07-28).
    log_level: Option<LogLevel>,
    /// What a tool did not achieve is its result, not an error.
    is_tool: bool,
    /// Names the request in all its rounds, where it may have several (2026-07-28).
    digest: Option<rounds::Digest>,
}

impl Engine {
    pub(crate) fn new(
        registry: Arc<Registry>,
        limits: &ServerLimits,
        channel: Channel,
        principal: Principal,
    ) -> Self {
        Self {
            registry,
            channel,
            principal,
            limits: limits.clone(),
            session: None,
            calls: Calls::new(limits),
            asks: Asks::default(),
            listens: Vec::new(),
            exchanges: Exchanges::default(),
            closed: false,
        }
    }

    /// Takes in one event and says what is to be done, in that order. `now` never goes back.
    pub fn step(&mut self, now: Instant, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Received { exchange, .. } if self.closed => out.push(Output::Done { exchange }),
            Input::Received { exchange, frame } => self.received(now, exchange, frame, &mut out),
            Input::Told { call, told } => self.told(now, call, told, &mut out),
            Input::Ask {
                call,
                ticket,
                request,
            } => self.ask(call, ticket, &request, &mut out),
            Input::Changed(change) => self.changed(&change, &mut out),
            Input::PageDone(id) => self.page_done(&id, &mut out),
            Input::ChangedUnknown => self.changed_unknown(&mut out),
            Input::Watched { exchange, tasks } => self.watched(now, exchange, tasks, &mut out),
            Input::TaskChanged(id) => self.task_changed(now, &id, &mut out),
            Input::EndSubscriptions => self.end_listens(&mut out),
            Input::Wake => {
                for (call, progress) in self.calls.due(now) {
                    self.send_progress(call, &progress, &mut out);
                }
                self.tell_tasks(now, &mut out);
            }
            Input::Finished { call, outcome } => self.finished(now, call, outcome, &mut out),
            Input::Closed => {
                self.closed = true;
                self.drop_listens(&mut out);
                // Their client took none of them back, so each has its answer, if anybody still reads it.
                for (call, caller) in self.calls.give_up_all() {
                    out.push(Output::Cancel { call });
                    let message = Outgoing::Error {
                        id: Some(caller.id),
                        error: ErrorObject::internal(ENDED),
                    };
                    self.exchanges.answer(caller.exchange, message, &mut out);
                }
            }
        }
        out
    }

    /// When [`Input::Wake`] is due, if nothing else happens before.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        let wakes = [self.calls.next_wake(), self.next_telling()];
        wakes.into_iter().flatten().min()
    }

    /// The revision that `initialize` settled on, once it has.
    #[must_use]
    pub fn session_revision(&self) -> Option<Revision> {
        self.session.as_ref().map(|session| session.revision)
    }

    /// Calls whose future has neither ended nor been dropped.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    /// What the tables hold just now.
    #[must_use]
    pub fn load(&self) -> Load {
        let session = self.session.as_ref();
        Load {
            calls: self.calls.len(),
            exchanges: self.exchanges.len(),
            questions: self.asks.len(),
            streams: self.listens.len(),
            subscriptions: session.map_or(0, |session| session.subscriptions.len()),
        }
    }

    fn received(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        frame: Result<Frame, DecodeError>,
        out: &mut Vec<Output>,
    ) {
        match frame {
            Ok(Frame::Batch(elements)) if self.takes_batch(&elements) => {
                self.exchanges.open_batch(exchange);
                for element in elements {
                    self.message(now, exchange, element, out);
                }
                self.exchanges.seal(exchange, out);
            }
            Ok(Frame::Single(message)) => {
                self.exchanges.open(exchange);
                self.message(now, exchange, Ok(message), out);
                self.exchanges.seal(exchange, out);
            }
            Ok(_) => {
                let error = ErrorObject::invalid_request("batches are not part of this revision");
                self.exchanges.open(exchange);
                self.exchanges.expect_answer(exchange);
                self.exchanges
                    .answer(exchange, Outgoing::Error { id: None, error }, out);
                self.exchanges.seal(exchange, out);
            }
            Err(error) => {
                self.exchanges.open(exchange);
                self.message(now, exchange, Err(error), out);
                self.exchanges.seal(exchange, out);
            }
        }
    }

    /// 2025-03-26, basic: receiving batches is a must; every other revision has none.
    fn takes_batch(&self, elements: &[Result<Incoming, DecodeError>]) -> bool {
        let describes_itself = |element: &Result<Incoming, DecodeError>| matches!(element, Ok(Incoming::Request(request)) if Envelope::is_present(&request.params));
        self.session_revision() == Some(Revision::V2025_03_26)
            && !elements.iter().any(describes_itself)
    }

    fn message(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        message: Result<Incoming, DecodeError>,
        out: &mut Vec<Output>,
    ) {
        match message {
            Ok(Incoming::Request(request)) => {
                self.exchanges.expect_answer(exchange);
                self.request(now, exchange, request, out);
            }
            Ok(Incoming::Notification(notification)) => self.notification(&notification, out),
            Ok(Incoming::Response(response)) => self.response(response, out),
            Ok(_) => tracing::debug!("ignoring a message of an unknown kind"),
            Err(DecodeError {
                is_notification: true,
                error,
                ..
            }) => {
                tracing::debug!(%error, "ignoring a malformed notification");
            }
            Err(DecodeError { id, error, .. }) => {
                self.exchanges.expect_answer(exchange);
                self.exchanges
                    .answer(exchange, Outgoing::Error { id, error }, out);
            }
        }
    }

    fn request(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        request: Request,
        out: &mut Vec<Output>,
    ) {
        let modern = match self.channel {
            Channel::Pipe => Envelope::is_present(&request.params),
            Channel::Session => false,
            Channel::Exchange => true,
        };
        let id = request.id.clone();
        let answer = if modern {
            self.modern_request(now, exchange, request, out)
        } else {
            self.legacy_request(now, exchange, request, out)
        };
        match answer {
            Ok(methods::Answer::Started) => {}
            Ok(methods::Answer::Now(result)) => {
                self.exchanges
                    .answer(exchange, Outgoing::Result { id, result }, out);
            }
            Err(error) => {
                self.exchanges.answer(
                    exchange,
                    Outgoing::Error {
                        id: Some(id),
                        error,
                    },
                    out,
                );
            }
        }
    }

    fn notification(&mut self, notification: &Notification, out: &mut Vec<Output>) {
        if notification.method == legacy::INITIALIZED {
            if let Some(session) = &mut self.session {
                session.is_ready = true;
            }
            return;
        }
        // Both dialects share the ids of a pipe, so a cancel applies to whichever request bears the id.
        if notification.method != cancel::METHOD {
            tracing::debug!(method = %quoted(&notification.method), "ignoring a notification");
            return;
        }
        let cancelled = match Cancelled::decode(&notification.params) {
            Ok(cancelled) => cancelled,
            Err(error) => {
                tracing::debug!(%error, "ignoring a malformed cancellation");
                return;
            }
        };
        match self.calls.cancel(&cancelled.request_id) {
            Some((call, exchange)) => {
                let reason = quoted(cancelled.reason.as_deref().unwrap_or_default());
                tracing::info!(id = %cancelled.request_id, %reason, "cancelled by the client");
                out.push(Output::Cancel { call });
                self.withdraw(call, exchange, out);
                self.exchanges.unanswered(exchange, out);
            }
            None if self.end_listen(&cancelled.request_id, out) => {}
            None => tracing::debug!(id = %cancelled.request_id, "nothing to cancel"),
        }
    }
}

#[cfg(test)]
mod tests;
