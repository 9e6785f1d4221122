//! The title of a page in Chromium: through the product, and the same script in a plain container.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::super::message::Call;
use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::stats::Latencies;
use super::super::talk::{Transport, note_latencies};
use super::installed::Tools;
use super::server::Server;
use super::stage::Stage;
use super::{GAP, PW};
use crate::{image, process};

/// The script, the same for both.
const SCRIPT: &str = include_str!("title.py");
/// What it prints.
const TITLE: &str = "bench\n";
/// Where the plain container has its Playwright.
const PLACE: &str = "/opt/playwright";

/// The reading.
const NAME: &str = "page title";

/// The scenario.
#[derive(Debug)]
pub(super) struct Browser<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Browser<'_> {
    fn name(&self) -> String {
        "browser".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", PW]
    }

    fn rows(&self) -> Vec<Row> {
        vec![Row {
            reading: format!("{NAME} p50"),
            unit: Unit::Seconds,
            anchor: Some(PW),
            bound: Bound::Ratio(0.7),
            aim: Some(Bound::Ratio(0.35)),
        }]
    }

    fn most_rounds(&self) -> usize {
        2
    }

    fn prepare(&self, _scale: &Scale) -> Result<()> {
        let tools = Tools::ensure(self.stage)?;
        tools.playwright(self.stage).map(|_playwright| ())
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        let mut latencies = Latencies::default();
        let count = scale.pick(2, 6);
        if subject == PW {
            let dir = Tools::ensure(self.stage)?.playwright(self.stage)?;
            let mount = format!("{}:{PLACE}:ro", dir.display());
            for _ in 0..count {
                let mut run = self.stage.docker_run()?;
                run.args(["--volume", &mount, "--env"])
                    .arg(format!("PYTHONPATH={PLACE}"))
                    .args([image::IMAGE, "python3", "-c", SCRIPT]);
                let asked = Instant::now();
                let printed = process::read(&mut run)?;
                latencies.note(asked.elapsed());
                if printed != TITLE.trim_end() {
                    bail!("the plain container printed {printed:?}");
                }
            }
        } else {
            let playwright = format!("playwright=={}", self.stage.playwright()?);
            let call = Call::run(SCRIPT, &[&playwright], Some(TITLE));
            let mut server = Server::start(self.stage, Transport::Stdio, &[])?;
            // The first builds the environment, where that was not done.
            server.ask(&call).context("the first page")?;
            server.look()?;
            server.look()?;
            for _ in 0..count {
                process::pause(GAP);
                latencies.note(server.ask(&call)?);
            }
            server.leave(&mut readings)?;
        }
        note_latencies(&mut readings, NAME, latencies)?;
        Ok(readings)
    }
}
