//! From nothing to the first answer: what a client waits for when it starts a server.

use std::time::Instant;

use anyhow::{Context as _, Result};

use super::message::Era;
use super::sandbox::Stage;
use super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::stats::Latencies;
use super::subject::{self, Subject};
use super::talk::{REST, Transport, WITHIN, note_latencies};
use super::usage;
use crate::process;

/// The name of the readings.
const NAME: &str = "start to first answer";

/// Starts of a server whose first answer is awaited.
#[derive(Debug)]
pub(super) struct Start {
    /// How messages travel.
    pub(super) transport: Transport,
    /// How the server is spoken to.
    pub(super) era: Era,
    /// Ours, and what it is held against.
    pub(super) subjects: Vec<Subject>,
}

impl Scenario for Start {
    fn name(&self) -> String {
        format!("start {} {}", self.transport.name(), self.era.revision())
    }

    fn subjects(&self) -> Vec<&'static str> {
        subject::names(&self.subjects)
    }

    fn rows(&self) -> Vec<Row> {
        vec![Row {
            reading: format!("{NAME} p50"),
            unit: Unit::Seconds,
            anchor: self.subjects.get(1).map(|anchor| anchor.name),
            bound: WITHIN,
            aim: None,
        }]
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let subject = subject::named(&self.subjects, subject)?;
        let mut readings = Readings::default();
        let mut latencies = Latencies::default();
        for _ in 0..scale.starts() {
            let (client, took) = self.transport.open(subject, self.era)?;
            latencies.note(took);
            readings.note_wrong(client.wrong());
        }
        note_latencies(&mut readings, NAME, latencies)?;
        Ok(readings)
    }
}

/// The product's own servers, held against the start of a Python that does nothing.
#[derive(Debug)]
pub(super) struct Product<'s> {
    /// How messages travel.
    pub(super) transport: Transport,
    /// Where the servers come from.
    pub(super) stage: &'s Stage<'s>,
    /// The Python.
    pub(super) python: Subject,
}

/// The Python among the subjects.
pub(super) const PYTHON: &str = "python";

/// What the servers may take while idle, and should.
const IDLE: (f64, f64) = (20e6, 10e6);

impl Scenario for Product<'_> {
    fn name(&self) -> String {
        format!("product {}", self.transport.name())
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", PYTHON]
    }

    fn rows(&self) -> Vec<Row> {
        vec![
            Row {
                reading: format!("{NAME} p50"),
                unit: Unit::Seconds,
                anchor: Some(PYTHON),
                bound: Bound::Ratio(0.5),
                aim: Some(Bound::Ratio(0.25)),
            },
            Row {
                reading: "idle memory (Pss)".to_owned(),
                unit: Unit::Bytes,
                anchor: None,
                bound: Bound::AtMost(IDLE.0),
                aim: Some(Bound::AtMost(IDLE.1)),
            },
        ]
    }

    fn prepare(&self, _scale: &Scale) -> Result<()> {
        self.stage.server(self.transport).map(|_server| ())
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let server = self.stage.server(self.transport)?;
        let mut readings = Readings::default();
        let mut latencies = Latencies::default();
        for _ in 0..scale.pick(5, 10) {
            if subject == PYTHON {
                let started = Instant::now();
                self.python.run()?;
                latencies.note(started.elapsed());
                continue;
            }
            let (client, took) = self.transport.open(&server, Era::Session)?;
            latencies.note(took);
            readings.note_wrong(client.wrong());
        }
        note_latencies(&mut readings, NAME, latencies)?;
        if subject != PYTHON {
            let (client, _) = self.transport.open(&server, Era::Session)?;
            process::pause(REST);
            let idle = usage::memory(client.process().id()).context("the server is gone")?;
            readings.note_bytes("idle memory (Pss)", idle.pss);
            readings.note_bytes("idle memory (Rss)", idle.rss);
        }
        Ok(readings)
    }
}
