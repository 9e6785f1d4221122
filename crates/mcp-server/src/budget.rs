//! Budgets of bytes that everything in a server shares. What happens when one is used up is decided where it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be held at the same time. Clones are the same budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    used: AtomicUsize,
    most: usize,
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Account {
            used: AtomicUsize::new(0),
            most,
        }))
    }

    /// Takes so many bytes; none if they are not there.
    pub(crate) fn take(&self, bytes: usize) -> Option<Charge> {
        let most = self.0.most;
        let taken = self
            .0
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= most)
            });
        taken.is_ok().then(|| self.charge(bytes))
    }

    /// Takes so many bytes though they may not be there. For what is small and cannot be left out.
    pub(crate) fn force(&self, bytes: usize) -> Charge {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        self.charge(bytes)
    }

    pub(crate) fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.most
    }

    fn charge(&self, bytes: usize) -> Charge {
        Charge {
            account: Arc::clone(&self.0),
            bytes,
        }
    }
}

impl Charge {
    /// How much it is.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back_when_it_is_dropped() {
        let budget = Budget::new(10);
        let first = budget.take(6).unwrap();
        assert!(budget.take(5).is_none());
        assert!(budget.take(usize::MAX).is_none());
        let second = budget.clone().take(4).unwrap();
        assert_eq!((budget.used(), first.bytes()), (10, 6));
        let forced = budget.force(7);
        assert_eq!(budget.used(), 17);
        drop((first, forced));
        assert_eq!(budget.used(), 4);
        drop(second);
        assert!(budget.take(10).is_some());
    }
}
