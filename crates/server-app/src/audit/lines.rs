//! What stands in the lines of the audit. `docs/audit.md` explains each field; one may be added, none changes its meaning.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use executor_core::audit::ExecutionRecord;
use executor_core::gateway::{ConnectionRecord, LinkReport};
use executor_core::{Ending, Served};
use serde_json::{Map, Value, json};

use super::json::{line, list, text};
use super::time::rfc_3339;

/// A client that was connected and is gone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientRecord {
    /// How it was connected: `stdio` or `http`.
    pub transport: &'static str,
    /// From where, if from another process over a network.
    pub peer: Option<SocketAddr>,
    /// For how long.
    pub duration: Duration,
}

impl ClientRecord {
    /// A record of these.
    #[must_use]
    pub const fn new(
        transport: &'static str,
        peer: Option<SocketAddr>,
        duration: Duration,
    ) -> Self {
        Self {
            transport,
            peer,
            duration,
        }
    }
}

pub(super) fn execution(record: &ExecutionRecord) -> Vec<u8> {
    let mut object = begin("execution");
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            object.insert(name.to_owned(), value);
        }
    };
    put("id", text(record.id.as_str()));
    put("caller", record.caller.as_deref().map_or(Value::Null, text));
    put(
        "sandbox",
        json!(record.sandbox.as_ref().map(|id| id.as_str())),
    );
    put("served", json!(record.served.map(Served::as_str)));
    put("arrived", text(&rfc_3339(record.arrived)));
    put("took_ms", millis(record.took));
    put("queued_ms", millis(record.timings.queued));
    put("start_ms", millis(record.timings.start));
    put("install_ms", millis(record.timings.install));
    put("program_ms", millis(record.timings.program));
    put("ending", text(record.ending.as_str()));
    put("reason", json!(record.ending.reason()));
    match record.ending {
        Ending::Exited(code) => put("exit_code", code.into()),
        Ending::Signaled(signal) => put("signal", signal.into()),
        _ => {}
    }
    put("program_bytes", record.program_bytes.into());
    put("program_sha256", json!(record.program_sha256));
    put("stdin_bytes", record.stdin_bytes.into());
    put("stdout_bytes", record.stdout_bytes.into());
    put("stderr_bytes", record.stderr_bytes.into());
    put("cpu_ms", record.usage.cpu.map_or(Value::Null, millis));
    put(
        "peak_memory_bytes",
        json!(record.usage.peak_memory.map(|peak| peak.get())),
    );
    put("oom_kills", json!(record.usage.oom_kills));
    put("modules", list(record.requested.iter().map(String::as_str)));
    put(
        "installed",
        list(record.installed.iter().map(String::as_str)),
    );
    put("network", text(&record.network));
    connections(&record.connections, &mut put);
    put("limit_memory_bytes", record.limits.memory.get().into());
    put("limit_cpu_millis", record.limits.cpu_millis.into());
    put("limit_processes", record.limits.processes.into());
    put("limit_open_files", record.limits.open_files.into());
    put("limit_tmp_bytes", record.limits.tmp.get().into());
    put("limit_time_ms", millis(record.timeout.get()));
    line(object)
}

/// What went out in all phases together.
fn connections(reports: &[LinkReport], put: &mut impl FnMut(&str, Value)) {
    let sum = |of: fn(&LinkReport) -> u64| reports.iter().map(of).fold(0, u64::saturating_add);
    put("connections", sum(|report| report.connections).into());
    put("sent_bytes", sum(|report| report.sent).into());
    put("received_bytes", sum(|report| report.received).into());
    let refused: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.refused)
        .map(|it| format!("{}:{} {} x{}", it.host, it.port, it.reason, it.times))
        .collect();
    put("refused", list(refused.iter().map(String::as_str)));
    put("refused_more", sum(|report| report.refused_more).into());
    let limits: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.limits)
        .map(ToString::to_string)
        .collect();
    put("network_limits", list(limits.iter().map(String::as_str)));
}

pub(super) fn connection(record: &ConnectionRecord) -> Vec<u8> {
    let mut object = begin("connection");
    let (execution, phase) = record.label.split_once('/').unwrap_or((&record.label, ""));
    object.extend(fields([
        ("execution", text(execution)),
        ("phase", text(phase)),
        ("protocol", text(record.protocol.as_str())),
        ("host", text(&record.host)),
        ("port", record.port.into()),
        ("address", json!(record.address)),
        ("decision", text(record.decision.as_str())),
        ("reason", json!(record.reason)),
        ("detail", record.detail.as_deref().map_or(Value::Null, text)),
        ("sent_bytes", record.sent.into()),
        ("received_bytes", record.received.into()),
        ("took_ms", millis(record.duration)),
    ]));
    line(object)
}

pub(super) fn client(record: &ClientRecord) -> Vec<u8> {
    let mut object = begin("client");
    object.extend(fields([
        ("transport", text(record.transport)),
        ("peer", json!(record.peer)),
        ("took_ms", millis(record.duration)),
    ]));
    line(object)
}

/// That so many lines are missing here.
pub(super) fn lost(records: u64) -> String {
    let mut object = begin("lost");
    object.insert("records".to_owned(), records.into());
    let mut line = line(object);
    // Who asks for it ends the line.
    line.pop();
    String::from_utf8(line).unwrap_or_default()
}

fn begin(kind: &str) -> Map<String, Value> {
    Map::from_iter(fields([
        ("time", text(&rfc_3339(SystemTime::now()))),
        ("kind", text(kind)),
    ]))
}

/// Those that are known.
fn fields<const N: usize>(
    fields: [(&'static str, Value); N],
) -> impl Iterator<Item = (String, Value)> {
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
}

fn millis(duration: Duration) -> Value {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .into()
}
