//! What a request for modules is known by in the store: a hash of everything that its answer depends on.

use std::fmt;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::backend::StoreFacts;
use crate::modules::{InstallPlan, SourcePackages};
use crate::stream::Ready;

/// Names the answer to one request: its requirements in their normal form, where they come from and under which
/// constraints, and for which interpreter of which image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestKey(String);

/// Changes when something changes in how sets are made, so that older ones are not taken for new ones.
const GENERATION: u32 = 1;

impl RequestKey {
    pub(crate) fn of(plan: &InstallPlan, ready: &Ready, facts: &StoreFacts) -> Self {
        let settings = plan.settings();
        let mut requirements = plan.requirements().to_vec();
        requirements.sort();
        // Passwords are part of it: who may not read a private index does not share what came from there.
        let indexes: Vec<&str> = settings
            .indexes()
            .map(crate::modules::IndexUrl::reveal)
            .collect();
        let denied: Vec<&str> = settings.denied.iter().map(|name| name.as_str()).collect();
        let all = json!([
            GENERATION,
            requirements,
            indexes,
            settings.source_packages == SourcePackages::Allowed,
            plan.constraints(),
            denied,
            ready.python,
            facts.ground,
        ]);
        let digest = Sha256::digest(all.to_string().as_bytes());
        let mut text = hex::encode(digest);
        text.truncate(DIGITS);
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 128 bits: nobody finds two requests of one key.
const DIGITS: usize = 32;
