//! A hundred megabytes of standard output, read to the end.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::super::message::Call;
use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::talk::Transport;
use super::server::Server;
use super::stage::Stage;
use super::{DRUN, docker};

/// The reading.
const NAME: &str = "100 MB of output";
/// Bytes of a line, its end included.
const LINE: u64 = 50_000;

/// The scenario.
#[derive(Debug)]
pub(super) struct Output<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Output<'_> {
    fn name(&self) -> String {
        "output".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", DRUN]
    }

    fn rows(&self) -> Vec<Row> {
        vec![Row {
            reading: NAME.to_owned(),
            unit: Unit::Seconds,
            anchor: Some(DRUN),
            bound: Bound::None,
            aim: None,
        }]
    }

    fn most_rounds(&self) -> usize {
        3
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let lines = scale.pick(400, 2000);
        let bytes = lines * LINE;
        let program = format!(
            "line = 'x' * {}\nfor _ in range({lines}): print(line)",
            LINE - 1
        );
        let mut readings = Readings::default();
        if subject == DRUN {
            let took = docker::run_printing(self.stage, &program, bytes)?;
            readings.note_time(NAME, took);
            return Ok(readings);
        }
        let mut server = Server::start(self.stage, Transport::Stdio, &[])?;
        server.look()?;
        server.look()?;
        server.filled(1)?;
        let (took, answer) = server.ask_for(&Call::run(&program, &[], None))?;
        let answer = answer.context("the program did not exit well")?;
        let omitted = answer.pointer("/result/structuredContent/stdout_omitted_bytes");
        let shown = answer.pointer("/result/structuredContent/stdout");
        let omitted = omitted.and_then(Value::as_u64).unwrap_or_default();
        let shown = shown.and_then(Value::as_str).unwrap_or_default().len();
        // A note of some words stands where something was left out.
        let told = omitted + u64::try_from(shown).unwrap_or(u64::MAX);
        anyhow::ensure!(
            told.abs_diff(bytes) < LINE,
            "{told} of {bytes} bytes were accounted for"
        );
        readings.note_time(NAME, took);
        server.leave(&mut readings)?;
        Ok(readings)
    }
}
