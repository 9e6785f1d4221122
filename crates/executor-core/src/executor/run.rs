//! Drives one run from its ticket to its outcome.
//!
//! Whatever happens, exactly one outcome is told, the sandbox is destroyed behind it, and only
//! then the last of its places is free. A cancel, a dropped execution and a shutdown end the
//! same select below; nothing else ends a run early.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::backstage::{Haste, Turn};
use super::install;
use super::places::{Place, Ticket};
use super::program::{self, Ran};
use super::raise::{Raised, raise};
use super::record::Record;
use super::sets::{self, Provided};
use super::verdict::{Bounds, Heard, Word, judge};
use crate::audit::Entry;
use crate::backend::Progress;
use crate::capabilities::Capability;
use crate::error::{ErrorKind, Result, SandboxError};
use crate::event::Event;
use crate::modules::InstallFailure;
use crate::outcome::{Ending, Outcome, SandboxLoss, Served};
use crate::request::ExecutionRequest;

/// How long the backend may think about what became of a sandbox.
const INSPECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a sandbox may seem to run after its stream has ended: an engine learns of an end a moment later.
const PASSING: Duration = Duration::from_secs(3);

/// Between two questions after a sandbox that somebody may just be ending.
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// So many questions in a row go unanswered before the backend counts as gone: one connection may break by itself.
const UNANSWERED: u32 = 3;

/// So often in a row a sandbox that waited is seen without an answer before another takes its place, and so long between.
/// It is ready and answers in milliseconds; one that is paused, or whose stream leads nowhere, never does, and shows in no
/// other way for a minute.
const ANSWER_LOOKS: u32 = 10;
const ANSWER_LOOK: Duration = Duration::from_millis(500);

/// The longest that the removal of a sandbox is put off, and for how long it waits for a time without calls. What has
/// ended in it takes memory until then, and its place counts among a bounded number of such.
const PUT_OFF: Duration = Duration::from_secs(6);
const WAIT_FOR_CALM: Duration = Duration::from_secs(4);

/// Drives a run to its end. Never panics, never returns early without telling an outcome.
pub(super) async fn drive(
    shared: Arc<Shared>,
    request: ExecutionRequest,
    ticket: Ticket,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
    entry: Entry,
) {
    let mut record = Record::new(shared.settings.output, entry);
    let mut held = Held::default();
    let ending = tokio::select! {
        biased;
        () = cancel.cancelled() => Ending::Cancelled,
        () = shared.stop.cancelled() => Ending::Cancelled,
        ended = perform(&shared, &request, ticket, &events, &mut record, &mut held) => {
            conclude(ended, held.raised.as_ref(), &request, &shared).await
        }
    };
    if shows_backend_gone(&ending) {
        shared.preparation.forget();
        shared.shapes.flush();
    }
    let raised = held.raised.as_ref();
    if let Some(trusted) = raised.and_then(|raised| raised.link.take_trusted()) {
        shared.runner.learn_trusted(trusted);
    }
    let outcome = record.finish(ending);
    // Nothing runs any more in a sandbox whose program has ended by itself.
    let may_wait = matches!(outcome.ending, Ending::Exited(_)) && !shared.stop.is_cancelled();
    let behind = may_wait.then_some(&*shared);
    // Polled in this order: the answer leaves first, the teardown does not wait for its reader.
    tokio::join!(biased; tell(events, outcome, &shared.stop), held.let_go(behind));
}

/// What a run holds that must be given back in order.
#[derive(Default)]
struct Held {
    place: Option<Place>,
    starting: Option<BoxFuture<'static, Result<Raised>>>,
    raised: Option<Raised>,
}

impl Held {
    /// A sandbox of the pool, or else one that is started for this run. Cancel-safe: a start stays held.
    async fn raise(
        &mut self,
        shared: &Arc<Shared>,
        request: &ExecutionRequest,
        origin: Origin,
    ) -> Result<&mut Raised> {
        let raised = match origin {
            Origin::Pool => shared.shapes.claim(request).await,
            Origin::Start => None,
        };
        let raised = match raised {
            Some(raised) => raised,
            None => {
                let shared = Arc::clone(shared);
                let starting = async move { raise(&shared).await };
                let started = self.starting.insert(Box::pin(starting)).await;
                self.starting = None;
                started?
            }
        };
        Ok(self.raised.insert(raised))
    }

    /// Frees the place at once, so that the next run may start, then destroys the sandbox: in a lull of `places`, if they
    /// are given.
    ///
    /// A start under way goes on to its end first, with its body held: otherwise who calls and cancels
    /// in turn would have any number of sandboxes being made and removed.
    async fn let_go(mut self, behind: Option<&Shared>) {
        let body = self.place.as_mut().and_then(Place::take_body);
        drop(self.place);
        let raised = match self.starting {
            Some(starting) => starting.await.ok(),
            None => self.raised,
        };
        if let Some(raised) = raised {
            let _turn = match behind {
                Some(shared) => turn_to_remove(shared).await,
                None => None,
            };
            raised.destroy().await;
        }
        drop(body);
    }
}

/// Waits with a removal for those who wait for a place, and then for its turn behind the calls; neither for long, and not
/// at all when the bodies run out or everything is to end.
async fn turn_to_remove(shared: &Shared) -> Option<Turn> {
    let turn = async {
        shared.places.lull().await;
        let calm = tokio::time::timeout(WAIT_FOR_CALM, shared.backstage.turn(Haste::None));
        match calm.await {
            Ok(turn) => turn,
            Err(_elapsed) => shared.backstage.turn(Haste::Some).await,
        }
    };
    tokio::select! {
        turn = turn => Some(turn),
        () = shared.places.shortage() => None,
        () = tokio::time::sleep(PUT_OFF) => None,
        () = shared.stop.cancelled() => None,
    }
}

/// How a run came to an end of its own.
enum Ended {
    /// Its modules could not be installed.
    NotStarted(InstallFailure),
    /// Its program was sent.
    Program(Heard),
}

/// Where a run's sandbox comes from.
#[derive(Clone, Copy)]
enum Origin {
    Pool,
    Start,
}

async fn perform(
    shared: &Arc<Shared>,
    request: &ExecutionRequest,
    ticket: Ticket,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
    held: &mut Held,
) -> Result<Ended> {
    let arrived = Instant::now();
    shared.preparation.ready(&Waiting(events)).await?;
    let waits = shared.places.are_taken();
    if waits {
        mention(events, "waiting for a free sandbox");
    }
    let caller = request.caller.as_deref().unwrap_or_default();
    held.place = Some(shared.places.take(ticket, caller).await?);
    if waits {
        mention(events, "starting a sandbox");
    }
    record.timings.queued = arrived.elapsed();
    shared.backstage.call();

    let asked = Instant::now();
    let mut origin = Origin::Pool;
    loop {
        let raised = held.raise(shared, request, origin).await?;
        record.timings.start = asked.elapsed();
        record.served = Some(match raised.waited {
            true => Served::Warm,
            false => Served::Cold,
        });
        let sandbox = raised.sandbox.id().clone();
        if matches!(origin, Origin::Pool) {
            // There is room, see `mention`; a caller who is gone is noticed by the cancel that its drop made.
            let _ = events.try_send(Event::Started(sandbox.clone()));
        }
        record.entry.tell(|entry| entry.sandbox = Some(sandbox));
        let stuck = stuck(raised);
        let ended = tokio::select! {
            biased;
            ended = serve(shared, request, raised, events, record) => ended,
            error = stuck => Err(error),
        };
        // One that waited may have died unnoticed. Nothing was begun in it: everything that a program does outside goes
        // through the link, and the link has not heard of one.
        let died_waiting = raised.waited
            && !raised.link.was_used()
            && matches!(&ended, Err(error) if error.kind() == ErrorKind::SandboxLost);
        if !died_waiting {
            return ended;
        }
        tracing::info!("a waiting sandbox was lost before its run began; starting another");
        if let Some(lost) = held.raised.take() {
            // Its removal may take long, as on an engine that hangs, and the call need not wait for it.
            shared.tasks.spawn(lost.destroy());
        }
        origin = Origin::Start;
    }
}

/// Ends when a sandbox that waited has not answered its first order in time, and else never.
fn stuck(raised: &Raised) -> impl Future<Output = SandboxError> + use<> {
    let watch = raised.waited.then(|| raised.link.watch());
    async move {
        let Some(watch) = watch else {
            return std::future::pending().await;
        };
        let mut unanswered = 0;
        while unanswered < ANSWER_LOOKS {
            tokio::time::sleep(ANSWER_LOOK).await;
            if watch.was_used() {
                return std::future::pending().await;
            }
            unanswered = match watch.is_unanswered() {
                true => unanswered + 1,
                false => 0,
            };
        }
        SandboxError::new(ErrorKind::SandboxLost, "begin in a waiting sandbox")
            .with_context("it does not answer".to_owned())
    }
}

/// Runs the request in a sandbox that waits for it.
async fn serve(
    shared: &Arc<Shared>,
    request: &ExecutionRequest,
    raised: &mut Raised,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
) -> Result<Ended> {
    record.note(request.modules.notes().iter().cloned());
    let timeout = request.timeout.unwrap_or(shared.settings.timeout);
    // In a sandbox with modules imported, the run has their set.
    let mut wanted = match &raised.kind {
        Some(kind) => sets::wanted(shared, &kind.shape.modules(), &raised.ready)?,
        None => sets::wanted(shared, &request.modules, &raised.ready)?,
    };
    for _ in 0..ATTEMPTS {
        let Some(asked) = wanted.take() else { break };
        let ran = program::run(
            shared,
            request,
            timeout,
            raised,
            Some(asked),
            events,
            record,
        );
        let (missing, mut asked) = match ran.await? {
            Ran::To(heard) => return Ok(Ended::Program(heard)),
            Ran::Without(missing, asked) => (missing, asked),
        };
        if let Some(kind) = raised.kind.take() {
            // The run goes on as any other, with a set of its own.
            kind.set_is_gone();
            wanted = sets::wanted(shared, &request.modules, &raised.ready)?;
            continue;
        }
        match asked.provide(shared, missing, events, record).await? {
            Provided::Ready => wanted = Some(asked),
            Provided::Refused(failure) => return Ok(Ended::NotStarted(failure)),
            Provided::Without => {}
        }
    }
    // Without a store, or where it does not help, the run's own sandbox is where its modules are installed.
    raised.kind = None;
    let Raised { link, ready, .. } = &mut *raised;
    let refused = install::install(shared, request, ready, link, events, record).await?;
    if let Some(failure) = refused {
        return Ok(Ended::NotStarted(failure));
    }
    match program::run(shared, request, timeout, raised, None, events, record).await? {
        Ran::To(heard) => Ok(Ended::Program(heard)),
        Ran::Without(..) => Err(SandboxError::new(ErrorKind::Internal, "run the program")),
    }
}

/// So often a program is sent whose modules are to be in the store: it may be the second time that they are built,
/// because somebody removed them at once.
const ATTEMPTS: usize = 3;

/// The ending of what came to its end, if need be by the backend's word. A cancel meanwhile has no say any more.
async fn conclude(
    ended: Result<Ended>,
    raised: Option<&Raised>,
    request: &ExecutionRequest,
    shared: &Shared,
) -> Ending {
    let heard = match ended {
        Ok(Ended::NotStarted(failure)) => return Ending::InstallFailed(failure),
        Ok(Ended::Program(heard)) => heard,
        Err(error) => {
            tracing::warn!(kind = %error.kind(), "a run failed: {}", error.chain());
            if error.kind() != ErrorKind::SandboxLost {
                return Ending::Failed(error);
            }
            Heard::Cut
        }
    };
    let word = match (heard, raised) {
        (Heard::Silence | Heard::Cut, Some(raised)) => became(raised, heard).await,
        (Heard::Report(..), _) | (_, None) => Word::None,
    };
    let settings = &shared.settings;
    let bounds = Bounds {
        timeout: request.timeout.unwrap_or(settings.timeout),
        printed: settings.output.printed,
        memory: settings.limits.memory,
        memory_is_limited: shared.backend.capabilities().has(Capability::MemoryLimit),
    };
    judge(heard, word, &bounds)
}

/// What became of a sandbox, as the backend says in the end: what is under way is asked for again.
async fn became(raised: &Raised, heard: Heard) -> Word {
    let begun = Instant::now();
    let mut latest = Word::None;
    let mut seen_killed = false;
    let mut unanswered = 0;
    let asking = async {
        loop {
            let answer = raised.sandbox.inspect().await;
            unanswered = if answer.is_ok() { 0 } else { unanswered + 1 };
            latest = match (answer, latest) {
                (Ok(status), _) => Word::from(status),
                (Err(_), ended @ Word::Ended { .. }) => ended,
                (Err(_), _) => Word::None,
            };
            match latest {
                Word::None if unanswered < UNANSWERED => {}
                Word::Running if heard == Heard::Cut && begun.elapsed() < PASSING => {}
                // A forced removal kills first.
                Word::Ended {
                    status: Some(_),
                    out_of_memory: false,
                } if !seen_killed => seen_killed = true,
                _ => return,
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    let _late = tokio::time::timeout(INSPECT_TIMEOUT, asking).await;
    latest
}

/// Whether the backend has to be looked for anew.
fn shows_backend_gone(ending: &Ending) -> bool {
    match ending {
        Ending::Failed(error) => backend_is_gone(error.kind()),
        Ending::SandboxLost(loss) => *loss == SandboxLoss::BackendGone,
        _ => false,
    }
}

/// Whether such an error says that the backend is not ready any more.
pub(super) const fn backend_is_gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ImageUnavailable | ErrorKind::EngineUnavailable
    )
}

/// Tells the outcome to a caller who still listens.
async fn tell(events: mpsc::Sender<Event>, outcome: Outcome, stop: &CancellationToken) {
    tracing::info!(
        ending = outcome.ending.as_str(),
        program_ms = outcome.timings.program.as_millis(),
        start_ms = outcome.timings.start.as_millis(),
        queued_ms = outcome.timings.queued.as_millis(),
        stdout_bytes = outcome.stdout.total_bytes(),
        stderr_bytes = outcome.stderr.total_bytes(),
        "run ended"
    );
    let patience = async {
        tokio::select! {
            () = tokio::time::sleep(TELL_TIMEOUT) => {}
            () = stop.cancelled() => tokio::time::sleep(LAST_TELL_TIMEOUT).await,
        }
    };
    tokio::select! {
        biased;
        // A caller who is gone ends the send at once.
        _ = events.send(Event::Ended(Box::new(outcome))) => {}
        () = patience => tracing::warn!("nobody took the outcome of a run"),
    }
}

/// How long an outcome waits for a caller who does not read. Nothing but a shutdown waits with it.
const TELL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it waits once the executor shuts down.
const LAST_TELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Tells the caller how far things are, unless it does not read: progress takes at most half of the
/// room, so that it can never keep the start or the output waiting.
pub(super) fn mention(events: &mpsc::Sender<Event>, message: &str) {
    if events.capacity() > events.max_capacity() / 2 {
        let _ = events.try_send(Event::Progress(message.to_owned()));
    }
}

/// Passes the messages of a preparation on to the caller.
struct Waiting<'a>(&'a mpsc::Sender<Event>);

impl Progress for Waiting<'_> {
    fn report(&self, message: &str) {
        mention(self.0, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_does_not_wait_for_a_caller_who_does_not_read() {
        let (events, _unread) = mpsc::channel(1);
        events.try_send(Event::Progress(String::new())).unwrap();
        let stop = CancellationToken::new();
        let begun = Instant::now();
        let telling = tell(events, Outcome::of(Ending::Cancelled), &stop);
        let stopping = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            stop.cancel();
        };
        tokio::join!(telling, stopping);
        assert_eq!(begun.elapsed().as_secs(), 11);
    }
}
