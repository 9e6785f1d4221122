//! Keeps the pools of all shapes filled: one task, which starts few at a time and none while calls wait for a place,
//! replaces what died or grew old, and looks again for a backend that was there and is gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Shared;
use super::backstage::Turn;
use super::raise::{Raised, raise_in_shape};
use super::run::backend_is_gone;
use super::shape::{Due, Judged, Kind};
use super::stored;
use crate::backend::Silent;
use crate::modules::ModuleSet;

/// Between looks at the members' age and health, when nothing else happens.
const LOOK: Duration = Duration::from_secs(1);

/// The pause after a failed start; it doubles with every further one. The longest is also how long a backend that is back
/// may go unnoticed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Keeps the pools filled until the executor stops, then destroys what waits.
pub(super) async fn keep(shared: Arc<Shared>) {
    let shapes = &shared.shapes;
    if shapes.most() == 0 {
        return;
    }
    let mut work = JoinSet::new();
    let mut pause = Pause::default();
    let mut looking = false;
    while !shared.stop.is_cancelled() {
        for useless in shapes.iter().flat_map(|kind| kind.pool.weed()) {
            work.spawn(destroy(useless));
        }
        if !looking && pause.is_over() && shapes.is_open() && shared.preparation.is_lost() {
            looking = true;
            work.spawn(prepare(Arc::clone(&shared)));
        }
        while pause.is_over()
            && shared.preparation.is_ready()
            && !shared.places.are_waited_for()
            && !shared.places.are_tidied()
            && shared.backstage.has_room(shapes.haste())
            && let Some(due) = shapes.due(&shared)
        {
            let shared = Arc::clone(&shared);
            match due {
                Due::Start(kind, generation) => {
                    let turn = shared.backstage.enter();
                    work.spawn(start(shared, kind, generation, turn))
                }
                Due::Build(kind, modules) => work.spawn(build(shared, kind, modules)),
            };
        }
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = shapes.changed() => {}
            () = shared.backstage.left() => {}
            () = tokio::time::sleep(shapes.rest().unwrap_or(LOOK)) => {}
            Some(ended) = work.join_next() => match ended {
                Ok(Done::Started(Some(useless))) => {
                    pause = Pause::default();
                    work.spawn(destroy(useless));
                }
                Ok(Done::Started(None)) => pause = Pause::default(),
                Ok(Done::Looked { found }) => {
                    looking = false;
                    if found {
                        pause = Pause::default();
                    } else {
                        pause.lengthen();
                    }
                }
                Ok(Done::Failed) => pause.lengthen(),
                Ok(Done::Else) | Err(_) => {}
            },
        }
    }
    let close = || shapes.iter().flat_map(|kind| kind.pool.close());
    let mut useless: Vec<Raised> = close().collect();
    loop {
        for useless in useless.drain(..) {
            work.spawn(destroy(useless));
        }
        match work.join_next().await {
            None => return,
            Some(_ended) => useless = close().collect(),
        }
    }
}

/// What became of a piece of the keeper's work.
enum Done {
    /// With a sandbox that nobody wants any more.
    Started(Option<Raised>),
    /// For the backend, which was lost.
    Looked {
        found: bool,
    },
    Failed,
    /// What says nothing about the backend.
    Else,
}

/// Looks for a backend that was there. A call that comes meanwhile waits for the same look.
async fn prepare(shared: Arc<Shared>) -> Done {
    // Why it failed is told by the preparation itself.
    let found = shared.preparation.ready(&Silent).await.is_ok();
    Done::Looked { found }
}

async fn start(shared: Arc<Shared>, kind: Arc<Kind>, generation: u64, _turn: Turn) -> Done {
    let mut counted = Counted(Some(&kind));
    match raise_in_shape(&shared, &kind.shape).await {
        Ok((raised, prepared)) => {
            let judged = prepared.map_or(Judged::Member, |prepared| kind.judge(&prepared));
            if judged == Judged::Useless {
                return Done::Started(Some(raised));
            }
            counted.0 = None;
            Done::Started(kind.pool.add(raised, generation))
        }
        Err(error) => {
            tracing::warn!(kind = %error.kind(), "no sandbox was started ahead: {}", error.chain());
            if backend_is_gone(error.kind()) {
                shared.preparation.forget();
            }
            Done::Failed
        }
    }
}

/// Sees to it that the set of modules of a shape is in the store.
async fn build(shared: Arc<Shared>, kind: Arc<Kind>, modules: ModuleSet) -> Done {
    let building = stored::build(&shared, modules, &Silent);
    if let Some(built) = shared.stop.run_until_cancelled(building).await {
        kind.was_built(built.err().map(|error| error.to_string()));
    }
    Done::Else
}

/// A start that is counted as under way until it has become a member, whatever becomes of its task.
struct Counted<'a>(Option<&'a Kind>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(kind) = self.0 {
            kind.pool.start_failed();
        }
    }
}

/// The time without starts after failures: an engine that is away is not asked all the time.
#[derive(Default)]
struct Pause {
    until: Option<Instant>,
    length: Duration,
}

impl Pause {
    fn is_over(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() >= until)
    }

    fn lengthen(&mut self) {
        self.length = (self.length * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.until = Instant::now().checked_add(self.length);
    }
}

async fn destroy(raised: Raised) -> Done {
    raised.destroy().await;
    Done::Else
}
