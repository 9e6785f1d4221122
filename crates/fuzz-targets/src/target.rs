//! What a target is: a function over bytes that tells how they were taken, and what must hold whatever they are.

use std::fmt;

use crate::generate::{Generator, Shape};

/// A way in for foreign bytes.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a row of a table that stands in this crate"
)]
pub struct Target {
    /// How it is called on a command line.
    pub name: &'static str,
    /// What is tried.
    pub about: &'static str,
    /// What its inputs look like.
    pub shape: Shape,
    /// Valid inputs, from which the others are made.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Takes an input. A panic, like an error, is a finding.
    pub run: fn(&[u8]) -> Result<Tally, Breach>,
    /// Whether its inputs are messages of clients, which the long run counts.
    pub takes_messages: bool,
}

impl Target {
    /// What makes its inputs.
    #[must_use]
    pub fn generator(&self) -> Generator {
        Generator::new(self.shape, (self.seeds)())
    }
}

/// How much of an input was taken, and how much refused. Most inputs are one thing; a conversation is many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// What was taken as valid.
    pub accepted: u64,
    /// What was refused.
    pub rejected: u64,
}

impl Tally {
    /// One thing, taken or refused.
    #[must_use]
    pub const fn one(accepted: bool) -> Self {
        if accepted {
            Self {
                accepted: 1,
                rejected: 0,
            }
        } else {
            Self {
                accepted: 0,
                rejected: 1,
            }
        }
    }

    /// Adds one thing.
    pub const fn count(&mut self, accepted: bool) {
        if accepted {
            self.accepted += 1;
        } else {
            self.rejected += 1;
        }
    }
}

/// Something did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a text")]
pub struct Breach(pub String);

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Breach {}

/// A breach unless something holds.
pub(crate) fn hold(holds: bool, breach: impl FnOnce() -> String) -> Result<(), Breach> {
    if holds { Ok(()) } else { Err(Breach(breach())) }
}
