//! A program that uses numpy: in a sandbox that waits with it imported, in one that finds it in the store, and in the image's
//! own Python, the import included.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::super::message::Call;
use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::stats::Latencies;
use super::super::talk::{Transport, note_latencies};
use super::super::usage;
use super::installed::Tools;
use super::python::Shell;
use super::server::{Server, served_by};
use super::stage::Stage;
use super::{GAP, PY};
use crate::process;

/// What is imported.
const MODULE: &str = "numpy";
/// The same for all; without quotes, for the plain Python's shell.
const PROGRAM: &str = "import numpy; print(numpy.arange(3).sum())";
/// What it prints.
const PRINTS: &str = "3\n";
/// Where the plain Python has it, in the image's files.
const PLACE: &str = "/opt/numpy";

/// Where a sandbox waits that has imported it.
const HOT: &str = "numpy program, imported ahead";
/// Where the program imports it from the store.
const STORED: &str = "numpy program, from the store";
/// What the first takes while it waits.
const MEMORY: &str = "memory a sandbox that waits with numpy";

/// What is said of a call that found it imported.
const IMPORTED: &str = "hot";

/// Between calls, until the next sandbox has imported it and does nothing any more.
const HOT_GAP: Duration = Duration::from_millis(1500);
/// The longest time until the first one has, its installation included.
const READY: Duration = Duration::from_secs(120);

/// The scenario.
#[derive(Debug)]
pub(super) struct Hot<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Hot<'_> {
    fn name(&self) -> String {
        "hot set".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", PY]
    }

    fn rows(&self) -> Vec<Row> {
        let row = |reading: &str, bound, aim: Option<f64>| Row {
            reading: format!("{reading} p50"),
            unit: Unit::Seconds,
            anchor: Some(PY),
            bound,
            aim: aim.map(Bound::Ratio),
        };
        vec![
            row(HOT, Bound::Ratio(0.3), Some(0.15)),
            row(STORED, Bound::None, None),
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
        3
    }

    fn prepare(&self, _scale: &Scale) -> Result<()> {
        let installed = Tools::ensure(self.stage)?.for_image(self.stage, MODULE)?;
        let place = self.stage.root()?.join(PLACE.trim_start_matches('/'));
        let mut copy = Command::new("cp");
        process::read(copy.arg("--recursive").arg(&installed).arg(&place))?;
        Ok(())
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        if subject == PY {
            let latencies = self.plain(scale.pick(5, 20))?;
            note_latencies(&mut readings, HOT, latencies.clone())?;
            note_latencies(&mut readings, STORED, latencies)?;
            return Ok(readings);
        }
        let latencies = self.ours(&mut readings, scale, &[], GAP)?;
        note_latencies(&mut readings, STORED, latencies)?;
        let latencies = self.ours(&mut readings, scale, &["--hot", MODULE], HOT_GAP)?;
        note_latencies(&mut readings, HOT, latencies)?;
        Ok(readings)
    }
}

impl Hot<'_> {
    /// By the image's own Python, which has it on its path.
    fn plain(&self, count: usize) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        let program = format!("import sys; sys.path.append(\"{PLACE}\"); {PROGRAM}");
        let mut shell = Shell::open_for(self.stage.root()?, &program, PRINTS)?;
        // The first compiles it.
        shell.run()?;
        for _ in 0..count {
            latencies.note(shell.run()?);
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
        let call = Call::run(PROGRAM, &[MODULE], Some(PRINTS));
        let mut server = Server::start(self.stage, Transport::Stdio, settings)?;
        // The first builds the set, where that was not done.
        server.ask(&call).context("the first program with numpy")?;
        server.look()?;
        server.look()?;
        let is_hot = !settings.is_empty();
        if is_hot {
            self.until_hot(&mut server, &call)?;
        }
        for _ in 0..scale.pick(4, 20) {
            process::pause(gap);
            let (took, answer) = server.ask_for(&call)?;
            if is_hot && served_by(answer.as_ref()) != Some(IMPORTED) {
                bail!("a call was not served by a sandbox that has numpy imported");
            }
            latencies.note(took);
        }
        if is_hot {
            process::pause(gap);
            let memories = server.memories(usage::memory_below)?;
            readings.note_bytes(MEMORY, memories.into_iter().max().unwrap_or_default());
        }
        server.leave(readings)?;
        Ok(latencies)
    }

    fn until_hot(&self, server: &mut Server<'_>, call: &Call) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < READY {
            if served_by(server.ask_for(call)?.1.as_ref()) == Some(IMPORTED) {
                return Ok(());
            }
            process::pause(GAP);
        }
        bail!("no sandbox has numpy imported after {READY:?}");
    }
}
