//! The runtimes that the private daemon knows besides its own: gVisor's `runsc`, where it is or can be installed.
//!
//! The daemon reads them from a file of its own, at its start and again when it is told to.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::places::Places;
use crate::{install, process, say};

/// The name under which gVisor is registered, and the program that is it.
const GVISOR: &str = "runsc";

/// What gVisor is started with. Without a network the engine makes none either; the filter is applied inside too,
/// which gVisor else leaves out.
const GVISOR_OPTIONS: &[&str] = &["--network=none", "--oci-seccomp"];

/// Installs what can be had. A machine without it is none the worse: what needs it is skipped, and counted.
pub(super) fn provide(places: &Places) {
    if process::find(GVISOR).is_some() || !install::may_install() || !install::exists(GVISOR) {
        return;
    }
    if let Err(error) = install::packages(places, &[GVISOR], "the tests on gVisor") {
        say::progress("engine", &format!("without gVisor: {error:#}"));
    }
}

/// The daemon's file of settings as it should be on this machine.
pub(super) fn settings() -> Value {
    let gvisor = process::find(GVISOR).map(|path| {
        let options = json!({ "path": path, "runtimeArgs": GVISOR_OPTIONS });
        (GVISOR.to_owned(), options)
    });
    json!({ "runtimes": gvisor.into_iter().collect::<serde_json::Map<_, _>>() })
}

/// Writes them to `path` if they are not there yet; says whether it did.
pub(super) fn write(path: &Path, settings: &Value) -> Result<bool> {
    let text = format!("{settings:#}\n");
    if std::fs::read_to_string(path).is_ok_and(|known| known == text) {
        return Ok(false);
    }
    // In one step: the daemon may read it at any moment.
    let new: PathBuf = path.with_extension("new");
    std::fs::write(&new, text)
        .and_then(|()| std::fs::rename(&new, path))
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_when_they_are_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("daemon.json");
        let settings = json!({ "runtimes": {} });
        assert!(write(&path, &settings).unwrap());
        assert!(!write(&path, &settings).unwrap());
        let others = json!({ "runtimes": { "other": { "path": "/bin/other" } } });
        assert!(write(&path, &others).unwrap());
        let read: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(read, others);
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
