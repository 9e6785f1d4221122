//! The store of module sets: what a request is called there, what may go in, and how its keeper is spoken to.
//!
//! A set is resolved and installed once, in a sandbox of its own; from then on every sandbox sees it read-only, and a
//! run takes no longer than without modules. Nothing here starts a sandbox; that is the executor's business. What lies
//! where is written in `store.py`, which alone ever writes there.
//!
//! | module | holds |
//! |---|---|
//! | `settings` | what an operator decides |
//! | `key` | what a request is known by |
//! | `entries` | the check of everything that goes into the store |
//! | `keeper` | orders to the store's keeper, and its answers |
//! | `check.py`, `store.py` | the keeper itself; process 1 shares the former |
//! | `export.py` | what a builder gives away |

mod entries;
mod keeper;
mod key;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use self::entries::{BadEntry, Checker};
pub(crate) use self::keeper::{Found, KeeperError, Listing, Orders, answer, command, export};
pub use self::keeper::{Pruned, StoredSet};
pub(crate) use self::key::RequestKey;
pub use self::settings::EnvironmentSettings;
