//! Requests to a living server: one at a time for the latency, many for the throughput, and what they leave in memory.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::client::Client;
use super::http::{CONNECTIONS, Http};
use super::message::{Call, Era};
use super::pipe::{Pipe, WINDOW};
use super::processor;
use super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::stats::Latencies;
use super::subject::{self, Subject};
use super::usage;
use crate::process;

/// What a server may come to beside the one that it is held against.
pub(super) const WITHIN: Bound = Bound::Ratio(1.1);

/// How long a server rests before its memory is read.
pub(super) const REST: Duration = Duration::from_millis(200);

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// Standard input and output.
    Stdio,
    /// Streamable HTTP.
    Http,
}

impl Transport {
    /// Its name in the results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http => "http",
        }
    }

    /// Starts a server and opens the conversation; also says how long that took.
    pub(super) fn open(self, subject: &Subject, era: Era) -> Result<(Box<dyn Client>, Duration)> {
        Ok(match self {
            Self::Stdio => {
                let (pipe, took) = Pipe::open(subject, era)?;
                (Box::new(pipe), took)
            }
            Self::Http => {
                let (http, took) = Http::open(subject, era)?;
                (Box::new(http), took)
            }
        })
    }
}

/// `ping` and `tools/call echo` over one transport in one era.
#[derive(Debug)]
pub(super) struct Talk {
    /// How messages travel.
    pub(super) transport: Transport,
    /// How the server is spoken to.
    pub(super) era: Era,
    /// Ours, and what it is held against.
    pub(super) subjects: Vec<Subject>,
}

impl Talk {
    fn calls(&self) -> Vec<(&'static str, Call)> {
        let echo = ("echo", Call::echo(self.era));
        match self.era {
            Era::Session => vec![("ping", Call::ping()), echo],
            Era::Stateless => vec![echo],
        }
    }

    fn together(&self) -> String {
        match self.transport {
            Transport::Stdio => format!("{WINDOW} under way"),
            Transport::Http => format!("{CONNECTIONS} connections"),
        }
    }
}

impl Scenario for Talk {
    fn name(&self) -> String {
        format!("{} {}", self.transport.name(), self.era.revision())
    }

    fn subjects(&self) -> Vec<&'static str> {
        subject::names(&self.subjects)
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut row = |reading: String, unit| {
            rows.push(Row {
                reading,
                unit,
                anchor: self.subjects.get(1).map(|anchor| anchor.name),
                bound: WITHIN,
                aim: None,
            });
        };
        for (name, _) in self.calls() {
            row(format!("{name} p50"), Unit::Seconds);
            row(format!("{name} p99"), Unit::Seconds);
            row(format!("{name} rate, {}", self.together()), Unit::PerSecond);
        }
        row("processor time".to_owned(), Unit::Seconds);
        row("idle memory (Pss)".to_owned(), Unit::Bytes);
        row("memory after the load (Pss)".to_owned(), Unit::Bytes);
        row("peak memory (Rss)".to_owned(), Unit::Bytes);
        rows
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let subject = subject::named(&self.subjects, subject)?;
        let (mut client, _) = self.transport.open(subject, self.era)?;
        let client = client.as_mut();
        let pid = client.process().id();
        let mut readings = Readings::default();

        client.ask(&Call::echo(self.era))?;
        process::pause(REST);
        let idle = usage::memory(pid)?;
        readings.note_bytes("idle memory (Pss)", idle.pss);
        readings.note_bytes("idle memory (Rss)", idle.rss);

        let calls = self.calls();
        let shared = processor::Shared::with(pid)?;
        for (name, call) in &calls {
            for _ in 0..scale.warm_up() {
                client.ask(call)?;
            }
            let mut latencies = Latencies::default();
            for _ in 0..scale.requests() {
                let asked = Instant::now();
                client.ask(call)?;
                latencies.note(asked.elapsed());
            }
            note_latencies(&mut readings, name, latencies)?;
        }
        drop(shared);
        for (name, call) in &calls {
            client.flood(call, scale.flood() / 10)?;
            let took = client.flood(call, scale.flood())?;
            let count = u32::try_from(scale.flood()).context("a flood is too large")?;
            let rate = f64::from(count) / took.as_secs_f64();
            readings.note(format!("{name} rate, {}", self.together()), rate);
        }

        let time = usage::processor_time(pid)?;
        readings.note("processor time", time.as_secs_f64());
        process::pause(REST);
        let after = usage::memory(pid)?;
        readings.note_bytes("memory after the load (Pss)", after.pss);
        readings.note_bytes("memory after the load (Rss)", after.rss);
        readings.note_bytes("peak memory (Rss)", after.peak);
        readings.note_wrong(client.wrong());
        Ok(readings)
    }
}

/// Notes the usual percentiles under a name.
pub(super) fn note_latencies(
    readings: &mut Readings,
    name: &str,
    latencies: Latencies,
) -> Result<()> {
    let count = u32::try_from(latencies.count()).context("too much was measured")?;
    readings.note(format!("{name} n"), f64::from(count));
    let [p50, p95, p99] = latencies
        .per_mille([500, 950, 990])
        .context("nothing was measured")?;
    readings.note(format!("{name} p50"), p50);
    readings.note(format!("{name} p95"), p95);
    readings.note(format!("{name} p99"), p99);
    Ok(())
}
