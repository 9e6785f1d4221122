//! The soak itself: calls go out, answers are judged as they come, and faults happen between them.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::audit::{Expected, Ids};
use super::chance::Chance;
use super::machine::{self, Orphans};
use super::programs;
use super::server::{Call, LIMITS, Server};
use super::sum::Sum;
use crate::engine::Engine;
use crate::places::Places;
use crate::server::binary;
use crate::{image, process, say};

/// What a call may take beyond its program's time, on a busy machine with its queue.
const SLACK: Duration = Duration::from_secs(90);
/// After a cancel an answer may still be on its way for so long.
const CROSSING: Duration = Duration::from_secs(10);
/// How long a fault may explain an ending.
const EXPLAINS: Duration = Duration::from_secs(90);
/// How long anything may stay behind.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// How often in a thousand calls something happens.
const CANCELS: u64 = 120;
const CONTAINER_FAULTS: u64 = 25;
const CRASHES: u64 = 1;
/// How many findings are kept.
const MAX_FINDINGS: usize = 1000;

/// A soak that goes on.
#[derive(Debug)]
pub(super) struct Run<'a> {
    places: &'a Places,
    engine: &'a Engine,
    chance: Chance,
    log: File,
    dir: TempDir,
    server: Option<Server>,
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
            chance: Chance::new(seed),
            log,
            dir,
            server: None,
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
            let in_flight = self.in_flight();
            if in_flight < at_once {
                begun += 1;
                self.begin_one()?;
                self.disturb(begun, runs)?;
            }
            let wait = if self.in_flight() < at_once { 0 } else { 20 };
            self.listen(Duration::from_millis(wait))?;
        }
        while self.in_flight() > 0 {
            self.listen(Duration::from_millis(50))?;
        }
        self.is_still_sound()?;
        self.leave()
    }

    /// Notes something that must not be.
    pub(super) fn find(&mut self, what: String) {
        self.note(&json!({ "found": what }));
        if self.sum.findings.len() < MAX_FINDINGS {
            self.sum.findings.push(what);
        }
    }

    /// Compares the machine with before.
    pub(super) fn end(mut self) -> Result<Sum> {
        // It is there only if the soak broke off.
        drop(self.server.take());
        let mut left;
        let waited = Instant::now();
        loop {
            left = machine::containers_of(self.engine, &self.lives)?
                .into_iter()
                .map(|id| format!("container {id}"))
                .collect::<Vec<_>>();
            let orphans = machine::orphans(self.engine)?;
            left.extend(orphans.difference(&self.before).cloned());
            if left.is_empty() || waited.elapsed() > GONE_WITHIN {
                break;
            }
            process::pause(Duration::from_millis(500));
        }
        for thing in left {
            self.find(format!("left behind: {thing}"));
        }
        let files =
            std::fs::read_dir(self.dir.path().join("tmp")).context("cannot look for files")?;
        for file in files.flatten() {
            self.find(format!("left behind: the file {:?}", file.file_name()));
        }
        let format = "{{.State.Running}} {{.RestartCount}}";
        let state = process::read(self.engine.docker().args([
            "inspect",
            "--format",
            format,
            &self.bystander,
        ]));
        let state = state.unwrap_or_else(|error| error.to_string());
        if state != "true 0" {
            self.find(format!("a container of somebody else was touched: {state}"));
        }
        let mut sum = std::mem::take(&mut self.sum);
        sum.engine.1 = machine::memory_of(ENGINE);
        sum.records = self.ids.count();
        sum.seconds = self.started.elapsed().as_secs_f64();
        Ok(sum)
    }

    fn in_flight(&self) -> usize {
        self.server.as_ref().map_or(0, |server| {
            let waiting = server.calls.values().filter(|call| !call.is_cancelled);
            waiting.count()
        })
    }

    /// Sends one program, perhaps to be cancelled.
    fn begin_one(&mut self) -> Result<()> {
        let program = programs::any(&mut self.chance);
        let cancel_in = Duration::from_millis(self.chance.below(1500));
        let is_cancelled = self.chance.per_mille(CANCELS);
        let cancel_at = is_cancelled.then(|| Instant::now() + cancel_in);
        self.last_id += 1;
        let id = self.last_id;
        self.server()?.call(id, program, cancel_at)
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
            .env("MCP_PYTHON_ENVIRONMENTS", "off")
            .args(LIMITS);
        let audit = self.dir.path().join(format!("audit-{}", self.lives.len()));
        let log = self.places.log("soak-server")?;
        Server::start(&mut command, &log, audit)
    }

    /// What happens beside the programs.
    fn disturb(&mut self, begun: u64, runs: u64) -> Result<()> {
        if self.chance.per_mille(CONTAINER_FAULTS) {
            self.harm_a_container()?;
        }
        // Both happen at least once in every soak that is not tiny.
        let (crash, leave) = (
            self.chance.per_mille(CRASHES),
            self.chance.per_mille(CRASHES),
        );
        // Those of the second half have one server, which lives long enough to show whether it grows.
        if begun > runs / 2 {
            return Ok(());
        }
        if crash || begun == runs / 6 + 1 {
            self.count("the server is killed");
            self.crash();
        } else if leave || begun == runs / 3 + 1 {
            self.count("the client leaves");
            self.leave()?;
        }
        Ok(())
    }

    /// Kills, removes or pauses one container of the server's.
    fn harm_a_container(&mut self) -> Result<()> {
        let only = BTreeSet::from([self.server()?.process()]);
        let containers = machine::containers_of(self.engine, &only)?;
        let ways: [(&'static str, &[&str]); 3] = [
            ("a container is killed", &["kill"]),
            ("a container is removed", &["rm", "--force"]),
            ("a container is paused", &["pause"]),
        ];
        let (Some(id), Some((fault, words))) = (
            self.chance.of(&containers).cloned(),
            self.chance.of(&ways).copied(),
        ) else {
            return Ok(());
        };
        // It may have gone by itself.
        if process::read(self.engine.docker().args(words).arg(&id)).is_ok() {
            self.count(fault);
            self.faults.push_back(Instant::now());
        }
        Ok(())
    }

    fn count(&mut self, fault: &'static str) {
        self.note(&json!({ "fault": fault }));
        *self.sum.faults.entry(fault).or_default() += 1;
    }

    /// The server dies with all that it was doing.
    fn crash(&mut self) {
        let Some(server) = self.server.take() else {
            return;
        };
        let (audit, sent) = (server.audit.clone(), server.sent);
        server.kill();
        self.end_life(
            &audit,
            Expected {
                least: 0,
                most: sent,
            },
        );
    }

    /// The client goes, whatever is running.
    fn leave(&mut self) -> Result<()> {
        let Some(server) = self.server.take() else {
            return Ok(());
        };
        let audit = server.audit.clone();
        // What is cancelled at once, or was never read, was never begun.
        let open = self.cancellable(&server);
        let expected = Expected {
            least: server.sent.saturating_sub(server.cancelled + open),
            most: server.sent,
        };
        server.leave()?;
        self.end_life(&audit, expected);
        Ok(())
    }

    /// How many calls may end with their connection before they began.
    fn cancellable(&self, server: &Server) -> usize {
        let open = server.calls.values().filter(|call| !call.is_cancelled);
        open.count()
    }

    fn end_life(&mut self, audit: &Path, expected: Expected) {
        for wrong in self.ids.read(audit, expected) {
            self.find(wrong);
        }
        let memory = std::mem::take(&mut self.memory);
        if memory.len() > self.sum.memory.len() {
            self.sum.memory = memory;
        }
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
        match self.server()?.calls.remove(&id) {
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
            && !self.is_explained()
        {
            self.find(objection);
        }
        self.sample();
    }

    /// Whether a fault explains an ending that would be wrong otherwise; each explains one.
    fn is_explained(&mut self) -> bool {
        while let Some(fault) = self.faults.pop_front() {
            if fault.elapsed() < EXPLAINS {
                return true;
            }
        }
        false
    }

    /// The server's memory after each answer.
    fn sample(&mut self) {
        if let Some(server) = &self.server {
            let process = server.process();
            self.memory.push(machine::memory(process));
            let now = machine::descriptors(process);
            let first = *self.first_descriptors.get_or_insert(now);
            self.sum.descriptors = self.sum.descriptors.max(now.saturating_sub(first));
        }
    }

    /// An innocent program after all that, with no fault to explain anything.
    fn is_still_sound(&mut self) -> Result<()> {
        self.faults.clear();
        let program = programs::innocent(&mut self.chance);
        if !program.is_innocent() {
            bail!("`{}` is no innocent program", program.name);
        }
        self.last_id += 1;
        let id = self.last_id;
        self.server()?.call(id, program, None)?;
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
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // Gone only if something is wrong, which was said.
        let _ = process::read(
            self.engine
                .docker()
                .args(["rm", "--force", &self.bystander]),
        );
    }
}

/// The processes of the engine.
const ENGINE: &[&str] = &["dockerd", "containerd"];
