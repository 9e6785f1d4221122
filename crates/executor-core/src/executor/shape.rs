//! Shapes of waiting sandboxes: what one has made ready before it knows its program, and which runs it fits.
//!
//! Each shape has a pool of its own. A run takes a sandbox of the shape that it fits, else a plain one, else one is
//! started for it. The plain pool is filled before the others. What is made ready ahead was so before the run, so a run
//! must not be able to tell, but for what its documentation says (`docs/hot.md`): who might is not given it.
//!
//! # The way of a shape
//!
//! | where | what |
//! |---|---|
//! | here | [`Shape::modules`]: the set of modules that must lie in the store first; [`Shape::fits`]: which runs take it |
//! | here | [`Shape::ahead`]: what is to be made ready |
//! | `raise` | sends that with the runner's `Prepare`, and the order that will come |
//! | `runner/ahead.py` | in the process that becomes the program, as its user, in its environment and on its paths: imports the projects, then takes the steps that were asked for, then says `Prepared` |
//! | `kind` | [`Kind::judge`]: whether that makes a member of the pool |
//! | `runner/child.py` | `suits`: only an order for the very same place is given to that process; any other gets a fresh one |
//!
//! A step is a function in `STEPS` of the runner, by the name that the host uses. The browser's is `make_browser_ready` of
//! `runner/browser.py`, called with the order of the stage (`cwd`, `env`, `uid`) and the program's own standard descriptors;
//! `os.environ` is complete, standard input and output lead nowhere meanwhile, and Playwright's set is on `sys.path` if it is in
//! the store. It returns `True`, or raises to say why there is none. What it starts ends with the process that becomes the
//! program, and is neither counted as what a program left running nor its processor time as a program's. It has as long as
//! [`PATIENCE`].

mod kind;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

pub(super) use self::kind::{Judged, Kind};
use super::Shared;
use super::backstage::Haste;
use super::hot::HotSet;
use super::pool::{Pool, PoolSettings};
use super::raise::Raised;
use crate::modules::ModuleSet;
use crate::outcome::Served;
use crate::request::ExecutionRequest;
use crate::stream::{Ahead, Ready};

/// How long making something ready may take: that of the largest packages takes a few seconds on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Which sandboxes wait with something made ready, besides the plain ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShapeSettings {
    /// Sets of modules that are imported ahead.
    pub hot: Vec<HotSet>,
    /// How many sandboxes wait with each of these.
    pub hot_waiting: usize,
    /// How many sandboxes wait with a browser. With 0 there are none.
    pub browsers: usize,
}

/// What a sandbox has made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing beyond the runner.
    Plain,
    /// These modules are imported.
    Hot(HotSet),
    /// A browser has been started.
    Browser,
}

impl Shape {
    /// The modules whose set is on its paths, apart from the one that lies last on every path.
    pub(super) fn modules(&self) -> ModuleSet {
        match self {
            Self::Plain | Self::Browser => ModuleSet::default(),
            Self::Hot(hot) => hot.modules().clone(),
        }
    }

    /// Whether this run takes a sandbox of this shape.
    fn fits(&self, request: &ExecutionRequest, facts: &Ready) -> bool {
        // A module of the run's own would have been found before one of that name which is imported already.
        let shadows = request.files.iter().any(|file| {
            let name = file.name.as_str();
            [".py", ".pyc", ".so"].iter().any(|end| name.ends_with(end))
        });
        if shadows {
            return false;
        }
        match self {
            Self::Plain => true,
            Self::Hot(hot) => hot.has(&request.modules),
            Self::Browser => {
                let playwright = facts.playwright.as_deref();
                request.modules.requirements().iter().all(|one| {
                    let text = one.to_string();
                    text == PLAYWRIGHT || text.strip_prefix("playwright==") == playwright
                }) && mentions(&request.program, PLAYWRIGHT)
            }
        }
    }

    /// What its sandboxes make ready; nothing in the plain ones.
    pub(super) fn ahead(&self) -> Option<Ahead> {
        let ahead = Ahead::within(PATIENCE);
        match self {
            Self::Plain => None,
            Self::Hot(hot) => Some(
                ahead
                    .projects(hot.projects().to_vec())
                    .imports(hot.imports().to_vec()),
            ),
            Self::Browser => Some(ahead.browser()),
        }
    }

    /// How a run was served that had what was made ready.
    pub(super) const fn served(&self) -> Served {
        match self {
            Self::Plain => Served::Warm,
            Self::Hot(_) => Served::Hot,
            Self::Browser => Served::Browser,
        }
    }

    /// For the log.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Plain => "a plain sandbox".to_owned(),
            Self::Hot(hot) => format!("the hot set `{hot}`"),
            Self::Browser => "a browser".to_owned(),
        }
    }
}

const PLAYWRIGHT: &str = "playwright";

fn mentions(program: &[u8], word: &str) -> bool {
    program
        .windows(word.len())
        .any(|window| window == word.as_bytes())
}

/// What is to be done next for the pools.
pub(super) enum Due {
    /// A start has been counted; the number is the pool's generation.
    Start(Arc<Kind>, u64),
    /// These modules are to be built.
    Build(Arc<Kind>, ModuleSet),
}

/// The pools of all shapes.
#[derive(Debug)]
pub(super) struct Shapes {
    pub(super) plain: Arc<Kind>,
    others: Vec<Arc<Kind>>,
    changed: Arc<Notify>,
    /// What the image is like, as the last runner said.
    facts: Mutex<Option<Ready>>,
    /// Whether the last start was a plain one.
    plain_was_last: AtomicBool,
}

impl Shapes {
    pub(super) fn new(plain: &PoolSettings, settings: &ShapeSettings) -> Self {
        let changed = Arc::new(Notify::new());
        let pool = |settings: &PoolSettings| Pool::new(settings, Arc::clone(&changed));
        let waiting = |count: usize| PoolSettings {
            least: count,
            most: count,
            idle: if plain.idle.is_zero() {
                PoolSettings::of(0, 0).idle
            } else {
                plain.idle
            },
            ..PoolSettings::none()
        };
        let hot = settings.hot.iter().cloned().map(Shape::Hot);
        let mut others: Vec<_> = hot
            .map(|shape| Kind::new(shape, pool(&waiting(settings.hot_waiting))))
            .collect();
        others.push(Kind::new(Shape::Browser, pool(&waiting(settings.browsers))));
        others.retain(|kind| kind.pool.most() > 0);
        Self {
            plain: Kind::new(Shape::Plain, pool(plain)),
            others,
            changed,
            facts: Mutex::default(),
            plain_was_last: AtomicBool::new(false),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        std::iter::once(&self.plain).chain(&self.others)
    }

    /// Begins to fill, if it has not begun.
    pub(super) fn open(&self) {
        self.iter().for_each(|kind| kind.pool.open());
    }

    pub(super) fn is_open(&self) -> bool {
        self.plain.pool.is_open()
    }

    /// How many wait just now.
    pub(super) fn waiting(&self) -> usize {
        self.iter().map(|kind| kind.pool.waiting()).sum()
    }

    /// How many may wait at most.
    pub(super) fn most(&self) -> usize {
        self.iter().map(|kind| kind.pool.most()).sum()
    }

    /// Has the keeper look at once whether anything is to be done.
    pub(super) fn look(&self) {
        self.changed.notify_one();
    }

    /// Returns when somebody wants the keeper to look.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A waiting sandbox for this run, or the next plain one whose start is under way. `None` if the caller has to start
    /// its own. Cancel-safe.
    pub(super) async fn claim(&self, request: &ExecutionRequest) -> Option<Raised> {
        match self.take(request) {
            Some(raised) => Some(raised),
            None => self.plain.pool.claim().await,
        }
    }

    /// One that waits with something made ready for this run. Nobody waits for such a one: a plain one is there sooner.
    fn take(&self, request: &ExecutionRequest) -> Option<Raised> {
        if self.others.is_empty() {
            return None;
        }
        let facts = self.facts()?;
        let mut fitting = self
            .others
            .iter()
            .filter(|kind| kind.shape.fits(request, &facts));
        fitting.find_map(|kind| {
            let Some(mut raised) = kind.pool.take() else {
                kind.was_missed();
                return None;
            };
            raised.kind = Some(Arc::clone(kind));
            Some(raised)
        })
    }

    /// Gives up what waits now and what is being started: the image is another one, or the engine was away.
    pub(super) fn flush(&self) {
        *lock(&self.facts) = None;
        for kind in self.iter() {
            kind.flush();
        }
    }

    /// Takes note of what a runner says of its image.
    pub(super) fn learn(&self, ready: &Ready) {
        let mut facts = lock(&self.facts);
        if facts.as_ref() != Some(ready) {
            *facts = Some(ready.clone());
        }
    }

    /// What the image is like, once any runner has said it.
    pub(super) fn facts(&self) -> Option<Ready> {
        lock(&self.facts).clone()
    }

    /// Whether what waits may soon be used up: less than half of what is to wait is there, or a run has missed its shape.
    pub(super) fn haste(&self) -> Haste {
        if self.plain.pool.is_short() || self.others.iter().any(|kind| kind.is_missed()) {
            Haste::Some
        } else {
            Haste::None
        }
    }

    /// What is to be done now, if anything is. A start is counted as under way from here on.
    pub(super) fn due(&self, shared: &Shared) -> Option<Due> {
        if self.rest().is_some() {
            return None;
        }
        let plain = &self.plain.pool;
        // Where calls come without a pause, a shape that they miss has its turn as soon as one waits, or every other time.
        let missed = self.others.iter().any(|kind| kind.is_missed())
            && (plain.waiting() > 0 || self.plain_was_last.swap(false, Ordering::Relaxed));
        if !missed && let Some(generation) = plain.begin_start() {
            self.plain_was_last.store(true, Ordering::Relaxed);
            return Some(Due::Start(Arc::clone(&self.plain), generation));
        }
        let put_off = || {
            let generation = missed.then(|| plain.begin_start())??;
            Some(Due::Start(Arc::clone(&self.plain), generation))
        };
        // What any run can take goes first, and is never kept waiting for what takes longer to be ready.
        let busy = |kind: &Arc<Kind>| kind.pool.starting() > 0 || kind.is_building();
        let is_filled = missed || plain.waiting() > 0 || !plain.wants_some();
        if !is_filled || self.others.iter().any(busy) {
            return put_off();
        }
        let facts = self.facts()?;
        let due = self.others.iter().find_map(|kind| {
            if let Some(modules) = kind.due_build(shared, &facts) {
                return Some(Due::Build(Arc::clone(kind), modules));
            }
            let generation = kind.may_start().then(|| kind.pool.begin_start())??;
            Some(Due::Start(Arc::clone(kind), generation))
        });
        due.or_else(put_off)
    }

    /// How long nothing is to be started, because a run has just begun.
    pub(super) fn rest(&self) -> Option<Duration> {
        self.iter().filter_map(|kind| kind.pool.settles()).max()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
