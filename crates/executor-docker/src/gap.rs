//! A gap: a promise that this engine on its host does not keep, told so that an operator can mend
//! it, or accept it by name.

use executor_core::capabilities::{Capabilities, Capability};

use crate::facts::Enforcement;

/// A promise that is not kept here.
///
/// Its name, the same everywhere, is that of its capability.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The promise.
    pub capability: Capability,
    /// What was seen, as a sentence's end: `the memory limit is another`. Several for one promise
    /// are separated by semicolons.
    pub why: String,
    /// What to do about it, for the operator.
    pub remedy: String,
}

impl Gap {
    /// A gap of this name.
    pub fn new(capability: Capability, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            capability,
            why: why.into(),
            remedy: remedy.into(),
        }
    }
}

/// The gaps that the engine itself admits.
pub(crate) fn admitted(table: &[Enforcement]) -> Vec<Gap> {
    table
        .iter()
        .filter(|row| !row.enforced)
        .map(|row| Gap::new(row.capability, row.why, row.remedy.unwrap_or_default()))
        .collect()
}

/// Those of `found` that `accepted` does not name.
pub(crate) fn unaccepted(found: &[Gap], accepted: &Capabilities) -> Vec<Gap> {
    found
        .iter()
        .filter(|gap| !accepted.has(gap.capability))
        .cloned()
        .collect()
}

/// Every gap once: what was seen inside is told after what the engine admits.
pub(crate) fn merge(mut admitted: Vec<Gap>, seen: Vec<Gap>) -> Vec<Gap> {
    for gap in seen {
        match admitted
            .iter_mut()
            .find(|known| known.capability == gap.capability)
        {
            Some(known) => known.why = format!("{}; {}", known.why, gap.why),
            None => admitted.push(gap),
        }
    }
    admitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_joins_what_was_admitted() {
        let gap = |capability, why: &str| Gap::new(capability, why, "mend it");
        let merged = merge(
            vec![gap(Capability::MemoryLimit, "no control group")],
            vec![
                gap(Capability::MemoryLimit, "the limit is another"),
                gap(Capability::CpuLimit, "no quota"),
            ],
        );
        assert_eq!(
            merged,
            [
                gap(
                    Capability::MemoryLimit,
                    "no control group; the limit is another"
                ),
                gap(Capability::CpuLimit, "no quota"),
            ]
        );
        let accepted = Capabilities::of([Capability::CpuLimit, Capability::Isolation]);
        let left = unaccepted(&merged, &accepted);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].capability, Capability::MemoryLimit);
    }
}
