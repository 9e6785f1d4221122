//! One call: from a warm sandbox over both transports, from a cold one, and from what people have without us.

use std::time::Duration;

use anyhow::{Result, bail};

use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::stats::{Latencies, median};
use super::super::talk::{Transport, note_latencies};
use super::installed::Tools;
use super::peer::Peer;
use super::python::Shell;
use super::server::{Server, call};
use super::stage::Stage;
use super::{DEXEC, DRUN, GAP, PEER, PY, USED_PEER, docker};
use crate::process;

/// Calls that are answered from a sandbox which waited.
const WARM: &str = "warm call";
/// Calls that wait for the start of their sandbox.
const COLD: &str = "cold call";
/// What the other transport adds.
const ADDED: &str = "warm call, added by HTTP";

/// The scenario.
#[derive(Debug)]
pub(super) struct Calls<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Calls<'_> {
    fn name(&self) -> String {
        "call".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", PY, DRUN, DEXEC, PEER, USED_PEER]
    }

    fn rows(&self) -> Vec<Row> {
        let warm = |anchor, bound, aim| row(format!("{WARM} p50"), Some(anchor), bound, aim);
        let one = |part: f64| 1.0 / part;
        let told = |reading: &str| Row {
            reading: reading.to_owned(),
            unit: Unit::Seconds,
            anchor: None,
            bound: Bound::None,
            aim: None,
        };
        vec![
            warm(PY, 0.5, 0.2),
            warm(DRUN, one(40.0), one(100.0)),
            warm(DEXEC, one(8.0), one(20.0)),
            Row {
                bound: Bound::None,
                aim: None,
                ..warm(PEER, 1.0, 1.0)
            },
            Row {
                bound: Bound::None,
                aim: None,
                ..warm(USED_PEER, 1.0, 1.0)
            },
            told("warm call p95"),
            told("warm call p99"),
            Row {
                bound: Bound::AtMost(2e-3),
                aim: Some(Bound::AtMost(0.5e-3)),
                ..row(format!("{ADDED} p50"), None, 0.0, 0.0)
            },
            row(format!("{COLD} p50"), Some(DRUN), 0.55, 0.35),
            told("cold call p95"),
        ]
    }

    fn most_rounds(&self) -> usize {
        3
    }

    fn prepare(&self, _scale: &Scale) -> Result<()> {
        self.stage.root()?;
        self.stage.living()?;
        Tools::ensure(self.stage).map(|_tools| ())
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        let latencies = match subject {
            PY => {
                let mut shell = Shell::open(self.stage.root()?)?;
                shell.run()?;
                times(scale.pick(20, 60), || shell.run())?
            }
            DRUN => times(scale.pick(4, 10), || docker::run(self.stage))?,
            DEXEC => times(scale.pick(5, 15), || docker::exec(self.stage))?,
            PEER | USED_PEER => {
                let mut peer = Peer::start(self.stage, &Tools::ensure(self.stage)?)?;
                match subject {
                    PEER => times(scale.pick(2, 4), || peer.fresh())?,
                    _ => times(scale.pick(3, 8), || peer.used())?,
                }
            }
            _ => {
                if scale.wants(WARM) {
                    self.warm(&mut readings, scale)?;
                }
                if scale.wants(COLD) {
                    self.cold(&mut readings, scale)?;
                }
                return Ok(readings);
            }
        };
        // These know no difference between warm and cold.
        note_latencies(&mut readings, WARM, latencies.clone())?;
        note_latencies(&mut readings, COLD, latencies)?;
        Ok(readings)
    }
}

impl Calls<'_> {
    /// Over both transports in turn, so that each finds its pool filled.
    fn warm(&self, readings: &mut Readings, scale: &Scale) -> Result<()> {
        let mut stdio = Server::start(self.stage, Transport::Stdio, &[])?;
        let mut http = Server::start(self.stage, Transport::Http, &[])?;
        for server in [&mut stdio, &mut http] {
            server.filled(1)?;
            server.look()?;
            server.look()?;
            // As many wait as ran lately, so that a call's sandbox was there long before.
            server.filled(2)?;
        }
        let call = call();
        let mut over_stdio = Latencies::default();
        let mut over_http = Latencies::default();
        for _ in 0..scale.pick(6, 30) {
            process::pause(GAP);
            over_stdio.note(stdio.ask(&call)?);
            process::pause(GAP);
            over_http.note(http.ask(&call)?);
        }
        let middle = |latencies: &Latencies| median(latencies.seconds());
        let Some((plain, added)) = middle(&over_stdio).zip(middle(&over_http)) else {
            bail!("nothing was measured");
        };
        readings.note(format!("{ADDED} p50"), (added - plain).max(0.0));
        note_latencies(readings, WARM, over_stdio)?;
        note_latencies(readings, "warm call over HTTP", over_http)?;
        for mut server in [stdio, http] {
            server.look()?;
            server.leave(readings)?;
        }
        Ok(())
    }

    fn cold(&self, readings: &mut Readings, scale: &Scale) -> Result<()> {
        let mut server = Server::start(self.stage, Transport::Stdio, &["--pool", "0"])?;
        // The first waits until the server has found its engine and image.
        server.look()?;
        let call = call();
        let latencies = times(scale.pick(4, 12), || {
            process::pause(GAP);
            server.ask(&call)
        })?;
        note_latencies(readings, COLD, latencies)?;
        server.leave(readings)
    }
}

fn row(reading: String, anchor: Option<&'static str>, bound: f64, aim: f64) -> Row {
    Row {
        reading,
        unit: Unit::Seconds,
        anchor,
        bound: Bound::Ratio(bound),
        aim: Some(Bound::Ratio(aim)),
    }
}

fn times(count: usize, mut once: impl FnMut() -> Result<Duration>) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for _ in 0..count {
        latencies.note(once()?);
    }
    Ok(latencies)
}
