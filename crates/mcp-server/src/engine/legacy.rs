//! The dialect of 2024-11-05 to 2025-11-25: one session, opened by `initialize`, that remembers what was settled.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use mcp_protocol::Revision;
use mcp_protocol::jsonrpc::{ErrorObject, Request, quoted};
use mcp_protocol::lifecycle::{
    ClientCapabilities, Feature, Implementation, InitializeParams, InitializeResult,
};
use mcp_protocol::logging::LogLevel;
use mcp_protocol::wire::ToWire as _;
use serde_json::Map;

use super::listens::Wanted;
use super::methods::{Answer, Answered};
use super::pages::Pages;
use super::{Caller, Engine, ExchangeId, Output};

/// Says that a client has taken in what was settled.
pub(super) const INITIALIZED: &str = "notifications/initialized";

/// What the handshake settled.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) revision: Revision,
    client_info: Arc<Implementation>,
    capabilities: Arc<ClientCapabilities>,
    /// Whether the client has said that it is initialized, or has asked for something, which says as much.
    pub(super) is_ready: bool,
    /// From which level on log messages are sent; before the client sets it, the choice is the server's.
    pub(super) log_level: Option<LogLevel>,
    /// The resources whose changes the client wants to know.
    pub(super) subscriptions: BTreeSet<String>,
    /// The pages that the client was asked to have opened.
    pub(super) pages: Pages,
}

impl Engine {
    pub(super) fn legacy_request(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        request: Request,
        out: &mut Vec<Output>,
    ) -> Answered {
        match request.method.as_str() {
            // 2025-11-25, basic, ping: answered promptly, and at any time.
            "ping" => return Ok(Answer::Now(Map::new())),
            "initialize" => return self.initialize(exchange, &request),
            _ => {}
        }
        let Some(session) = &mut self.session else {
            return Err(ErrorObject::invalid_params(format!(
                "no session yet: send `initialize` first, or describe the request in `params._meta` ({})",
                Revision::V2026_07_28
            )));
        };
        // Requests are served as soon as `initialize` was answered, since clients pipeline.
        session.is_ready = true;
        let caller = Caller {
            exchange,
            id: request.id.clone(),
            revision: session.revision,
            client_info: Some(Arc::clone(&session.client_info)),
            capabilities: Arc::clone(&session.capabilities),
            log_level: None,
            is_tool: false,
            digest: None,
        };
        match request.method.as_str() {
            "logging/setLevel" if self.registry.offers(Feature::Logging) => {
                self.set_log_level(LogLevel::decode(&request.params)?)
            }
            "resources/subscribe" if self.registry.offers(Feature::ResourcesSubscribe) => {
                self.subscribe(&request.params, Wanted::Yes)
            }
            "resources/unsubscribe" if self.registry.offers(Feature::ResourcesSubscribe) => {
                self.subscribe(&request.params, Wanted::No)
            }
            _ => self.method(now, caller, request, out),
        }
    }

    fn set_log_level(&mut self, level: LogLevel) -> Answered {
        if let Some(session) = &mut self.session {
            session.log_level = Some(level);
        }
        Ok(Answer::Now(Map::new()))
    }

    fn initialize(&mut self, exchange: ExchangeId, request: &Request) -> Answered {
        if self.exchanges.is_batch(exchange) {
            return Err(ErrorObject::invalid_request(
                "`initialize` must not be part of a batch",
            ));
        }
        if self.session.is_some() {
            return Err(ErrorObject::invalid_request(
                "this session is initialized already",
            ));
        }
        let params = InitializeParams::decode(&request.params)?;
        let revision = Revision::negotiate(&params.protocol_version);
        tracing::info!(
            client = %quoted(&params.client_info.name),
            version = %quoted(&params.client_info.version),
            requested = %quoted(&params.protocol_version),
            %revision,
            "session opened"
        );
        let result = InitializeResult::new(
            revision,
            self.registry.capabilities().clone(),
            self.registry.info().clone(),
            self.registry.instructions(),
        );
        self.session = Some(Session {
            revision,
            client_info: Arc::new(params.client_info),
            capabilities: Arc::new(params.capabilities),
            is_ready: false,
            log_level: self.registry.first_log_level(),
            subscriptions: BTreeSet::new(),
            pages: Pages::default(),
        });
        Ok(Answer::Now(result.to_wire(revision)))
    }
}
