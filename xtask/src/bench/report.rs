//! Shows what was measured: a table for the terminal, a page with a chart, and everything as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::judge::{Judged, Measured};
use super::machine::Machine;
use super::scenario::{Bound, Unit};

/// How a run was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Rounds.
    pub(super) rounds: usize,
    /// Whether it was a look instead of a measurement.
    pub(super) quick: bool,
}

/// The lines of the table of one scenario, for a terminal.
pub(super) fn lines(measured: &Measured) -> Vec<String> {
    let mut lines = vec![String::new(), measured.name.clone()];
    for judged in &measured.rows {
        let [ours, anchor, ratio, bound] = cells(judged);
        lines.push(format!(
            "  {:<34} {ours:>11} {anchor:>20} {ratio:>6} {bound:>20}  {}",
            judged.row.reading,
            judged.verdict.name()
        ));
    }
    let (failures, first) = measured.failures();
    if failures > 0 {
        let first = first.unwrap_or_default();
        lines.push(format!("  {failures} wrong answers, the first: {first}"));
    }
    for error in &measured.errors {
        lines.push(format!("  failed: {error}"));
    }
    lines
}

/// The page of the documentation.
pub(super) fn page(run: Run, machine: &Machine, all: &[Measured]) -> String {
    let mut page = String::from(HEADING);
    let _ = writeln!(page, "Measured on {machine}.\n");
    let _ = writeln!(
        page,
        "Up to {} interleaved rounds{}, fewer of what takes long; every figure is the median of the rounds.\n",
        run.rounds,
        if run.quick { ", quick ones" } else { "" }
    );
    page.push_str("![how many times the anchor each row is](benchmarks.svg)\n");
    for measured in all {
        let _ = writeln!(page, "\n## {}\n", measured.name);
        page.push_str(
            "| row | ours | held against | ratio | bound | |\n|---|---|---|---|---|---|\n",
        );
        for judged in &measured.rows {
            let [ours, anchor, ratio, bound] = cells(judged);
            let _ = writeln!(
                page,
                "| {} | {ours} | {anchor} | {ratio} | {bound} | {} |",
                judged.row.reading,
                judged.verdict.name()
            );
        }
        let (failures, _) = measured.failures();
        if failures > 0 || !measured.errors.is_empty() {
            let lost = measured.errors.len();
            let _ = writeln!(page, "\n{failures} wrong answers, {lost} rounds lost.");
        }
    }
    page
}

const HEADING: &str = "# Benchmarks

Written by `cargo xtask bench --record`; [benchmarks.json](benchmarks.json) has every reading of every round.
[performance.md](performance.md) says where the time of a call goes.

Ours and what it is held against take turns in every round, in changing order, so that whatever else the machine does befalls
both. Every answer is checked; a wrong one fails its rows. A ratio below one means that ours takes less, for rates as well. A row
without an anchor has a bound of its own; one whose bound is a dash is only told.

**The protocol** (`stdio`, `http`, `start`, `idle streams`). Two servers of the same shape, a single tool `echo`, are asked the same
things by the same client: `mcp-echo` is built on `mcp-server` and `server-sse`, `rmcp-echo` on rmcp with its fastest transports and
its defaults. Over HTTP a request is done when its response has ended. In `product`, `python` is the start of a Python that does
nothing (`python3 -I -c pass`).

**Programs** (`call` and what follows it). All run `print(2+2)` unless the row says otherwise, and are timed from the question to
the answer that the client has read, or to the end of the command:

| anchor | what it is |
|---|---|
| `py` | the image's own Python in the image's files, by `chroot`, with a clean environment: `python3 -I -c`, started by a shell that stands there already |
| `docker run` | `docker run --rm --network none IMAGE python3 -I -c`; in `browser` with Playwright mounted into it |
| `docker exec` | the same Python in a container that lives, and that all programs share |
| `docker run, side by side` | the best rate with 1, 2, 4 or 8 of them at any time |
| `llm-sandbox` | from PyPI, on the same engine and image, a session for each program; what ends the session is not counted |
| `llm-sandbox, used` | one session for all programs, which find what the others left |
| `pip`, `uv` | the same modules installed into an empty directory, from a cache that has them all; uv does not ask the index |

A *warm* call finds a sandbox that was started ahead and has run nothing; a *cold* one waits for the start of its own. Each sandbox
runs one program, ever: the server's audit of every measurement is read for a sandbox that is in it twice, and some calls plant files and
processes for the next to find. Should one find any, the whole run counts for nothing.

";

/// Everything, for programs.
pub(super) fn record(run: Run, machine: &Machine, all: &[Measured]) -> Value {
    let scenarios: Vec<Value> = all.iter().map(scenario).collect();
    json!({
        "rounds": run.rounds,
        "quick": run.quick,
        "machine": machine.record(),
        "units": "seconds, bytes, a second",
        "scenarios": scenarios,
    })
}

fn scenario(measured: &Measured) -> Value {
    let rows: Vec<Value> = measured
        .rows
        .iter()
        .map(|judged| {
            json!({
                "row": judged.row.reading,
                "ours": judged.ours,
                "against": judged.row.anchor,
                "anchor": judged.anchor,
                "ratio": judged.ratio,
                "bound": bound(judged),
                "verdict": judged.verdict.name(),
            })
        })
        .collect();
    let subjects: serde_json::Map<String, Value> = measured
        .subjects
        .iter()
        .map(|(name, rounds)| {
            let rounds: Vec<Value> = rounds
                .iter()
                .map(|readings| {
                    let mut values: serde_json::Map<String, Value> = readings
                        .iter()
                        .map(|(name, value)| (name.to_owned(), json!(value)))
                        .collect();
                    values.insert("failures".to_owned(), json!(readings.failures));
                    Value::Object(values)
                })
                .collect();
            ((*name).to_owned(), Value::Array(rounds))
        })
        .collect();
    json!({
        "scenario": measured.name,
        "rows": rows,
        "rounds": subjects,
        "errors": measured.errors,
    })
}

/// Ours, the anchor, the ratio and the bound as a table has them.
fn cells(judged: &Judged) -> [String; 4] {
    let unit = judged.row.unit;
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| figure(v, unit));
    let anchor = match judged.row.anchor {
        Some(name) => format!("{name} {}", shown(judged.anchor)),
        None => String::new(),
    };
    let ratio = judged.ratio.map_or_else(String::new, times);
    [shown(judged.ours), anchor, ratio, bound(judged)]
}

/// A ratio with as many places as say something.
pub(super) fn times(ratio: f64) -> String {
    if ratio < 0.0995 {
        return format!("{ratio:.3}");
    }
    format!("{ratio:.2}")
}

fn bound(judged: &Judged) -> String {
    let one = |bound: Bound| match bound {
        Bound::Ratio(most) => {
            // Three places are enough, and an even number needs none.
            let most = (most * 1000.0).round() / 1000.0;
            format!("≤ {most} ×")
        }
        Bound::AtMost(most) => format!("≤ {}", figure(most, judged.row.unit)),
        Bound::None => "–".to_owned(),
    };
    let mut text = one(judged.row.bound);
    if let Some(aim) = judged.row.aim {
        text.push_str(", aim ");
        text.push_str(&one(aim));
    }
    text
}

/// A figure with three digits that matter, and its unit.
fn figure(value: f64, unit: Unit) -> String {
    let steps: [(f64, &str); 3] = match unit {
        Unit::Seconds => [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")],
        Unit::PerSecond => [(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")],
        Unit::Bytes => [(1e6, "MB"), (1e3, "kB"), (1.0, "B")],
        Unit::Count => return format!("{value:.0}"),
    };
    let (size, name) = steps
        .into_iter()
        .find(|(size, _)| value >= *size)
        .unwrap_or(steps[2]);
    let scaled = value / size;
    let digits = match scaled {
        large if large >= 99.95 => 0,
        middle if middle >= 9.995 => 1,
        _ => 2,
    };
    format!("{scaled:.digits$} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        for (value, unit, shown) in [
            (0.000_042_35, Unit::Seconds, "42.4 µs"),
            (0.001_234, Unit::Seconds, "1.23 ms"),
            (2.0, Unit::Seconds, "2.00 s"),
            (123_456.0, Unit::PerSecond, "123 k/s"),
            (999.0, Unit::PerSecond, "999 /s"),
            (20e6, Unit::Bytes, "20.0 MB"),
            (0.0, Unit::Bytes, "0.00 B"),
        ] {
            assert_eq!(figure(value, unit), shown);
        }
    }
}
