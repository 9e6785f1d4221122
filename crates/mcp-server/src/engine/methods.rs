//! The methods that both dialects share: what features offer. A new feature adds an arm here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_protocol::Revision;
use mcp_protocol::envelope;
use mcp_protocol::jsonrpc::{ErrorObject, Request};
use mcp_protocol::tools::{self, CallToolParams, ListToolsResult};
use mcp_protocol::wire::{self, Cache, ToWire as _};
use serde_json::{Map, Value};

use super::{Caller, Engine, Output, Start};

/// How a request is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// With this result, at once.
    Now(Map<String, Value>),
    /// When the call that was started ends.
    Started,
}

/// An answer, or the error that takes its place.
pub(super) type Answered = Result<Answer, ErrorObject>;

/// How long a client may keep the list of tools: it changes with the server's settings only, which a restart may do.
const LIST_TTL: Duration = Duration::from_secs(5 * 60);

impl Engine {
    pub(super) fn method(
        &mut self,
        now: Instant,
        caller: Caller,
        request: Request,
        out: &mut Vec<Output>,
    ) -> Answered {
        match request.method.as_str() {
            "tools/list" => self.list_tools(&caller, &request.params),
            "tools/call" => self.call_tool(now, caller, request.params, out),
            method => Err(ErrorObject::method_not_found(method)),
        }
    }

    /// Adds to a result what its revision demands of every result.
    pub(super) fn complete(
        &self,
        result: Map<String, Value>,
        revision: Revision,
        cache: Option<Cache>,
    ) -> Map<String, Value> {
        wire::complete(result, revision, self.registry.info(), cache)
    }

    fn list_tools(&self, caller: &Caller, params: &Map<String, Value>) -> Answered {
        if tools::cursor(params)?.is_some() {
            // All tools stand on one page, so no cursor was ever given out.
            return Err(ErrorObject::invalid_params(
                "`params.cursor` is not a cursor of this list",
            ));
        }
        let list = ListToolsResult::new(self.registry.definitions());
        let cache = Cache::public(LIST_TTL);
        Ok(Answer::Now(self.complete(
            list.to_wire(caller.revision),
            caller.revision,
            Some(cache),
        )))
    }

    fn call_tool(
        &mut self,
        now: Instant,
        caller: Caller,
        params: Map<String, Value>,
        out: &mut Vec<Output>,
    ) -> Answered {
        let token = envelope::progress_token(&params)?;
        let params = CallToolParams::decode(params)?;
        let Some(tool) = self.registry.tool(&params.name).map(Arc::clone) else {
            return Err(ErrorObject::unknown_tool(&params.name));
        };
        let revision = caller.revision;
        let client_info = caller.client_info.clone();
        let wants_progress = token.is_some();
        let call = self.calls.start(now, caller, token)?;
        out.push(Output::Start(Start {
            call,
            tool,
            arguments: params.arguments,
            revision,
            client_info,
            wants_progress,
        }));
        Ok(Answer::Started)
    }
}
