//! The title of a page in Chromium: through the product, with a browser that waits and with one that is started, and the
//! same script in a plain container.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::super::message::Call;
use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::stats::Latencies;
use super::super::talk::{Transport, note_latencies};
use super::super::usage;
use super::installed::Tools;
use super::server::{Server, served_by};
use super::stage::Stage;
use super::{GAP, PW};
use crate::{image, process};

/// The script, the same for all.
const SCRIPT: &str = include_str!("title.py");
/// What it prints.
const TITLE: &str = "bench\n";
/// Where the plain container has its Playwright.
const PLACE: &str = "/opt/playwright";

/// The reading where a sandbox waits that has nothing of a browser.
const STARTED: &str = "page title";
/// The reading where a browser waits.
const WAITED: &str = "page title, a browser waits";
/// What it takes while it does.
const MEMORY: &str = "memory a waiting browser";

/// What is said of a call for which a browser waited.
const BROWSER: &str = "browser";

/// Between calls, until the next browser waits and does nothing any more.
const BROWSER_GAP: Duration = Duration::from_secs(5);

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
        vec![
            Row {
                reading: format!("{WAITED} p50"),
                unit: Unit::Seconds,
                anchor: Some(PW),
                bound: Bound::Ratio(0.7),
                aim: Some(Bound::Ratio(0.35)),
            },
            Row {
                reading: format!("{STARTED} p50"),
                unit: Unit::Seconds,
                anchor: Some(PW),
                bound: Bound::None,
                aim: None,
            },
            Row {
                reading: MEMORY.to_owned(),
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
        let tools = Tools::ensure(self.stage)?;
        tools.playwright(self.stage).map(|_playwright| ())
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        if subject == PW {
            let latencies = self.plain(scale.pick(2, 6))?;
            note_latencies(&mut readings, WAITED, latencies.clone())?;
            note_latencies(&mut readings, STARTED, latencies)?;
            return Ok(readings);
        }
        let latencies = self.ours(&mut readings, scale, &[], GAP)?;
        note_latencies(&mut readings, STARTED, latencies)?;
        let latencies = self.ours(&mut readings, scale, &["--browsers", "1"], BROWSER_GAP)?;
        note_latencies(&mut readings, WAITED, latencies)?;
        Ok(readings)
    }
}

impl Browser<'_> {
    /// In plain containers.
    fn plain(&self, count: usize) -> Result<Latencies> {
        let mut latencies = Latencies::default();
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
        Ok(latencies)
    }

    /// By a server with these settings.
    fn ours(
        &self,
        readings: &mut Readings,
        scale: &Scale,
        settings: &[&str],
        gap: Duration,
    ) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        let playwright = format!("playwright=={}", self.stage.playwright()?);
        let call = Call::run(SCRIPT, &[&playwright], Some(TITLE));
        let mut server = Server::start(self.stage, Transport::Stdio, settings)?;
        // The first builds the environment, where that was not done.
        server.ask(&call).context("the first page")?;
        server.look()?;
        server.look()?;
        let (wanted, most) = (scale.pick(2, 6), scale.pick(6, 18));
        for _ in 0..most {
            process::pause(gap);
            let (took, answer) = server.ask_for(&call)?;
            // Where none waited yet, that is no measurement of one that did.
            if settings.is_empty() || served_by(answer.as_ref()) == Some(BROWSER) {
                latencies.note(took);
            }
            if latencies.count() == wanted {
                break;
            }
        }
        if !settings.is_empty() {
            process::pause(gap);
            let memories = server.memories(usage::memory_below)?;
            readings.note_bytes(MEMORY, memories.into_iter().max().unwrap_or_default());
        }
        server.leave(readings)?;
        Ok(latencies)
    }
}
