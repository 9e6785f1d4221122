//! Debian packages that a chore needs, installed when absent.
//!
//! Only as root on Debian or Ubuntu; elsewhere the error says what to install.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::places::{Places, make_dir};
use crate::{process, say};

/// A policy that keeps services from starting while packages are installed.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

/// How often the package lists are tried while another apt holds them, and how long apart.
const UPDATE_TRIES: u32 = 30;
const UPDATE_PAUSE: Duration = Duration::from_secs(5);

/// Whether this machine has Debian's packages and lets us install them.
pub(crate) fn may_install() -> bool {
    is_debian() && is_root()
}

/// Whether this process is the superuser.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Installs those of `packages` that are absent; `purpose` completes "needed for …".
///
/// Safe to call from several threads and chores at once; services of the packages are not started.
pub(crate) fn packages(places: &Places, packages: &[&str], purpose: &str) -> Result<()> {
    /// Whether this chore has refreshed the package lists; once is enough.
    static FRESH: AtomicBool = AtomicBool::new(false);
    if !is_debian() {
        bail!(
            "{purpose} needs the equivalent of Debian's packages {}, which this system's own package manager must install",
            quoted(packages)
        );
    }
    let absent: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    if !is_root() {
        bail!(
            "{purpose} needs the packages {}; run `sudo apt-get install {}` and try again",
            quoted(&absent),
            absent.join(" ")
        );
    }
    let _turn = turn(places)?;
    if !FRESH.load(Ordering::Relaxed) {
        say::progress("install", &format!("apt-get update ({purpose})"));
        update(&places.log("apt-update")?).context("failed to refresh the package lists")?;
        FRESH.store(true, Ordering::Relaxed);
    }
    say::progress("install", &format!("apt-get install {}", absent.join(" ")));
    let _held_back = ServicesHeldBack::new()?;
    process::run_logged(
        apt()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&absent),
        &places.log("apt-install")?,
    )
    .with_context(|| format!("failed to install {}", quoted(&absent)))
}

/// Whether a package of this name can be had at all.
pub(crate) fn exists(package: &str) -> bool {
    process::read(Command::new("apt-cache").args(["show", "--quiet", package]))
        .is_ok_and(|text| !text.is_empty())
}

/// One thread of one chore at a time: apt itself would refuse the second.
fn turn(places: &Places) -> Result<File> {
    make_dir(&places.cache)?;
    let path = places.cache.join("apt.lock");
    let file = File::create(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock `{}`", path.display()))?;
    Ok(file)
}

/// Refreshes the package lists, after an apt of somebody else if one is at work.
fn update(log: &Path) -> Result<()> {
    for _ in 1..UPDATE_TRIES {
        match process::run_logged(apt().arg("update"), log) {
            Err(_) if is_locked(log) => {
                say::progress("install", "waiting for another apt");
                process::pause(UPDATE_PAUSE);
            }
            outcome => return outcome,
        }
    }
    process::run_logged(apt().arg("update"), log)
}

fn is_locked(log: &Path) -> bool {
    std::fs::read_to_string(log).is_ok_and(|text| text.contains("Could not get lock"))
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && process::find("apt-get").is_some()
}

fn installed(package: &str) -> bool {
    process::read(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Another apt may be at work, a machine's own upgrade for example. This makes an
        // installation wait; refreshing the lists does not obey it.
        .args(["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]);
    command
}

fn quoted(packages: &[&str]) -> String {
    packages
        .iter()
        .map(|package| format!("`{package}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// While this lives, no package starts a service: `docker.io` would start a daemon of its own.
///
/// A policy that the machine already has is left alone.
#[derive(Debug)]
struct ServicesHeldBack {
    written: Option<PathBuf>,
}

impl ServicesHeldBack {
    fn new() -> Result<Self> {
        let path = PathBuf::from(SERVICE_POLICY);
        if path.exists() {
            return Ok(Self { written: None });
        }
        std::fs::write(&path, "#!/bin/sh\n# Temporary, by cargo xtask.\nexit 101\n")
            .and_then(|()| {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            })
            .with_context(|| format!("cannot write `{SERVICE_POLICY}`"))?;
        Ok(Self {
            written: Some(path),
        })
    }
}

impl Drop for ServicesHeldBack {
    fn drop(&mut self) {
        if let Some(path) = &self.written
            && std::fs::remove_file(path).is_err()
        {
            say::progress("install", &format!("please remove `{}`", path.display()));
        }
    }
}
