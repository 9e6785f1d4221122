//! What the keeper of the store is told, and what it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::key::RequestKey;
use crate::backend::StoreFacts;
use crate::limits::ByteSize;

const SCRIPT: &str = concat!(include_str!("check.py"), include_str!("store.py"));

const EXPORT: &str = include_str!("export.py");

/// Where the locks of one sandbox are not seen by another, a set counts as used for so long after a use was noted:
/// longer than a run and the time between two notes together.
const GRACE: Duration = Duration::from_secs(30 * 60);

/// One set in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSet {
    /// Its name, which is random.
    pub name: String,
    /// The size of its files.
    pub bytes: ByteSize,
    /// How many files those are.
    pub files: u64,
    /// What is in it, as `name-version`.
    pub installed: Vec<String>,
    /// When it was built, in Unix seconds.
    pub built: u64,
    /// When a use of it was last noted, in Unix seconds.
    pub used: u64,
    /// Whether a sandbox uses it just now.
    pub in_use: bool,
    /// The requests that it answers, each a list of requirements.
    pub requests: Vec<Vec<String>>,
    /// Whether all its files are there with their sizes.
    pub sound: bool,
}

/// What became of a pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Pruned {
    /// How many sets were removed.
    pub removed: usize,
    /// How many are left.
    pub kept: usize,
}

/// Why the keeper did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeeperError {
    /// Nothing more fits, and nothing can go.
    #[error("the store is full, and everything in it is in use")]
    Full,
    /// The disk of the store is full.
    #[error("the disk of the store is full")]
    DiskFull,
    /// What it said cannot be understood.
    #[error("the keeper of the store said `{0}`")]
    Unclear(String),
    /// Another reason, in its words.
    #[error("the keeper of the store refused: {0}")]
    Refused(String),
}

/// What all orders have in common.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    common: Value,
}

impl Orders {
    /// Orders for the store of `facts`, which may take so many bytes. `used` says how long ago sets were used.
    pub(crate) fn new(
        facts: &StoreFacts,
        size: ByteSize,
        used: &BTreeMap<String, Duration>,
    ) -> Self {
        let grace = if facts.shares_locks {
            Duration::ZERO
        } else {
            GRACE
        };
        let used: BTreeMap<&str, u64> = used
            .iter()
            .map(|(name, ago)| (name.as_str(), ago.as_secs()))
            .collect();
        let common = json!({
            "store": facts.place, "limit": size.get(), "grace": grace.as_secs(), "used": used,
        });
        Self { common }
    }

    /// Take in what comes on standard input, as the answer to a request.
    pub(crate) fn publish(
        &self,
        name: &str,
        request: &RequestKey,
        modules: &[String],
        installed: &[String],
    ) -> Value {
        self.with(json!({
            "op": "publish", "name": name, "request": request.as_str(), "modules": modules, "installed": installed,
        }))
    }

    /// See whether a request has an answer of this time or later.
    pub(crate) fn look(&self, request: &RequestKey, not_before: u64) -> Value {
        self.with(json!({ "op": "look", "request": request.as_str(), "not_before": not_before }))
    }

    /// Say what is there.
    pub(crate) fn list(&self) -> Value {
        self.with(json!({ "op": "list" }))
    }

    /// Remove what is broken, abandoned, or too much.
    pub(crate) fn prune(&self) -> Value {
        self.with(json!({ "op": "prune", "deep": true }))
    }

    /// Note the uses, and nothing else.
    pub(crate) fn note_uses(&self) -> Value {
        self.with(json!({ "op": "use" }))
    }

    fn with(&self, more: Value) -> Value {
        let mut order = self.common.clone();
        if let (Some(order), Value::Object(more)) = (order.as_object_mut(), more) {
            order.extend(more);
        }
        order
    }
}

/// The command that carries an order out in a sandbox whose store is writable.
pub(crate) fn command(python: &str, order: &Value) -> Vec<String> {
    vec![
        python.to_owned(),
        "-I".to_owned(),
        "-c".to_owned(),
        SCRIPT.to_owned(),
        order.to_string(),
    ]
}

/// The command that writes what was installed at `target` to standard output, for a store at `place`.
pub(crate) fn export(python: &str, target: &str, place: &str) -> Vec<String> {
    let settings = json!({ "target": target, "place": place, "except": [".install"] });
    vec![
        python.to_owned(),
        "-I".to_owned(),
        "-c".to_owned(),
        EXPORT.to_owned(),
        settings.to_string(),
    ]
}

/// The keeper's answer to any order, as what that order is answered with.
pub(crate) fn answer<T: DeserializeOwned>(said: &str) -> Result<T, KeeperError> {
    let unclear = || KeeperError::Unclear(said.trim().chars().take(200).collect());
    let line = said.lines().next_back().unwrap_or_default();
    let answer: Value = serde_json::from_str(line).map_err(|_| unclear())?;
    if let Some(refused) = answer.get("refused") {
        let word = refused.as_str().unwrap_or_default();
        let why = answer.get("error").and_then(Value::as_str).unwrap_or(word);
        return Err(match word {
            "full" => KeeperError::Full,
            "disk" => KeeperError::DiskFull,
            _ => KeeperError::Refused(why.chars().take(200).collect()),
        });
    }
    serde_json::from_value(answer).map_err(|_| unclear())
}

/// A set as the keeper tells of it after taking it in or looking for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Found {
    #[serde(default)]
    pub(crate) missing: bool,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) bytes: u64,
    #[serde(default)]
    pub(crate) installed: Vec<String>,
}

/// The keeper's list.
#[derive(Debug, Deserialize)]
pub(crate) struct Listing {
    sets: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    bytes: u64,
    files: u64,
    installed: Vec<String>,
    built: u64,
    used: u64,
    in_use: bool,
    requests: Vec<Vec<String>>,
    sound: bool,
}

impl Listing {
    pub(crate) fn into_sets(self) -> Vec<StoredSet> {
        let told = |set: Listed| StoredSet {
            name: set.name,
            bytes: ByteSize::bytes(set.bytes),
            files: set.files,
            installed: set.installed,
            built: set.built,
            used: set.used,
            in_use: set.in_use,
            requests: set.requests,
            sound: set.sound,
        };
        self.sets.into_iter().map(told).collect()
    }
}
