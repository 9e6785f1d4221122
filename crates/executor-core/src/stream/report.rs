//! What the runner says in its control frames, checked and converted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::StreamError;
use crate::files::{LeftOut, LeftOutReason};

/// The protocol generation that this host speaks; the runner's text comes with it, so there is one.
const PROTOCOL: u32 = 2;

const MAX_NOTES: usize = 16;

/// Things left out that are named, and the length of one's name in bytes.
const MAX_LEFT_OUT: usize = 33;
const MAX_NAME: usize = 4 * 512;

const MAX_TEXT: usize = 2000;

/// Things that were made ready, or could not be.
const MAX_PREPARED: usize = 512;

/// Projects in a set, and the length of one's name and version.
const MAX_INSTALLED: usize = 1000;
const MAX_PROJECT: usize = 200;

/// Longest time that a report may claim, in ms: a day, 144 times the ceiling of a deadline.
const MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// What a runner says of itself when it is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ready {
    /// The interpreter's version, such as `3.12.3`.
    pub(crate) python: String,
    /// Whether the runner is process 1 and takes itself to be in a sandbox.
    pub(crate) confined: bool,
    /// The version of Playwright whose browsers the image carries.
    pub(crate) playwright: Option<String>,
}

/// How a run ended, and what it used, as process 1 saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Who ended it.
    pub(crate) cause: Cause,
    /// How its first process ended.
    pub(crate) exit: Exit,
    /// From its fork to its end.
    pub(crate) duration: Duration,
    /// Processor time of all its processes that were waited for.
    pub(crate) cpu: Duration,
    /// The sandbox's high-water mark if this run raised it, else its largest process.
    pub(crate) peak_memory: Option<u64>,
    /// How often the out-of-memory killer struck; `None` where the control group does not say.
    pub(crate) oom_kills: Option<u64>,
    /// Bytes of output that were read from its pipes and dropped: past the limit, or without credit.
    pub(crate) lost_bytes: u64,
    /// Processes it had left behind.
    pub(crate) processes_killed: u64,
    /// Free bytes in `/tmp` at its end.
    pub(crate) tmp_free: Option<u64>,
    /// Free bytes where its modules lie.
    pub(crate) modules_free: Option<u64>,
    /// What it left and what was not sent.
    pub(crate) left_out: Vec<LeftOut>,
    /// More of these, only counted.
    pub(crate) left_out_more: u64,
}

/// Who ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// It ended by itself, or by a signal that was not the runner's.
    Exited,
    /// The runner, at the deadline.
    Deadline,
    /// The runner, when more was printed than allowed.
    OutputLimit,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With this status, 0 to 255.
    Code(i32),
    /// By this signal, 1 to 64.
    Signal(i32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadyWire {
    protocol: u32,
    python: String,
    confined: bool,
    playwright: Option<String>,
}

/// What a runner says when a command runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Started {
    /// Sentences for a person: what could not be prepared.
    pub(crate) notes: Vec<String>,
    /// The sets of modules that it was given, where it asked for any.
    pub(crate) sets: Option<Sets>,
    /// Whether it had what was made ready ahead.
    pub(crate) ahead: bool,
}

/// What came of making something ready ahead. Foreign code has run by then, and what stands here may be its word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// What is ready, by name.
    pub(crate) ready: Vec<String>,
    /// What is not, with the reason. All of these texts are without control characters.
    pub(crate) failed: Vec<(String, String)>,
    /// The store has no set of modules for it: nothing was made ready.
    pub(crate) missing: Option<Missing>,
    /// The process that made it ready was lost, for this reason; another took its place, with nothing made ready.
    pub(crate) lost: Option<String>,
}

/// What a run was given from the store of module sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sets {
    /// The set's name, if one was asked for.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// What is in it, as `name-version`.
    pub(crate) installed: Vec<String>,
    /// When it was resolved, in Unix seconds.
    pub(crate) resolved: Option<u64>,
    /// Whether the set that goes last was there, if one was asked for.
    pub(crate) last: Option<bool>,
}

/// Why the store had no set for a run, which therefore did not start; the sandbox waits for its next command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    /// There is none.
    Absent,
    /// It was resolved too long ago.
    Stale,
    /// It is not as it was written.
    Broken,
}

impl Missing {
    /// The runner's word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Stale => "stale",
            Self::Broken => "broken",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartedWire {
    notes: Vec<String>,
    #[serde(default)]
    sets: Option<Sets>,
    #[serde(default)]
    ahead: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreparedWire {
    #[serde(default)]
    imported: Vec<String>,
    #[serde(default)]
    failed: Vec<(String, String)>,
    #[serde(default)]
    missing: Option<Missing>,
    #[serde(default)]
    lost: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DoneWire {
    cause: Cause,
    exit_code: Option<i32>,
    signal: Option<i32>,
    error: Option<String>,
    duration_ms: u64,
    cpu_ms: u64,
    peak_memory_bytes: Option<u64>,
    oom_kills: Option<u64>,
    stdout_bytes: u64,
    stderr_bytes: u64,
    lost_bytes: u64,
    processes_killed: u64,
    tmp_free: Option<u64>,
    modules_free: Option<u64>,
    #[serde(default)]
    left_out: Vec<(String, LeftOutReason)>,
    #[serde(default)]
    left_out_more: u64,
    #[serde(default)]
    missing: Option<Missing>,
}

/// Reads a `Ready` payload.
pub(super) fn ready(json: &[u8]) -> Result<Ready, StreamError> {
    let wire: ReadyWire = parse("Ready", json)?;
    if wire.protocol != PROTOCOL {
        return Err(StreamError::OutOfRange("protocol"));
    }
    Ok(Ready {
        python: version(wire.python, "python")?,
        confined: wire.confined,
        playwright: wire
            .playwright
            .map(|text| version(text, "playwright"))
            .transpose()?,
    })
}

/// Reads a `Started` payload.
pub(super) fn started(json: &[u8]) -> Result<Started, StreamError> {
    let StartedWire { notes, sets, ahead } = parse("Started", json)?;
    if notes.len() > MAX_NOTES || notes.iter().any(|note| note.len() > MAX_TEXT) {
        return Err(StreamError::OutOfRange("notes"));
    }
    if let Some(sets) = &sets {
        // Both end up in results and orders.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '!');
        let named =
            |text: &str, most| !text.is_empty() && text.len() <= most && text.chars().all(plain);
        let installed = &sets.installed;
        if installed.len() > MAX_INSTALLED || !installed.iter().all(|one| named(one, MAX_PROJECT)) {
            return Err(StreamError::OutOfRange("installed"));
        }
        if sets.name.as_ref().is_some_and(|name| !named(name, 64)) {
            return Err(StreamError::OutOfRange("name"));
        }
    }
    Ok(Started { notes, sets, ahead })
}

/// Reads a `Prepared` payload.
pub(super) fn prepared(json: &[u8]) -> Result<Prepared, StreamError> {
    let wire: PreparedWire = parse("Prepared", json)?;
    let count = wire.imported.len().saturating_add(wire.failed.len());
    let texts = wire.failed.iter().flat_map(|(name, why)| [name, why]);
    let longest = texts
        .chain(&wire.imported)
        .chain(&wire.lost)
        .map(String::len)
        .max();
    if count > MAX_PREPARED || longest.unwrap_or_default() > MAX_TEXT {
        return Err(StreamError::OutOfRange("imported"));
    }
    let line = |text: String| text.replace(char::is_control, " ");
    Ok(Prepared {
        ready: wire.imported.into_iter().map(line).collect(),
        failed: wire
            .failed
            .into_iter()
            .map(|(name, why)| (line(name), line(why)))
            .collect(),
        missing: wire.missing,
        lost: wire.lost.map(line),
    })
}

/// What a runner has made of certificates, to be laid down by other sandboxes of the same image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trusted {
    /// The image's own authorities.
    source: Option<String>,
    /// The files of the database that Chromium reads, packed, by name.
    database: BTreeMap<String, String>,
    /// Why there is none.
    problem: Option<String>,
}

/// The most files of a database: NSS has three.
const MAX_DATABASE: usize = 8;

/// Reads a `Trusted` payload. Nothing, if the sandbox had no luck with it and the next one should try for itself.
pub(super) fn trusted(json: &[u8]) -> Result<Option<Trusted>, StreamError> {
    #[derive(Deserialize)]
    struct Wire {
        lost: Option<String>,
        source: Option<String>,
        #[serde(default)]
        database: BTreeMap<String, String>,
        problem: Option<String>,
    }
    let wire: Wire = parse("Trusted", json)?;
    let is_name = |name: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
        (1..=64).contains(&name.len()) && !name.starts_with('.') && name.chars().all(plain)
    };
    if wire.database.len() > MAX_DATABASE || !wire.database.keys().all(is_name) {
        return Err(StreamError::OutOfRange("database"));
    }
    let texts = wire.source.iter().chain(&wire.problem);
    if texts.map(String::len).max().unwrap_or_default() > MAX_TEXT {
        return Err(StreamError::OutOfRange("source"));
    }
    Ok(wire.lost.is_none().then_some(Trusted {
        source: wire.source,
        database: wire.database,
        problem: wire.problem,
    }))
}

/// What a `Done` payload says.
pub(super) enum Done {
    /// The run ended.
    Ended(Report),
    /// Nothing ran.
    NotStarted(String),
    /// Nothing ran, for want of a set of modules.
    Missing(Missing),
}

/// Reads a `Done` payload. `received` is what arrived on stdout and stderr: the runner must agree.
pub(super) fn done(json: &[u8], received: [u64; 2]) -> Result<Done, StreamError> {
    let wire: DoneWire = parse("Done", json)?;
    if [wire.stdout_bytes, wire.stderr_bytes] != received {
        return Err(StreamError::OutOfRange("stdout_bytes"));
    }
    if wire.missing.is_some() && wire.error.is_none() {
        return Err(StreamError::OutOfRange("missing"));
    }
    let exit = match (wire.exit_code, wire.signal, wire.error) {
        (Some(code @ 0..=255), None, None) => Exit::Code(code),
        (None, Some(signal @ 1..=64), None) => Exit::Signal(signal),
        (None, None, Some(error)) if error.len() <= MAX_TEXT => {
            let nothing = Done::NotStarted(error);
            return Ok(wire.missing.map_or(nothing, Done::Missing));
        }
        _ => return Err(StreamError::OutOfRange("exit_code")),
    };
    let left_out = &wire.left_out;
    if left_out.len() > MAX_LEFT_OUT || left_out.iter().any(|(name, _)| name.len() > MAX_NAME) {
        return Err(StreamError::OutOfRange("left_out"));
    }
    let left_out = wire.left_out.into_iter();
    Ok(Done::Ended(Report {
        cause: wire.cause,
        exit,
        duration: duration(wire.duration_ms, "duration_ms")?,
        cpu: duration(wire.cpu_ms, "cpu_ms")?,
        peak_memory: wire.peak_memory_bytes,
        oom_kills: wire.oom_kills,
        lost_bytes: wire.lost_bytes,
        processes_killed: wire.processes_killed,
        tmp_free: wire.tmp_free,
        modules_free: wire.modules_free,
        left_out: left_out
            .map(|(name, reason)| LeftOut::new(name, reason))
            .collect(),
        left_out_more: wire.left_out_more,
    }))
}

pub(super) fn parse<T: DeserializeOwned>(
    kind: &'static str,
    json: &[u8],
) -> Result<T, StreamError> {
    serde_json::from_slice(json).map_err(|error| {
        // The parser may quote a field that the sandbox named: a bounded part says enough.
        let reason = error.to_string().chars().take(200).collect();
        StreamError::BadJson { kind, reason }
    })
}

fn duration(ms: u64, field: &'static str) -> Result<Duration, StreamError> {
    if ms > MAX_MS {
        Err(StreamError::OutOfRange(field))
    } else {
        Ok(Duration::from_millis(ms))
    }
}

/// A version ends up in messages and requirements, so it is held to what versions are made of.
fn version(text: String, field: &'static str) -> Result<String, StreamError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '!');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fine) {
        return Err(StreamError::OutOfRange(field));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"cause":"exited","exit_code":3,"duration_ms":5,"cpu_ms":4,
        "peak_memory_bytes":10,"oom_kills":null,"stdout_bytes":1,"stderr_bytes":2,"lost_bytes":0,
        "processes_killed":0,"tmp_free":7,"modules_free":null}"#;

    #[test]
    fn a_report_is_read() {
        let Ok(Done::Ended(report)) = done(GOOD.as_bytes(), [1, 2]) else {
            panic!("not read")
        };
        assert_eq!(report.exit, Exit::Code(3));
        assert_eq!(
            (report.tmp_free, report.modules_free, report.oom_kills),
            (Some(7), None, None)
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        #[track_caller]
        fn check(from: &str, to: &str, expected: &str) {
            assert!(GOOD.contains(from));
            let error = done(GOOD.replace(from, to).as_bytes(), [1, 2])
                .err()
                .unwrap();
            assert!(error.is_hostile());
            assert!(error.to_string().contains(expected), "{error}");
        }
        check("\"exit_code\":3", "\"exit_code\":256", "exit_code");
        check("\"exit_code\":3", "\"exit_code\":-1", "exit_code");
        check("\"exit_code\":3", "\"signal\":0", "exit_code");
        check("\"exit_code\":3", "\"signal\":65", "exit_code");
        check(
            "\"exit_code\":3",
            "\"exit_code\":3,\"signal\":9",
            "exit_code",
        );
        check("\"exit_code\":3,", "", "exit_code");
        check("\"exited\"", "\"bored\"", "Done");
        check("\"cpu_ms\":4", "\"cpu_ms\":-4", "Done");
        check("\"cpu_ms\":4", "\"cpu_ms\":1e99", "Done");
        check("\"cpu_ms\":4", "\"cpu_ms\":99999999999", "cpu_ms");
        check("\"stdout_bytes\":1", "\"stdout_bytes\":2", "stdout_bytes");
        check("\"lost_bytes\":0", "\"lost_bytes\":0,\"more\":1", "more");
        let missing = "\"lost_bytes\":0,\"missing\":\"absent\"";
        check("\"lost_bytes\":0", missing, "missing");
        let missing = "\"lost_bytes\":0,\"missing\":\"bored\"";
        check("\"lost_bytes\":0", missing, "Done");
    }

    #[test]
    fn a_set_holds_nothing_but_names_and_versions() {
        let json = |name: &str| {
            format!(
                r#"{{"notes":[],"sets":{{"name":"ab12","installed":[{name:?}],"resolved":1,"last":null}}}}"#
            )
        };
        let read = started(json("numpy-2.1.0").as_bytes()).unwrap();
        assert_eq!(read.sets.unwrap().installed, ["numpy-2.1.0"]);
        for bad in ["", "a b", "a\n", &"a".repeat(201)] {
            let error = started(json(bad).as_bytes());
            assert_eq!(error, Err(StreamError::OutOfRange("installed")), "{bad}");
        }
        let name = json("a-1").replace("ab12", "../x");
        let error = started(name.as_bytes());
        assert_eq!(error, Err(StreamError::OutOfRange("name")));
    }

    #[test]
    fn versions_hold_nothing_but_versions() {
        let json = |python: &str| {
            format!(r#"{{"protocol":2,"python":{python:?},"confined":true,"playwright":null}}"#)
        };
        assert_eq!(ready(json("3.12.3").as_bytes()).unwrap().python, "3.12.3");
        for bad in ["", "3.12 ; rm", "3\n", &"3".repeat(65)] {
            assert_eq!(
                ready(json(bad).as_bytes()),
                Err(StreamError::OutOfRange("python"))
            );
        }
    }
}
