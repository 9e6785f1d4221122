//! The store of module sets as its operator sees it: what lies there, what is built ahead, what is removed.

use std::sync::Arc;

use super::build::{self, Job, Trouble};
use super::raise::{Role, raise_as};
use super::sets::{Stage, join, oldest, plan};
use super::{Executor, Shared};
use crate::backend::{Progress, StoreFacts};
use crate::environments::{Found, Listing, Pruned, RequestKey, StoredSet};
use crate::error::{ErrorKind, Result, SandboxError};
use crate::id::ExecutionId;
use crate::limits::ByteSize;
use crate::modules::{InstallFailure, InstallFailureKind, ModuleSet};

/// A set of modules that lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltSet {
    /// Its name there.
    pub name: String,
    /// The size of its files.
    pub bytes: ByteSize,
    /// What is in it, as `name-version`.
    pub installed: Vec<String>,
    /// Whether it lay there before.
    pub cached: bool,
}

/// Why a set of modules was not built.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// It could not be installed: a result like any other, and no error of ours.
    #[error("{0}")]
    Install(InstallFailure),
    /// It was installed, and the store did not take it, for this reason.
    #[error("{0}")]
    Store(String),
    /// We did not do our work.
    #[error("{0}")]
    Failed(SandboxError),
}

impl From<Trouble> for BuildError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Install(failure) => Self::Install(failure),
            Trouble::Store(why) => Self::Store(why),
            Trouble::Failed(error) => Self::Failed(error),
        }
    }
}

impl From<SandboxError> for BuildError {
    fn from(error: SandboxError) -> Self {
        Self::Failed(error)
    }
}

impl Executor {
    /// Sees to it that a set of modules lies in the store, so that runs with it start at once. The empty set is none.
    ///
    /// Dropping the future ends the build, unless a run waits for it, too.
    ///
    /// # Errors
    ///
    /// When it cannot be installed, when the store does not take it, and when there is none.
    pub async fn build_environment(
        &self,
        modules: ModuleSet,
        progress: &dyn Progress,
    ) -> Result<BuiltSet, BuildError> {
        self.shared.preparation.ready(progress).await?;
        build(&self.shared, modules, progress).await
    }

    /// What lies in the store: at most a thousand sets.
    ///
    /// # Errors
    ///
    /// When there is no store, or it cannot be read.
    pub async fn environments(
        &self,
        progress: &dyn Progress,
    ) -> Result<Vec<StoredSet>, BuildError> {
        let facts = self.store(progress).await?;
        let orders = self
            .shared
            .sets
            .orders(&self.shared.settings.environments, &facts);
        let listing: Listing = build::keep(&self.shared, &orders.list()).await?;
        Ok(listing.into_sets())
    }

    /// Removes from the store what is broken, what was abandoned, and what is more than its size allows. What a sandbox
    /// uses stays. Every file is read for this.
    ///
    /// # Errors
    ///
    /// When there is no store, or it cannot be written.
    pub async fn prune_environments(&self, progress: &dyn Progress) -> Result<Pruned, BuildError> {
        let facts = self.store(progress).await?;
        let orders = self
            .shared
            .sets
            .orders(&self.shared.settings.environments, &facts);
        Ok(build::keep(&self.shared, &orders.prune()).await?)
    }

    async fn store(&self, progress: &dyn Progress) -> Result<StoreFacts> {
        self.shared.preparation.ready(progress).await?;
        self.shared.backend.store().ok_or_else(no_store)
    }
}

fn no_store() -> SandboxError {
    SandboxError::new(ErrorKind::Unsupported, "open the store of module sets")
        .with_hint("there is none: it is turned off, or the engine has none to give")
}

/// Looks for the set in the store, and builds it if it is not there.
pub(super) async fn build(
    shared: &Arc<Shared>,
    modules: ModuleSet,
    progress: &dyn Progress,
) -> Result<BuiltSet, BuildError> {
    let facts = shared.backend.store().ok_or_else(no_store)?;
    let mut keeper = Box::pin(raise_as(shared, Role::Keeper)).await?;
    let ready = keeper.ready.clone();
    let uv = ModuleSet::parse("uv").ok().filter(|_| !modules.is_empty());
    let planned = plan(shared, modules, &ready);
    let key = planned
        .as_ref()
        .ok()
        .map(|plan| RequestKey::of(plan, &ready, &facts));
    let looked = match &key {
        Some(key) => {
            let orders = shared.sets.orders(&shared.settings.environments, &facts);
            let order = orders.look(key, oldest(shared));
            build::keep_in::<Found>(shared, &mut keeper, &order).await
        }
        None => Err(Trouble::Store("nothing was asked for".to_owned())),
    };
    shared.tasks.spawn(keeper.destroy());
    let (plan, key) = (planned?, key.ok_or_else(no_store)?);
    let found = looked?;
    if !found.missing {
        return Ok(built(found, true));
    }
    if shared.settings.environments.offline {
        let offline = InstallFailure::of(InstallFailureKind::Offline);
        return Err(BuildError::Install(offline));
    }
    let uv = uv
        .and_then(|uv| super::sets::plan(shared, uv, &ready).ok())
        .map(|plan| (RequestKey::of(&plan, &ready, &facts), plan));
    let job = Job {
        way_out: build::way_out(shared, &plan, &ExecutionId::next())?,
        key: key.clone(),
        plan,
        facts: facts.clone(),
        uv: uv.filter(|(other, _)| *other != key),
    };
    let (mut stage, _) = join(shared, job);
    loop {
        let seen = stage.borrow_and_update().clone();
        match seen {
            Stage::Working(message) if message.is_empty() => {}
            Stage::Working(message) => progress.report(&message),
            Stage::Done(ended) => break ended?,
        }
        if stage.changed().await.is_err() {
            return Err(SandboxError::new(ErrorKind::ShuttingDown, "build the modules").into());
        }
    }
    let orders = shared.sets.orders(&shared.settings.environments, &facts);
    let found = build::keep::<Found>(shared, &orders.look(&key, 0)).await?;
    Ok(built(found, false))
}

fn built(found: Found, cached: bool) -> BuiltSet {
    BuiltSet {
        name: found.name,
        bytes: ByteSize::bytes(found.bytes),
        installed: found.installed,
        cached,
    }
}
