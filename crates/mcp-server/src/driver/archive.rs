//! What sessions over HTTP keep for clients that lost a stream, all of them together: bounded in bytes, the oldest goes
//! first, whosever it is. Which message belongs to which stream is `streams`' affair.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Reply;

/// The messages that are kept.
#[derive(Debug)]
pub(crate) struct Archive {
    shelf: Mutex<Shelf>,
    max_bytes: usize,
}

/// Names one message in the archive. Later ones compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

#[derive(Debug, Default)]
struct Shelf {
    messages: BTreeMap<Place, Reply>,
    bytes: usize,
    last: u64,
}

impl Archive {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            shelf: Mutex::default(),
            max_bytes,
        }
    }

    /// Puts a message in; the oldest ones go for it. One that is larger than all of the archive is gone at once.
    pub(super) fn put(&self, message: Reply) -> Place {
        let mut shelf = self.shelf();
        shelf.last += 1;
        let place = Place(shelf.last);
        shelf.bytes += message.len();
        shelf.messages.insert(place, message);
        while shelf.bytes > self.max_bytes {
            let Some((_, oldest)) = shelf.messages.pop_first() else {
                break;
            };
            shelf.bytes = shelf.bytes.saturating_sub(oldest.len());
        }
        place
    }

    /// A message, if it is still there.
    pub(super) fn get(&self, place: Place) -> Option<Reply> {
        self.shelf().messages.get(&place).cloned()
    }

    /// Takes messages out.
    pub(super) fn remove(&self, places: impl IntoIterator<Item = Place>) {
        let mut shelf = self.shelf();
        for place in places {
            if let Some(message) = shelf.messages.remove(&place) {
                shelf.bytes = shelf.bytes.saturating_sub(message.len());
            }
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.shelf().bytes
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
