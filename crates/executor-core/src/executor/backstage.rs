//! What goes on behind the calls: starts ahead of need, and removals of what has ended.
//!
//! Each takes a processor for longer than a small program does, and nobody waits for it. So there are few at a time. While
//! calls come there is none, or one that cannot be put off: a call is half a dozen processes that wake one another, and finds
//! each of them waiting for a processor if all are taken.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// At once, while no calls come. More would only slow one another down, and the runs that go on.
const AT_ONCE: usize = 2;

/// Calls come while the last one began less than this ago, and the one before it less than this before it. One that comes
/// alone is followed by its own removal at once: the next such call finds it done.
const CALM: Duration = Duration::from_millis(250);

/// Who may work behind the calls, and who waits for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Backstage(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// A turn was given back.
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    at_work: usize,
    last_call: Option<Instant>,
    /// Whether that one came soon after another.
    in_a_row: bool,
}

/// Whether a piece of work can be put off until no calls come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// It can.
    None,
    /// It has been for long, or is needed soon.
    Some,
}

impl State {
    fn has_room(&self, haste: Haste) -> bool {
        let calm = !self.in_a_row || self.last_call.is_none_or(|call| call.elapsed() >= CALM);
        let bound = match (calm, haste) {
            (true, _) => AT_ONCE,
            (false, Haste::Some) => 1,
            (false, Haste::None) => 0,
        };
        self.at_work < bound
    }
}

/// The right to work behind the calls. Dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Turn(Backstage);

impl Backstage {
    /// A call begins.
    pub(super) fn call(&self) {
        let mut state = self.state();
        state.in_a_row = state.last_call.is_some_and(|call| call.elapsed() < CALM);
        state.last_call = Some(Instant::now());
    }

    /// Whether one more may begin.
    pub(super) fn has_room(&self, haste: Haste) -> bool {
        self.state().has_room(haste)
    }

    /// Begins, whether there is room or not.
    pub(super) fn enter(&self) -> Turn {
        self.state().at_work += 1;
        Turn(self.clone())
    }

    /// Waits until there is room. Cancel-safe.
    pub(super) async fn turn(&self, haste: Haste) -> Turn {
        loop {
            // Before the question, so that nothing is missed between the two.
            let mut left = pin!(self.left());
            left.as_mut().enable();
            {
                let mut state = self.state();
                if state.has_room(haste) {
                    state.at_work += 1;
                    return Turn(self.clone());
                }
            }
            // There may be room for another when it has become calm.
            let _elapsed = tokio::time::timeout(CALM, left).await;
        }
    }

    /// Returns when a turn is given back from now on.
    pub(super) fn left(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.left.notified()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.at_work = state.at_work.saturating_sub(1);
        drop(state);
        self.0.0.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn while_calls_come_there_is_only_what_cannot_be_put_off() {
        let backstage = Backstage::default();
        backstage.call();
        assert!(backstage.has_room(Haste::None), "it came alone");
        backstage.call();
        assert!(!backstage.has_room(Haste::None));
        let hasty = backstage.turn(Haste::Some).await;
        assert!(!backstage.has_room(Haste::Some));
        let mut second = Box::pin(backstage.turn(Haste::Some));
        assert!(poll!(&mut second).is_pending());
        drop(hasty);
        let second = second.await;

        tokio::time::advance(CALM / 2).await;
        backstage.call();
        let mut patient = Box::pin(backstage.turn(Haste::None));
        assert!(poll!(&mut patient).is_pending());
        // Nothing else has to happen than that no call comes.
        let _patient = patient.await;
        assert!(!backstage.has_room(Haste::Some), "there are two");
        drop(second);
        assert!(backstage.has_room(Haste::None));
        backstage.call();
        backstage.call();
        assert!(!backstage.has_room(Haste::None));
    }

    #[tokio::test]
    async fn who_waits_and_goes_takes_no_turn() {
        let backstage = Backstage::default();
        let turns = [backstage.enter(), backstage.enter(), backstage.enter()];
        let mut waiting = Box::pin(backstage.turn(Haste::Some));
        assert!(poll!(&mut waiting).is_pending());
        drop(waiting);
        drop(turns);
        assert!(backstage.has_room(Haste::None));
    }
}
