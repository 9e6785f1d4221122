//! The second run of a program with modules: what they add to it when their environment is kept, beside installing them
//! each time with a cache that has everything.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::super::message::Call;
use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::stats::{Latencies, median};
use super::super::talk::{Transport, note_latencies};
use super::installed::Tools;
use super::server::Server;
use super::stage::Stage;
use super::{GAP, PIP, UVW};
use crate::process;

/// What is asked for; with what these need it is five packages.
const MODULES: [&str; 1] = ["requests"];
/// Says whether they are there, and imports nothing of them.
const PROGRAM: &str =
    "import importlib.util\nprint(importlib.util.find_spec('requests') is not None)";

/// Beyond the same program without modules.
const ADDED: &str = "second run, added by the modules";

/// The scenario.
#[derive(Debug)]
pub(super) struct Modules<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Modules<'_> {
    fn name(&self) -> String {
        "modules".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", PIP, UVW]
    }

    fn rows(&self) -> Vec<Row> {
        let row = |anchor, bound, aim| Row {
            reading: ADDED.to_owned(),
            unit: Unit::Seconds,
            anchor,
            bound,
            aim: Some(aim),
        };
        vec![
            row(None, Bound::AtMost(30e-3), Bound::AtMost(5e-3)),
            row(Some(PIP), Bound::Ratio(1.0 / 30.0), Bound::Ratio(0.01)),
            row(Some(UVW), Bound::Ratio(1.0 / 3.0), Bound::Ratio(0.1)),
        ]
    }

    fn most_rounds(&self) -> usize {
        2
    }

    fn prepare(&self, _scale: &Scale) -> Result<()> {
        let tools = Tools::ensure(self.stage)?;
        // The caches are filled once.
        tools.install_with_pip(&MODULES, &self.directory("pip-first")?)?;
        tools.install_with_uv(&MODULES, &self.directory("uv-first")?, false)?;
        Ok(())
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        if subject == "ours" {
            self.ours(&mut readings, scale)?;
            return Ok(readings);
        }
        let tools = Tools::ensure(self.stage)?;
        let mut seconds = Vec::new();
        for number in 0..scale.pick(1, 3) {
            let into = self.directory(&format!("{subject}-{number}"))?;
            let took = match subject {
                PIP => tools.install_with_pip(&MODULES, &into)?,
                _ => tools.install_with_uv(&MODULES, &into, true)?,
            };
            anyhow::ensure!(
                into.join("requests").is_dir(),
                "{subject} installed nothing"
            );
            seconds.push(took.as_secs_f64());
            std::fs::remove_dir_all(&into)
                .with_context(|| format!("cannot remove `{}`", into.display()))?;
        }
        let middle = median(&seconds).context("nothing was measured")?;
        readings.note(ADDED, middle);
        Ok(readings)
    }
}

impl Modules<'_> {
    /// With and without in turn.
    fn ours(&self, readings: &mut Readings, scale: &Scale) -> Result<()> {
        let mut server = Server::start(self.stage, Transport::Stdio, &[])?;
        let with = Call::run(PROGRAM, &MODULES, Some("True\n"));
        let without = Call::run(PROGRAM, &[], Some("False\n"));
        let first = server.ask(&with)?;
        readings.note_time("first run with the modules", first);
        server.look()?;
        server.look()?;
        let mut times = [Latencies::default(), Latencies::default()];
        for _ in 0..scale.pick(4, 15) {
            for (latencies, call) in times.iter_mut().zip([&with, &without]) {
                process::pause(GAP);
                latencies.note(server.ask(call)?);
            }
        }
        let [with, without] = times;
        let middle = |latencies: &Latencies| median(latencies.seconds());
        let (with_them, plain) = middle(&with)
            .zip(middle(&without))
            .context("nothing was measured")?;
        readings.note(ADDED, (with_them - plain).max(0.0));
        note_latencies(readings, "second run with the modules", with)?;
        note_latencies(readings, "run without modules", without)?;
        server.leave(readings)
    }

    fn directory(&self, name: &str) -> Result<PathBuf> {
        Ok(self.stage.dir()?.join(name))
    }
}
