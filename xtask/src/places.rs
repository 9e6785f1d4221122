//! Where things are: the workspace, the cache, and the private engine's directories.
//!
//! Nothing that a chore makes lies in the repository, build output excepted.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The name of the project's directories under the system's usual places.
const PROJECT: &str = "mcp-python-executor";

/// The directories that all chores share.
#[derive(Debug)]
pub(crate) struct Places {
    /// The root of the workspace.
    pub(crate) workspace: PathBuf,
    /// Tools, foreign clients and logs; safe to delete at any time when no chore runs.
    pub(crate) cache: PathBuf,
    /// What the private engine keeps between runs: images and its log.
    pub(crate) engine_state: PathBuf,
    /// What the private engine has while it runs: socket, pid file, locks.
    pub(crate) engine_run: PathBuf,
}

impl Places {
    /// Finds the places of this machine and user.
    pub(crate) fn find(engine_dir: Option<PathBuf>) -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = manifest
            .parent()
            .context("xtask is not inside a workspace")?
            .to_path_buf();
        let cache = cache_home().join(PROJECT);
        let (engine_state, engine_run) = match engine_dir {
            Some(dir) => {
                let dir = std::path::absolute(&dir)
                    .with_context(|| format!("cannot resolve `{}`", dir.display()))?;
                (dir.join("state"), dir.join("run"))
            }
            None => (
                Path::new("/var/lib").join(PROJECT).join("engine"),
                Path::new("/run").join(PROJECT),
            ),
        };
        Ok(Self {
            workspace,
            cache,
            engine_state,
            engine_run,
        })
    }

    /// The file that a noisy command called `name` writes its output to; its directory exists.
    pub(crate) fn log(&self, name: &str) -> Result<PathBuf> {
        let dir = self.cache.join("logs");
        make_dir(&dir)?;
        Ok(dir.join(format!("{name}.log")))
    }

    /// The directory that cargo builds the development profile into.
    pub(crate) fn built(&self) -> PathBuf {
        self.target().join("debug")
    }

    /// The directory that cargo builds the release profile into.
    pub(crate) fn built_for_release(&self) -> PathBuf {
        self.target().join("release")
    }

    /// The directory for everything that is built.
    pub(crate) fn target(&self) -> PathBuf {
        variable("CARGO_TARGET_DIR").map_or_else(|| self.workspace.join("target"), PathBuf::from)
    }
}

/// A variable of the environment, taken as absent when empty.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Makes a directory and its parents, and names it when that fails.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create `{}`", dir.display()))
}

fn cache_home() -> PathBuf {
    variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(|| PathBuf::from("/var/cache"))
}
