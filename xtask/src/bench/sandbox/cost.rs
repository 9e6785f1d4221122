//! What a program costs the whole machine, engine included, and what the product takes while nothing happens.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::talk::Transport;
use super::super::usage;
use super::server::{Server, call};
use super::stage::Stage;
use super::{DRUN, docker, engine_process, mean};
use crate::process;

/// The machine's processor time for each program, its sandbox's start and end included.
const CPU: &str = "processor time an execution";

/// How long a machine may take to come to rest after work.
const REST_WITHIN: Duration = Duration::from_secs(10);
/// At rest it is busy for less than this part of a [`LOOK`], summed over the processors.
const AT_REST: f64 = 0.08;
/// How long the machine is looked at to see whether it rests.
const LOOK: Duration = Duration::from_millis(500);

/// Programs one after another, counted by the machine's own clock of work.
#[derive(Debug)]
pub(super) struct Cost<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Cost<'_> {
    fn name(&self) -> String {
        "cost".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", DRUN]
    }

    fn rows(&self) -> Vec<Row> {
        vec![Row {
            reading: CPU.to_owned(),
            unit: Unit::Seconds,
            anchor: Some(DRUN),
            bound: Bound::Ratio(0.7),
            aim: Some(Bound::Ratio(0.4)),
        }]
    }

    fn most_rounds(&self) -> usize {
        2
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        if subject == DRUN {
            let count = scale.pick(5, 15);
            let spent = spent(|| {
                for _ in 0..count {
                    docker::run(self.stage)?;
                }
                Ok(())
            })?;
            readings.note(CPU, spent / f64::from(count));
            return Ok(readings);
        }
        // With one that waits, each program is followed by just one start: what is counted is whole.
        let settings = ["--pool", "1", "--pool-least", "1"];
        let mut server = Server::start(self.stage, Transport::Stdio, &settings)?;
        server.filled(1)?;
        server.look()?;
        server.look()?;
        let call = call();
        let count = scale.pick(10, 40);
        let spent = spent(|| {
            for _ in 0..count {
                server.ask(&call)?;
            }
            Ok(())
        })?;
        readings.note(CPU, spent / f64::from(count));
        server.look()?;
        server.leave(&mut readings)?;
        Ok(readings)
    }
}

/// The machine's processor time, in seconds, from rest to rest.
fn spent(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    rest()?;
    let before = usage::machine_time()?;
    work()?;
    rest()?;
    Ok(usage::machine_time()?.saturating_sub(before).as_secs_f64())
}

/// Waits until next to nothing goes on, or for so long as that may take.
fn rest() -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < REST_WITHIN {
        let before = usage::machine_time()?;
        process::pause(LOOK);
        let busy = usage::machine_time()?.saturating_sub(before);
        if busy < LOOK.mul_f64(AT_REST) {
            break;
        }
    }
    Ok(())
}

/// The server and the sandbox that waits, with nobody calling.
#[derive(Debug)]
pub(super) struct Idle<'s> {
    pub(super) stage: &'s Stage<'s>,
}

/// What the server itself takes when its pool is filled.
const SERVER: &str = "server, its pool filled (Pss)";
/// What one sandbox takes of several: its runner with the program's process, and the engine's process beside it.
const SANDBOX: &str = "memory a waiting sandbox of four (Pss)";
/// What the only one takes: all that it shares with the others counts as its own.
const ALONE: &str = "memory the only waiting sandbox (Pss)";
/// As many as wait behind a few calls.
const SEVERAL: usize = 4;
/// The part of the engine's process.
const SHIM: &str = "of it the engine's process (Pss)";
/// What the server, the engine's process and the runner use of a processor.
const TIME: &str = "processor time while idle";

impl Scenario for Idle<'_> {
    fn name(&self) -> String {
        "idle".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours"]
    }

    fn rows(&self) -> Vec<Row> {
        const MEBIBYTE: f64 = 1_048_576.0;
        let row = |reading: &str, unit, bound, aim| Row {
            reading: reading.to_owned(),
            unit,
            anchor: None,
            bound,
            aim,
        };
        let memory = |most, aim| (Bound::AtMost(most), Some(Bound::AtMost(aim)));
        let (server, server_aim) = memory(20e6, 10e6);
        let (sandbox, sandbox_aim) = memory(16.0 * MEBIBYTE, 10.0 * MEBIBYTE);
        vec![
            row(SERVER, Unit::Bytes, server, server_aim),
            row(SANDBOX, Unit::Bytes, sandbox, sandbox_aim),
            row(ALONE, Unit::Bytes, Bound::None, None),
            row(SHIM, Unit::Bytes, Bound::None, None),
            row(TIME, Unit::Seconds, Bound::None, None),
        ]
    }

    fn most_rounds(&self) -> usize {
        1
    }

    fn measure(&self, _subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        let mut server = Server::start(self.stage, Transport::Stdio, &[])?;
        server.filled(1)?;
        let sandboxes = server.sandboxes()?;
        let sandbox = sandboxes.first().context("no sandbox waits")?;
        let shim = engine_process(self.stage, sandbox)?;
        rest()?;
        let whole = usage::memory(shim)?.pss;
        readings.note_bytes(ALONE, whole);
        readings.note_bytes(SHIM, whole.saturating_sub(usage::memory_below(shim)?.pss));
        readings.note_bytes(SERVER, usage::memory(server.id())?.pss);
        let used = |server: &mut Server<'_>| -> Result<Duration> {
            Ok(usage::processor_time(server.id())? + usage::processor_time(shim)?)
        };
        let before = used(&mut server)?;
        process::pause(Duration::from_secs(scale.pick(3, 20)));
        readings.note_time(TIME, used(&mut server)?.saturating_sub(before));
        server.leave(&mut readings)?;

        let several = SEVERAL.to_string();
        let settings = ["--pool", &several, "--pool-least", &several];
        let mut server = Server::start(self.stage, Transport::Stdio, &settings)?;
        server.filled(SEVERAL)?;
        rest()?;
        readings.note_bytes(SANDBOX, mean(&server.memories(usage::memory)?)?);
        server.leave(&mut readings)?;
        Ok(readings)
    }
}
