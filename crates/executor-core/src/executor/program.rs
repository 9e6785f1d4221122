//! Runs the program itself, and says what was heard of its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::attend::{Attended, Sink, attend, lost};
use super::layout::{MODULES_DIR, WORK_DIR, environment, image_environment};
use super::raise::Raised;
use super::record::Record;
use super::sets::Wanted;
use super::shape::Kind;
use super::verdict::{Heard, SIGKILL};
use super::way_out;
use crate::error::{ErrorKind, Result, SandboxError};
use crate::event::Event;
use crate::gateway::{LinkReport, NetworkPolicy, RefusedHost};
use crate::limits::{ByteSize, WallTime};
use crate::outcome::Usage;
use crate::output::OutputStream;
use crate::request::ExecutionRequest;
use crate::stream::{Cause, Exit, Item, Missing, Report, RunCommand, Sets};

/// What came of sending a program.
pub(super) enum Ran {
    /// It ran, and this was heard of its end.
    To(Heard),
    /// It was not begun, for want of its modules; what it asked of the store is given back.
    Without(Missing, Box<Wanted>),
}

/// Runs the program of `request`, with what is `wanted` from the store, and gives what was heard of its end.
pub(super) async fn run(
    shared: &Arc<Shared>,
    request: &ExecutionRequest,
    timeout: WallTime,
    raised: &mut Raised,
    wanted: Option<Box<Wanted>>,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
) -> Result<Ran> {
    let settings = &shared.settings;
    let gateway = shared
        .gateway
        .open(way_out::for_program(settings, record.entry.id())?);
    record.ways_out.push(gateway.clone());
    let mut module_paths = Vec::new();
    if record.modules_there {
        module_paths.push(MODULES_DIR.to_owned());
    }
    let command = order(shared, raised.user, request.program.len())
        .args(request.args.clone())
        .module_paths(module_paths)
        .deadline(timeout.get())
        .output_limit(settings.output.printed)
        .files(&request.files);
    let command = match wanted.as_ref().and_then(|wanted| wanted.wish(shared)) {
        Some(wish) => command.sets(wish),
        None => command,
    };
    let mut input = Vec::with_capacity(request.program.len().saturating_add(request.stdin.len()));
    input.extend_from_slice(&request.program);
    for file in &request.files {
        input.extend_from_slice(&file.bytes);
    }
    input.extend_from_slice(&request.stdin);
    let link = &mut raised.link;
    link.send(command, Bytes::from(input)).map_err(lost)?;

    let begun = Instant::now();
    let mut relay = Relay {
        shared,
        wanted: wanted.as_deref(),
        events,
        record,
        kind: raised.kind.as_deref(),
    };
    let attended = attend(link, &gateway, timeout.get(), &mut relay).await;
    record.timings.program = begun.elapsed();
    record.note(refusals(&gateway.report()));
    Ok(Ran::To(match attended? {
        Attended::TimedOut => Heard::Silence,
        Attended::Missing(why) => {
            // Nothing ran and nothing was reached.
            record.timings.program = Duration::ZERO;
            record.ways_out.pop();
            return match wanted {
                Some(wanted) => Ok(Ran::Without(why, wanted)),
                None => Err(SandboxError::new(ErrorKind::Protocol, "follow the run")
                    .with_context("it asked for no set of modules, and was refused one")),
            };
        }
        Attended::Done(report) => {
            record.timings.program = report.duration;
            record.usage = usage(&report);
            record.note(losses(&report, settings.limits.memory));
            record.left_out_more = report.left_out_more;
            record.left_out.extend(report.left_out);
            Heard::Report(report.cause, report.exit, report.oom_kills)
        }
    }))
}

/// What is alike in the orders for all programs that run as `user`: their place, which may be taken ahead.
pub(super) fn order(shared: &Shared, user: u32, length: usize) -> RunCommand {
    let settings = &shared.settings;
    RunCommand::program(length)
        .env(environment())
        .env_pass(image_environment())
        .cwd(WORK_DIR)
        .user(user)
        .proxy(settings.network != NetworkPolicy::None)
        .results(settings.results)
}

fn usage(report: &Report) -> Usage {
    Usage {
        cpu: Some(report.cpu),
        peak_memory: report.peak_memory.map(ByteSize::bytes),
        oom_kills: report.oom_kills,
    }
}

/// What a caller does not see from the ending: processes that were ended beside or behind the program, and
/// output that was dropped. An ending of ours says the latter two by itself.
fn losses(report: &Report, memory: ByteSize) -> Vec<String> {
    let mut notes = Vec::new();
    let program_itself = (Cause::Exited, Exit::Signal(SIGKILL));
    if let Some(kills @ 1..) = report.oom_kills
        && (report.cause, report.exit) != program_itself
    {
        notes.push(format!(
            "the memory limit of {memory} ended processes beside the program: {kills}"
        ));
    }
    if report.cause == Cause::Exited && report.processes_killed > 0 {
        notes.push(format!(
            "processes that the program left running were ended with it: {}",
            report.processes_killed
        ));
    }
    if report.cause != Cause::OutputLimit && report.lost_bytes > 0 {
        notes.push(format!(
            "{} bytes that the program printed last were lost, because nobody took them in time",
            report.lost_bytes
        ));
    }
    notes
}

/// What the policy refused and which limits cut, for a program often swallows the proxy's answer.
fn refusals(report: &LinkReport) -> Vec<String> {
    let limits = report.limits.iter();
    let mut notes: Vec<_> = limits
        .map(|limit| format!("network: a limit was hit: {limit}"))
        .collect();
    let (named, others) = report
        .refused
        .split_at_checked(NAMED_REFUSALS)
        .unwrap_or((&report.refused, &[]));
    notes.extend(named.iter().map(|refused| {
        let RefusedHost {
            host, port, reason, ..
        } = refused;
        format!("network: a connection to `{host}:{port}` was refused ({reason})")
    }));
    let more = others.iter().map(|refused| refused.times).sum::<u64>();
    let more = more.saturating_add(report.refused_more);
    if more > 0 {
        notes.push(format!(
            "network: {more} connections to other destinations were refused, too"
        ));
    }
    notes
}

/// More destinations than these are only counted.
const NAMED_REFUSALS: usize = 16;

/// Keeps what the program prints and passes it on.
struct Relay<'a> {
    shared: &'a Arc<Shared>,
    wanted: Option<&'a Wanted>,
    events: &'a mpsc::Sender<Event>,
    record: &'a mut Record,
    kind: Option<&'a Kind>,
}

impl Sink for Relay<'_> {
    fn shown(&mut self, what: String) {
        // Where there is no room for it somebody is slow, and sees it in the result.
        let _ = self.events.try_send(Event::Shown(what));
    }

    fn item(&mut self, item: Item) {
        self.record.left(item, &self.shared.settings.results);
    }

    async fn output(&mut self, stream: OutputStream, bytes: Bytes) {
        self.record.keep(stream, &bytes);
        // A caller who is gone has cancelled the run already.
        let _ = self.events.send(Event::Output { stream, bytes }).await;
    }

    fn started(&mut self, notes: Vec<String>, sets: Option<Sets>, ahead: bool) {
        if let Some(kind) = self.kind {
            match ahead {
                true => self.record.served = Some(kind.shape.served()),
                false => kind.was_lost(),
            }
        }
        // There is room, see `mention`.
        let _ = self.events.try_send(Event::Running);
        self.record.note(notes);
        if let (Some(wanted), Some(sets)) = (self.wanted, sets) {
            let installed = wanted.given(self.shared, sets);
            if !installed.is_empty() {
                self.record.installed = installed;
                // What had to be built first was waited for.
                self.record.modules_cached = self.record.timings.install.is_zero();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::LimitHit;

    #[test]
    fn refusals_beyond_the_named_are_counted() {
        let refused = |at: usize| RefusedHost {
            host: format!("h{at}.example"),
            port: 22,
            reason: "port",
            times: 3,
        };
        let mut report = LinkReport::default();
        assert_eq!(refusals(&report), Vec::<String>::new());
        report.refused = (0..18).map(refused).collect();
        report.refused_more = 5;
        report.limits = vec![LimitHit::ConnectionsTotal(7)];
        let notes = refusals(&report);
        assert_eq!(notes.len(), 18);
        assert_eq!(
            [&notes[0], &notes[1], &notes[17]],
            [
                "network: a limit was hit: more than 7 connections in all",
                "network: a connection to `h0.example:22` was refused (port)",
                "network: 11 connections to other destinations were refused, too",
            ]
        );
    }

    #[track_caller]
    fn check(cause: Cause, [processes_killed, lost_bytes]: [u64; 2], expected: &[&str]) {
        check_out_of_memory(
            cause,
            Exit::Code(0),
            0,
            [processes_killed, lost_bytes],
            expected,
        );
    }

    #[track_caller]
    fn check_out_of_memory(
        cause: Cause,
        exit: Exit,
        oom_kills: u64,
        [processes_killed, lost_bytes]: [u64; 2],
        expected: &[&str],
    ) {
        let report = Report {
            cause,
            exit,
            duration: Duration::ZERO,
            cpu: Duration::ZERO,
            peak_memory: None,
            oom_kills: Some(oom_kills),
            lost_bytes,
            processes_killed,
            tmp_free: None,
            modules_free: None,
            left_out: Vec::new(),
            left_out_more: 0,
        };
        assert_eq!(losses(&report, ByteSize::gib(1)), expected);
    }

    #[test]
    fn what_was_ended_or_dropped_is_told_with_its_number() {
        let killed = "processes that the program left running were ended with it: 2";
        let lost =
            "7 bytes that the program printed last were lost, because nobody took them in time";
        check(Cause::Exited, [0, 0], &[]);
        check(Cause::Exited, [2, 7], &[killed, lost]);
        check(Cause::Deadline, [2, 7], &[lost]);
        check(Cause::OutputLimit, [2, 7], &[]);
        let oom = "the memory limit of 1 GiB ended processes beside the program: 3";
        check_out_of_memory(Cause::Exited, Exit::Code(1), 3, [0, 0], &[oom]);
        check_out_of_memory(Cause::Deadline, Exit::Signal(SIGKILL), 3, [0, 0], &[oom]);
        // That ending says it.
        check_out_of_memory(Cause::Exited, Exit::Signal(SIGKILL), 3, [0, 0], &[]);
    }
}
