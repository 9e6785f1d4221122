//! From nothing to a sandbox whose runner waits for its command.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Shared;
use super::layout::{HOME, program_uid};
use super::program;
use super::sets;
use super::shape::{Kind, PATIENCE, Shape};
use crate::backend::{Sandbox, SandboxBackend, SandboxSpec, StoreAccess};
use crate::error::{ErrorKind, Result, SandboxError};
use crate::limits::SandboxLimits;
use crate::runner;
use crate::stream::{
    Ahead, Link, LinkSettings, Prepared, Ready, SetWish, StreamError, Surroundings,
};

/// The longest time from asking the backend to a running process 1.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time from a running process 1 to its first word.
const BOOT_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest time until the runner says what it has made ready: it gives up before.
const PREPARED_TIMEOUT: Duration = PATIENCE.saturating_add(Duration::from_secs(15));

/// What a sandbox may outlive the sum of its time limits by, before anybody may sweep it.
const LIFETIME_SLACK: Duration = Duration::from_secs(60);

/// How long process 1 has to end by itself, with all that runs beside it, before the backend ends it. An engine starts a
/// process for that, which takes as much as starting Python.
const PARTING: Duration = Duration::from_millis(500);

/// How long a destroy may take before it is left to the backend's reaper.
const DESTROY_TIMEOUT: Duration = Duration::from_secs(30);

/// A sandbox that has not run anything yet, and whose runner waits.
#[derive(Debug)]
pub(super) struct Raised {
    pub(super) sandbox: Box<dyn Sandbox>,
    pub(super) link: Link,
    pub(super) ready: Ready,
    /// Whom its program runs as.
    pub(super) user: u32,
    /// Whether it waited for its run, instead of being started for it.
    pub(super) waited: bool,
    /// The shape in which it waited, if that was another than the plain one.
    pub(super) kind: Option<Arc<Kind>>,
}

/// What a sandbox is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A run. All of these are alike, so that any of them serves any run.
    Run,
    /// Installing a set of modules, which needs more memory and ends in the store.
    Builder,
    /// Writing to the store. Nothing foreign runs there.
    Keeper,
}

/// Starts a sandbox for a run and awaits its runner. A failure leaves nothing; dropping the future leaves what it has
/// begun to the backend's reaper.
pub(super) async fn raise(shared: &Shared) -> Result<Raised> {
    raise_as(shared, Role::Run).await
}

/// The same for any role.
pub(super) async fn raise_as(shared: &Shared, role: Role) -> Result<Raised> {
    raise_with(shared, role, None).await
}

/// The same for a run of a shape, with what it has made ready; none of the plain shape.
pub(super) async fn raise_in_shape(
    shared: &Shared,
    shape: &Shape,
) -> Result<(Raised, Option<Prepared>)> {
    let Some(ahead) = shape.ahead() else {
        return Ok((raise(shared).await?, None));
    };
    let ready = shared.shapes.facts().ok_or_else(|| {
        SandboxError::new(ErrorKind::Internal, "start a sandbox")
            .with_context("nothing is known of the image yet")
    })?;
    let wanted = sets::wanted(shared, &shape.modules(), &ready)?;
    let wish = wanted.and_then(|wanted| wanted.wish(shared));
    let raised = raise_with(shared, Role::Run, Some((wish, ahead))).await?;
    match tokio::time::timeout(PREPARED_TIMEOUT, raised.link.prepared()).await {
        Ok(Ok(prepared)) => Ok((raised, Some(prepared))),
        failed => {
            let error = SandboxError::new(ErrorKind::StartFailed, "make a sandbox ready");
            raised.destroy().await;
            Err(match failed {
                Ok(Err(source)) => error.with_source(source),
                _ => error.with_context(format!(
                    "it took more than {} s",
                    PREPARED_TIMEOUT.as_secs()
                )),
            })
        }
    }
}

async fn raise_with(
    shared: &Shared,
    role: Role,
    made: Option<(Option<SetWish>, Ahead)>,
) -> Result<Raised> {
    match attempt(shared, role, made.clone()).await {
        // Another image may have come under the same name, whose interpreter wants the text.
        Err(error) if ended_at_once(&error) && shared.runner.forget() => {
            tracing::debug!("trying again with the runner's text: {}", error.chain());
            attempt(shared, role, made).await
        }
        done => done,
    }
}

async fn attempt(
    shared: &Shared,
    role: Role,
    made: Option<(Option<SetWish>, Ahead)>,
) -> Result<Raised> {
    let certificates = shared.settings.extra_certificates.pem().await?;
    let mut sandbox = start(&shared.backend, &spec(shared, role)).await?;
    let user = program_uid();
    let surroundings = Surroundings::of(user, HOME)
        .extra_certificates(certificates.to_owned())
        .trusted(shared.runner.trusted());
    let order = program::order(shared, user, 0);
    let surroundings = match (role, made) {
        (Role::Builder | Role::Keeper, _) => surroundings,
        (Role::Run, None) => surroundings.expecting(order),
        (Role::Run, Some((None, ahead))) => surroundings.ahead(order, ahead),
        (Role::Run, Some((Some(wish), ahead))) => surroundings.ahead(order.sets(wish), ahead),
    };
    match boot(sandbox.as_mut(), &surroundings, shared.runner.code()).await {
        Ok((link, ready)) => {
            shared.shapes.learn(&ready);
            if let Some(compiled) = link.take_compiled() {
                shared.runner.learn(compiled);
            }
            Ok(Raised {
                sandbox,
                link,
                ready,
                user,
                waited: false,
                kind: None,
            })
        }
        Err(error) => {
            destroy(sandbox).await;
            Err(error)
        }
    }
}

impl Raised {
    /// Ends whatever runs in it and removes it. What fails is left to the backend's reaper.
    pub(super) async fn destroy(self) {
        let Self { sandbox, link, .. } = self;
        // Whether it took its leave makes no difference but to the backend's effort.
        let _parted = tokio::time::timeout(PARTING, link.close()).await;
        destroy(sandbox).await;
    }
}

/// What a sandbox of this role may use.
pub(super) fn limits(shared: &Shared, role: Role) -> SandboxLimits {
    let mut limits = shared.settings.limits.clone();
    if role == Role::Builder {
        limits.memory = limits
            .memory
            .max(shared.settings.environments.builder_memory);
    }
    limits
}

fn spec(shared: &Shared, role: Role) -> SandboxSpec {
    let settings = &shared.settings;
    let lifetime = START_TIMEOUT
        .saturating_add(BOOT_TIMEOUT)
        .saturating_add(PREPARED_TIMEOUT)
        .saturating_add(settings.pool.idle)
        .saturating_add(settings.install_timeout.get())
        .saturating_add(settings.max_timeout.get())
        .saturating_add(LIFETIME_SLACK);
    SandboxSpec::new(
        runner::command(&settings.python),
        limits(shared, role),
        lifetime.as_secs(),
    )
    .with_store(match role {
        _ if shared.backend.store().is_none() => StoreAccess::None,
        Role::Run | Role::Builder => StoreAccess::ReadOnly,
        Role::Keeper => StoreAccess::Write,
    })
}

/// Whether process 1 ended instead of saying anything, as it does with code that is not of its kind.
fn ended_at_once(error: &SandboxError) -> bool {
    let source = std::error::Error::source(error);
    source.and_then(|source| source.downcast_ref()) == Some(&StreamError::Closed)
}

async fn start(backend: &Arc<dyn SandboxBackend>, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>> {
    match tokio::time::timeout(START_TIMEOUT, backend.start(spec)).await {
        Ok(started) => started,
        Err(_elapsed) => Err(
            SandboxError::new(ErrorKind::StartFailed, "start the sandbox")
                .with_context(format!("it took more than {} s", START_TIMEOUT.as_secs()))
                .with_hint("the container engine is slow or overloaded; try again later"),
        ),
    }
}

async fn boot(
    sandbox: &mut dyn Sandbox,
    surroundings: &Surroundings,
    runner: Bytes,
) -> Result<(Link, Ready)> {
    let stream = sandbox.stream().ok_or_else(|| {
        SandboxError::new(ErrorKind::Internal, "start the sandbox")
            .with_context("the backend gave no stream")
    })?;
    let settings = LinkSettings {
        boot_timeout: BOOT_TIMEOUT,
        ..LinkSettings::default()
    };
    Link::boot(stream, settings, surroundings, runner)
        .await
        .map_err(|error| {
            SandboxError::new(ErrorKind::StartFailed, "start the runner").with_source(error)
        })
}

async fn destroy(sandbox: Box<dyn Sandbox>) {
    match tokio::time::timeout(DESTROY_TIMEOUT, sandbox.destroy()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("left to the reaper: {}", error.chain()),
        Err(_elapsed) => tracing::warn!("left to the reaper: destroy took too long"),
    }
}
