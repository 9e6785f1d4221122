//! The product as a client meets it during a measurement, and what is kept of it for freshness.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::super::client::Client;
use super::super::http::Http;
use super::super::message::{Call, Era};
use super::super::pipe::{Kept, Pipe, Until};
use super::super::scenario::Readings;
use super::super::talk::Transport;
use super::super::usage::Memory;
use super::engine_process;
use super::fresh::CANARY;
use super::stage::{Stage, Which};
use crate::process;

/// What nearly all measurements run: the least that shows that a program ran.
pub(super) const PROGRAM: &str = "print(2+2)";
/// What it prints.
pub(super) const PRINTED: &str = "4\n";

/// How long sandboxes may take to be there.
const FILLED_WITHIN: Duration = Duration::from_secs(90);
/// How often the engine is asked how many are there.
const ASK: Duration = Duration::from_millis(200);
/// From a container's being there to its runner's being ready, at most.
const READY: Duration = Duration::from_millis(400);

/// A server and its one client.
#[derive(Debug)]
pub(super) struct Server<'s> {
    stage: &'s Stage<'s>,
    client: Conversation,
    audit: PathBuf,
    /// How many programs it was asked to run.
    asked: usize,
}

#[derive(Debug)]
enum Conversation {
    Stdio(Pipe),
    Http(Http),
}

impl Conversation {
    fn client(&mut self) -> &mut dyn Client {
        match self {
            Self::Stdio(pipe) => pipe,
            Self::Http(http) => http,
        }
    }
}

/// By which kind of sandbox a call was served.
pub(super) fn served_by(answer: Option<&Value>) -> Option<&str> {
    let meta = answer?.pointer("/result/_meta")?;
    meta.get("python-executor/served-by")?.as_str()
}

/// The call of the program that nearly all measurements run.
pub(super) fn call() -> Call {
    Call::run(PROGRAM, &[], Some(PRINTED))
}

impl<'s> Server<'s> {
    /// Starts one with these settings, and shakes hands.
    pub(super) fn start(
        stage: &'s Stage<'s>,
        transport: Transport,
        settings: &[&str],
    ) -> Result<Self> {
        let number = stage.servers.borrow().len();
        let audit = stage.dir()?.join(format!("audit-{number}"));
        let path = audit.to_str().context("a path is no text")?;
        let subject = stage
            .server(transport)?
            .with_arguments(&["--audit", path])
            .with_arguments(settings);
        let client = match transport {
            Transport::Stdio => Conversation::Stdio(Pipe::open(&subject, Era::Session)?.0),
            Transport::Http => Conversation::Http(Http::open(&subject, Era::Session)?.0),
        };
        let mut server = Self {
            stage,
            client,
            audit,
            asked: 0,
        };
        stage.servers.borrow_mut().insert(server.id());
        Ok(server)
    }

    /// Its process.
    pub(super) fn id(&mut self) -> u32 {
        self.client.client().process().id()
    }

    /// Calls once, and says how long that took.
    pub(super) fn ask(&mut self, call: &Call) -> Result<Duration> {
        self.ask_for(call).map(|(took, _answer)| took)
    }

    /// Calls once, and says how long that took and what came.
    pub(super) fn ask_for(&mut self, call: &Call) -> Result<(Duration, Option<Value>)> {
        self.asked += 1;
        let asked = Instant::now();
        let answer = self.client.client().ask_for(call)?;
        Ok((asked.elapsed(), answer))
    }

    /// Keeps so many calls under way at once; over standard input and output only.
    pub(super) fn keep(&mut self, call: &Call, at_once: usize, until: Until) -> Result<Kept> {
        let Conversation::Stdio(pipe) = &mut self.client else {
            bail!("calls are kept under way over standard input and output");
        };
        let wrong = pipe.wrong().count;
        let kept = pipe.keep(call, at_once, until)?;
        self.asked += kept.latencies.count() + pipe.wrong().count - wrong;
        Ok(kept)
    }

    /// Has a call look for what another one left.
    pub(super) fn look(&mut self) -> Result<()> {
        let (_, answer) = self.ask_for(&Call::run(CANARY, &[], None))?;
        let printed = answer.as_ref().and_then(|answer| {
            let printed = answer.pointer("/result/structuredContent/stdout")?;
            printed.as_str()
        });
        let printed = printed.context("a canary did not run")?;
        self.stage.canaries.borrow_mut().look(printed)
    }

    /// Waits until so many sandboxes are there, and stay: some may be those of earlier calls on their way out.
    pub(super) fn filled(&mut self, with: usize) -> Result<()> {
        let asked = Instant::now();
        let mut seen = BTreeSet::new();
        loop {
            let now: BTreeSet<String> = self.sandboxes()?.into_iter().collect();
            if now.len() >= with && now == seen {
                return Ok(());
            }
            if asked.elapsed() > FILLED_WITHIN {
                bail!("the pool is not filled after {FILLED_WITHIN:?}");
            }
            process::pause(if now.len() < with { ASK } else { READY });
            seen = now;
        }
    }

    /// Its containers that run.
    pub(super) fn sandboxes(&mut self) -> Result<Vec<String>> {
        let owner = self.id();
        self.stage
            .sandboxes_of(&BTreeSet::from([owner]), Which::Running)
    }

    /// What each of its sandboxes takes (Pss), as `of` reads it from the engine's process beside it.
    pub(super) fn memories(&mut self, of: fn(u32) -> Result<Memory>) -> Result<Vec<u64>> {
        let stage = self.stage;
        let sandboxes = self.sandboxes()?;
        let each = sandboxes
            .iter()
            .map(|sandbox| Ok(of(engine_process(stage, sandbox)?)?.pss));
        each.collect()
    }

    /// Ends it in order, and takes its audit and what was answered wrongly.
    pub(super) fn leave(mut self, readings: &mut Readings) -> Result<()> {
        readings.note_wrong(self.client.client().wrong());
        drop(self.client);
        let mut canaries = self.stage.canaries.borrow_mut();
        canaries.audit(&self.audit, self.asked)
    }
}
