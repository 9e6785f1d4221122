//! The private engine: one daemon a machine, shared by the chores that run at once.
//!
//! Three files in its run directory decide who may do what. `state.lock` is held, exclusively,
//! by whoever starts or stops the daemon. `users.lock` is held, shared, by each chore that uses
//! it. `transient` exists while the daemon lives only for its users. A chore that is killed
//! drops its locks; the next chore to end then stops the daemon.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::daemon::{self, Daemon};
use super::{Afterwards, install_docker, runtimes};
use crate::places::{Places, make_dir};
use crate::{install, process, say};

/// The private engine's place on this machine, whether it runs or not.
#[derive(Debug, Clone)]
pub(super) struct PrivateEngine {
    daemon: Daemon,
    run: PathBuf,
}

impl PrivateEngine {
    pub(super) fn new(places: &Places) -> Self {
        Self {
            daemon: Daemon::new(&places.engine_state, &places.engine_run),
            run: places.engine_run.clone(),
        }
    }

    /// The value for `DOCKER_HOST`.
    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.daemon.socket().display())
    }

    /// Whether the daemon runs and answers.
    pub(super) fn answers(&self) -> bool {
        daemon::answers(self.daemon.socket())
    }

    /// Starts the daemon unless it runs, and keeps it running while the lease lives. `why_none` is
    /// why the machine's own engine is not used.
    pub(super) fn acquire(
        &self,
        places: &Places,
        afterwards: Afterwards,
        why_none: &str,
    ) -> Result<Lease> {
        if !may_start() {
            bail!(
                "no container engine answers ({why_none}), and only root gets a private one, on Debian or Ubuntu \
                 or where `dockerd` is installed; install and start Docker, or Podman with a `docker` command, be \
                 sure that you may use it, and set `DOCKER_HOST` if its socket is not the usual one"
            );
        }
        make_dir(&self.run)?;
        let _state = self.lock_state()?;
        if self.answers() {
            runtimes::provide(places);
            self.daemon.refresh()?;
            say::progress(
                "engine",
                &format!("using the private engine at {}", self.host()),
            );
        } else {
            if process::find("dockerd").is_none() || process::find("docker").is_none() {
                install_docker(places)?;
            }
            runtimes::provide(places);
            say::progress("engine", "no engine answers: starting a private one");
            let version = self.daemon.start()?;
            std::fs::write(self.transient(), "")
                .with_context(|| format!("cannot write `{}`", self.transient().display()))?;
            say::progress(
                "engine",
                &format!("Docker {version} is up at {}", self.host()),
            );
        }
        if afterwards == Afterwards::Keep {
            remove_if_there(&self.transient())?;
        }
        let users = open(&self.run.join("users.lock"))?;
        users
            .lock_shared()
            .context("cannot lock the private engine for use")?;
        Ok(Lease {
            engine: self.clone(),
            users: Some(users),
        })
    }

    /// Stops the daemon, unless a chore uses it; no daemon is no error.
    pub(super) fn down(&self, force: bool) -> Result<()> {
        if !self.run.exists() {
            say::result("no private engine runs");
            return Ok(());
        }
        let _state = self.lock_state()?;
        if !force && self.in_use()? {
            bail!("another chore uses the private engine; wait for it, or add `--force`");
        }
        if self.daemon.stop()? {
            say::result("the private engine is down");
        } else {
            say::result("no private engine runs");
        }
        remove_if_there(&self.transient())
    }

    /// Stops a daemon that nobody asked to keep, when its last user is gone.
    pub(super) fn release(&self) -> Result<()> {
        if !self.run.exists() {
            return Ok(());
        }
        let _state = self.lock_state()?;
        if !self.transient().exists() || self.in_use()? {
            return Ok(());
        }
        say::progress("engine", "stopping the private engine");
        self.daemon.stop()?;
        remove_if_there(&self.transient())
    }

    /// Whether a chore holds the engine; the caller holds the state lock, so none can begin to.
    fn in_use(&self) -> Result<bool> {
        match open(&self.run.join("users.lock"))?.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => {
                Err(error).context("cannot ask whether the private engine is in use")
            }
        }
    }

    fn lock_state(&self) -> Result<File> {
        let file = open(&self.run.join("state.lock"))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                say::progress(
                    "engine",
                    "waiting for another chore that starts or stops it",
                );
            }
            Err(TryLockError::Error(_)) => {}
        }
        file.lock().context("cannot lock the private engine")?;
        Ok(file)
    }

    fn transient(&self) -> PathBuf {
        self.run.join("transient")
    }
}

/// Whether a private engine can be started here, or what it takes installed.
pub(super) fn may_start() -> bool {
    install::may_install() || (install::is_root() && process::find("dockerd").is_some())
}

/// One chore's use of the private engine.
#[derive(Debug)]
pub(super) struct Lease {
    engine: PrivateEngine,
    users: Option<File>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Our own lock goes first: what remains then is the others'.
        drop(self.users.take());
        if let Err(error) = self.engine.release() {
            say::failure(&error.context("failed to stop the private engine"));
        }
    }
}

fn open(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open `{}`", path.display()))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}
