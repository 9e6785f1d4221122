//! What results refer to: outputs, pictures and files of runs, kept in memory for a while and within bounds, so that
//! whoever called can read them.
//!
//! Each run has a name that cannot be guessed, and its things are there for its caller only. Nothing is listed: where
//! callers are not told apart, a list would tell each of them of the others.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use executor_core::limits::ByteSize;
use executor_core::media;
use mcp_protocol::content::ResourceContents;
use mcp_protocol::resources::{ReadResourceResult, Resource, ResourceTemplate};
use mcp_server::{CallContext, Page, Principal, ResourceProvider, ToolError};
use uuid::Uuid;

/// What results refer to, for `resources/read`. Shared by the tool, which fills it, and the server, which offers it.
#[derive(Debug)]
pub struct ResultStore {
    runs: Mutex<Runs>,
    limits: StoreLimits,
}

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a store is bounded in these two ways"
)]
pub struct StoreLimits {
    /// All that is kept, of all callers together; the oldest goes first.
    pub bytes: ByteSize,
    /// How long what belongs to a result can be read.
    pub keep: Duration,
}

impl Default for StoreLimits {
    /// 128 MiB, 15 minutes.
    fn default() -> Self {
        Self {
            bytes: ByteSize::mib(128),
            keep: Duration::from_secs(15 * 60),
        }
    }
}

/// Oldest first.
#[derive(Debug, Default)]
struct Runs {
    kept: VecDeque<Run>,
    bytes: u64,
}

#[derive(Debug)]
struct Run {
    principal: Principal,
    until: Instant,
    things: Vec<Thing>,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct Thing {
    uri: String,
    media_type: &'static str,
    bytes: Bytes,
}

/// Besides its bytes, what keeping a thing costs.
const OVERHEAD: u64 = 512;

impl ResultStore {
    /// An empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            runs: Mutex::default(),
            limits,
        }
    }

    /// A place for what belongs to one result.
    pub(crate) fn shelf(&self) -> Shelf {
        Shelf {
            prefix: format!("{SCHEME}://runs/{}/", Uuid::new_v4().simple()),
            things: Vec::new(),
            bytes: 0,
            most: self.limits.bytes.get(),
        }
    }

    /// Keeps a shelf for its caller. Older ones make room.
    pub(crate) fn keep(&self, shelf: Shelf, principal: Principal) {
        if shelf.things.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut runs = self.runs(now);
        while runs.bytes.saturating_add(shelf.bytes) > self.limits.bytes.get() {
            if !runs.drop_oldest() {
                return;
            }
        }
        runs.bytes = runs.bytes.saturating_add(shelf.bytes);
        runs.kept.push_back(Run {
            principal,
            until: now.checked_add(self.limits.keep).unwrap_or(now),
            things: shelf.things,
            bytes: shelf.bytes,
        });
    }

    /// What is kept under `uri` for this caller.
    pub(crate) fn bytes(&self, uri: &str, principal: &Principal) -> Option<Bytes> {
        self.find(uri, principal).map(|thing| thing.bytes)
    }

    fn find(&self, uri: &str, principal: &Principal) -> Option<Thing> {
        let runs = self.runs(Instant::now());
        let mut own = runs.kept.iter().filter(|run| run.principal == *principal);
        own.find_map(|run| run.things.iter().find(|thing| thing.uri == uri))
            .cloned()
    }

    /// What is kept, without what is over.
    fn runs(&self, now: Instant) -> MutexGuard<'_, Runs> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        while runs.kept.front().is_some_and(|run| run.until <= now) {
            runs.drop_oldest();
        }
        runs
    }
}

impl Runs {
    fn drop_oldest(&mut self) -> bool {
        let oldest = self.kept.pop_front();
        let bytes = oldest.as_ref().map_or(0, |run| run.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        oldest.is_some()
    }
}

/// What belongs to one result, before it is kept.
#[derive(Debug)]
pub(crate) struct Shelf {
    prefix: String,
    things: Vec<Thing>,
    bytes: u64,
    most: u64,
}

impl Shelf {
    /// Puts bytes on it; the URI under which they can be read, none if they are more than the store ever keeps.
    pub(crate) fn put(
        &mut self,
        path: &str,
        media_type: &'static str,
        bytes: Bytes,
    ) -> Option<String> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let together = self.bytes.saturating_add(size).saturating_add(OVERHEAD);
        if together > self.most {
            return None;
        }
        self.bytes = together;
        let uri = format!("{}{}", self.prefix, encoded(path));
        self.things.push(Thing {
            uri: uri.clone(),
            media_type,
            bytes,
        });
        Some(uri)
    }
}

const SCHEME: &str = "python-executor";

/// A path as part of a URI: everything but letters, digits and a few marks is written in percent form.
fn encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[async_trait]
impl ResourceProvider for ResultStore {
    async fn list(
        &self,
        _position: Option<&str>,
        _context: CallContext,
    ) -> Result<Page<Resource>, ToolError> {
        Ok(Page::last(Vec::new()))
    }

    async fn templates(
        &self,
        _position: Option<&str>,
        _context: CallContext,
    ) -> Result<Page<ResourceTemplate>, ToolError> {
        let template =
            ResourceTemplate::new(format!("{SCHEME}://runs/{{run}}/{{+path}}"), "result")
                .with_title("Part of a result")
                .with_description(
                    "A file, picture or whole output that a result of `execute-python` links to",
                );
        Ok(Page::last(vec![template]))
    }

    async fn read(
        &self,
        uri: &str,
        context: CallContext,
    ) -> Result<Option<ReadResourceResult>, ToolError> {
        let found = self.find(uri, context.principal());
        Ok(found.map(|thing| {
            let media_type = Some(thing.media_type.to_owned());
            let contents = match std::str::from_utf8(&thing.bytes) {
                Ok(text) if media::is_text(&thing.bytes) => {
                    ResourceContents::text(thing.uri, media_type, text)
                }
                _ => ResourceContents::blob(thing.uri, media_type, &thing.bytes),
            };
            ReadResourceResult::new(vec![contents])
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(bytes: u64, keep: Duration) -> ResultStore {
        ResultStore::new(StoreLimits {
            bytes: ByteSize::bytes(bytes),
            keep,
        })
    }

    fn kept(store: &ResultStore, principal: &str, size: usize) -> Option<String> {
        let mut shelf = store.shelf();
        let uri = shelf.put("files/a b é.csv", "text/csv", Bytes::from(vec![b'x'; size]));
        store.keep(shelf, Principal::new(principal));
        uri
    }

    #[test]
    fn things_are_there_for_their_caller_alone() {
        let store = store(10_000, Duration::from_secs(60));
        let uri = kept(&store, "anna", 5).unwrap();
        assert!(
            uri.ends_with("/files/a%20b%20%C3%A9.csv") && uri.len() > 50,
            "{uri}"
        );
        let bytes = |who: &str| store.bytes(&uri, &Principal::new(who));
        assert_eq!(bytes("anna").as_deref(), Some(b"xxxxx".as_slice()));
        assert_eq!(bytes("bert"), None);
        assert_eq!(
            store.bytes(&uri[..uri.len() - 1], &Principal::new("anna")),
            None
        );
    }

    #[test]
    fn the_oldest_makes_room_and_what_never_fits_is_not_kept() {
        let store = store(3 * (1000 + OVERHEAD), Duration::from_secs(60));
        let uris: Vec<_> = (0..4).map(|_| kept(&store, "a", 1000).unwrap()).collect();
        let there = uris
            .iter()
            .map(|uri| store.bytes(uri, &Principal::new("a")).is_some());
        assert_eq!(there.collect::<Vec<_>>(), [false, true, true, true]);
        assert_eq!(kept(&store, "a", 5000), None);
        assert!(store.bytes(&uris[3], &Principal::new("a")).is_some());
    }

    #[test]
    fn what_is_over_is_gone() {
        let store = store(10_000, Duration::ZERO);
        let uri = kept(&store, "a", 5).unwrap();
        assert_eq!(store.bytes(&uri, &Principal::new("a")), None);
        assert_eq!(store.runs(Instant::now()).bytes, 0);
    }

    #[tokio::test]
    async fn text_is_read_as_text_and_all_else_as_bytes() {
        let store = store(10_000, Duration::from_secs(60));
        let mut shelf = store.shelf();
        let text = shelf.put("a", "text/plain", Bytes::from_static(b"caf\xc3\xa9"));
        let blob = shelf.put("b", "image/png", Bytes::from_static(b"\x89PNG"));
        store.keep(shelf, Principal::local());
        for (uri, expected) in [(text, "Text(\"café\")"), (blob, "Blob(\"iVBORw==\")")] {
            let context = CallContext::new(mcp_protocol::Revision::ALL[0]);
            let read = store.read(&uri.unwrap(), context).await.unwrap().unwrap();
            assert_eq!(format!("{:?}", read.contents[0].body), expected);
        }
        let context = CallContext::new(mcp_protocol::Revision::ALL[0]);
        assert!(
            store
                .read("file:///etc/passwd", context)
                .await
                .unwrap()
                .is_none()
        );
    }
}
