//! A pool of a hundred: what the waiting ones take, calls that fall into its refilling, and a hundred calls at once.

use anyhow::{Context as _, Result};

use super::super::pipe::Until;
use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::stats::Latencies;
use super::super::talk::{Transport, note_latencies};
use super::super::usage;
use super::python::Shell;
use super::server::{Server, call};
use super::stage::Stage;
use super::{PY, SHORT_GAP, mean};
use crate::process;

/// A hundred calls, sent together.
const AT_ONCE: &str = "all at once";
/// Calls while sandboxes are being started to take the place of those before.
const REFILLING: &str = "warm call while the pool refills";
/// The place of the plain Python's usual time in the readings of [`REFILLING`].
const P99: &str = "p99";
/// What a waiting sandbox takes among so many.
const EACH: &str = "memory a waiting sandbox, among many";

/// The scenario.
#[derive(Debug)]
pub(super) struct Pool<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Pool<'_> {
    fn name(&self) -> String {
        "pool of 100".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", PY]
    }

    fn rows(&self) -> Vec<Row> {
        let row = |reading: String, bound, aim| Row {
            reading,
            unit: Unit::Seconds,
            anchor: Some(PY),
            bound: Bound::Ratio(bound),
            aim: Some(Bound::Ratio(aim)),
        };
        vec![
            row(format!("{REFILLING} {P99}"), 2.0, 0.7),
            row(format!("{AT_ONCE} p99"), 1.5, 0.5),
            Row {
                reading: EACH.to_owned(),
                unit: Unit::Bytes,
                anchor: None,
                bound: Bound::None,
                aim: None,
            },
        ]
    }

    fn most_rounds(&self) -> usize {
        2
    }

    fn prepare(&self, _scale: &Scale) -> Result<()> {
        self.stage.root().map(|_root| ())
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        let size = scale.pick(20, 100);
        if subject == PY {
            self.python(&mut readings, size, scale)?;
            return Ok(readings);
        }
        let number = size.to_string();
        let settings = ["--pool", &number, "--pool-least", &number];
        let mut server = Server::start(self.stage, Transport::Stdio, &settings)?;
        server.filled(size)?;
        if scale.wants(EACH) {
            readings.note_bytes(EACH, mean(&server.memories(usage::memory)?)?);
        }
        server.look()?;
        let call = call();
        if scale.wants(REFILLING) {
            let mut latencies = Latencies::default();
            for _ in 0..scale.pick(12, 60) {
                // Long enough that the last one's replacement is being started.
                process::pause(SHORT_GAP);
                latencies.note(server.ask(&call)?);
            }
            note_latencies(&mut readings, REFILLING, latencies)?;
        }
        if scale.wants(AT_ONCE) {
            server.filled(size)?;
            let kept = server.keep(&call, size, Until::Answered(size))?;
            readings.note_time(format!("{AT_ONCE} makespan"), kept.took);
            note_latencies(&mut readings, AT_ONCE, kept.latencies)?;
        }
        server.look()?;
        server.leave(&mut readings)?;
        Ok(readings)
    }
}

impl Pool<'_> {
    fn python(&self, readings: &mut Readings, size: usize, scale: &Scale) -> Result<()> {
        let root = self.stage.root()?;
        let mut shells = Vec::new();
        for _ in 0..size {
            shells.push(Shell::open(root)?);
        }
        let one = shells.first_mut().context("no shell")?;
        one.run()?;
        let mut latencies = Latencies::default();
        for _ in 0..scale.pick(20, 60) {
            latencies.note(one.run()?);
        }
        // A single start at its usual pace is what calls in a busy time are held against.
        let [usual] = latencies.per_mille([500]).context("nothing was measured")?;
        readings.note(format!("{REFILLING} {P99}"), usual);
        let (latencies, took) = Shell::run_all(&mut shells)?;
        readings.note_time(format!("{AT_ONCE} makespan"), took);
        note_latencies(readings, AT_ONCE, latencies)
    }
}
