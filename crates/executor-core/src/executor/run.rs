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
use super::install;
use super::places::{Place, Ticket};
use super::program;
use super::record::Record;
use crate::backend::{Progress, Sandbox, SandboxBackend, SandboxSpec};
use crate::error::{ErrorKind, Result, SandboxError};
use crate::event::Event;
use crate::outcome::{Ending, Outcome};
use crate::request::ExecutionRequest;
use crate::runner;
use crate::stream::{Link, LinkSettings, Ready};

/// The longest time from asking the backend to a running process 1.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time from a running process 1 to its first word.
const BOOT_TIMEOUT: Duration = Duration::from_secs(20);

/// What a sandbox may outlive the sum of its time limits by, before anybody may sweep it.
const LIFETIME_SLACK: Duration = Duration::from_secs(60);

/// How long a destroy may take before it is left to the backend's reaper.
const DESTROY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the backend may think about what became of a sandbox.
const INSPECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Drives a run to its end. Never panics, never returns early without telling an outcome.
pub(super) async fn drive(
    shared: Arc<Shared>,
    request: ExecutionRequest,
    ticket: Ticket,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
) {
    let mut record = Record::new(shared.settings.output);
    let mut held = Held::default();
    let ending = tokio::select! {
        biased;
        () = cancel.cancelled() => Ending::Cancelled,
        () = shared.stop.cancelled() => Ending::Cancelled,
        ending = perform(&shared, &request, ticket, &events, &mut record, &mut held) => {
            ending.unwrap_or_else(Ending::Failed)
        }
    };
    let ending = corrected(ending, held.sandbox.as_deref(), &shared).await;
    if let Ending::Failed(error) = &ending {
        tracing::warn!(kind = %error.kind(), "a run failed: {}", error.chain());
        if matches!(
            error.kind(),
            ErrorKind::ImageUnavailable | ErrorKind::EngineUnavailable
        ) {
            shared.preparation.forget();
        }
    }
    let outcome = record.finish(ending);
    // Polled in this order: the answer leaves first, the teardown does not wait for its reader.
    tokio::join!(biased; tell(events, outcome, &shared.stop), held.let_go());
}

/// What a run holds that must be given back in order.
#[derive(Default)]
struct Held {
    place: Option<Place>,
    starting: Option<BoxFuture<'static, Result<Box<dyn Sandbox>>>>,
    sandbox: Option<Box<dyn Sandbox>>,
}

impl Held {
    /// Awaits the sandbox that is being started. Cancel-safe: the start stays held.
    async fn started(&mut self) -> Result<&mut Box<dyn Sandbox>> {
        let started = match &mut self.starting {
            Some(starting) => starting.await,
            None => Err(SandboxError::new(ErrorKind::Internal, "start the sandbox")),
        };
        self.starting = None;
        Ok(self.sandbox.insert(started?))
    }

    /// Frees the place at once, so that the next run may start, then destroys the sandbox.
    ///
    /// A start under way goes on to its end first, with its body held: otherwise who calls and cancels
    /// in turn would have any number of sandboxes being made and removed.
    async fn let_go(mut self) {
        let body = self.place.as_mut().and_then(Place::take_body);
        drop(self.place);
        let sandbox = match self.starting {
            Some(starting) => starting.await.ok(),
            None => self.sandbox,
        };
        if let Some(sandbox) = sandbox {
            match tokio::time::timeout(DESTROY_TIMEOUT, sandbox.destroy()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("left to the reaper: {}", error.chain()),
                Err(_elapsed) => tracing::warn!("left to the reaper: destroy took too long"),
            }
        }
        drop(body);
    }
}

async fn perform(
    shared: &Arc<Shared>,
    request: &ExecutionRequest,
    ticket: Ticket,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
    held: &mut Held,
) -> Result<Ending> {
    let arrived = Instant::now();
    shared.preparation.ready(&Waiting(events)).await?;
    let waits = shared.places.are_taken();
    if waits {
        mention(events, "waiting for a free sandbox");
    }
    held.place = Some(shared.places.take(ticket).await?);
    if waits {
        mention(events, "starting a sandbox");
    }
    record.timings.queued = arrived.elapsed();

    let settings = &shared.settings;
    let timeout = request.timeout.unwrap_or(settings.timeout);
    let lifetime = START_TIMEOUT
        .saturating_add(BOOT_TIMEOUT)
        .saturating_add(settings.install_timeout.get())
        .saturating_add(timeout.get())
        .saturating_add(LIFETIME_SLACK);
    let spec = SandboxSpec::new(
        runner::command(&settings.python),
        settings.limits.clone(),
        lifetime.as_secs(),
    );

    let asked = Instant::now();
    held.starting = Some(Box::pin(start(Arc::clone(&shared.backend), spec)));
    let sandbox = held.started().await?;
    let stream = sandbox.stream().ok_or_else(|| {
        SandboxError::new(ErrorKind::Internal, "start the sandbox")
            .with_context("the backend gave no stream")
    })?;
    let link_settings = LinkSettings {
        boot_timeout: BOOT_TIMEOUT,
        ..LinkSettings::default()
    };
    let (mut link, ready): (Link, Ready) =
        Link::boot(stream, link_settings).await.map_err(|error| {
            SandboxError::new(ErrorKind::StartFailed, "start the runner").with_source(error)
        })?;
    record.timings.start = asked.elapsed();
    // There is room, see `mention`; a caller who is gone is noticed by the cancel that its drop made.
    let _ = events.try_send(Event::Started(sandbox.id().clone()));

    let refused = install::install(shared, request, &ready, &mut link, events, record).await?;
    if let Some(failure) = refused {
        return Ok(Ending::InstallFailed(failure));
    }
    program::run(shared, request, timeout, &mut link, events, record).await
}

async fn start(backend: Arc<dyn SandboxBackend>, spec: SandboxSpec) -> Result<Box<dyn Sandbox>> {
    match tokio::time::timeout(START_TIMEOUT, backend.start(&spec)).await {
        Ok(started) => started,
        Err(_elapsed) => Err(
            SandboxError::new(ErrorKind::StartFailed, "start the sandbox")
                .with_context(format!("it took more than {} s", START_TIMEOUT.as_secs()))
                .with_hint("the container engine is slow or overloaded; try again later"),
        ),
    }
}

/// When the stream broke, the backend's word says what the stream could not.
async fn corrected(ending: Ending, sandbox: Option<&dyn Sandbox>, shared: &Shared) -> Ending {
    let Ending::Failed(error) = &ending else {
        return ending;
    };
    if error.kind() != ErrorKind::SandboxLost {
        return ending;
    }
    let Some(sandbox) = sandbox else {
        return ending;
    };
    let Ok(Ok(status)) = tokio::time::timeout(INSPECT_TIMEOUT, sandbox.inspect()).await else {
        return ending;
    };
    match (status.running, status.out_of_memory) {
        (false, true) => Ending::OutOfMemory(shared.settings.limits.memory),
        (false, false) => Ending::SandboxDied,
        (true, _) => ending,
    }
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
