//! What the clients of all transports have in common.

use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use serde_json::Value;

use super::message::{Call, Wrong};
use super::subject::Process;

/// How long a client waits for something that takes milliseconds. What takes longer has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A conversation with a server.
pub(super) trait Client {
    /// Asks once and waits for the answer. A wrong answer is noted, not an error.
    fn ask(&mut self, call: &Call) -> Result<()> {
        self.ask_for(call).map(|_answer| ())
    }

    /// The same, with the answer; none if there was no sensible one.
    fn ask_for(&mut self, call: &Call) -> Result<Option<Value>>;

    /// Asks so many times, with several under way at once as the transport has it, and says how long that took.
    fn flood(&mut self, call: &Call, count: u64) -> Result<Duration>;

    /// The server.
    fn process(&self) -> &Process;

    /// The answers that were wrong.
    fn wrong(&self) -> &Wrong;
}

/// Waits until there is something to read.
pub(super) fn wait_readable(from: &impl AsFd) -> Result<()> {
    let mut waiting = [PollFd::new(from, PollFlags::IN)];
    wait_any(&mut waiting)
}

/// Waits until one of several has something to read.
pub(super) fn wait_any(waiting: &mut [PollFd<'_>]) -> Result<()> {
    let patience = Timespec::try_from(PATIENCE).context("the patience is too long")?;
    match poll(waiting, Some(&patience)) {
        Ok(0) => bail!("the server did not answer within {PATIENCE:?}"),
        Ok(_) => Ok(()),
        Err(error) => Err(error).context("cannot wait for an answer"),
    }
}
