//! Debian packages that a chore needs, installed when absent.
//!
//! Only as root on Debian or Ubuntu; elsewhere the error says what to install.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};

use crate::places::Places;
use crate::{process, say};

/// A policy that keeps services from starting while packages are installed.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

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
/// Safe to call from several threads; services of the packages are not started.
pub(crate) fn packages(places: &Places, packages: &[&str], purpose: &str) -> Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A thread that panicked here left nothing half-changed that apt would not notice.
    let _turn = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);

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
    say::progress("install", &format!("apt-get update ({purpose})"));
    process::run_logged(apt().arg("update"), &places.log("apt-update")?)
        .context("failed to refresh the package lists")?;
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
        // Another apt may be at work, a machine's own upgrade for example.
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
