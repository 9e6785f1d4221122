//! What an operator decides about the store of module sets.

use std::time::Duration;

use crate::limits::ByteSize;
use crate::modules::ModuleSet;

/// How sets of modules are built and kept. There is a store only where the backend has one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EnvironmentSettings {
    /// What all sets together may take; those that were not used for longest go first.
    pub size: ByteSize,
    /// After so long a request is resolved anew, because the index may have newer versions by then.
    pub age: Duration,
    /// The memory of a sandbox in which a set is built, the set included.
    pub builder_memory: ByteSize,
    /// Only what lies in the store is served, however old; nothing is fetched.
    pub offline: bool,
    /// Whether the Playwright of the image's browsers is built once and lies last on every program's path.
    pub playwright: bool,
    /// Sets that are built ahead of need.
    pub prebuilt: Vec<ModuleSet>,
}

impl Default for EnvironmentSettings {
    fn default() -> Self {
        Self {
            size: ByteSize::gib(10),
            age: Duration::from_secs(24 * 60 * 60),
            builder_memory: ByteSize::gib(2),
            offline: false,
            playwright: false,
            prebuilt: Vec::new(),
        }
    }
}
