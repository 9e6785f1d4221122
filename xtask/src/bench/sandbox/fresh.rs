//! Whether what was measured was fresh: no sandbox for two programs, nothing of one call before the next, nothing left.
//!
//! A figure counts only if this held in the same run. That the looks can see something is seen on a container that is
//! used twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::stage::{Stage, Which};
use crate::process;

/// Looks for what another call of it planted, and plants it.
pub(super) const CANARY: &str = include_str!("canary.py");

/// How long sandboxes may take to go when their servers have.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// What was seen in a whole run.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    /// The sandboxes of all programs.
    sandboxes: BTreeSet<String>,
    /// Programs that ran.
    programs: usize,
    /// Sandboxes that had run another program.
    used_twice: usize,
    /// Programs that looked.
    looks: usize,
    /// Things of earlier calls that they saw.
    seen: Vec<String>,
    /// Calls that are not in a server's audit, or that it has too many.
    unaccounted: usize,
}

impl Canaries {
    /// Takes what a canary printed.
    pub(super) fn look(&mut self, printed: &str) -> Result<()> {
        self.looks += 1;
        self.seen.extend(things(printed)?);
        Ok(())
    }

    /// Takes the audit of a server that is gone, which was asked to run so many programs.
    pub(super) fn audit(&mut self, audit: &Path, asked: usize) -> Result<()> {
        let text = std::fs::read_to_string(audit)
            .with_context(|| format!("cannot read `{}`", audit.display()))?;
        let mut recorded = 0;
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).context("an audit is no JSON")?;
            let text = |name: &str| record.get(name).and_then(Value::as_str);
            match (text("kind"), text("sandbox")) {
                (Some("execution"), Some(sandbox)) => {
                    recorded += 1;
                    if !self.sandboxes.insert(sandbox.to_owned()) {
                        self.used_twice += 1;
                    }
                }
                (Some("lost"), _) => bail!("an audit has lost records"),
                _ => {}
            }
        }
        self.programs += asked;
        self.unaccounted += asked.abs_diff(recorded);
        Ok(())
    }

    /// What breaks the promise, if something does.
    pub(super) fn breach(&self) -> Option<String> {
        if self.used_twice > 0 {
            return Some(format!("{} sandboxes were used twice", self.used_twice));
        }
        if let Some(first) = self.seen.first() {
            return Some(format!("a call saw what another one left: {first}"));
        }
        (self.unaccounted > 0).then(|| format!("{} calls lack a record", self.unaccounted))
    }
}

fn things(printed: &str) -> Result<Vec<String>> {
    serde_json::from_str(printed).context("a canary printed what is no list")
}

/// The sum of a run; measured last.
#[derive(Debug)]
pub(super) struct Fresh<'s> {
    pub(super) stage: &'s Stage<'s>,
}

const TWICE: &str = "sandboxes used twice";
const SEEN: &str = "things of an earlier call seen";
const LEFT: &str = "sandboxes left behind";
const UNACCOUNTED: &str = "calls without a record";
/// What is used twice, to see that the looks see.
const CONTROL: &str = "a used container";

impl Scenario for Fresh<'_> {
    fn name(&self) -> String {
        "freshness".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", CONTROL]
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = [
            (TWICE, None),
            (SEEN, Some(CONTROL)),
            (LEFT, None),
            (UNACCOUNTED, None),
        ]
        .map(|(reading, anchor)| Row {
            reading: reading.to_owned(),
            unit: Unit::Count,
            anchor,
            bound: Bound::AtMost(0.0),
            aim: None,
        })
        .to_vec();
        rows.push(Row {
            reading: "programs run".to_owned(),
            unit: Unit::Count,
            anchor: None,
            bound: Bound::None,
            aim: None,
        });
        rows
    }

    fn most_rounds(&self) -> usize {
        1
    }

    fn measure(&self, subject: &str, _scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        if subject == CONTROL {
            let mut seen = Vec::new();
            for _ in 0..2 {
                let mut exec = self.stage.docker()?;
                exec.args(["exec", self.stage.living()?, "python3", "-c", CANARY]);
                seen = things(&process::read(&mut exec)?)?;
            }
            if seen.is_empty() {
                bail!("the looks see nothing in a container that is used twice");
            }
            readings.note_count(SEEN, seen.len());
            return Ok(readings);
        }
        let canaries = self.stage.canaries.borrow();
        if canaries.looks < 2 {
            bail!("no two calls looked for one another");
        }
        readings.note_count(TWICE, canaries.used_twice);
        readings.note_count(SEEN, canaries.seen.len());
        readings.note_count(UNACCOUNTED, canaries.unaccounted);
        readings.note_count("programs run", canaries.programs);
        readings.note_count(LEFT, self.left()?);
        Ok(readings)
    }
}

impl Fresh<'_> {
    /// How many sandboxes of servers that are gone are still there when they had time to go.
    fn left(&self) -> Result<usize> {
        let asked = Instant::now();
        loop {
            let left = self
                .stage
                .sandboxes_of(&self.stage.servers.borrow(), Which::All)?
                .len();
            if left == 0 || asked.elapsed() > GONE_WITHIN {
                return Ok(left);
            }
            process::pause(Duration::from_millis(250));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breach_of(lines: &str, asked: usize, printed: &str) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let audit = dir.path().join("audit");
        std::fs::write(&audit, lines).unwrap();
        let mut canaries = Canaries::default();
        canaries.audit(&audit, asked).unwrap();
        canaries.look(printed).unwrap();
        canaries.breach()
    }

    #[test]
    fn what_is_not_fresh_is_noticed() {
        let one = "{\"kind\":\"execution\",\"sandbox\":\"a\"}\n";
        let two = "{\"kind\":\"execution\",\"sandbox\":\"b\"}\n{\"kind\":\"client\"}\n";
        let breach = |lines: &[&str], asked, printed| breach_of(&lines.concat(), asked, printed);
        assert_eq!(breach(&[one, two], 2, "[]"), None);
        let twice = breach(&[one, two, one], 3, "[]");
        assert_eq!(twice.as_deref(), Some("1 sandboxes were used twice"));
        let lacking = breach(&[one, two], 3, "[]");
        assert_eq!(lacking.as_deref(), Some("1 calls lack a record"));
        let seen = breach(&[one], 1, "[\"/tmp/x\"]");
        let seen = seen.unwrap_or_default();
        assert!(seen.ends_with("/tmp/x"), "{seen}");
    }
}
