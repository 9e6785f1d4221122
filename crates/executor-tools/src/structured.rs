//! The structured result: the shape that programs read, and its schema made from the very same type.

use executor_core::{Ending, Outcome};
use schemars::JsonSchema;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::asker::Asker;
use crate::cost::Cost;
use crate::entries::Entries;
use crate::excerpt::{Excerpt, Faithful};
use crate::facts::Facts;
use crate::hints::hints;
use crate::notes;
use crate::render::explain;
use crate::shown::Shown;
use crate::visible;

/// The longest explanation, in characters; only that of a failed install comes near.
const MAX_EXPLANATION: usize = 1000;

/// What the numbers and names of the form take.
const FIXED: Cost = Cost::of(1024, 400);

/// What is known of a run that got its sandbox.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Structured {
    /// How the run ended.
    ending: EndingName,
    /// What is known of an ending of the whole sandbox, by a stable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reason: Option<&'static str>,
    /// How the run ended and what to do about it, in words, unless the program exited by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    explanation: Option<String>,
    /// The program's exit code, if it exited by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32")]
    exit_code: Option<i32>,
    /// The number of the signal that ended the program, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32")]
    signal: Option<i32>,
    /// What the program printed on standard output; a note stands where something was left out.
    stdout: String,
    /// What it printed on standard error.
    stderr: String,
    /// Whether something of the output was left out.
    truncated: bool,
    /// Bytes of standard output that were left out.
    #[serde(skip_serializing_if = "is_zero")]
    stdout_omitted_bytes: u64,
    /// Bytes of standard error that were left out.
    #[serde(skip_serializing_if = "is_zero")]
    stderr_omitted_bytes: u64,
    /// Present when the output was not UTF-8: the replacement character stands for the bytes that were not.
    #[serde(skip_serializing_if = "is_false")]
    invalid_utf8: bool,
    /// How long the program ran, in milliseconds of wall time.
    duration_ms: u64,
    /// How long installing the modules took, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    install_ms: u64,
    /// Processor time of the program and its children in milliseconds, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    cpu_ms: Option<u64>,
    /// The most memory in use at once in bytes, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    peak_memory_bytes: Option<u64>,
    /// What was installed for the program, as `name-version`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    installed: Vec<String>,
    /// Present when those lay ready, so that nothing was installed for this call.
    #[serde(skip_serializing_if = "is_false")]
    cached: bool,
    /// What to do about a program that failed for want of something that the sandbox lacks or limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
    /// What the caller should know besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// What the program showed besides: the value of its last line (`value`), what it asked to be shown (`display`), open
    /// figures and screenshots. A table has `columns`, its first `rows`, `row_count` and `column_count`; `media` are its
    /// pictures and files, with a `uri` where they are not in the content.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    displays: Vec<Value>,
    /// Files that the program left in its working directory: `name`, `size`, `media_type`, `sha256`, and the `uri` under
    /// which each can be read for a while.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    files: Vec<Value>,
    /// Promises of the sandbox that this host does not keep; the server's operator accepted that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accepted_gaps: Vec<&'static str>,
}

/// The endings of a run that got as far as its own sandbox, by their stable names.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EndingName {
    Exited,
    Signaled,
    Killed,
    TimedOut,
    OutOfMemory,
    OutputLimit,
    InstallFailed,
    Cancelled,
    SandboxDied,
    SandboxLost,
}

/// The structured form of `outcome`, if it has one: a failure of ours has none.
pub(crate) fn structured(
    outcome: &Outcome,
    facts: &Facts,
    shown: Shown,
) -> Option<Map<String, Value>> {
    let (ending, exit_code, signal) = match outcome.ending {
        Ending::Exited(code) => (EndingName::Exited, Some(code), None),
        Ending::Signaled(signal) => (EndingName::Signaled, None, Some(signal)),
        Ending::Killed(_) => (EndingName::Killed, None, None),
        Ending::TimedOut(_) => (EndingName::TimedOut, None, None),
        Ending::OutOfMemory(_) => (EndingName::OutOfMemory, None, None),
        Ending::OutputLimit(_) => (EndingName::OutputLimit, None, None),
        Ending::InstallFailed(_) => (EndingName::InstallFailed, None, None),
        Ending::Cancelled => (EndingName::Cancelled, None, None),
        Ending::SandboxDied(_) => (EndingName::SandboxDied, None, None),
        Ending::SandboxLost(_) => (EndingName::SandboxLost, None, None),
        // An ending that is newer than this shape is told in words only.
        _ => return None,
    };
    let room = facts.budget.structured().without(FIXED);
    let mut entries = Entries::named(room, &outcome.installed, shown.files, shown.displays);
    let (for_stdout, for_stderr) = facts.budget.outputs(entries.room());
    let stdout = Excerpt::<Faithful>::of(&outcome.stdout, for_stdout);
    let stderr = Excerpt::<Faithful>::of(&outcome.stderr, for_stderr);
    let (stdout_omitted_bytes, stderr_omitted_bytes) = (stdout.omitted(), stderr.omitted());
    let invalid_utf8 = stdout.invalid_utf8() || stderr.invalid_utf8();
    let (stdout, stderr) = (stdout.into_text(), stderr.into_text());
    entries.spend(Cost::of_text(&stdout).and(Cost::of_text(&stderr)));
    entries.fill(outcome);
    let explanation = match &outcome.ending {
        Ending::Exited(_) => None,
        other => Some(visible::line(
            &explain(other, facts, Asker::Model),
            MAX_EXPLANATION,
        )),
    };
    let notes = entries.notes.iter().chain(&shown.notes);
    let notes = notes::fitting(notes.chain(&outcome.notes), facts.budget.own());
    let structured = Structured {
        ending,
        reason: outcome.ending.reason(),
        explanation,
        exit_code,
        signal,
        truncated: stdout_omitted_bytes > 0 || stderr_omitted_bytes > 0,
        stdout_omitted_bytes,
        stderr_omitted_bytes,
        invalid_utf8,
        stdout,
        stderr,
        duration_ms: millis(outcome.timings.program),
        install_ms: millis(outcome.timings.install),
        cpu_ms: outcome.usage.cpu.map(millis),
        peak_memory_bytes: outcome
            .usage
            .peak_memory
            .map(executor_core::limits::ByteSize::get),
        installed: entries.installed,
        cached: outcome.modules_cached,
        hints: hints(outcome, facts, Asker::Model),
        notes,
        displays: entries.displays,
        files: entries.files,
        accepted_gaps: facts.accepted_gaps.clone(),
    };
    match serde_json::to_value(structured) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// The schema of [`Structured`]: self-contained, and without words that only name Rust types.
pub(crate) fn schema() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| {
            settings.meta_schema = None;
            settings.inline_subschemas = true;
        })
        .with_transform(Plain);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<Structured>();
    // The type's own comment is for readers of the source.
    schema.remove("description");
    match schema.to_value() {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// Takes out `title` and `format` of every subschema: strict validators refuse formats that they do not know.
#[derive(Debug, Clone)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        schema.remove("format");
        schema.remove("title");
        transform_subschemas(self, schema);
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
