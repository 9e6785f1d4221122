//! Settings as they were given: texts, each with the place it came from.
//!
//! A later layer replaces what an earlier one said about a key, lists included.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File { path: PathBuf, line: usize },
    Variable(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "file {}, line {line}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// One value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) text: String,
    pub(crate) source: Source,
}

/// What one layer, or all layers together, say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Raw(BTreeMap<&'static str, Vec<Given>>);

impl Raw {
    /// Adds a value to `key` within this layer.
    pub(crate) fn push(&mut self, key: &'static str, given: Given) {
        self.0.entry(key).or_default().push(given);
    }

    /// Notes that `key` was given, with an empty list of values so far.
    pub(crate) fn touch(&mut self, key: &'static str) {
        self.0.entry(key).or_default();
    }

    /// Puts `later` over this one.
    pub(crate) fn overlay(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// All values of `key`; `None` if nobody gave it.
    pub(crate) fn all(&self, key: &str) -> Option<&[Given]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// The value of `key`: the last one given.
    pub(crate) fn last(&self, key: &str) -> Option<&Given> {
        self.all(key)?.last()
    }
}
