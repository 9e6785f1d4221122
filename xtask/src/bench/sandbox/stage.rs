//! What the measurements of the product share, made when the first of them needs it: the engine, a directory, a volume
//! for environments, the image's files, a container that lives. All of it bears the run's token, and goes with it.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::super::subject::{Output, Subject};
use super::super::talk::Transport;
use super::fresh::Canaries;
use crate::engine::{Afterwards, Engine};
use crate::places::{Places, make_dir};
use crate::{image, process, say};

/// The label of the bench's own containers; its value is the run's token.
const LABEL: &str = "mcp-pyexec-bench";

/// How long the container that lives does so, in seconds, if nobody removes it: longer than any run.
const LIFE: &str = "3600";

/// How long the run's volume may be in use when everything is over.
const VOLUME_WITHIN: Duration = Duration::from_secs(20);

/// What Python does not need to add two and two, and most of an image.
const LEFT_OUT: &[&str] = &[
    "ms-playwright",
    "usr/lib/chromium",
    "usr/share",
    "proc",
    "sys",
];

/// The product's surroundings during one run of the bench.
#[derive(Debug)]
pub(in super::super) struct Stage<'p> {
    /// Where things are.
    pub(super) places: &'p Places,
    /// The sandboxes and what they showed of one another.
    pub(super) canaries: RefCell<Canaries>,
    /// The servers' process ids.
    pub(super) servers: RefCell<BTreeSet<u32>>,
    token: String,
    engine: OnceCell<Engine>,
    dir: OnceCell<TempDir>,
    root: OnceCell<PathBuf>,
    living: OnceCell<String>,
    volume: OnceCell<()>,
    playwright: OnceCell<String>,
}

/// Which containers are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that have ended, too.
    All,
    /// Those that run.
    Running,
}

impl<'p> Stage<'p> {
    /// One of which nothing has been made yet.
    pub(in super::super) fn new(places: &'p Places) -> Self {
        Self {
            places,
            canaries: RefCell::default(),
            servers: RefCell::default(),
            token: std::process::id().to_string(),
            engine: OnceCell::new(),
            dir: OnceCell::new(),
            root: OnceCell::new(),
            living: OnceCell::new(),
            volume: OnceCell::new(),
            playwright: OnceCell::new(),
        }
    }

    /// The engine, which has the image.
    pub(in super::super) fn engine(&self) -> Result<&Engine> {
        once(&self.engine, || {
            image::on_engine(self.places, Afterwards::Stop)
        })
    }

    /// What breaks the promise of freshness in all that was measured until now, if something does.
    pub(in super::super) fn breach(&self) -> Option<String> {
        self.canaries.borrow().breach()
    }

    /// A directory of this run.
    pub(super) fn dir(&self) -> Result<&Path> {
        let dir = once(&self.dir, || {
            let parent = self.places.target().join("bench");
            make_dir(&parent)?;
            tempfile::Builder::new()
                .prefix("run-")
                .tempdir_in(parent)
                .context("cannot make a directory for the bench")
        })?;
        Ok(dir.path())
    }

    /// The `docker` command, on this engine.
    pub(super) fn docker(&self) -> Result<Command> {
        Ok(self.engine()?.docker())
    }

    /// `docker run` of a container that has no network and goes when it ends.
    pub(super) fn docker_run(&self) -> Result<Command> {
        let mut run = self.docker()?;
        run.args(["run", "--rm", "--network", "none", "--label", &self.label()]);
        Ok(run)
    }

    /// What the bench's containers are known by.
    pub(super) fn label(&self) -> String {
        format!("{LABEL}={}", self.token)
    }

    /// A server as it is shipped, with a volume of the run's for its environments.
    pub(in super::super) fn server(&self, transport: Transport) -> Result<Subject> {
        let built = self.places.built_for_release();
        let subject = match transport {
            Transport::Stdio => Subject::new("ours", built.join("mcp-python-stdio"), &[]),
            Transport::Http => {
                let arguments = ["--bind", "127.0.0.1:0"];
                Subject::new("ours", built.join("mcp-python-sse"), &arguments)
                    .saying_its_address_on(Output::Log)
            }
        };
        let mut environment = Command::new("");
        environment.env("MCP_PYTHON_IMAGE", image::IMAGE);
        environment.env("MCP_PYTHON_ENVIRONMENTS", self.volume_name());
        // Nobody's own settings.
        environment.env("XDG_CONFIG_HOME", self.dir()?);
        self.engine()?.point(&mut environment);
        let subject = subject.in_environment_of(&environment).ending_in_order();
        // A server builds what lies on every path when it first starts. That is done before anything is measured.
        once(&self.volume, || {
            say::progress("bench", "building the environment that lies on every path");
            let version = self.playwright()?;
            let program = built.join("mcp-python-stdio");
            Subject::new(
                "env",
                program,
                &["env", "build", &format!("playwright=={version}")],
            )
            .in_environment_of(&environment)
            .run()
            .context("cannot build the environment of Playwright")
        })?;
        Ok(subject)
    }

    /// The version of the Playwright whose browsers the image has.
    pub(super) fn playwright(&self) -> Result<&str> {
        let version = once(&self.playwright, || {
            let mut run = self.docker_run()?;
            let facts = ["cat", "/ms-playwright/.docker-info"];
            let facts = process::read(run.arg(image::IMAGE).args(facts))
                .context("the image does not say which Playwright it is for")?;
            let facts: Value =
                serde_json::from_str(&facts).context("the image's facts are no JSON")?;
            let version = facts.get("driverVersion").and_then(Value::as_str);
            Ok(version.context("the image names no Playwright")?.to_owned())
        })?;
        Ok(version)
    }

    /// The image's files without the greater part that no plain program needs.
    pub(super) fn root(&self) -> Result<&Path> {
        let root = once(&self.root, || {
            say::progress("bench", "unpacking the image for the plain Python");
            let root = self.dir()?.join("root");
            make_dir(&root)?;
            self.unpack(&root)
                .context("cannot unpack the image's files")?;
            Ok(root)
        })?;
        Ok(root)
    }

    /// A container of the image that does nothing.
    pub(super) fn living(&self) -> Result<&str> {
        let living = once(&self.living, || {
            let mut run = self.docker_run()?;
            process::read(run.args(["--detach", image::IMAGE, "sleep", LIFE]))
        })?;
        Ok(living)
    }

    fn unpack(&self, root: &Path) -> Result<()> {
        let mut create = self.docker()?;
        create.args(["create", "--network", "none", "--label", &self.label()]);
        let container = process::read(create.args([image::IMAGE, "true"]))?;
        let mut export = self.docker()?;
        let mut export = export
            .args(["export", &container])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `docker export`")?;
        let mut tar = Command::new("tar");
        tar.arg("--extract").arg("--directory").arg(root);
        for path in LEFT_OUT {
            tar.arg(format!("--exclude={path}"));
        }
        if let Some(archive) = export.stdout.take() {
            tar.stdin(archive);
        }
        let unpacked = tar.status().context("cannot start `tar`")?;
        let exported = export.wait().context("cannot wait for `docker export`")?;
        if !unpacked.success() || !exported.success() {
            bail!("`docker export` ended with {exported}, `tar` with {unpacked}");
        }
        process::read(self.docker()?.args(["rm", &container])).map(|_id| ())
    }

    fn volume_name(&self) -> String {
        format!("mcp-python-bench-{}", self.token)
    }

    /// The containers that belong to one of these processes, by their labels; all, or those that run.
    pub(super) fn sandboxes_of(&self, owners: &BTreeSet<u32>, which: Which) -> Result<Vec<String>> {
        let format = "{{.ID}} {{.Label \"mcp-pyexec.lease\"}}";
        let filter = "label=mcp-pyexec.lease";
        let mut list = self.docker()?;
        list.args(["ps", "--no-trunc", "--filter", filter, "--format", format]);
        if which == Which::All {
            list.arg("--all");
        }
        let is_theirs = |line: &&str| {
            let owner = line.split('/').nth(2).and_then(|pid| pid.parse().ok());
            owner.is_some_and(|owner: u32| owners.contains(&owner))
        };
        Ok(process::read(&mut list)?
            .lines()
            .filter(is_theirs)
            .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
            .collect())
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let Some(engine) = self.engine.get() else {
            return;
        };
        let filter = format!("label={}", self.label());
        let mut list = engine.docker();
        list.args(["ps", "--all", "--quiet", "--filter", &filter]);
        let mut ids = process::read(&mut list).unwrap_or_default();
        // None, unless a server was killed.
        for id in self
            .sandboxes_of(&self.servers.borrow(), Which::All)
            .unwrap_or_default()
        {
            ids.push('\n');
            ids.push_str(&id);
        }
        if !ids.is_empty() {
            let mut remove = engine.docker();
            // What goes by itself meanwhile is gone as well.
            let _ = process::read(remove.args(["rm", "--force"]).args(ids.lines()));
        }
        // It cannot go before the last container that has it, which may still be on its way.
        let asked = Instant::now();
        while asked.elapsed() < VOLUME_WITHIN {
            let mut remove = engine.docker();
            remove.args(["volume", "rm", "--force", &self.volume_name()]);
            if process::read(&mut remove).is_ok() {
                return;
            }
            process::pause(Duration::from_millis(500));
        }
        let name = self.volume_name();
        say::progress("bench", &format!("please remove the volume `{name}`"));
    }
}

/// What a cell holds, made now if it holds nothing.
pub(super) fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}
