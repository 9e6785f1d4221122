//! What calls tell while they work, and how they end.

use std::time::Instant;

use mcp_protocol::jsonrpc::{ErrorCode, ErrorObject, Outgoing};
use mcp_protocol::lifecycle::Feature;
use mcp_protocol::logging::{self, LogMessage};
use mcp_protocol::progress::{self, Progress};
use mcp_protocol::tools::CallToolResult;
use mcp_protocol::wire::{self, ToWire as _};
use serde_json::{Map, Value};

use super::{CallId, CallOutcome, Caller, Engine, Output, Product, Told};
use crate::context::Report;

impl Engine {
    pub(super) fn told(&mut self, now: Instant, call: CallId, told: Told, out: &mut Vec<Output>) {
        match told {
            Told::Progress { message, done } => {
                let report = Report { message, done };
                if let Some(progress) = self.calls.progress(now, call, report) {
                    self.send_progress(call, &progress, out);
                }
            }
            Told::Log(message) => self.log(now, call, &message, out),
            Told::Close => {
                if let Some(caller) = self.calls.caller(call) {
                    let exchange = caller.exchange;
                    out.push(Output::Close { exchange });
                }
            }
        }
    }

    pub(super) fn send_progress(&self, call: CallId, progress: &Progress, out: &mut Vec<Output>) {
        if let Some(caller) = self.calls.caller(call) {
            let params = progress.to_wire(caller.revision);
            let method = progress::METHOD;
            out.push(Output::notify(
                caller.exchange,
                Outgoing::Notification { method, params },
            ));
        }
    }

    /// All revisions, logging: from the wanted level on. A stateless request says itself what it wants, and gets
    /// nothing when it says nothing.
    fn log(&mut self, now: Instant, call: CallId, message: &LogMessage, out: &mut Vec<Output>) {
        if !self.registry.offers(Feature::Logging) {
            return;
        }
        let session_level = self.session.as_ref().and_then(|session| session.log_level);
        let Some(caller) = self.calls.caller(call) else {
            return;
        };
        let wanted = if caller.revision.is_modern() {
            caller.log_level
        } else {
            session_level
        };
        if wanted.is_none_or(|wanted| message.level < wanted) {
            return;
        }
        let (exchange, revision) = (caller.exchange, caller.revision);
        if self.calls.may_log(now, call) {
            let params = message.to_wire(revision);
            let method = logging::METHOD;
            out.push(Output::notify(
                exchange,
                Outgoing::Notification { method, params },
            ));
        }
    }

    pub(super) fn finished(
        &mut self,
        now: Instant,
        call: CallId,
        outcome: CallOutcome,
        out: &mut Vec<Output>,
    ) {
        let unanswered = self.asks.forget(call);
        // Nothing is said about a call that was cancelled: its answer is no longer expected.
        let Some(caller) = self.calls.finish(call) else {
            return;
        };
        if !unanswered.is_empty() {
            tracing::debug!("a call ended before its questions were answered");
        }
        let exchange = caller.exchange;
        let message = match outcome {
            CallOutcome::Returned(product) => self.returned(caller, product),
            CallOutcome::Failed(error) => failed(caller, error),
            CallOutcome::Incapable(required) => self.incapable(caller, &required),
            CallOutcome::Input(question) => {
                self.needs_input(now, &caller, &question.requests, question.rounds)
            }
            CallOutcome::Pages(question) => self.needs_pages(now, caller, question),
            CallOutcome::Detached(task) => Outgoing::Result {
                result: wire::task_created(&task, caller.revision, self.registry.info()),
                id: caller.id,
            },
        };
        self.exchanges.answer(exchange, message, out);
    }

    fn returned(&self, caller: Caller, product: Product) -> Outgoing {
        let (body, cache) =
            match product.into_wire(caller.revision, |list, at| self.cursor(list, at)) {
                Ok(written) => written,
                Err(error) => return failed(caller, error),
            };
        let result = self.complete(body, caller.revision, cache);
        Outgoing::Result {
            id: caller.id,
            result,
        }
    }

    /// 2026-07-28 has an error for it. Before, a tool says it to the model, which may find another way.
    pub(super) fn incapable(&self, caller: Caller, required: &Map<String, Value>) -> Outgoing {
        let error = ErrorObject::missing_capability(required);
        if caller.revision.is_modern() {
            return failed(caller, error);
        }
        if caller.is_tool {
            return self.returned(caller, CallToolResult::error(error.message).into());
        }
        let error = ErrorObject::new(ErrorCode::INVALID_REQUEST, error.message);
        failed(caller, error)
    }
}

pub(super) fn failed(caller: Caller, error: ErrorObject) -> Outgoing {
    Outgoing::Error {
        id: Some(caller.id),
        error,
    }
}
