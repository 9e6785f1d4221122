//! One model, written for a given revision: the only place that knows which field exists where.
//!
//! Old clients tolerate fields that they do not know, yet a field that a revision does not define is left out all the
//! same; content of a kind that a revision does not know is replaced, because old clients reject it.

mod completion;
mod content;
mod icons;
mod input;
mod lifecycle;
mod logging;
mod members;
mod progress;
mod prompts;
mod resources;
mod subscriptions;
mod tasks;
mod tools;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::Revision;
use crate::envelope::SERVER_INFO;
use crate::input::InputRequest;
use crate::lifecycle::Implementation;
use crate::tasks::Task;
use members::Members;

pub use subscriptions::stamp;

/// Something that can be the `result` or the `params` of a message.
pub trait ToWire {
    /// Writes the object as `revision` defines it, without what [`complete`] adds.
    fn to_wire(&self, revision: Revision) -> Map<String, Value>;
}

/// Makes a result complete: in the stateless revision it says that it is the final one, who answered, and how long it
/// may be kept; in the others nothing is added.
#[must_use]
pub fn complete(
    mut result: Map<String, Value>,
    revision: Revision,
    server: &Implementation,
    cache: Option<Cache>,
) -> Map<String, Value> {
    if !revision.is_modern() {
        return result;
    }
    result.put("resultType", "complete");
    if let Some(cache) = cache {
        result.put(
            "ttlMs",
            u64::try_from(cache.ttl.as_millis()).unwrap_or(u64::MAX),
        );
        result.put("cacheScope", cache.scope.as_str());
    }
    sign(&mut result, revision, server);
    result
}

/// The result that asks for more input instead of answering (2026-07-28): what is asked for, and the state that the
/// client is to bring back unchanged. One of the two is there, or the client would have nothing to do.
#[must_use]
pub fn input_required(
    requests: &BTreeMap<String, InputRequest>,
    state: Option<String>,
    revision: Revision,
    server: &Implementation,
) -> Map<String, Value> {
    let mut result = Map::new();
    result.put("resultType", "input_required");
    if !requests.is_empty() {
        result.put("inputRequests", input_requests(requests, revision));
    }
    result.put_some("requestState", state);
    sign(&mut result, revision, server);
    result
}

/// The result that names a task instead of answering (2026-07-28, extension `io.modelcontextprotocol/tasks`).
#[must_use]
pub fn task_created(
    task: &Task,
    revision: Revision,
    server: &Implementation,
) -> Map<String, Value> {
    let mut result = task.to_wire(revision);
    result.put("resultType", "task");
    sign(&mut result, revision, server);
    result
}

/// Requests to the client as parts of something else, by key.
fn input_requests(
    requests: &BTreeMap<String, InputRequest>,
    revision: Revision,
) -> Map<String, Value> {
    let mut written = Map::new();
    for (key, request) in requests {
        let mut entry = Map::new();
        entry.put("method", request.method());
        entry.put("params", request.to_wire(revision));
        written.put(key, entry);
    }
    written
}

/// Says who answered.
fn sign(result: &mut Map<String, Value>, revision: Revision, server: &Implementation) {
    let mut meta = match result.remove("_meta") {
        Some(Value::Object(meta)) => meta,
        _ => Map::new(),
    };
    let mut info = server.to_wire(revision);
    // Pictures may be large: they go with the answer to `server/discover` alone, not with every result.
    if !result.contains_key(lifecycle::VERSIONS) {
        info.remove(icons::ICONS);
    }
    meta.put(SERVER_INFO, info);
    result.put("_meta", meta);
}

/// How long a client may keep a result (2026-07-28; required on discovery, lists and reads).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cache {
    /// From the moment it was received.
    pub ttl: Duration,
    /// Who may share it.
    pub scope: CacheScope,
}

impl Cache {
    /// A result that should not be kept at all.
    pub const NONE: Self = Self::private(Duration::ZERO);

    /// A result for this caller alone.
    #[must_use]
    pub const fn private(ttl: Duration) -> Self {
        Self {
            ttl,
            scope: CacheScope::Private,
        }
    }

    /// A result that is the same for every caller.
    #[must_use]
    pub const fn public(ttl: Duration) -> Self {
        Self {
            ttl,
            scope: CacheScope::Public,
        }
    }
}

/// Who may share a kept result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheScope {
    /// Everybody.
    Public,
    /// Only who asked.
    Private,
}

impl CacheScope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}
