//! The dialect of 2026-07-28: every request describes itself, and nothing is remembered from earlier ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_protocol::Revision;
use mcp_protocol::envelope::Envelope;
use mcp_protocol::jsonrpc::{ErrorObject, Request};
use mcp_protocol::lifecycle::DiscoverResult;
use mcp_protocol::subscriptions;
use mcp_protocol::tasks;
use mcp_protocol::wire::{Cache, ToWire as _};

use super::methods::{Answer, Answered};
use super::{Caller, Engine, ExchangeId, Output};

/// How long a client may keep what `server/discover` says: it changes with the binary only.
const DISCOVER_TTL: Duration = Duration::from_secs(60 * 60);

impl Engine {
    pub(super) fn modern_request(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        request: Request,
        out: &mut Vec<Output>,
    ) -> Answered {
        // The order of the checks is part of the protocol: shape, version, method, parameters.
        let envelope = Envelope::decode(&request.params)?;
        let revision = Revision::parse(&envelope.protocol_version)
            .filter(|revision| revision.is_modern())
            .ok_or_else(|| ErrorObject::unsupported_version(&envelope.protocol_version))?;
        if request.method == "server/discover" {
            let result = DiscoverResult::new(
                self.registry.capabilities().clone(),
                self.registry.instructions(),
            );
            let cache = Cache::public(DISCOVER_TTL);
            let result = self.complete(result.to_wire(revision), revision, Some(cache));
            return Ok(Answer::Now(result));
        }
        if request.method == subscriptions::LISTEN {
            let knows_tasks = envelope.client_capabilities.has_extension(tasks::EXTENSION);
            return self.listen(now, exchange, &request, revision, knows_tasks, out);
        }
        let caller = Caller {
            exchange,
            id: request.id.clone(),
            revision,
            client_info: envelope.client_info.map(Arc::new),
            capabilities: Arc::new(envelope.client_capabilities),
            log_level: envelope.log_level,
            is_tool: false,
            digest: None,
        };
        self.method(now, caller, request, out)
    }
}
