//! A container engine for a chore: the machine's own, or a private one where there is none.
//!
//! The machine's engine (`DOCKER_HOST`, or what the `docker` command uses by default) always
//! comes first and is never changed. The private one is in [`private`]; talking to it needs
//! no more than the `docker` command.

mod daemon;
mod private;
mod runtimes;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;

use crate::places::{Places, variable};
use crate::{install, process, say};
use private::{Lease, PrivateEngine};

/// Where an engine listens when nobody says otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start the private engine, unless the machine has one, and leave it running.
    Up,
    /// Stop the private engine; its images stay for the next time.
    Down {
        /// Stop it even while another chore uses it.
        #[arg(long)]
        force: bool,
        /// Stop it only if a chore left it behind, not if `up` or `--keep-engine` asked for it.
        #[arg(long, conflicts_with = "force")]
        unless_kept: bool,
    },
    /// Say which engine the chores would use.
    Status,
}

/// What becomes of a private engine that a chore had to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// The last chore that uses it stops it.
    Stop,
    /// It stays until `engine down`.
    Keep,
}

impl Afterwards {
    /// Reads the flag `--keep-engine`.
    pub(crate) fn from_flag(keep: bool) -> Self {
        if keep { Self::Keep } else { Self::Stop }
    }
}

/// An engine that answers, for as long as this value lives.
///
/// Dropping it stops the private engine if a chore started it, nobody asked to keep it, and no
/// other chore uses it.
#[derive(Debug)]
pub(crate) struct Engine {
    /// The address for `DOCKER_HOST`; none where the `docker` command's own context says more
    /// than an address (keys, for example).
    host: Option<String>,
    _lease: Option<Lease>,
}

impl Engine {
    /// Finds the machine's engine, or starts the private one.
    pub(crate) fn ensure(places: &Places, afterwards: Afterwards) -> Result<Self> {
        let private = PrivateEngine::new(places);
        let why_none = match find_engine(places, &private)? {
            Machine::Has(found) => {
                say::progress("engine", &format!("using {found}"));
                return Ok(Self {
                    host: found.host,
                    _lease: None,
                });
            }
            Machine::HasNone { why } => why,
        };
        let lease = private
            .acquire(places, afterwards, &why_none)
            .context("failed to provide a container engine")?;
        Ok(Self {
            host: Some(private.host()),
            _lease: Some(lease),
        })
    }

    /// The `docker` command, talking to this engine.
    pub(crate) fn docker(&self) -> Command {
        let mut command = docker_command();
        self.point(&mut command);
        command
    }

    /// Makes a command of ours use this engine.
    pub(crate) fn point(&self, command: &mut Command) {
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
    }
}

/// `cargo xtask engine`.
pub(crate) fn engine(places: &Places, args: &Args) -> Result<()> {
    let private = PrivateEngine::new(places);
    match args.action {
        Action::Up => {
            let engine = Engine::ensure(places, Afterwards::Keep)?;
            match &engine.host {
                Some(host) => say::result(&format!("export DOCKER_HOST={host}")),
                None => say::result("the docker command's current context is in use"),
            }
            Ok(())
        }
        Action::Down {
            unless_kept: true, ..
        } => private.release(),
        Action::Down { force, .. } => private.down(force),
        Action::Status => {
            match find_engine(places, &private)? {
                Machine::Has(found) => say::result(&format!("in use: {found}")),
                Machine::HasNone { .. } if private.answers() => {
                    say::result(&format!("in use: the private engine at {}", private.host()));
                }
                Machine::HasNone { why } => {
                    say::result(&format!("no engine answers: {why}"));
                    if private::may_start() {
                        say::result("`cargo xtask engine up` starts a private one");
                    }
                }
            }
            Ok(())
        }
    }
}

/// What this machine has.
#[derive(Debug)]
enum Machine {
    /// An engine of its own.
    Has(Found),
    /// None that answers, for this reason, told in the words of the `docker` command where it was
    /// asked: that somebody may not use the engine is among them.
    HasNone { why: String },
}

/// An engine that was there before us.
#[derive(Debug)]
struct Found {
    host: Option<String>,
    version: String,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self
            .host
            .as_deref()
            .unwrap_or("the docker command's context");
        write!(f, "this machine's engine {} at {host}", self.version)
    }
}

/// Looks for the machine's own engine. One that was asked for by name must answer.
fn find_engine(places: &Places, private: &PrivateEngine) -> Result<Machine> {
    let asked = variable("DOCKER_HOST").map(|host| host.to_string_lossy().into_owned());
    if asked.as_deref() == Some(private.host().as_str()) {
        let why = format!("`DOCKER_HOST` is the private engine's, {}", private.host());
        return Ok(Machine::HasNone { why });
    }
    if process::find("docker").is_none() {
        if asked.is_none() && !daemon::answers(Path::new(DEFAULT_SOCKET)) {
            let why = "there is no `docker` command, through which the chores speak to one";
            return Ok(Machine::HasNone {
                why: why.to_owned(),
            });
        }
        install_docker(places).context("the chores speak to an engine through `docker`")?;
    }
    let version =
        process::read(docker_command().args(["version", "--format", "{{.Server.Version}}"]));
    match (version, asked) {
        (Ok(version), Some(host)) => Ok(Machine::Has(Found {
            host: Some(host),
            version,
        })),
        (Ok(version), None) => Ok(Machine::Has(Found {
            host: context_socket(),
            version,
        })),
        (Err(error), Some(host)) => Err(error).with_context(|| {
            format!("`DOCKER_HOST` is `{host}`, and no engine answers there; start it, or unset the variable")
        }),
        (Err(error), None) => Ok(Machine::HasNone {
            why: error.to_string(),
        }),
    }
}

/// The address of the `docker` command's context, where it is a plain socket.
fn context_socket() -> Option<String> {
    process::read(docker_command().args([
        "context",
        "inspect",
        "--format",
        "{{.Endpoints.docker.Host}}",
    ]))
    .ok()
    .filter(|host| host.starts_with("unix://"))
}

/// Installs Debian's engine and its command, without starting a service.
fn install_docker(places: &Places) -> Result<()> {
    let purpose = "a container engine";
    let mut packages = vec!["docker.io", "ca-certificates"];
    // Where the kernel has AppArmor, no container starts without the program that loads profiles.
    if std::fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|on| on.starts_with(b"Y"))
    {
        packages.push("apparmor");
    }
    install::packages(places, &packages, purpose)?;
    // Later releases have the command in a package of its own.
    if process::find("docker").is_none() && install::exists("docker-cli") {
        install::packages(places, &["docker-cli"], purpose)?;
    }
    if process::find("docker").is_none() {
        bail!("the package `docker.io` brought no `docker` command");
    }
    Ok(())
}

fn docker_command() -> Command {
    Command::new(process::find("docker").unwrap_or_else(|| "docker".into()))
}
