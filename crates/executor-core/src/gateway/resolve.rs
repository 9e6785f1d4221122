//! Names to addresses, behind a trait of one method. Checks nothing: that is `policy.rs`.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolve: Debug + Send + Sync + 'static {
    /// All addresses of `name`, in the order in which they should be tried.
    ///
    /// Dropping the future gives up the answer. The gateway bounds the time and the number of its calls, checks
    /// every address and never asks twice for one connection.
    ///
    /// # Errors
    ///
    /// When the name has no address or nobody could be asked.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The host's own resolver, `getaddrinfo`, so that what works on the host works here too.
#[derive(Clone, Debug)]
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl SystemResolver {
    /// A resolver that runs at most 64 lookups at once over all sandboxes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)),
        }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.lookups)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let name = name.to_owned();
        // A lookup cannot be called off. It keeps its permit until it returns, so that lookups whose askers have gone
        // still count and cannot fill the runtime's blocking threads.
        let lookup = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), 0).to_socket_addrs();
            drop(permit);
            found.map(|addresses| addresses.map(|address| address.ip()).collect())
        });
        lookup.await.map_err(io::Error::other)?
    }
}

const LOOKUPS_AT_ONCE: usize = 64;
