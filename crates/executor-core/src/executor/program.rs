//! Runs the program itself, and says in the executor's words how it ended.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::attend::{Attended, Sink, attend, lost};
use super::layout::{MODULES_DIR, PROGRAM_UID, WORK_DIR, environment, image_environment};
use super::record::Record;
use super::way_out;
use crate::error::Result;
use crate::event::Event;
use crate::gateway::{GatewayLink, NetworkPolicy, RefusedHost};
use crate::limits::{ByteSize, WallTime};
use crate::outcome::{Ending, Usage};
use crate::output::OutputStream;
use crate::request::ExecutionRequest;
use crate::stream::{Cause, Exit, Link, Report, RunCommand};

const SIGKILL: i32 = 9;

/// Runs the program of `request` and gives its ending.
pub(super) async fn run(
    shared: &Shared,
    request: &ExecutionRequest,
    timeout: WallTime,
    link: &mut Link,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
) -> Result<Ending> {
    let settings = &shared.settings;
    let gateway = shared.gateway.open(way_out::for_program(settings)?);
    let mut environment = environment();
    let mut module_paths = Vec::new();
    if record.modules_there {
        module_paths.push(MODULES_DIR.to_owned());
        // For the Pythons that the program starts itself.
        environment.insert("PYTHONPATH".to_owned(), MODULES_DIR.to_owned());
    }
    let command = RunCommand::program(request.program.len())
        .args(request.args.clone())
        .env(environment)
        .env_pass(image_environment())
        .cwd(WORK_DIR)
        .user(PROGRAM_UID)
        .module_paths(module_paths)
        .deadline(timeout.get())
        .output_limit(settings.output.printed)
        .proxy(settings.network != NetworkPolicy::None)
        .extra_certificates(settings.extra_certificates.clone());
    let mut input = Vec::with_capacity(request.program.len().saturating_add(request.stdin.len()));
    input.extend_from_slice(&request.program);
    input.extend_from_slice(&request.stdin);
    link.send(command, Bytes::from(input)).map_err(lost)?;

    let begun = Instant::now();
    let attended = attend(link, &gateway, timeout.get(), &mut Relay { events, record }).await;
    record.timings.program = begun.elapsed();
    note_refusals(&gateway, record);
    Ok(match attended? {
        Attended::TimedOut => Ending::TimedOut(timeout),
        Attended::Done(report) => {
            record.timings.program = report.duration;
            record.usage = usage(&report);
            ending(
                &report,
                timeout,
                settings.output.printed,
                settings.limits.memory,
            )
        }
    })
}

/// What process 1 saw, in the executor's words.
fn ending(report: &Report, timeout: WallTime, printed: ByteSize, memory: ByteSize) -> Ending {
    match (report.cause, report.exit) {
        (Cause::Deadline, _) => Ending::TimedOut(timeout),
        (Cause::OutputLimit, _) => Ending::OutputLimit(printed),
        // The kernel's out-of-memory killer sends the same signal as anybody else; only its
        // counter tells them apart.
        (Cause::Exited, Exit::Signal(SIGKILL)) if report.oom_kills.is_some_and(|n| n > 0) => {
            Ending::OutOfMemory(memory)
        }
        (Cause::Exited, Exit::Signal(signal)) => Ending::Signaled(signal),
        (Cause::Exited, Exit::Code(code)) => Ending::Exited(code),
    }
}

fn usage(report: &Report) -> Usage {
    Usage {
        cpu: Some(report.cpu),
        peak_memory: report.peak_memory.map(ByteSize::bytes),
        oom_kills: report.oom_kills,
    }
}

/// Tells what the policy refused: a program often swallows the proxy's answer.
fn note_refusals(gateway: &GatewayLink, record: &mut Record) {
    let refused = gateway.report().refused;
    record.note(refused.iter().map(|host| {
        let RefusedHost {
            host, port, reason, ..
        } = host;
        format!("network: a connection to `{host}:{port}` was refused ({reason})")
    }));
}

/// Keeps what the program prints and passes it on.
struct Relay<'a> {
    events: &'a mpsc::Sender<Event>,
    record: &'a mut Record,
}

impl Sink for Relay<'_> {
    async fn output(&mut self, stream: OutputStream, bytes: Bytes) {
        self.record.keep(stream, &bytes);
        // A caller who is gone has cancelled the run already.
        let _ = self.events.send(Event::Output { stream, bytes }).await;
    }

    fn notes(&mut self, notes: Vec<String>) {
        self.record.note(notes);
    }
}
