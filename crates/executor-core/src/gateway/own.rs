//! The addresses of the machine on which the gateway runs, so that a public one of them is no way back in.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::address::aliases;

/// The host's own addresses: those of its interfaces, looked up anew every few seconds, and those that it was told of.
#[derive(Debug)]
pub(super) struct OwnAddresses {
    told: HashSet<IpAddr>,
    seen: Mutex<Option<(Instant, Arc<HashSet<IpAddr>>)>>,
}

impl OwnAddresses {
    pub(super) fn new(told: HashSet<IpAddr>) -> Self {
        Self {
            told,
            seen: Mutex::new(None),
        }
    }

    /// Whether `address`, or an address that it carries, is one of ours.
    ///
    /// # Errors
    ///
    /// When the interfaces have never been listed; the caller then refuses rather than guesses.
    pub(super) fn contain(&self, address: IpAddr) -> io::Result<bool> {
        let seen = self.interfaces()?;
        Ok(aliases(address).any(|alias| {
            let alias = alias.to_canonical();
            seen.contains(&alias) || self.told.contains(&alias)
        }))
    }

    fn interfaces(&self) -> io::Result<Arc<HashSet<IpAddr>>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, addresses)) = &*seen
            && when.elapsed() < FRESH_FOR
        {
            return Ok(Arc::clone(addresses));
        }
        // One netlink question, answered by the kernel in well under a millisecond: not worth a blocking thread.
        match if_addrs::get_if_addrs() {
            Ok(interfaces) => {
                let addresses = interfaces
                    .iter()
                    .map(|interface| interface.ip().to_canonical());
                let addresses = Arc::new(addresses.collect::<HashSet<_>>());
                *seen = Some((Instant::now(), Arc::clone(&addresses)));
                Ok(addresses)
            }
            // An old list is better than none.
            Err(error) => match &*seen {
                Some((_, addresses)) => Ok(Arc::clone(addresses)),
                None => Err(error),
            },
        }
    }
}

const FRESH_FOR: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_and_told_addresses_are_ours() {
        let own = OwnAddresses::new(HashSet::from(["1.2.3.4".parse().unwrap()]));
        for (address, expected) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("1.2.3.4", true),
            ("::ffff:1.2.3.4", true),
            ("64:ff9b::1.2.3.4", true),
            ("1.2.3.5", false),
        ] {
            assert_eq!(
                own.contain(address.parse().unwrap()).unwrap(),
                expected,
                "{address}"
            );
        }
    }
}
