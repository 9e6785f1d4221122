//! Who is next where callers wait: they take turns, so that one with a hundred runs delays another with one by one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// A number of turns that may be held at once, and those who wait for one.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// A turn was given back.
    moved: Notify,
}

/// A turn. Dropping it gives it to the next.
#[derive(Debug)]
pub(super) struct Turn {
    /// `None` once it was taken back.
    of: Option<Turns>,
}

#[derive(Debug)]
struct State {
    /// Not held; while there are any, nobody waits.
    free: usize,
    /// Whose turn is next comes first. None of the lines is empty.
    lines: VecDeque<Line>,
}

/// Those of one caller who wait, in the order they came.
#[derive(Debug)]
struct Line {
    caller: String,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

impl Turns {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                free: count,
                lines: VecDeque::new(),
            }),
            moved: Notify::new(),
        }))
    }

    /// Whether anybody waits, or has waited in vain and nothing came free since.
    pub(super) fn are_waited_for(&self) -> bool {
        !self.state().lines.is_empty()
    }

    /// Waits for as long as `waits` says so, which is asked again whenever a turn was given back. Cancel-safe.
    pub(super) async fn wait_while(&self, waits: impl Fn() -> bool) {
        loop {
            // Before the question, so that nothing is missed between the two.
            let moved = self.0.moved.notified();
            if !waits() {
                return;
            }
            moved.await;
        }
    }

    pub(super) fn are_taken(&self) -> bool {
        self.state().free == 0
    }

    /// Waits until it is the turn of `caller`. Cancel-safe: a turn that nobody takes goes to the next.
    pub(super) async fn take(&self, caller: &str) -> Turn {
        let turn = || Turn {
            of: Some(self.clone()),
        };
        let coming = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return turn();
            }
            state.line_up(caller)
        };
        // The sender is dropped only with its turn in it, or after its receiver.
        coming.await.unwrap_or_else(|_| Turn { of: None })
    }

    /// Gives a turn that is held to whoever is next.
    fn pass_on(&self) {
        self.give();
        self.0.moved.notify_waiters();
    }

    fn give(&self) {
        let mut state = self.state();
        while let Some(next) = state.next() {
            let turn = Turn {
                of: Some(self.clone()),
            };
            match next.send(turn) {
                Ok(()) => return,
                // Who has gone had no turn to give back.
                Err(mut refused) => refused.of = None,
            }
        }
        state.free += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line_up(&mut self, caller: &str) -> oneshot::Receiver<Turn> {
        let (sender, coming) = oneshot::channel();
        match self.lines.iter_mut().find(|line| line.caller == caller) {
            Some(line) => {
                // Otherwise those who lost patience would pile up while nothing comes free.
                line.waiting.retain(|waiting| !waiting.is_closed());
                line.waiting.push_back(sender);
            }
            None => self.lines.push_back(Line {
                caller: caller.to_owned(),
                waiting: VecDeque::from([sender]),
            }),
        }
        coming
    }

    /// The first who still waits in the line whose turn it is; that line goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        loop {
            let mut line = self.lines.pop_front()?;
            line.waiting.retain(|waiting| !waiting.is_closed());
            let Some(next) = line.waiting.pop_front() else {
                continue;
            };
            if !line.waiting.is_empty() {
                self.lines.push_back(line);
            }
            return Some(next);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.of.take() {
            turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::future::{FutureExt as _, LocalBoxFuture};
    use futures_util::poll;

    use super::*;

    /// The callers in the order in which their turns come.
    async fn order(count: usize, callers: &[&'static str], leave: &[usize]) -> Vec<&'static str> {
        let turns = Turns::new(count);
        let mut held = VecDeque::new();
        for _ in 0..count {
            held.push_back(turns.take("before").await);
        }
        let mut waiting: Vec<(&str, LocalBoxFuture<'_, Turn>)> = Vec::new();
        for caller in callers {
            waiting.push((caller, turns.take(caller).boxed_local()));
        }
        for (_, coming) in &mut waiting {
            assert!(poll!(coming).is_pending());
        }
        for at in leave.iter().rev() {
            drop(waiting.remove(*at));
        }
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(held.pop_front());
            let mut still = Vec::new();
            for (caller, mut coming) in waiting {
                match poll!(&mut coming) {
                    Poll::Ready(turn) => {
                        order.push(caller);
                        held.push_back(turn);
                    }
                    Poll::Pending => still.push((caller, coming)),
                }
            }
            waiting = still;
        }
        assert!(turns.are_taken());
        drop(held);
        assert_eq!(turns.state().free, count);
        order
    }

    #[tokio::test]
    async fn callers_take_turns_and_their_own_come_in_order() {
        let came = order(1, &["a", "a", "a", "b", "b", "c"], &[]).await;
        assert_eq!(came, ["a", "b", "c", "a", "b", "a"]);
        assert_eq!(order(2, &["a", "a", "b"], &[]).await, ["a", "b", "a"]);
    }

    #[tokio::test]
    async fn who_has_gone_is_passed_over() {
        let came = order(1, &["a", "a", "a", "b", "c"], &[0, 3]).await;
        assert_eq!(came, ["a", "c", "a"]);
    }

    #[tokio::test]
    async fn a_turn_that_came_too_late_goes_on() {
        let turns = Turns::new(1);
        let first = turns.take("a").await;
        let mut second = turns.take("b").boxed_local();
        assert!(poll!(&mut second).is_pending());
        drop(first);
        // It is there, and nobody takes it.
        drop(second);
        assert!(turns.take("c").now_or_never().is_some());
    }

    #[tokio::test]
    async fn the_impatient_do_not_pile_up() {
        let turns = Turns::new(1);
        let _held = turns.take("a").await;
        for _ in 0..100 {
            assert!(turns.take("b").now_or_never().is_none());
        }
        assert!(
            turns
                .state()
                .lines
                .iter()
                .all(|line| line.waiting.len() <= 1)
        );
    }
}
