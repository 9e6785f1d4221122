//! Many streams that are open and idle: what it takes to open them, and what they cost while nothing happens.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::client::Client as _;
use super::http::Http;
use super::message::Era;
use super::scenario::{Readings, Row, Scale, Scenario, Unit};
use super::subject::{self, Subject};
use super::talk::{REST, WITHIN};
use super::usage;
use crate::process;

/// Files beyond the streams that a client or a server has open.
const OTHER_FILES: u64 = 256;

/// Streams of one era.
#[derive(Debug)]
pub(super) struct Streams {
    /// How the server is spoken to.
    pub(super) era: Era,
    /// Ours, and what it is held against.
    pub(super) subjects: Vec<Subject>,
}

impl Scenario for Streams {
    fn name(&self) -> String {
        format!("idle streams {}", self.era.revision())
    }

    fn subjects(&self) -> Vec<&'static str> {
        subject::names(&self.subjects)
    }

    fn rows(&self) -> Vec<Row> {
        [
            ("time to open all", Unit::Seconds),
            ("memory a stream (Pss)", Unit::Bytes),
            ("processor time while idle", Unit::Seconds),
        ]
        .map(|(reading, unit)| Row {
            reading: reading.to_owned(),
            unit,
            anchor: self.subjects.get(1).map(|anchor| anchor.name),
            bound: WITHIN,
            aim: None,
        })
        .to_vec()
    }

    fn most_rounds(&self) -> usize {
        5
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let subject = subject::named(&self.subjects, subject)?;
        allow_files(u64::from(scale.streams()) + OTHER_FILES)?;
        let (mut http, _) = Http::open(subject, self.era)?;
        let pid = http.process().id();
        process::pause(REST);
        let before = usage::memory(pid)?;

        let started = Instant::now();
        let mut streams = Vec::new();
        for _ in 0..scale.streams() {
            streams.push(http.open_stream()?);
        }
        let mut readings = Readings::default();
        readings.note("time to open all", started.elapsed().as_secs_f64());
        readings.note("streams", f64::from(scale.streams()));

        process::pause(REST);
        let open = usage::memory(pid)?;
        let each = |open: u64, before: u64| {
            open.saturating_sub(before) / u64::from(scale.streams()).max(1)
        };
        readings.note_bytes("memory a stream (Pss)", each(open.pss, before.pss));
        readings.note_bytes("memory a stream (Rss)", each(open.rss, before.rss));

        let used = usage::processor_time(pid)?;
        process::pause(scale.idle());
        let idle = usage::processor_time(pid)?.saturating_sub(used);
        readings.note("processor time while idle", idle.as_secs_f64());

        readings.note_wrong(http.wrong());
        for stream in &mut streams {
            if !is_open(stream)? {
                readings.failures += 1;
                readings
                    .failure
                    .get_or_insert_with(|| "a stream was closed".to_owned());
            }
        }
        Ok(readings)
    }
}

/// Whether the server has left a stream open.
fn is_open(stream: &mut TcpStream) -> Result<bool> {
    stream
        .set_nonblocking(true)
        .context("cannot look at a stream")?;
    let mut piece = [0; 4096];
    Ok(match stream.read(&mut piece) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    })
}

/// Lets this process, and those it starts, have so many files open.
fn allow_files(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).with_context(|| format!("{wanted} files cannot be opened"))
}
