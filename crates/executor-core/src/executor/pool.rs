//! Sandboxes of one shape, started ahead of need: the runner waits, the stream is open, and each serves one run.
//!
//! A member leaves the pool once, by a claim, and never comes back; there is no way to put one in but to start it.
//! Members that are claimed, died or grew old are replaced; who does that, and when, is the business of `refill`. A claim
//! that finds a start under way takes that one instead of asking for a second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::raise::Raised;

/// How many sandboxes wait for programs, and for how long.
///
/// What a waiting sandbox costs is memory: that of its runner, and of the engine's process beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSettings {
    /// How many wait even if nothing was asked for lately, once filling has begun.
    pub least: usize,
    /// How many wait at most, after as many runs within [`memory`](Self::memory). With 0 there is no pool.
    pub most: usize,
    /// How long a run is remembered when it is decided how many are to wait.
    pub memory: Duration,
    /// How long one may wait. Older ones are destroyed, and replaced if they are still needed.
    pub idle: Duration,
}

impl PoolSettings {
    /// No pool may be larger.
    pub const CEILING: usize = 256;

    /// No pool: every run waits for the start of its sandbox.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            least: 0,
            most: 0,
            memory: Duration::ZERO,
            idle: Duration::ZERO,
        }
    }

    /// One that keeps between `least` and `most` waiting; `most` counts if `least` is larger.
    #[must_use]
    pub const fn of(least: usize, most: usize) -> Self {
        Self {
            least,
            most,
            memory: Duration::from_secs(30),
            idle: Duration::from_secs(10 * 60),
        }
    }
}

impl Default for PoolSettings {
    /// No pool: a program that embeds the executor for one run wants one sandbox.
    fn default() -> Self {
        Self::none()
    }
}

/// How long nothing is started after a claim. Most programs are over by then, and have had the processor to themselves.
const SETTLE: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(super) struct Pool {
    settings: PoolSettings,
    state: Mutex<State>,
    /// Has the keeper of all pools look.
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    /// Oldest first: who waited longest goes first, so none grows old in a busy pool.
    waiting: VecDeque<Member>,
    starting: usize,
    claimants: VecDeque<oneshot::Sender<Raised>>,
    /// When runs began, oldest first; no more than the most that may wait.
    claims: VecDeque<Instant>,
    /// Counts the flushes: a start that began before the last one makes no member.
    generation: u64,
    /// What a flush took out, for the keeper to destroy.
    flushed: Vec<Raised>,
}

#[derive(Debug)]
struct Member {
    raised: Raised,
    since: Instant,
}

impl Pool {
    pub(super) fn new(settings: &PoolSettings, changed: Arc<Notify>) -> Self {
        let most = settings.most.min(PoolSettings::CEILING);
        let settings = PoolSettings {
            least: settings.least.min(most),
            most,
            ..settings.clone()
        };
        Self {
            settings,
            state: Mutex::default(),
            changed,
        }
    }

    /// Begins to fill, if it has not begun.
    pub(super) fn open(&self) {
        self.state().open = true;
        self.look();
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().open
    }

    /// How many may wait at most.
    pub(super) const fn most(&self) -> usize {
        self.settings.most
    }

    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// How many are being started.
    pub(super) fn starting(&self) -> usize {
        self.state().starting
    }

    /// Whether any are to wait just now.
    pub(super) fn wants_some(&self) -> bool {
        self.target(&mut self.state()) > 0
    }

    /// Whether less than half of those that are to wait do so.
    pub(super) fn is_short(&self) -> bool {
        let mut state = self.state();
        state.waiting.len() * 2 < self.target(&mut state) || !state.claimants.is_empty()
    }

    /// A waiting sandbox, if there is one.
    pub(super) fn take(&self) -> Option<Raised> {
        let mut state = self.state();
        let found = state.take_healthy()?;
        state.remember(self.settings.most);
        self.look();
        Some(found)
    }

    fn look(&self) {
        self.changed.notify_one();
    }

    /// A waiting sandbox, or the next one whose start is under way. `None` if the caller has to start its own.
    /// Cancel-safe: what was meant for a claimant who has gone is given to the next.
    pub(super) async fn claim(&self) -> Option<Raised> {
        let coming = {
            let mut state = self.state();
            state.remember(self.settings.most);
            let found = state.take_healthy();
            self.look();
            if found.is_some() {
                return found;
            }
            if state.starting <= state.claimants.len() {
                return None;
            }
            let (sender, coming) = oneshot::channel();
            state.claimants.push_back(sender);
            coming
        };
        coming.await.ok()
    }

    /// Gives up what waits now and what is being started: the image is another one, or the engine was away.
    pub(super) fn flush(&self) {
        let mut state = self.state();
        state.generation += 1;
        let waiting = std::mem::take(&mut state.waiting);
        state
            .flushed
            .extend(waiting.into_iter().map(|member| member.raised));
        drop(state);
        self.look();
    }

    /// Takes a member in, or hands it to whoever waits. What is given back is to be destroyed.
    pub(super) fn add(&self, mut raised: Raised, generation: u64) -> Option<Raised> {
        let mut state = self.state();
        state.starting = state.starting.saturating_sub(1);
        if generation != state.generation {
            state.disappoint();
            return Some(raised);
        }
        while let Some(claimant) = state.claimants.pop_front() {
            match claimant.send(raised) {
                Ok(()) => return None,
                Err(back) => raised = back,
            }
        }
        raised.waited = true;
        state.waiting.push_back(Member {
            raised,
            since: Instant::now(),
        });
        None
    }

    pub(super) fn start_failed(&self) {
        let mut state = self.state();
        state.starting = state.starting.saturating_sub(1);
        state.disappoint();
    }

    /// Takes out what is of no use any more: dead, too old, too many, or flushed.
    pub(super) fn weed(&self) -> Vec<Raised> {
        let mut state = self.state();
        let mut useless = std::mem::take(&mut state.flushed);
        let mut surplus = state.waiting.len().saturating_sub(self.target(&mut state));
        for member in std::mem::take(&mut state.waiting) {
            let is_old = member.since.elapsed() >= self.settings.idle;
            if is_old || surplus > 0 || !member.raised.link.is_alive() {
                surplus = surplus.saturating_sub(1);
                useless.push(member.raised);
            } else {
                state.waiting.push_back(member);
            }
        }
        useless
    }

    /// Takes note of a start, if one is due, and gives the generation that it belongs to.
    pub(super) fn begin_start(&self) -> Option<u64> {
        let mut state = self.state();
        let target = self.target(&mut state);
        if !state.open || state.waiting.len() + state.starting >= target + state.claimants.len() {
            return None;
        }
        state.starting += 1;
        Some(state.generation)
    }

    /// How long nothing is to be started yet, for a run has just begun.
    pub(super) fn settles(&self) -> Option<Duration> {
        let ago = self.state().claims.back().map(Instant::elapsed)?;
        SETTLE.checked_sub(ago).filter(|left| !left.is_zero())
    }

    /// As many as runs began lately, within both bounds.
    fn target(&self, state: &mut State) -> usize {
        let memory = self.settings.memory;
        while state
            .claims
            .front()
            .is_some_and(|claim| claim.elapsed() >= memory)
        {
            state.claims.pop_front();
        }
        state
            .claims
            .len()
            .clamp(self.settings.least, self.settings.most)
    }

    /// Nobody will be given anything any more.
    pub(super) fn close(&self) -> Vec<Raised> {
        let mut state = self.state();
        state.open = false;
        state.claimants.clear();
        let waiting = std::mem::take(&mut state.waiting);
        let mut useless = std::mem::take(&mut state.flushed);
        useless.extend(waiting.into_iter().map(|member| member.raised));
        useless
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_healthy(&mut self) -> Option<Raised> {
        // A dead one stays for the keeper to destroy.
        let at = self
            .waiting
            .iter()
            .position(|member| member.raised.link.is_alive())?;
        self.waiting.remove(at).map(|member| member.raised)
    }

    fn remember(&mut self, most: usize) {
        if self.claims.len() >= most {
            self.claims.pop_front();
        }
        if most > 0 {
            self.claims.push_back(Instant::now());
        }
    }

    /// Sends claimants for whom nothing is on its way to start their own.
    fn disappoint(&mut self) {
        while self.claimants.len() > self.starting {
            self.claimants.pop_back();
        }
    }
}
