//! What a measurement is: a scenario is run with several subjects in turn, and yields readings; rows judge them.
//!
//! To measure something new is to write a [`Scenario`]; running, judging and showing it are done already.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::message::Wrong;

/// Something that is done with each subject in turn, round after round.
pub(super) trait Scenario {
    /// Its name: what is done, over what.
    fn name(&self) -> String;

    /// Who does it, by name; the first is ours.
    fn subjects(&self) -> Vec<&'static str>;

    /// How its readings are judged.
    fn rows(&self) -> Vec<Row>;

    /// How many rounds there are at most, however many were asked for: what takes long varies less.
    fn most_rounds(&self) -> usize {
        usize::MAX
    }

    /// Makes ready what belongs to no round.
    fn prepare(&self, _scale: &Scale) -> Result<()> {
        Ok(())
    }

    /// Does it once, as far as somebody wants to know.
    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings>;
}

/// What was read, by name: times in seconds, sizes in bytes, rates a second.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings {
    values: BTreeMap<String, f64>,
    /// Answers that were wrong.
    pub(super) failures: usize,
    /// The first of them.
    pub(super) failure: Option<String>,
}

impl Readings {
    /// Notes a reading.
    pub(super) fn note(&mut self, name: impl Into<String>, value: f64) {
        self.values.insert(name.into(), value);
    }

    /// Notes a size.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a size of a process is far below 2^53 bytes"
    )]
    pub(super) fn note_bytes(&mut self, name: impl Into<String>, bytes: u64) {
        self.note(name, bytes as f64);
    }

    /// Notes a number of things.
    #[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53 here")]
    pub(super) fn note_count(&mut self, name: impl Into<String>, count: usize) {
        self.note(name, count as f64);
    }

    /// Notes a time.
    pub(super) fn note_time(&mut self, name: impl Into<String>, time: Duration) {
        self.note(name, time.as_secs_f64());
    }

    /// Notes answers that were wrong.
    pub(super) fn note_wrong(&mut self, wrong: &Wrong) {
        self.failures += wrong.count;
        if self.failure.is_none() {
            self.failure.clone_from(&wrong.first);
        }
    }

    /// A reading.
    pub(super) fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// All readings, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
    }
}

/// A reading that is judged.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The reading.
    pub(super) reading: String,
    /// What it counts.
    pub(super) unit: Unit,
    /// What it is measured against, by name.
    pub(super) anchor: Option<&'static str>,
    /// What it may come to.
    pub(super) bound: Bound,
    /// What it should come to.
    pub(super) aim: Option<Bound>,
}

/// How far a reading may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// So many times the anchor's. Rates count inversely, so that more is always worse.
    Ratio(f64),
    /// So much.
    AtMost(f64),
    /// As far as it likes; the figure is there to be known.
    None,
}

/// What a reading counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Time.
    Seconds,
    /// Things done in a second.
    PerSecond,
    /// Memory.
    Bytes,
    /// Things.
    Count,
}

/// How much is done.
#[derive(Clone, Debug, Default)]
pub(super) struct Scale {
    /// A look instead of a measurement.
    pub(super) quick: bool,
    /// The readings that somebody wants to know.
    pub(super) wanted: Vec<String>,
}

impl Scale {
    /// Whether somebody wants to know a reading whose name begins so.
    pub(super) fn wants(&self, reading: &str) -> bool {
        self.wanted.iter().any(|wanted| wanted.starts_with(reading))
    }

    /// One number or the other.
    pub(super) fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Requests one at a time, whose latencies are noted.
    pub(super) fn requests(&self) -> u64 {
        if self.quick { 500 } else { 4000 }
    }

    /// Requests under way together, whose rate is noted.
    pub(super) fn flood(&self) -> u64 {
        if self.quick { 5000 } else { 40_000 }
    }

    /// Requests before anything is noted.
    pub(super) fn warm_up(&self) -> u64 {
        self.requests() / 4
    }

    /// Starts of a server.
    pub(super) fn starts(&self) -> u64 {
        if self.quick { 5 } else { 100 }
    }

    /// Streams that stay open.
    pub(super) fn streams(&self) -> u32 {
        if self.quick { 100 } else { 1000 }
    }

    /// How long they stay idle: in the long one each server has to send one sign of life a stream.
    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 15 })
    }
}
