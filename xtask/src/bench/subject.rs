//! What is measured: programs, how they are started, and their life during a measurement.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process;

/// A program that is measured.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// Its name in the results.
    pub(super) name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    says_address_on: Output,
    /// How long its processes may take to end by themselves; they are killed then.
    grace: Duration,
}

/// Where a program over HTTP says its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// On a line of standard output.
    Standard,
    /// On a line of its log.
    Log,
}

impl Subject {
    /// A program that says its address on standard output, if it has one.
    pub(super) fn new(name: &'static str, program: PathBuf, arguments: &[&str]) -> Self {
        Self {
            name,
            program,
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: Vec::new(),
            says_address_on: Output::Standard,
            grace: Duration::ZERO,
        }
    }

    /// The same, with its address somewhere else.
    pub(super) const fn saying_its_address_on(mut self, output: Output) -> Self {
        self.says_address_on = output;
        self
    }

    /// The same, but its processes are asked to end, and have time to tidy up.
    pub(super) const fn ending_in_order(mut self) -> Self {
        self.grace = GRACE;
        self
    }

    /// The same, with further arguments.
    pub(super) fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(OsString::from));
        self
    }

    /// The same, with the variables that were set for a command.
    pub(super) fn in_environment_of(mut self, command: &Command) -> Self {
        let set = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        self.environment.extend(set);
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        process::without_server_settings(&mut command)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn start(&self, command: &mut Command) -> Result<Process> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.program.display()))?;
        let grace = self.grace;
        Ok(Process { child, grace })
    }

    /// Runs it to its end.
    pub(super) fn run(&self) -> Result<()> {
        let mut process = self.start(&mut self.command())?;
        let status = process.child.wait().context("cannot wait for a program")?;
        if !status.success() {
            bail!("`{}` ended with {status}", self.program.display());
        }
        Ok(())
    }

    /// Starts it with pipes to its standard input and from its standard output.
    pub(super) fn start_piped(&self) -> Result<(Process, ChildStdin, ChildStdout)> {
        let mut command = self.command();
        let mut process = self.start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let input = process.child.stdin.take().context("no standard input")?;
        let output = process.child.stdout.take().context("no standard output")?;
        Ok((process, input, output))
    }

    /// Starts it, and waits until it has said where it listens.
    pub(super) fn start_listening(&self) -> Result<(Process, SocketAddr)> {
        let mut command = self.command();
        match self.says_address_on {
            Output::Standard => command.stdout(Stdio::piped()),
            Output::Log => command.stderr(Stdio::piped()),
        };
        let mut process = self.start(&mut command)?;
        let said = match self.says_address_on {
            Output::Standard => process.child.stdout.as_mut().map(address_in),
            Output::Log => process.child.stderr.as_mut().map(address_in),
        };
        let said = said.context("no output")?;
        let address = said.with_context(|| format!("`{}` did not listen", self.name))?;
        Ok((process, address))
    }
}

/// The first address that is said. Few lines come before it, and what comes behind is nobody's.
fn address_in(output: &mut impl Read) -> Result<SocketAddr> {
    for line in BufReader::new(output.take(MAX_SAID)).lines() {
        let line = line.context("cannot read where it listens")?;
        let named = line.split_once("http://").map(|(_, rest)| rest);
        let named = named.and_then(|rest| rest.split('/').next());
        if let Some(address) = named.and_then(|named| named.parse().ok()) {
            return Ok(address);
        }
    }
    bail!("it named no address")
}

/// How much a program may say before it names its address, in bytes.
const MAX_SAID: u64 = 64 * 1024;

/// How long a server may take to end in order: its sandboxes go first, of which there may be many.
const GRACE: Duration = Duration::from_secs(60);
/// How often a program that was asked to end is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The names of several, in their order.
pub(super) fn names(subjects: &[Subject]) -> Vec<&'static str> {
    subjects.iter().map(|subject| subject.name).collect()
}

/// The one of this name.
pub(super) fn named<'s>(subjects: &'s [Subject], name: &str) -> Result<&'s Subject> {
    let found = subjects.iter().find(|subject| subject.name == name);
    found.with_context(|| format!("nothing is called `{name}` here"))
}

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    grace: Duration,
}

impl Process {
    /// Its id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let asked = Instant::now();
        if !self.grace.is_zero()
            && let Ok(id) = i32::try_from(self.child.id())
            && let Some(id) = rustix::process::Pid::from_raw(id)
        {
            // It is our child and not waited for: the id is still its own.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
            while asked.elapsed() < self.grace && matches!(self.child.try_wait(), Ok(None)) {
                process::pause(LOOK);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
