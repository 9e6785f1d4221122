//! What the anchors need from PyPI, installed once into the cache: uv, pip with a cache of its own, Playwright for the
//! image's Python, and `llm-sandbox`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::stage::Stage;
use crate::places::make_dir;
use crate::{image, process, say};

/// What is taken; the newest when this was written.
const PACKAGES: [&str; 2] = ["llm-sandbox[docker]==0.3.46", "uv==0.13.9"];
/// The authorities that a Debian trusts, for a uv that would look at its own only.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A virtual environment with the tools.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    dir: PathBuf,
}

impl Tools {
    /// Finds them, or installs them.
    pub(super) fn ensure(stage: &Stage<'_>) -> Result<Self> {
        let dir = stage.places.cache.join("bench").join("tools");
        let tools = Self { dir };
        let marker = tools.dir.join(".installed");
        let wanted = PACKAGES.join(" ");
        if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
            return Ok(tools);
        }
        say::progress("bench", &format!("installing {wanted}"));
        make_dir(&tools.dir)?;
        let log = stage.places.log("bench-tools")?;
        let mut venv = Command::new("python3");
        process::run_logged(venv.args(["-m", "venv", "--clear"]).arg(&tools.dir), &log)?;
        let mut pip = tools.pip();
        process::run_logged(pip.args(["install", "--quiet"]).args(PACKAGES), &log)?;
        std::fs::write(&marker, wanted)
            .with_context(|| format!("cannot write `{}`", marker.display()))?;
        Ok(tools)
    }

    /// Its Python.
    pub(super) fn python(&self) -> PathBuf {
        self.dir.join("bin").join("python")
    }

    fn pip(&self) -> Command {
        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "--disable-pip-version-check"]);
        pip
    }

    /// Installs modules with pip, whose cache is the bench's own and stays, into a new directory.
    pub(super) fn install_with_pip(&self, modules: &[&str], into: &Path) -> Result<Duration> {
        let mut pip = self.pip();
        pip.args(["install", "--quiet", "--only-binary=:all:"])
            .env("PIP_CACHE_DIR", self.dir.join("pip-cache"))
            .arg("--target")
            .arg(into)
            .args(modules);
        timed(&mut pip)
    }

    /// The same with uv. Its cache has all that it needs, so it may be told not to ask the index again.
    pub(super) fn install_with_uv(
        &self,
        modules: &[&str],
        into: &Path,
        offline: bool,
    ) -> Result<Duration> {
        let mut uv = Command::new(self.dir.join("bin").join("uv"));
        uv.args(["pip", "install", "--quiet", "--only-binary", ":all:"])
            .env("UV_CACHE_DIR", self.dir.join("uv-cache"))
            .arg("--python")
            .arg(self.python())
            .arg("--target")
            .arg(into)
            .args(modules);
        if offline {
            uv.arg("--offline");
        }
        if Path::new(AUTHORITIES).is_file() {
            uv.env("SSL_CERT_FILE", AUTHORITIES);
        }
        timed(&mut uv)
    }

    /// The Playwright whose browsers the image has, for the image's Python.
    pub(super) fn playwright(&self, stage: &Stage<'_>) -> Result<PathBuf> {
        self.for_image(stage, &format!("playwright=={}", stage.playwright()?))
    }

    /// A directory with one module for the image's Python, and what it depends on.
    pub(super) fn for_image(&self, stage: &Stage<'_>, requirement: &str) -> Result<PathBuf> {
        let program = "import sys; print('%d.%d' % sys.version_info[:2])";
        let mut run = stage.docker_run()?;
        let python = process::read(run.args([image::IMAGE, "python3", "-I", "-c", program]))?;
        let name = requirement.replace("==", "-");
        let dir = self.dir.join(format!("{name}-{python}"));
        if !dir.is_dir() {
            let half = self.dir.join(format!("{name}-{python}.half"));
            let _ = std::fs::remove_dir_all(&half);
            let mut pip = self.pip();
            pip.args([
                "install",
                "--quiet",
                "--only-binary=:all:",
                "--python-version",
                &python,
            ])
            .arg("--target")
            .arg(&half)
            .arg(requirement);
            process::read(&mut pip).with_context(|| format!("cannot install `{requirement}`"))?;
            std::fs::rename(&half, &dir)
                .with_context(|| format!("cannot make `{}`", dir.display()))?;
        }
        Ok(dir)
    }
}

fn timed(command: &mut Command) -> Result<Duration> {
    let asked = Instant::now();
    process::read(command)?;
    Ok(asked.elapsed())
}
