//! What changed, and who is told: the session of a handshake, and the streams that `subscriptions/listen` opens
//! (2026-07-28), which tell of tasks, too.

use std::time::Instant;

use mcp_protocol::Revision;
use mcp_protocol::jsonrpc::{ErrorObject, Outgoing, OutgoingFrame, Request, RequestId};
use mcp_protocol::lifecycle::Feature;
use mcp_protocol::resources;
use mcp_protocol::subscriptions::{ACKNOWLEDGED, Acknowledged, Change, Filter, MAX_URIS};
use mcp_protocol::tasks;
use mcp_protocol::wire::{self, ToWire as _};
use serde_json::{Map, Value, json};

use super::methods::{Answer, Answered};
use super::watching::Watching;
use super::{Engine, ExchangeId, Output, WatchedTask};
use crate::registry::Registry;

/// A stream of changes.
#[derive(Debug)]
pub(super) struct Listen {
    exchange: ExchangeId,
    id: RequestId,
    revision: Revision,
    filter: Filter,
    /// None until the stream was acknowledged: nothing is told before.
    watching: Option<Watching>,
}

impl Engine {
    /// Opens a stream. Its first message says what of the filter will be honoured.
    pub(super) fn listen(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        request: &Request,
        revision: Revision,
        knows_tasks: bool,
        out: &mut Vec<Output>,
    ) -> Answered {
        let features = [
            Feature::Tasks,
            Feature::ToolsListChanged,
            Feature::PromptsListChanged,
            Feature::ResourcesListChanged,
            Feature::ResourcesSubscribe,
        ];
        if !features
            .iter()
            .any(|feature| self.registry.offers(*feature))
        {
            return Err(ErrorObject::method_not_found(&request.method));
        }
        let mut filter = Filter::decode(&request.params)?;
        if self.calls.is_known(&request.id) || self.listens.iter().any(|one| one.id == request.id) {
            return Err(ErrorObject::invalid_request(format!(
                "a request with the id {} is still in flight",
                request.id
            )));
        }
        let limit = self.limits.listens_per_connection;
        if self.listens.len() >= limit {
            let error = format!(
                "this connection has {limit} open subscriptions, which is the most it may have"
            );
            return Err(ErrorObject::internal(error).with_data(json!({ "limit": limit })));
        }
        filter
            .changes
            .retain(|change| is_announced(&self.registry, change));
        if !self.registry.offers(Feature::Tasks) {
            filter.tasks.clear();
        }
        // Extension, tasks, "task status notifications": a client that did not declare it must be told so.
        if !filter.tasks.is_empty() && !knows_tasks {
            return Err(ErrorObject::missing_capability(&tasks::required()));
        }
        let wanted = std::mem::take(&mut filter.tasks);
        self.listens.push(Listen {
            exchange,
            id: request.id.clone(),
            revision,
            filter,
            watching: None,
        });
        if wanted.is_empty() {
            self.watched(now, exchange, Vec::new(), out);
        } else {
            out.push(Output::Watch {
                exchange,
                tasks: wanted,
            });
        }
        Ok(Answer::Started)
    }

    /// Acknowledges a stream, now that it is known which of its tasks there are.
    pub(super) fn watched(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        tasks: Vec<WatchedTask>,
        out: &mut Vec<Output>,
    ) {
        let mut listens = self.listens.iter_mut();
        let is_meant =
            |listen: &&mut Listen| listen.exchange == exchange && listen.watching.is_none();
        let Some(listen) = listens.find(is_meant) else {
            return;
        };
        let mut watching = Watching::new(now);
        for task in tasks {
            listen.filter.tasks.insert(task.id().to_owned());
            watching.add(task);
        }
        listen.watching = Some(watching);
        let acknowledged = Acknowledged::new(listen.id.clone(), listen.filter.clone());
        let message = Outgoing::Notification {
            method: ACKNOWLEDGED,
            params: acknowledged.to_wire(listen.revision),
        };
        // As little to be left out as an answer.
        out.push(Output::answer(exchange, OutgoingFrame::Single(message)));
        self.tell_tasks(now, out);
    }

    /// Takes in that a task has changed.
    pub(super) fn task_changed(&mut self, now: Instant, id: &str, out: &mut Vec<Output>) {
        for watching in self
            .listens
            .iter_mut()
            .filter_map(|one| one.watching.as_mut())
        {
            watching.changed(id);
        }
        self.tell_tasks(now, out);
    }

    /// Tells of tasks what may be told now.
    pub(super) fn tell_tasks(&mut self, now: Instant, out: &mut Vec<Output>) {
        let rate = self.calls.rate();
        for listen in &mut self.listens {
            let Some(watching) = &mut listen.watching else {
                continue;
            };
            while let Some(news) = watching.due(now, rate) {
                let params = wire::stamp(news.task.to_wire(listen.revision), &listen.id);
                let method = tasks::STATUS;
                let message = Outgoing::Notification { method, params };
                out.push(if news.is_owed {
                    Output::answer(listen.exchange, OutgoingFrame::Single(message))
                } else {
                    Output::notify(listen.exchange, message)
                });
            }
        }
    }

    /// When something of tasks may be told that was held back.
    pub(super) fn next_telling(&self) -> Option<Instant> {
        let rate = self.calls.rate();
        let watchings = self.listens.iter().filter_map(|one| one.watching.as_ref());
        watchings.filter_map(|one| one.wake_at(rate)).min()
    }

    /// Ends a stream without a word, because its client said so.
    pub(super) fn end_listen(&mut self, id: &RequestId, out: &mut Vec<Output>) -> bool {
        let Some(at) = self.listens.iter().position(|listen| listen.id == *id) else {
            return false;
        };
        let listen = self.listens.remove(at);
        self.exchanges.unanswered(listen.exchange, out);
        true
    }

    /// Ends all streams, each with its final answer.
    pub(super) fn end_listens(&mut self, out: &mut Vec<Output>) {
        for listen in std::mem::take(&mut self.listens) {
            let result = self.complete(Map::new(), listen.revision, None);
            let result = wire::stamp(result, &listen.id);
            let id = listen.id;
            self.exchanges
                .answer(listen.exchange, Outgoing::Result { id, result }, out);
        }
    }

    /// Ends all streams without a word: nobody hears it.
    pub(super) fn drop_listens(&mut self, out: &mut Vec<Output>) {
        for listen in std::mem::take(&mut self.listens) {
            self.exchanges.unanswered(listen.exchange, out);
        }
    }

    /// Tells a change to those who want to know it.
    pub(super) fn changed(&self, change: &Change, out: &mut Vec<Output>) {
        if !is_announced(&self.registry, change) {
            tracing::debug!(?change, "not announced: the server does not offer it");
            return;
        }
        let notify = |exchange, params| {
            let method = change.method();
            Output::notify(exchange, Outgoing::Notification { method, params })
        };
        // Until 2025-11-25, lifecycle: before it is initialized, a client should be sent nothing of this.
        if let Some(session) = self.session.as_ref().filter(|session| session.is_ready) {
            let wanted = match change {
                Change::Resource(uri) => session.subscriptions.contains(uri),
                _ => true,
            };
            if wanted {
                out.push(notify(ExchangeId::NONE, change.to_wire(session.revision)));
            }
        }
        for listen in &self.listens {
            if listen.watching.is_some() && listen.filter.changes.contains(change) {
                let params = wire::stamp(change.to_wire(listen.revision), &listen.id);
                out.push(notify(listen.exchange, params));
            }
        }
    }

    /// Tells everything to everybody, because it is not known what changed.
    pub(super) fn changed_unknown(&self, out: &mut Vec<Output>) {
        let mut changes = vec![Change::Tools, Change::Prompts, Change::Resources];
        let filters = self
            .listens
            .iter()
            .flat_map(|listen| &listen.filter.changes);
        changes.extend(filters.cloned());
        let subscribed = self
            .session
            .iter()
            .flat_map(|session| &session.subscriptions);
        changes.extend(subscribed.cloned().map(Change::Resource));
        changes.sort_unstable();
        changes.dedup();
        for change in changes
            .iter()
            .filter(|change| is_announced(&self.registry, change))
        {
            self.changed(change, out);
        }
    }

    /// `resources/subscribe` and `resources/unsubscribe` (until 2025-11-25).
    pub(super) fn subscribe(&mut self, params: &Map<String, Value>, wanted: Wanted) -> Answered {
        let uri = resources::uri(params)?;
        if let Some(session) = &mut self.session {
            match wanted {
                Wanted::No => drop(session.subscriptions.remove(uri)),
                Wanted::Yes if session.subscriptions.len() >= MAX_URIS => {
                    return Err(ErrorObject::internal(format!(
                        "this session has {MAX_URIS} subscriptions, which is the most it may have"
                    ))
                    .with_data(json!({ "limit": MAX_URIS })));
                }
                Wanted::Yes => drop(session.subscriptions.insert(uri.to_owned())),
            }
        }
        Ok(Answer::Now(Map::new()))
    }
}

/// Whether changes of a resource are to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Yes,
    No,
}

fn is_announced(registry: &Registry, change: &Change) -> bool {
    registry.offers(match change {
        Change::Tools => Feature::ToolsListChanged,
        Change::Prompts => Feature::PromptsListChanged,
        Change::Resources => Feature::ResourcesListChanged,
        Change::Resource(_) => Feature::ResourcesSubscribe,
        _ => return false,
    })
}
