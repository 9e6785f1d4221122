//! Installs a run's modules inside its own sandbox, before its program starts.
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
use super::way_out;
use crate::error::{ErrorKind, Result, SandboxError};
use crate::event::Event;
use crate::limits::ByteSize;
use crate::modules::{
    InstallEnd, InstallFailure, InstallPhase, InstallPlan, InstallSettings, Installed, Pin,
};
use crate::output::{Keeper, OutputStream};
use crate::request::ExecutionRequest;
use crate::stream::{Cause, Exit, Link, Ready, RunCommand};

/// What is kept of what the installer prints: its diagnosis needs the end, a person the beginning.
const KEPT: ByteSize = ByteSize::kib(64);

/// What an installer may print before it is ended: pip prints some hundred bytes a package.
const PRINTED: ByteSize = ByteSize::mib(16);

/// The longest line that is looked at for progress.
const MAX_LINE: usize = 4096;

/// Installs what the request names. `Some(failure)` means that the program cannot be started.
pub(super) async fn install(
    shared: &Shared,
    request: &ExecutionRequest,
    ready: &Ready,
    link: &mut Link,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
) -> Result<Option<InstallFailure>> {
    record.note(request.modules.notes().iter().cloned());
    if request.modules.is_empty() {
        return Ok(None);
    }
    let settings = plan_settings(shared, ready)?;
    let plan = InstallPlan::new(request.modules.clone(), &settings).map_err(|error| {
        SandboxError::new(ErrorKind::InvalidRequest, "accept the modules")
            .with_hint(format!("{error}; {}", error.hint()))
            .with_source(error)
    })?;
    let limit = shared.settings.install_timeout;
    let gateway = shared
        .gateway
        .open(way_out::for_install(&settings, record.entry.id())?);
    record.ways_out.push(gateway.clone());
    let mut environment = environment();
    environment.extend(plan.environment());
    let command = RunCommand::command(plan.argv())
        .env(environment)
        .cwd(MODULES_DIR)
        .user(INSTALLER_UID)
        .deadline(limit.get())
        .output_limit(PRINTED)
        .proxy(true);
    let begun = Instant::now();
    let mut sink = Progress {
        events,
        keeper: Keeper::new(KEPT),
        line: Vec::new(),
    };
    link.send(command, Bytes::new()).map_err(lost)?;
    let attended = attend(link, &gateway, limit.get(), &mut sink).await;
    record.timings.install = begun.elapsed();

    let output = sink.keeper.finish();
    let output = String::from_utf8_lossy(&output.to_bytes()).into_owned();
    let mut end = InstallEnd::new(&output);
    match attended? {
        Attended::TimedOut => end = end.timed_out(limit.get()),
        Attended::Done(report) => {
            match (report.cause, report.exit) {
                (Cause::Exited, Exit::Code(0)) => {
                    record.installed = InstallPlan::installed(&output)
                        .into_iter()
                        .map(|Installed { name, version, .. }| format!("{name}-{version}"))
                        .collect();
                    record.modules_there = true;
                    return Ok(None);
                }
                (Cause::Deadline, _) => end = end.timed_out(limit.get()),
                (_, Exit::Code(code)) => end = end.exit_code(code),
                (_, Exit::Signal(signal)) => end = end.exit_code(signal.saturating_add(128)),
            }
            if report.oom_kills.is_some_and(|kills| kills > 0) {
                end = end.out_of_memory(Some(shared.settings.limits.memory.get()));
            }
            if let Some(free) = report.modules_free {
                end = end.space(shared.settings.limits.modules.get(), free);
            }
        }
    }
    Ok(Some(plan.diagnose(&end)))
}

/// The operator's settings, with what the image and the layout of a sandbox decide.
fn plan_settings(shared: &Shared, ready: &Ready) -> Result<InstallSettings> {
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
    events: &'a mpsc::Sender<Event>,
    keeper: Keeper,
    line: Vec<u8>,
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
                    mention(self.events, &phase.to_string());
                }
            }
        }
    }

    fn notes(&mut self, _notes: Vec<String>) {}
}
