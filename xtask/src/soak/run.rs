//! The soak itself: calls go out, answers are judged as they come, and faults happen between them.
//!
//! It has four quarters. In the first two the server is killed and left, without and with an outside; in the others it
//! lives on, so that it shows whether it grows, with an outside and without.

mod after;
mod disturb;
mod idle;

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::audit::Ids;
use super::chance::Chance;
use super::machine::{self, Orphans};
use super::outside::Outside;
use super::programs::{self, World};
use super::server::{self, Call, Server};
use super::sum::Sum;
use crate::engine::Engine;
use crate::places::Places;
use crate::server::binary;
use crate::{image, process, say};

/// What a call may take beyond its program's time, on a busy machine with its queue.
const SLACK: Duration = Duration::from_secs(90);
/// After a cancel an answer may still be on its way for so long.
const CROSSING: Duration = Duration::from_secs(10);
/// How often in a thousand calls one is cancelled.
const CANCELS: u64 = 120;
/// How many findings are kept.
const MAX_FINDINGS: usize = 1000;

/// The quarters: what is around the server, and whether it is killed and left in the middle.
const QUARTERS: [(World, bool); 4] = [
    (World::Closed, true),
    (World::Open, true),
    (World::Open, false),
    (World::Closed, false),
];

/// A soak that goes on.
#[derive(Debug)]
pub(super) struct Run<'a> {
    places: &'a Places,
    engine: &'a Engine,
    seed: u64,
    chance: Chance,
    log: File,
    dir: TempDir,
    outside: Outside,
    server: Option<Server>,
    quarter: usize,
    bystander: String,
    before: Orphans,
    started: Instant,
    /// Every process of a server.
    lives: BTreeSet<u32>,
    last_id: u64,
    answered: BTreeSet<u64>,
    /// Faults that have not explained an ending yet.
    faults: VecDeque<Instant>,
    ids: Ids,
    memory: Vec<u32>,
    /// The descriptors of a server that lives on, before its first programs and with nothing to do.
    first_descriptors: Option<usize>,
    sum: Sum,
}

impl<'a> Run<'a> {
    pub(super) fn begin(
        places: &'a Places,
        engine: &'a Engine,
        seed: u64,
        log: &Path,
    ) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("soak-")
            .tempdir()
            .context("cannot make a directory")?;
        std::fs::create_dir(dir.path().join("tmp")).context("cannot make a directory")?;
        let log = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let bystander = format!("soak-bystander-{}", std::process::id());
        // It bears one of our labels and is not ours: nobody may touch it.
        process::read(engine.docker().args([
            "run",
            "--detach",
            "--name",
            &bystander,
            "--network",
            "none",
            "--label",
            "mcp-pyexec.run=somebody-else",
            "--memory",
            "64m",
            image::IMAGE,
            "sleep",
            "86400",
        ]))?;
        let mut run = Self {
            places,
            engine,
            seed,
            chance: Chance::new(seed),
            log,
            dir,
            outside: Outside::serve()?,
            server: None,
            quarter: 0,
            bystander,
            before: machine::orphans(engine)?,
            started: Instant::now(),
            lives: BTreeSet::new(),
            last_id: 0,
            answered: BTreeSet::new(),
            faults: VecDeque::new(),
            ids: Ids::default(),
            memory: Vec::new(),
            first_descriptors: None,
            sum: Sum::default(),
        };
        run.sum.engine.0 = machine::memory_of(ENGINE);
        Ok(run)
    }

    /// Runs so many programs, so many at once.
    pub(super) fn play(&mut self, runs: u64, at_once: usize, until: Instant) -> Result<()> {
        let mut told = Instant::now();
        let mut begun = 0;
        while begun < runs && Instant::now() < until {
            if told.elapsed() > Duration::from_secs(15) {
                told = Instant::now();
                let found = self.sum.findings.len();
                say::progress(
                    "soak",
                    &format!("{begun} of {runs} begun, {found} findings"),
                );
            }
            if self.in_flight() < at_once {
                begun += 1;
                self.enter_quarter_of(begun, runs)?;
                self.begin_one()?;
                self.disturb(begun, runs)?;
            }
            let wait = if self.in_flight() < at_once { 0 } else { 20 };
            self.listen(Duration::from_millis(wait))?;
        }
        self.end_quarter()
    }

    /// Notes something that must not be.
    pub(super) fn find(&mut self, what: String) {
        self.note(&json!({ "found": what }));
        if self.sum.findings.len() < MAX_FINDINGS {
            self.sum.findings.push(what);
        }
    }

    fn world(&self) -> World {
        QUARTERS
            .get(self.quarter)
            .map_or(World::Closed, |(world, _)| *world)
    }

    fn is_disturbed(&self) -> bool {
        QUARTERS.get(self.quarter).is_some_and(|(_, is)| *is)
    }

    /// Goes on to the quarter that this program is in.
    fn enter_quarter_of(&mut self, begun: u64, runs: u64) -> Result<()> {
        let quarter = usize::try_from(begun.saturating_sub(1) * 4 / runs.max(1)).unwrap_or(0);
        if quarter != self.quarter {
            self.end_quarter()?;
            self.quarter = quarter;
        }
        if self.server.is_none() && !self.is_disturbed() {
            self.is_sound()?;
            self.first_descriptors = Some(self.settled(None)?);
        }
        Ok(())
    }

    /// All that is under way ends, the server is looked at with nothing to do, and its client leaves.
    fn end_quarter(&mut self) -> Result<()> {
        while self.in_flight() > 0 {
            self.listen(Duration::from_millis(50))?;
        }
        self.faults.clear();
        self.is_sound()?;
        if let Some(first) = self.first_descriptors {
            self.judge_descriptors(first)?;
        }
        self.leave()
    }

    fn in_flight(&self) -> usize {
        self.server.as_ref().map_or(0, |server| {
            let waiting = server.calls.values().filter(|call| !call.is_cancelled);
            waiting.count()
        })
    }

    /// Sends one program, perhaps to be cancelled.
    fn begin_one(&mut self) -> Result<()> {
        let world = self.world();
        let program = programs::any(&mut self.chance, world);
        let cancel_in = Duration::from_millis(self.chance.below(1500));
        let is_cancelled = self.chance.per_mille(CANCELS);
        let cancel_at = is_cancelled.then(|| Instant::now() + cancel_in);
        self.send(program, cancel_at)
    }

    fn send(&mut self, program: programs::Program, cancel_at: Option<Instant>) -> Result<()> {
        self.last_id += 1;
        let id = self.last_id;
        let nonce = format!("call {id} of {}", self.seed);
        self.server()?.call(id, program, &nonce, cancel_at)
    }

    /// The running server; started if there is none.
    fn server(&mut self) -> Result<&mut Server> {
        if self.server.is_none() {
            let server = self.start()?;
            self.lives.insert(server.process());
            self.first_descriptors = None;
            self.server = Some(server);
        }
        self.server.as_mut().context("there is no server")
    }

    fn start(&self) -> Result<Server> {
        let mut command = Command::new(binary(self.places));
        self.engine.point(&mut command);
        process::without_server_settings(&mut command)
            .env("XDG_CONFIG_HOME", self.places.cache.join("no-settings"))
            .env("TMPDIR", self.dir.path().join("tmp"))
            .env("MCP_PYTHON_IMAGE", image::IMAGE)
            .args(server::options(self.world(), &self.outside, &self.volume()));
        let audit = self.dir.path().join(format!("audit-{}", self.lives.len()));
        let log = self.places.log("soak-server")?;
        Server::start(&mut command, &log, audit)
    }

    /// The volume of the sets; of this soak alone.
    fn volume(&self) -> String {
        format!("soak-{}", std::process::id())
    }

    /// Takes what the server says within this time, and looks at the clock.
    fn listen(&mut self, time: Duration) -> Result<()> {
        let mut overdue = Vec::new();
        let server = self.server()?;
        server.cancel_due()?;
        let message = server.message(time)?;
        server.calls.retain(|id, call| {
            if call.is_cancelled {
                return call.sent.elapsed() < CROSSING;
            }
            let is_late = call.sent.elapsed() > Duration::from_secs(call.program.seconds) + SLACK;
            if is_late {
                overdue.push(format!("`{}` ({id}) was never answered", call.program.name));
            }
            !is_late
        });
        for what in overdue {
            self.find(what);
        }
        let Some(message) = message else {
            return Ok(());
        };
        let Some(id) = message.get("id").and_then(Value::as_u64) else {
            return Ok(());
        };
        let ending = message.pointer("/result/structuredContent/ending");
        let ending = ending.and_then(Value::as_str).map(str::to_owned);
        match self.server()?.answered(id, ending) {
            Some(call) => self.judge(id, &call, &message),
            None if self.answered.contains(&id) => {
                self.find(format!("call {id} was answered twice"))
            }
            None => self.find(format!(
                "call {id} was answered, and nobody waited: {message}"
            )),
        }
        self.answered.insert(id);
        Ok(())
    }

    fn judge(&mut self, id: u64, call: &Call, message: &Value) {
        let name = call.program.name;
        let structured = message.pointer("/result/structuredContent");
        let ending = structured
            .and_then(|result| result.get("ending")?.as_str())
            .unwrap_or("without a result");
        let took = call.sent.elapsed().as_millis();
        self.note(&json!({
            "id": id, "program": name, "ending": ending, "cancelled": call.is_cancelled,
            "took_ms": u64::try_from(took).unwrap_or(u64::MAX),
        }));
        *self
            .sum
            .endings
            .entry((name, ending.to_owned()))
            .or_default() += 1;
        let objection = match structured {
            Some(result) => call.program.objection(result),
            None => Some(format!("`{name}` got {message}")),
        };
        // An answer that crossed its cancel may say anything.
        if let Some(objection) = objection.filter(|_| !call.is_cancelled)
            && !self.is_explained(!call.program.modules.is_empty())
        {
            self.find(objection);
        }
        if let Some(server) = &self.server {
            self.memory.push(machine::memory(server.process()));
        }
    }

    /// An innocent program with no fault to explain anything, alone.
    fn is_sound(&mut self) -> Result<()> {
        let program = programs::innocent(&mut self.chance);
        if !program.is_innocent() {
            bail!("`{}` is no innocent program", program.name);
        }
        self.send(program, None)?;
        while self.in_flight() > 0 {
            self.listen(Duration::from_millis(50))?;
        }
        Ok(())
    }

    fn note(&mut self, what: &Value) {
        let mut line = json!({ "at_ms": u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX) });
        if let (Some(line), Some(what)) = (line.as_object_mut(), what.as_object()) {
            line.extend(what.clone());
        }
        // A full disk is no reason to give up.
        let _ = writeln!(self.log, "{line}");
    }

    /// Where the server may leave files, and must not.
    fn temporary(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // Both are gone already, or something is wrong, which was said.
        let volume = self.volume();
        for words in [
            ["rm", "--force", &*self.bystander],
            ["volume", "rm", &volume],
        ] {
            let _ = process::read(self.engine.docker().args(words));
        }
    }
}

/// The processes of the engine.
const ENGINE: &[&str] = &["dockerd", "containerd"];
