//! The sessions of all clients, by their ids: bounded in number, and ended when nobody uses them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::Response;
use mcp_server::{Principal, Session};
use tokio::time::Instant;
use uuid::Uuid;

use crate::reject;

use crate::auth::{Caller, Lifetime};

/// When all places are taken, the session that was idle longest makes room, but not one that was in use this recently.
/// Many clients never end their sessions, and would lock out the others for the whole idle time.
const YIELDS_AFTER: Duration = Duration::from_secs(60);

/// Which transport a session belongs to. Its id means nothing to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Streamable,
    Sse,
}

/// The table of sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    entries: Mutex<HashMap<String, Arc<Entry>>>,
    capacity: usize,
    idle: Duration,
}

/// There is no place for another session before so long.
#[derive(Debug)]
pub(crate) struct Full(Duration);

impl Full {
    /// What to answer.
    pub(crate) fn refusal(&self) -> Response {
        reject::busy_for("the server has as many sessions as it may", self.0)
    }
}

/// One session and its use.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) session: Session,
    kind: Kind,
    principal: Principal,
    /// Until when its streams may stay open.
    pub(crate) lifetime: Lifetime,
    usage: Mutex<Usage>,
}

#[derive(Debug)]
struct Usage {
    /// Requests and streams that are open.
    open: usize,
    /// When the last of them ended.
    last: Instant,
}

/// Says that a session is in use, until it is dropped.
#[derive(Debug)]
pub(crate) struct InUse(pub(crate) Arc<Entry>);

impl Sessions {
    pub(crate) fn new(capacity: usize, idle: Duration) -> Self {
        Self {
            entries: Mutex::default(),
            capacity,
            idle,
        }
    }

    /// Whether another session would find a place; makes room if it can.
    pub(crate) fn has_room(&self) -> Result<(), Full> {
        self.make_room(&mut self.lock())
    }

    /// Takes a session in under a fresh id: random, visible ASCII, not to be guessed.
    pub(crate) fn insert(
        &self,
        session: Session,
        kind: Kind,
        caller: &Caller,
    ) -> Result<(String, InUse), Full> {
        let mut entries = self.lock();
        self.make_room(&mut entries)?;
        let usage = Mutex::new(Usage {
            open: 0,
            last: Instant::now(),
        });
        let entry = Arc::new(Entry {
            session,
            kind,
            principal: caller.principal.clone(),
            lifetime: Lifetime::of(caller),
            usage,
        });
        let id = Uuid::new_v4().simple().to_string();
        entries.insert(id.clone(), Arc::clone(&entry));
        Ok((id, InUse::new(entry)))
    }

    /// Finds a session, for a caller whose token then counts for it. One of another transport or principal looks like one that never was.
    pub(crate) fn find(&self, id: &str, kind: Kind, caller: &Caller) -> Option<InUse> {
        let entries = self.lock();
        let entry = entries.get(id)?;
        let known = entry.kind == kind && entry.principal == caller.principal;
        (known && entry.idle_time() < self.idle).then(|| {
            entry.lifetime.extend(caller);
            InUse::new(Arc::clone(entry))
        })
    }

    /// Ends a session, if it is there.
    pub(crate) fn remove(&self, id: &str) {
        let removed = self.lock().remove(id);
        if let Some(entry) = removed {
            entry.session.end();
        }
    }

    /// Ends the sessions that nobody has used for too long.
    pub(crate) fn sweep(&self) {
        self.end_idle(&mut self.lock());
    }

    fn end_idle(&self, entries: &mut HashMap<String, Arc<Entry>>) {
        entries.retain(|_, entry| {
            let keep = entry.idle_time() < self.idle;
            if !keep {
                entry.session.end();
            }
            keep
        });
    }

    fn make_room(&self, entries: &mut HashMap<String, Arc<Entry>>) -> Result<(), Full> {
        if entries.len() < self.capacity {
            return Ok(());
        }
        self.end_idle(entries);
        if entries.len() < self.capacity {
            return Ok(());
        }
        let idlest = entries.iter().map(|(id, entry)| (entry.idle_time(), id));
        let yields_after = self.idle.min(YIELDS_AFTER);
        let (idle, id) = match idlest.max() {
            Some((idle, id)) => (idle, id.clone()),
            None => return Err(Full(yields_after)),
        };
        if idle < yields_after {
            return Err(Full(yields_after.saturating_sub(idle)));
        }
        if let Some(entry) = entries.remove(&id) {
            entry.session.end();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// How long nothing has happened; zero while something does.
    fn idle_time(&self) -> Duration {
        let usage = self.usage();
        if usage.open > 0 || self.session.calls_in_flight() > 0 {
            return Duration::ZERO;
        }
        usage.last.elapsed()
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse {
    fn new(entry: Arc<Entry>) -> Self {
        entry.usage().open += 1;
        Self(entry)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        usage.open = usage.open.saturating_sub(1);
        usage.last = Instant::now();
    }
}
