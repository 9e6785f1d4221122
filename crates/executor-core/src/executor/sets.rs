//! Which sets of modules a run takes from the store, and who builds one that is not there: one builder for all who ask
//! for the same set meanwhile.
//!
//! A run asks process 1 of its own sandbox, which reads the store itself: no server has to know what lies there, and
//! what another one builds serves at once. Only when process 1 answers that a set is missing, anything is started.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;

use super::Shared;
use super::build::{self, Job, Trouble};
use super::install::plan_settings;
use super::record::Record;
use super::run::mention;
use super::stored;
use crate::backend::{Silent, StoreFacts};
use crate::environments::{EnvironmentSettings, Orders, RequestKey};
use crate::error::{ErrorKind, Result, SandboxError};
use crate::event::Event;
use crate::id::ExecutionId;
use crate::modules::{InstallFailure, InstallFailureKind, InstallPlan, ModuleSet};
use crate::stream::{Missing, Ready, SetWish, Sets as Given};

/// Builders at once. Each takes as much memory as two programs, and an index answers no faster to more of them.
const BUILDERS: usize = 2;

/// Requests that this process remembers to have seen sound, and sets whose use it has still to note. Beyond, it
/// forgets: the next use is looked at closely again.
const REMEMBERED: usize = 512;

/// Between notes of what was used, which decide what goes when the store is full.
const NOTE: Duration = Duration::from_secs(10 * 60);

/// How long nobody may wait for a sandbox before something is built that nobody asked for.
const QUIET: Duration = Duration::from_secs(2);

/// What an executor knows of the store: nearly nothing, for the store knows it.
#[derive(Debug)]
pub(super) struct Sets {
    flights: Mutex<HashMap<RequestKey, Arc<watch::Sender<Stage>>>>,
    /// When the sets of these requests were last seen sound by this process, or built by it.
    sound: Mutex<HashMap<RequestKey, Instant>>,
    /// Sets whose last use is not noted in the store yet.
    uses: Mutex<BTreeMap<String, Instant>>,
    pub(super) builders: Semaphore,
    /// Whether somebody is served, so that time may be spent on what nobody asked for.
    ahead: AtomicBool,
    /// What is built ahead is begun once.
    begun: Mutex<Vec<RequestKey>>,
    told_without: AtomicBool,
}

/// How far a build is, as those who wait for it see it.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// Under way; the text is the newest progress message.
    Working(String),
    Done(Result<(), Trouble>),
}

/// What a run wants of the store.
#[derive(Debug)]
pub(super) struct Wanted {
    facts: StoreFacts,
    request: Option<(RequestKey, InstallPlan)>,
    last: Option<(RequestKey, InstallPlan)>,
    /// The faster installer, for its builder.
    uv: Option<(RequestKey, InstallPlan)>,
    /// A stale set will do, because no newer one can be had.
    any_age: bool,
}

/// What came of asking for a set that was missing.
pub(super) enum Provided {
    /// It is there now, or an older one will do: ask again.
    Ready,
    /// It cannot be had.
    Refused(InstallFailure),
    /// The store does not take it: the run has to install it for itself.
    Without,
}

impl Sets {
    pub(super) fn new() -> Self {
        Self {
            flights: Mutex::default(),
            sound: Mutex::default(),
            uses: Mutex::default(),
            builders: Semaphore::new(BUILDERS),
            ahead: AtomicBool::new(false),
            begun: Mutex::default(),
            told_without: AtomicBool::new(false),
        }
    }

    /// Orders to the store's keeper, with the uses that are still to be noted.
    pub(super) fn orders(&self, settings: &EnvironmentSettings, facts: &StoreFacts) -> Orders {
        let used: BTreeMap<String, Duration> = std::mem::take(&mut *lock(&self.uses))
            .into_iter()
            .map(|(name, at)| (name, at.elapsed()))
            .collect();
        Orders::new(facts, settings.size, &used)
    }

    fn saw_sound(&self, key: &RequestKey) {
        let mut sound = lock(&self.sound);
        if sound.len() >= REMEMBERED {
            sound.clear();
        }
        sound.insert(key.clone(), Instant::now());
    }
}

/// What `request` wants of the store; none where there is no store.
pub(super) fn wanted(
    shared: &Shared,
    modules: &ModuleSet,
    ready: &Ready,
) -> Result<Option<Box<Wanted>>> {
    let Some(facts) = shared.backend.store() else {
        if !modules.is_empty() && !shared.sets.told_without.swap(true, Ordering::Relaxed) {
            tracing::info!("there is no store for modules here: each call installs its own");
        }
        return Ok(None);
    };
    let plan = |modules: ModuleSet| -> Result<(RequestKey, InstallPlan)> {
        let plan = plan(shared, modules, ready)?;
        Ok((RequestKey::of(&plan, ready, &facts), plan))
    };
    let request = if modules.is_empty() {
        None
    } else {
        Some(plan(modules.clone())?)
    };
    let last = match playwright(shared, ready) {
        // What an operator forbids is simply not there.
        Some(modules) => plan(modules).ok(),
        None => None,
    };
    let uv = match (&request, ModuleSet::parse("uv")) {
        (Some(_), Ok(modules)) => plan(modules).ok(),
        _ => None,
    };
    Ok(Some(Box::new(Wanted {
        facts,
        request,
        last,
        uv,
        any_age: false,
    })))
}

/// The Playwright whose browsers the image carries, if it is to lie on every path.
pub(super) fn playwright(shared: &Shared, ready: &Ready) -> Option<ModuleSet> {
    let wanted = shared.settings.environments.playwright && ready.playwright.is_some();
    wanted
        .then(|| ModuleSet::parse("playwright").ok())
        .flatten()
}

/// The plan for `modules` under the operator's settings and the image's.
pub(super) fn plan(shared: &Shared, modules: ModuleSet, ready: &Ready) -> Result<InstallPlan> {
    let settings = plan_settings(shared, ready)?;
    InstallPlan::new(modules, &settings).map_err(|error| {
        SandboxError::new(ErrorKind::InvalidRequest, "accept the modules")
            .with_hint(format!("{error}; {}", error.hint()))
            .with_source(error)
    })
}

impl Wanted {
    /// What process 1 is asked for; none if there is nothing to ask for.
    pub(super) fn wish(&self, shared: &Shared) -> Option<SetWish> {
        if self.request.is_none() && self.last.is_none() {
            return None;
        }
        let request = self.request.as_ref().map(|(key, _)| key);
        let not_before = if self.any_age { 0 } else { oldest(shared) };
        Some(SetWish {
            store: self.facts.place.clone(),
            request: request.map(|key| key.as_str().to_owned()),
            not_before,
            check: request.is_some_and(|key| !lock(&shared.sets.sound).contains_key(key)),
            last: self.last.as_ref().map(|(key, _)| key.as_str().to_owned()),
        })
    }

    /// Takes note of what process 1 gave.
    pub(super) fn given(&self, shared: &Arc<Shared>, given: Given) -> Vec<String> {
        if let Some((key, _)) = &self.request {
            shared.sets.saw_sound(key);
        }
        if let Some(name) = given.name {
            let mut uses = lock(&shared.sets.uses);
            if uses.len() < REMEMBERED || uses.contains_key(&name) {
                uses.insert(name, Instant::now());
            }
        }
        if given.last == Some(false)
            && let Some((key, plan)) = &self.last
        {
            build_ahead(shared, &self.facts, key, plan, "Playwright");
        }
        given.installed
    }

    /// Sees to it that the set is there, or says why not. Cancel-safe: a build that nobody waits for any more ends.
    pub(super) async fn provide(
        &mut self,
        shared: &Arc<Shared>,
        missing: Missing,
        events: &mpsc::Sender<Event>,
        record: &mut Record,
    ) -> Result<Provided> {
        let Some((key, plan)) = &self.request else {
            return Ok(Provided::Without);
        };
        let begun = Instant::now();
        if missing == Missing::Broken {
            tracing::warn!(request = %key, "a set of modules is not as it was written; building it anew");
            lock(&shared.sets.sound).remove(key);
        }
        let trouble = if shared.settings.environments.offline {
            Trouble::Install(InstallFailure::of(InstallFailureKind::Offline))
        } else {
            let job = Job {
                key: key.clone(),
                plan: plan.clone(),
                facts: self.facts.clone(),
                way_out: build::way_out(shared, plan, record.entry.id())?,
                uv: self.uv.clone(),
            };
            let way_out = job.way_out.clone();
            let (stage, started) = join(shared, job);
            if started {
                record.ways_out.push(way_out);
            }
            let ended = wait(stage, events).await;
            record.timings.install = record.timings.install.saturating_add(begun.elapsed());
            match ended {
                Ok(()) => return Ok(Provided::Ready),
                Err(trouble) => trouble,
            }
        };
        match trouble {
            Trouble::Install(failure) => {
                if missing == Missing::Stale && is_out_of_reach(&failure) {
                    self.any_age = true;
                    record.note([format!(
                        "the modules are those of an earlier day, because newer ones cannot be looked for: {failure}"
                    )]);
                    return Ok(Provided::Ready);
                }
                Ok(Provided::Refused(failure))
            }
            Trouble::Store(why) => {
                tracing::warn!("a set of modules was not kept, so its run installs it: {why}");
                Ok(Provided::Without)
            }
            Trouble::Failed(error) => Err(error),
        }
    }
}

fn is_out_of_reach(failure: &InstallFailure) -> bool {
    matches!(
        failure.kind(),
        InstallFailureKind::Offline
            | InstallFailureKind::Unreachable { .. }
            | InstallFailureKind::Certificate
            | InstallFailureKind::TimedOut { .. }
    )
}

/// Resolved before this, in Unix seconds, a set is stale.
pub(super) fn oldest(shared: &Shared) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let oldest = now
        .unwrap_or_default()
        .saturating_sub(shared.settings.environments.age);
    oldest.as_secs()
}

/// Joins the build of a job's set, or starts it; says whether it did.
pub(super) fn join(shared: &Arc<Shared>, job: Job) -> (watch::Receiver<Stage>, bool) {
    let mut flights = lock(&shared.sets.flights);
    if let Some(flight) = flights.get(&job.key) {
        return (flight.subscribe(), false);
    }
    let (stage, receiver) = watch::channel(Stage::Working(String::new()));
    let stage = Arc::new(stage);
    flights.insert(job.key.clone(), Arc::clone(&stage));
    let shared_too = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let shared = shared_too;
        let key = job.key.clone();
        let ended = tokio::select! {
            biased;
            ended = build::build(&shared, job, &stage) => ended,
            () = abandoned(&shared, &key, &stage) => return,
            () = shared.stop.cancelled() => {
                let error = SandboxError::new(ErrorKind::ShuttingDown, "build the modules");
                Err(Trouble::Failed(error))
            }
        };
        lock(&shared.sets.flights).remove(&key);
        if ended.is_ok() {
            shared.sets.saw_sound(&key);
        }
        stage.send_replace(Stage::Done(ended));
    });
    (receiver, true)
}

/// Ends when nobody waits for the build any more, and nobody can join it then.
async fn abandoned(shared: &Shared, key: &RequestKey, stage: &watch::Sender<Stage>) {
    loop {
        stage.closed().await;
        let mut flights = lock(&shared.sets.flights);
        if stage.receiver_count() == 0 {
            flights.remove(key);
            return;
        }
    }
}

/// Waits for a build, telling the caller how far it is.
async fn wait(
    mut stage: watch::Receiver<Stage>,
    events: &mpsc::Sender<Event>,
) -> Result<(), Trouble> {
    loop {
        let seen = stage.borrow_and_update().clone();
        match seen {
            Stage::Working(message) if message.is_empty() => {}
            Stage::Working(message) => mention(events, &message),
            Stage::Done(ended) => return ended,
        }
        if stage.changed().await.is_err() {
            let error = SandboxError::new(ErrorKind::Internal, "build the modules");
            return Err(Trouble::Failed(error));
        }
    }
}

/// Begins to spend time on what nobody asked for: a client is served.
pub(super) fn begin_ahead(shared: &Arc<Shared>) {
    if shared.sets.ahead.swap(true, Ordering::Relaxed)
        || shared.settings.environments.prebuilt.is_empty()
    {
        return;
    }
    let shared_too = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let shared = shared_too;
        let building = async {
            if shared.preparation.ready(&Silent).await.is_err() {
                return; // It has been told.
            }
            for modules in &shared.settings.environments.prebuilt {
                let names: Vec<String> = modules
                    .requirements()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                match stored::build(&shared, modules.clone(), &Silent).await {
                    Ok(set) => tracing::info!(
                        cached = set.cached,
                        "the modules {} lie ready",
                        names.join(", ")
                    ),
                    Err(error) => tracing::warn!(
                        "the modules {} were not made ready: {error}",
                        names.join(", ")
                    ),
                }
            }
        };
        shared.stop.run_until_cancelled(building).await;
    });
}

/// Builds a set that nobody waits for, once, when nobody waits for a sandbox.
pub(super) fn build_ahead(
    shared: &Arc<Shared>,
    facts: &StoreFacts,
    key: &RequestKey,
    plan: &InstallPlan,
    what: &'static str,
) {
    let settings = &shared.settings.environments;
    if settings.offline || !shared.sets.ahead.load(Ordering::Relaxed) {
        return;
    }
    {
        let mut begun = lock(&shared.sets.begun);
        if begun.contains(key) {
            return;
        }
        if begun.len() >= REMEMBERED {
            begun.clear();
        }
        begun.push(key.clone());
    }
    let Ok(way_out) = build::way_out(shared, plan, &ExecutionId::next()) else {
        return;
    };
    let job = Job {
        key: key.clone(),
        plan: plan.clone(),
        facts: facts.clone(),
        way_out,
        uv: None,
    };
    let shared_too = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let shared = shared_too;
        let building = async {
            loop {
                tokio::time::sleep(QUIET).await;
                if !shared.places.are_waited_for() {
                    break;
                }
            }
            let (mut stage, _) = join(&shared, job);
            let ended = stage
                .wait_for(|stage| matches!(stage, Stage::Done(_)))
                .await;
            match ended.as_deref() {
                Ok(Stage::Done(Ok(()))) => tracing::info!("{what} lies ready"),
                Ok(Stage::Done(Err(trouble))) => {
                    tracing::info!("{what} was not made ready: {trouble}");
                }
                _ => {}
            }
        };
        shared.stop.run_until_cancelled(building).await;
    });
}

/// Notes in the store what was used, now and then, until the executor stops.
pub(super) async fn keep(shared: Arc<Shared>) {
    let noting = async {
        loop {
            tokio::time::sleep(NOTE).await;
            let Some(facts) = shared.backend.store() else {
                continue;
            };
            if lock(&shared.sets.uses).is_empty() || shared.places.are_waited_for() {
                continue;
            }
            let order = shared
                .sets
                .orders(&shared.settings.environments, &facts)
                .note_uses();
            if let Err(trouble) = build::keep::<serde_json::Value>(&shared, &order).await {
                tracing::debug!("uses were not noted: {trouble}");
            }
        }
    };
    shared.stop.run_until_cancelled(noting).await;
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
