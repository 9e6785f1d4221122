//! The real server as the attacks meet it: started as a client starts it, with small limits, and
//! looked after between attacks.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::server::Client;
use crate::{image, process};

/// The tool that all attacks go through.
const TOOL: &str = "execute-python";
/// What a call may take beyond its program's time: the sandbox's start and end on a busy machine.
const SLACK: Duration = Duration::from_secs(15);
/// How long a sandbox may stay behind after its call was answered.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// By how much the memory that the server has taken for itself may have grown.
const GROWTH: u64 = 8 * 1024 * 1024;
/// How long the server may take to give back descriptors: those of a sandbox go with it.
const RELEASED_WITHIN: Duration = Duration::from_secs(30);
/// So that the server has as much to hold before an attack as after it: one sandbox that waits, and hardly anything of what
/// results link to, which else is kept for a quarter of an hour.
const STEADY: &[&str] = &["--pool", "1", "--results-kept", "1MiB"];

/// Limits that an attack meets soon, on any machine.
pub(super) const LIMITS: &[&str] = &[
    "--memory",
    "256MiB",
    "--processes",
    "64",
    "--open-files",
    "256",
    "--tmp-size",
    "32MiB",
    "--modules-size",
    "64MiB",
    "--shm-size",
    "16MiB",
    "--output-printed",
    "4MiB",
    "--cpus",
    "1",
];

/// A running server.
#[derive(Debug)]
pub(super) struct Subject {
    client: Client,
    /// What it had when it had served its first call.
    at_first: Footprint,
}

/// What a server holds of its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Footprint {
    memory: u64,
    descriptors: BTreeSet<String>,
}

impl Subject {
    /// Starts the server by `command`, which names the binary, and waits for its first answer.
    pub(super) fn start(
        stage: &Stage<'_>,
        name: &str,
        mut command: Command,
        options: &[String],
    ) -> Result<Self> {
        stage.engine.point(&mut command);
        process::without_server_settings(&mut command)
            .env("XDG_CONFIG_HOME", stage.places.cache.join("no-settings"))
            .env("MCP_PYTHON_IMAGE", image::IMAGE)
            .env("MCP_PYTHON_ENVIRONMENTS", "off")
            .env("ATTACK_SECRET", &stage.own_secret)
            .args(options);
        if let Some(runtime) = &stage.runtime {
            command.args(["--runtime", runtime]);
        }
        if !stage.has_own_kernel() {
            command.args(STEADY);
        } else {
            // The host knows such a sandbox by its container alone: none may wait meanwhile.
            command.args(["--pool", "0", "--pool-least", "0", "--results-kept", "1MiB"]);
        }
        let log = stage.places.log(&format!("attack-{name}"))?;
        let mut client = Client::start(&mut command, &log)?;
        client
            .handshake()
            .with_context(|| format!("the server did not start: {}", process::tail(&log).trim()))?;
        let mut subject = Self {
            client,
            at_first: Footprint::default(),
        };
        subject.innocent()?;
        subject.at_first = subject.footprint();
        Ok(subject)
    }

    /// Calls the tool with a program; the answer must come in time.
    pub(super) fn call(&mut self, arguments: &Value, time: Duration) -> Result<Value> {
        self.call_telling(arguments, time, |_| {})
    }

    /// The same; `tell` gets what the server says meanwhile.
    fn call_telling(
        &mut self,
        arguments: &Value,
        time: Duration,
        tell: impl FnMut(&str),
    ) -> Result<Value> {
        let asked = Instant::now();
        let answer = self.client.call(TOOL, arguments, tell)?;
        let took = asked.elapsed();
        if took > time + SLACK {
            bail!("the answer took {} s", took.as_secs());
        }
        Ok(answer)
    }

    /// Runs a program for so long.
    pub(super) fn run(&mut self, program: &str, time: Duration) -> Result<Value> {
        self.run_telling(program, time, |_| {})
    }

    /// The same; `tell` gets the newest line that the program has printed, now and then.
    pub(super) fn run_telling(
        &mut self,
        program: &str,
        time: Duration,
        tell: impl FnMut(&str),
    ) -> Result<Value> {
        let arguments = json!({ "code": program, "timeout_seconds": time.as_secs() });
        self.call_telling(&arguments, time, tell)
    }

    /// An innocent program, which must work whatever went on before.
    pub(super) fn innocent(&mut self) -> Result<()> {
        let answer = self.run("print(6 * 7)", Duration::from_secs(30))?;
        let printed = answer.pointer("/structuredContent/stdout");
        match printed.and_then(Value::as_str) {
            Some("42\n") => Ok(()),
            _ => bail!("an innocent program got {answer}"),
        }
    }

    /// The server's process.
    pub(super) fn process(&self) -> u32 {
        self.client.process()
    }

    /// What must be true after every scene: the next call works, and the container `ran`, in which
    /// the program was, is gone. The server may have others, in which nothing has run yet.
    pub(super) fn is_sound(&mut self, stage: &Stage<'_>, ran: Option<&str>) -> Result<()> {
        self.innocent()?;
        let waited = Instant::now();
        while let Some(ran) = ran {
            if !containers(stage, self.process())?
                .iter()
                .any(|id| id == ran)
            {
                break;
            }
            if waited.elapsed() > GONE_WITHIN {
                bail!("the container of the program is still there");
            }
            process::pause(Duration::from_millis(50));
        }
        let waited = Instant::now();
        let mut now = self.footprint();
        while now.descriptors.len() > self.at_first.descriptors.len() {
            if waited.elapsed() > RELEASED_WITHIN {
                let new: Vec<_> = now
                    .descriptors
                    .difference(&self.at_first.descriptors)
                    .collect();
                bail!("the server keeps descriptors: {new:?}");
            }
            process::pause(Duration::from_millis(50));
            now = self.footprint();
        }
        if now.memory > self.at_first.memory + GROWTH {
            bail!(
                "the server grew from {} to {} bytes",
                self.at_first.memory,
                now.memory
            );
        }
        Ok(())
    }

    fn footprint(&self) -> Footprint {
        let dir = format!("/proc/{}", self.process());
        let status = std::fs::read_to_string(format!("{dir}/status")).unwrap_or_default();
        let memory = status.lines().find_map(|line| {
            // Pages of its program, of which each new thing that it does maps more, are not counted.
            let kibibytes = line.strip_prefix("RssAnon:")?.split_whitespace().next()?;
            Some(kibibytes.parse::<u64>().ok()? * 1024)
        });
        let entries = std::fs::read_dir(format!("{dir}/fd")).into_iter().flatten();
        let descriptors = entries
            .flatten()
            .map(|entry| {
                let target = std::fs::read_link(entry.path()).unwrap_or_default();
                format!("{} {}", entry.file_name().display(), target.display())
            })
            .collect();
        Footprint {
            memory: memory.unwrap_or(0),
            descriptors,
        }
    }

    /// Ends the server as a client does. Nothing of it may stay.
    pub(super) fn stop(self, stage: &Stage<'_>) -> Result<()> {
        let owner = self.process();
        self.client.stop()?;
        let waited = Instant::now();
        loop {
            let left = containers(stage, owner)?.len();
            if left == 0 {
                return Ok(());
            }
            if waited.elapsed() > GONE_WITHIN {
                bail!("{left} of its containers are still there");
            }
            process::pause(Duration::from_millis(50));
        }
    }
}

/// The containers that name this process as their owner.
fn containers(stage: &Stage<'_>, owner: u32) -> Result<Vec<String>> {
    Containers::of(stage, owner).ids()
}

/// The containers that name one process as their owner, to be asked for again and again.
#[derive(Debug)]
pub(super) struct Containers {
    list: Command,
    owner: String,
}

impl Containers {
    pub(super) fn of(stage: &Stage<'_>, owner: u32) -> Self {
        let format = "{{.ID}} {{.Label \"mcp-pyexec.lease\"}}";
        let mut list = stage.engine.docker();
        list.args(["ps", "--all", "--no-trunc"]).args([
            "--filter",
            "label=mcp-pyexec.lease",
            "--format",
            format,
        ]);
        Self {
            list,
            owner: owner.to_string(),
        }
    }

    /// Those that are there now, by their ids.
    pub(super) fn ids(&mut self) -> Result<Vec<String>> {
        Ok(process::read(&mut self.list)?
            .lines()
            .filter(|line| line.split('/').nth(2) == Some(&self.owner))
            .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
            .collect())
    }
}
