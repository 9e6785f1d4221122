//! Runs the installer: in a builder for the store of module sets, or, where there is none, in the run's own sandbox
//! before its program starts.
//!
//! The installer is another user than the program, reaches nothing but the package index, and has
//! a time limit of its own. What it prints is kept for its report and told as progress; it never
//! mixes with the program's output.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::attend::{Attended, Sink, attend, lost};
use super::layout::{INSTALLER_UID, MODULES_DIR, environment};
use super::record::Record;
use super::run::mention;
use super::sets::plan;
use super::way_out;
use crate::error::{ErrorKind, Result, SandboxError};
use crate::event::Event;
use crate::gateway::GatewayLink;
use crate::limits::{ByteSize, SandboxLimits};
use crate::modules::{
    InstallEnd, InstallFailure, InstallFailureKind, InstallPhase, InstallPlan, InstallSettings,
    Installed, Pin,
};
use crate::output::{Keeper, OutputStream};
use crate::request::ExecutionRequest;
use crate::stream::{Cause, Exit, Link, Ready, RunCommand, SetWish, Sets};

/// What is kept of what the installer prints: its diagnosis needs the end, a person the beginning.
const KEPT: ByteSize = ByteSize::kib(64);

/// What an installer may print before it is ended: pip prints some hundred bytes a package.
pub(super) const PRINTED: ByteSize = ByteSize::mib(16);

/// The longest line that is looked at for progress.
const MAX_LINE: usize = 4096;

/// Installs what the request names in its own sandbox. `Some(failure)` means that the program cannot be started.
pub(super) async fn install(
    shared: &Shared,
    request: &ExecutionRequest,
    ready: &Ready,
    link: &mut Link,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
) -> Result<Option<InstallFailure>> {
    if request.modules.is_empty() {
        return Ok(None);
    }
    if shared.settings.environments.offline {
        return Ok(Some(InstallFailure::of(InstallFailureKind::Offline)));
    }
    let plan = plan(shared, request.modules.clone(), ready)?;
    let gateway = shared
        .gateway
        .open(way_out::for_install(plan.settings(), record.entry.id())?);
    record.ways_out.push(gateway.clone());
    let begun = Instant::now();
    let mut installing = Installing {
        plan: &plan,
        gateway: &gateway,
        limits: &shared.settings.limits,
        wish: None,
        tell: &mut |phase: &InstallPhase| mention(events, &phase.to_string()),
        given: None,
    };
    let installed = run_installer(shared, link, &mut installing).await;
    let took = record.timings.install.saturating_add(begun.elapsed());
    record.timings.install = took;
    Ok(match installed? {
        Ok(installed) => {
            record.installed = installed;
            record.modules_there = true;
            None
        }
        Err(failure) => Some(failure),
    })
}

/// One run of the installer.
pub(super) struct Installing<'a> {
    pub(super) plan: &'a InstallPlan,
    /// What it may reach.
    pub(super) gateway: &'a GatewayLink,
    /// Those of its sandbox.
    pub(super) limits: &'a SandboxLimits,
    /// What it may use of the store.
    pub(super) wish: Option<SetWish>,
    /// Hears how far it is.
    pub(super) tell: &'a mut (dyn FnMut(&InstallPhase) + Send),
    /// What it was given of the store.
    pub(super) given: Option<Sets>,
}

/// Installs a plan at the place of modules, and says what was installed, as `name-version`, or why not.
pub(super) async fn run_installer(
    shared: &Shared,
    link: &mut Link,
    installing: &mut Installing<'_>,
) -> Result<Result<Vec<String>, InstallFailure>> {
    let Installing {
        plan,
        gateway,
        limits,
        wish,
        tell,
        given,
    } = installing;
    let limit = shared.settings.install_timeout;
    let mut environment = environment();
    environment.extend(plan.environment());
    let mut command = RunCommand::command(plan.argv())
        .env(environment)
        .cwd(MODULES_DIR)
        .user(INSTALLER_UID)
        .deadline(limit.get())
        .output_limit(PRINTED)
        .proxy(true);
    if let Some(wish) = wish.take() {
        command = command.sets(wish);
    }
    let mut sink = Progress {
        tell: &mut **tell,
        keeper: Keeper::new(KEPT),
        line: Vec::new(),
        given: None,
    };
    link.send(command, Bytes::new()).map_err(lost)?;
    let attended = attend(link, gateway, limit.get(), &mut sink).await;
    *given = sink.given;

    let output = sink.keeper.finish();
    let output = String::from_utf8_lossy(&output.to_bytes()).into_owned();
    let mut end = InstallEnd::new(&output);
    match attended? {
        // Nothing was asked for without which it would not start.
        Attended::TimedOut | Attended::Missing(_) => end = end.timed_out(limit.get()),
        Attended::Done(report) => {
            match (report.cause, report.exit) {
                (Cause::Exited, Exit::Code(0)) => return Ok(installed(plan, &output)),
                (Cause::Deadline, _) => end = end.timed_out(limit.get()),
                (_, Exit::Code(code)) => end = end.exit_code(code),
                (_, Exit::Signal(signal)) => end = end.exit_code(signal.saturating_add(128)),
            }
            if report.oom_kills.is_some_and(|kills| kills > 0) {
                end = end.out_of_memory(Some(limits.memory.get()));
            }
            if let Some(free) = report.modules_free {
                end = end.space(limits.modules.get(), free);
            }
        }
    }
    Ok(Err(plan.diagnose(&end)))
}

/// What came in place, unless something of it must not.
fn installed(plan: &InstallPlan, output: &str) -> Result<Vec<String>, InstallFailure> {
    let installed = InstallPlan::installed(output);
    if let Some(name) = plan.denied(&installed) {
        let name = name.to_owned();
        return Err(InstallFailure::of(InstallFailureKind::NotAllowed { name }));
    }
    Ok(installed
        .into_iter()
        .map(|Installed { name, version, .. }| format!("{name}-{version}"))
        .collect())
}

/// The operator's settings, with what the image and the layout of a sandbox decide.
pub(super) fn plan_settings(shared: &Shared, ready: &Ready) -> Result<InstallSettings> {
    let mut settings = shared.settings.install.clone();
    MODULES_DIR.clone_into(&mut settings.target);
    settings.python.clone_from(&shared.settings.python);
    if let Some(version) = &ready.playwright {
        let pin = Pin::playwright(version).map_err(|error| {
            SandboxError::new(
                ErrorKind::ImageUnavailable,
                "read the image's Playwright version",
            )
            .with_source(error)
        })?;
        settings.pins.push(pin);
    }
    Ok(settings)
}

/// Keeps what the installer prints and tells its phases.
struct Progress<'a> {
    tell: &'a mut (dyn FnMut(&InstallPhase) + Send),
    keeper: Keeper,
    line: Vec<u8>,
    given: Option<Sets>,
}

impl Sink for Progress<'_> {
    async fn output(&mut self, _stream: OutputStream, bytes: Bytes) {
        self.keeper.push(&bytes);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE.saturating_sub(self.line.len()).min(part.len());
            self.line
                .extend_from_slice(part.get(..room).unwrap_or_default());
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                if let Some(phase) = InstallPhase::parse(&String::from_utf8_lossy(&line)) {
                    (self.tell)(&phase);
                }
            }
        }
    }

    fn started(&mut self, _notes: Vec<String>, sets: Option<Sets>, _ahead: bool) {
        self.given = sets;
    }
}
