//! What a server holds that has nothing to do.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::machine;
use super::Run;

/// So long a number stays what it is before it counts.
const STEADY: Duration = Duration::from_secs(3);
/// How long a server may take to give back what it needed: sandboxes that a busy time has made wait are replaced by
/// fewer, and connections to the engine are closed.
const SETTLES: Duration = Duration::from_secs(60);
/// How many descriptors an idle server may have beyond those of the beginning: a connection for each sandbox that still
/// waits, up to the runs at once and the one with a hot set, and those to the engine that are kept for the next request.
const BEYOND_FIRST: usize = 8;

impl Run<'_> {
    /// How many descriptors the server has when it has nothing to do: a number that has stopped changing, and that is no
    /// more than `most`, if that ever comes.
    pub(super) fn settled(&mut self, most: Option<usize>) -> Result<usize> {
        let begun = Instant::now();
        let (mut last, mut since) = (0, begun);
        loop {
            // The server may say something of its own meanwhile.
            self.listen(Duration::from_millis(200))?;
            let now = machine::descriptors(self.server()?.process());
            if now != last {
                (last, since) = (now, Instant::now());
            }
            let is_steady = since.elapsed() >= STEADY;
            let is_enough = is_steady && most.is_none_or(|most| last <= most);
            if is_enough || begun.elapsed() > SETTLES {
                return Ok(last);
            }
        }
    }

    /// Finds a server that keeps descriptors.
    pub(super) fn judge_descriptors(&mut self, first: usize) -> Result<()> {
        let most = first + BEYOND_FIRST;
        let last = self.settled(Some(most))?;
        self.sum
            .descriptors
            .push((self.world().name(), first, last));
        if last > most {
            self.find(format!(
                "an idle server has {last} descriptors, and had {first} before its first programs"
            ));
        }
        Ok(())
    }
}
