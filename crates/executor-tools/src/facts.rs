//! The numbers and rules in force, as far as a caller of the tool should know them.

use std::time::Duration;

use executor_core::limits::{ByteSize, ResultLimits, WallTime};

use crate::budget::ResultBudget;

/// What the description and the schema of the tool say about this server, and what arguments are held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The time of a program that does not ask for another.
    pub(crate) timeout: WallTime,
    /// The most that it may ask for.
    pub(crate) max_timeout: WallTime,
    /// Memory of one sandbox, its files in `/tmp` included.
    pub(crate) memory: ByteSize,
    /// Files in `/tmp`.
    pub(crate) tmp: ByteSize,
    /// Processes and threads at once.
    pub(crate) processes: u32,
    /// Sets of modules that are imported before a call names them.
    pub(crate) ready: Vec<String>,
    /// What programs reach of the outside.
    pub(crate) reach: Reach,
    /// What a run may leave to be seen.
    pub(crate) results: ResultLimits,
    /// How much of it a result shows.
    pub(crate) budget: ResultBudget,
    /// How long what a result links to can be read.
    pub(crate) keep: Duration,
    /// The promises of a sandbox that this host does not keep and its operator accepted, by name.
    pub(crate) accepted_gaps: Vec<&'static str>,
}

/// The network policy in the words of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing.
    Nothing,
    /// Public addresses over HTTP and HTTPS.
    Public,
    /// These names only.
    Names(String),
    /// What a policy that is newer than this list calls itself.
    Policy(String),
}

impl Facts {
    /// The longest time in seconds, as a number for schemas and sentences.
    pub(crate) fn max_seconds(&self) -> f64 {
        self.max_timeout.get().as_secs_f64()
    }

    /// The default time in seconds.
    pub(crate) fn default_seconds(&self) -> f64 {
        self.timeout.get().as_secs_f64()
    }
}

#[cfg(test)]
use crate::store::StoreLimits;

#[cfg(test)]
impl Facts {
    /// The defaults of the executor.
    pub(crate) fn sample() -> Self {
        Self {
            timeout: WallTime::PROGRAM,
            max_timeout: WallTime::CEILING,
            memory: ByteSize::gib(1),
            tmp: ByteSize::mib(512),
            processes: 256,
            ready: Vec::new(),
            reach: Reach::Public,
            results: ResultLimits::default(),
            budget: ResultBudget::default(),
            keep: StoreLimits::default().keep,
            accepted_gaps: Vec::new(),
        }
    }
}
