//! More calls than sandboxes: a hundred at once on the server as it is shipped, and as many as it can for a while.

use std::time::Duration;

use anyhow::Result;

use super::super::pipe::Until;
use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::talk::{Transport, note_latencies};
use super::DPAR;
use super::docker;
use super::server::{Server, call};
use super::stage::Stage;

/// From the first question to the last answer.
const MAKESPAN: &str = "100 calls at once, makespan";
/// Programs a second, each in a sandbox of its own, for long.
const SUSTAINED: &str = "fresh executions a second, sustained";
/// Calls under way while that is measured.
const UNDER_WAY: usize = 16;

/// The scenario.
#[derive(Debug)]
pub(super) struct Many<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Many<'_> {
    fn name(&self) -> String {
        "many calls".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", DPAR]
    }

    fn rows(&self) -> Vec<Row> {
        let row = |reading: &str, unit, bound, aim| Row {
            reading: reading.to_owned(),
            unit,
            anchor: Some(DPAR),
            bound: Bound::Ratio(bound),
            aim: Some(Bound::Ratio(aim)),
        };
        vec![
            row(MAKESPAN, Unit::Seconds, 0.7, 0.45),
            row(SUSTAINED, Unit::PerSecond, 1.0 / 1.5, 1.0 / 2.5),
        ]
    }

    fn most_rounds(&self) -> usize {
        2
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        let count = scale.pick(20, 100_u32);
        if subject == DPAR {
            let (side_by_side, runs): (&[usize], u32) =
                scale.pick((&[2, 4], 6), (&[1, 2, 4, 8], 12));
            let rate = docker::best_rate(self.stage, side_by_side, runs)?;
            readings.note(SUSTAINED, rate);
            readings.note(MAKESPAN, f64::from(count) / rate);
            return Ok(readings);
        }
        let mut server = Server::start(self.stage, Transport::Stdio, &[])?;
        server.filled(1)?;
        server.look()?;
        let call = call();
        if scale.wants(MAKESPAN) {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let kept = server.keep(&call, count, Until::Answered(count))?;
            readings.note_time(MAKESPAN, kept.took);
            note_latencies(&mut readings, "100 calls at once", kept.latencies)?;
        }
        if scale.wants(SUSTAINED) {
            let time = Duration::from_secs(scale.pick(5, 30));
            let kept = server.keep(&call, UNDER_WAY, Until::Over(time))?;
            let mut rate = Readings::default();
            rate.note_count(SUSTAINED, kept.latencies.count());
            let answered = rate.get(SUSTAINED).unwrap_or_default();
            readings.note(SUSTAINED, answered / kept.took.as_secs_f64());
        }
        server.look()?;
        server.leave(&mut readings)?;
        Ok(readings)
    }
}
