//! One shape with its pool: whether its set is built, whether it may be started now, and what became of those that were.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::Shared;
use super::super::pool::Pool;
use super::super::sets;
use super::Shape;
use crate::modules::ModuleSet;
use crate::stream::{Prepared, Ready};

/// The time without starts of a shape that could not be made ready; it doubles with every further failure.
const FIRST_REST: Duration = Duration::from_secs(60);
pub(super) const LONGEST_REST: Duration = Duration::from_secs(15 * 60);

/// How long a run that missed its shape makes for haste.
pub(super) const MISSED: Duration = Duration::from_secs(30);

/// A shape, its pool, and what keeps the pool from being filled.
#[derive(Debug)]
pub(in super::super) struct Kind {
    pub(in super::super) shape: Shape,
    pub(in super::super) pool: Pool,
    upkeep: Mutex<Upkeep>,
}

#[derive(Debug, Default)]
struct Upkeep {
    stage: Stage,
    /// In a row.
    failures: u32,
    rests_until: Option<Instant>,
    /// When a run found none that it would have fitted, since one was last ready.
    missed: Option<Instant>,
    /// What the log heard last of why it is not ready: one line for each reason.
    told: String,
}

/// How far its set of modules is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Unbuilt,
    Building,
    Built,
}

/// What came of making a sandbox ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Judged {
    Member,
    /// It is of no use.
    Useless,
}

impl Kind {
    pub(super) fn new(shape: Shape, pool: Pool) -> Arc<Self> {
        Arc::new(Self {
            shape,
            pool,
            upkeep: Mutex::default(),
        })
    }

    /// The modules that have to be built before a sandbox is started, if they are not yet and this may be tried now.
    pub(super) fn due_build(&self, shared: &Shared, facts: &Ready) -> Option<ModuleSet> {
        let modules = match self.shape {
            Shape::Plain => None,
            Shape::Hot(_) => Some(self.shape.modules()),
            Shape::Browser => sets::playwright(shared, facts),
        };
        let mut upkeep = self.upkeep();
        if upkeep.stage != Stage::Unbuilt || upkeep.rests() || !self.pool.is_open() {
            return None;
        }
        upkeep.stage = match &modules {
            Some(_) => Stage::Building,
            None => Stage::Built,
        };
        modules
    }

    /// Takes note of what became of the build.
    pub(in super::super) fn was_built(&self, failure: Option<String>) {
        match failure {
            None => self.upkeep().stage = Stage::Built,
            Some(why) => {
                self.upkeep().stage = Stage::Unbuilt;
                self.failed(&why, true);
            }
        }
    }

    /// Its set is not in the store any more, or too old: it is built anew.
    pub(in super::super) fn set_is_gone(&self) {
        let mut upkeep = self.upkeep();
        if upkeep.stage == Stage::Built {
            upkeep.stage = Stage::Unbuilt;
        }
    }

    /// Takes note of what was made ready.
    pub(in super::super) fn judge(&self, prepared: &Prepared) -> Judged {
        if let Some(missing) = prepared.missing {
            self.set_is_gone();
            self.failed(
                &format!("the store has no such set ({})", missing.as_str()),
                false,
            );
            return Judged::Useless;
        }
        if let Some(why) = &prepared.lost {
            self.failed(why, false);
            return Judged::Useless;
        }
        let failed: Vec<String> = prepared
            .failed
            .iter()
            .map(|(name, why)| format!("`{name}`: {why}"))
            .collect();
        if prepared.ready.is_empty() {
            self.failed(&failed.join("; "), false);
            return Judged::Useless;
        }
        let mut upkeep = self.upkeep();
        upkeep.failures = 0;
        upkeep.missed = None;
        let told = match failed.is_empty() {
            true => format!("{} is ready", self.shape.name()),
            false => format!("{} lacks {}", self.shape.name(), failed.join("; ")),
        };
        if upkeep.told != told {
            match failed.is_empty() {
                true => tracing::info!("{told}: {}", prepared.ready.join(", ")),
                false => tracing::warn!("{told}"),
            }
            upkeep.told = told;
        }
        Judged::Member
    }

    /// What was made ready was gone when its run came. The run was served all the same.
    pub(in super::super) fn was_lost(&self) {
        self.failed("it was lost while it waited", false);
    }

    /// The second failure in a row, or the first that is `grave`, is followed by a rest.
    fn failed(&self, why: &str, grave: bool) {
        let mut upkeep = self.upkeep();
        upkeep.failures = upkeep.failures.saturating_add(1);
        let before = upkeep.failures.saturating_sub(if grave { 1 } else { 2 });
        if grave || upkeep.failures > 1 {
            let rest = FIRST_REST
                .saturating_mul(2_u32.saturating_pow(before))
                .min(LONGEST_REST);
            upkeep.rests_until = Instant::now().checked_add(rest);
        }
        let told = format!("{} is not made ready: {why}", self.shape.name());
        if upkeep.told != told {
            tracing::warn!("{told}");
            upkeep.told = told;
        }
    }

    pub(super) fn is_building(&self) -> bool {
        self.upkeep().stage == Stage::Building
    }

    /// Whether one would have been of use lately, and its start or build may be tried.
    pub(super) fn is_missed(&self) -> bool {
        let lately = |missed: Instant| missed.elapsed() < MISSED;
        let upkeep = self.upkeep();
        upkeep.stage != Stage::Building && !upkeep.rests() && upkeep.missed.is_some_and(lately)
    }

    pub(super) fn may_start(&self) -> bool {
        let upkeep = self.upkeep();
        upkeep.stage == Stage::Built && !upkeep.rests()
    }

    /// A run found none here that it would have fitted.
    pub(super) fn was_missed(&self) {
        self.upkeep().missed = Some(Instant::now());
    }

    /// Gives up what waits and is being started, and asks of nothing how it went before.
    pub(super) fn flush(&self) {
        self.pool.flush();
        let mut upkeep = self.upkeep();
        upkeep.failures = 0;
        upkeep.rests_until = None;
        if upkeep.stage == Stage::Built {
            upkeep.stage = Stage::Unbuilt;
        }
    }

    fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upkeep {
    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::super::super::pool::PoolSettings;
    use super::*;

    #[tokio::test]
    async fn nobody_makes_haste_for_a_shape_whose_set_is_being_built() {
        let pool = Pool::new(&PoolSettings::none(), Arc::new(Notify::new()));
        let kind = Kind::new(Shape::Browser, pool);
        kind.was_missed();
        assert!(kind.is_missed());
        kind.upkeep().stage = Stage::Building;
        assert!(!kind.is_missed());
        kind.was_built(Some("no luck".to_owned()));
        assert!(!kind.is_missed(), "it rests");
    }
}
