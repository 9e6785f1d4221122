//! The suite itself: installed from npm at a pinned version, run, and its results read.
//!
//! What the results mean is not decided here.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::node::Node;
use crate::places::{Places, make_dir};
use crate::{process, say};

/// The suite. `latest` is older and knows nothing of 2026-07-28.
const PACKAGE: &str = "@modelcontextprotocol/conformance@0.2.0-alpha.12";
/// The file that says what is installed; written last.
const MARKER: &str = ".installed";

/// How one check of a scenario came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Passed,
    /// A warning is one too: it says that a SHOULD was not kept.
    Failed,
    /// Not run, or only information.
    Idle,
}

/// One check of a scenario: its id, and how it came out.
pub(super) type Check = (String, Status);

/// The checks of every scenario that was run.
pub(super) type Seen = BTreeMap<String, Vec<Check>>;

/// The suite, installed.
#[derive(Debug)]
pub(super) struct Suite {
    node: Node,
    root: PathBuf,
}

impl Suite {
    /// Installs it once, in the cache.
    pub(super) fn ensure(places: &Places) -> Result<Self> {
        let node = Node::ensure(places)?;
        let dir = places.cache.join("conformance");
        make_dir(&dir)?;
        let lock = dir.join("lock");
        let turn =
            File::create(&lock).with_context(|| format!("cannot open `{}`", lock.display()))?;
        turn.lock()
            .with_context(|| format!("cannot lock `{}`", lock.display()))?;
        let marker = dir.join(MARKER);
        if !std::fs::read_to_string(&marker).is_ok_and(|installed| installed == PACKAGE) {
            say::progress("suite", &format!("installing {PACKAGE}"));
            node.install(&dir, &[PACKAGE], &places.log("conformance-install")?)
                .context("failed to install the conformance suite")?;
            std::fs::write(&marker, PACKAGE).context("cannot note what is installed")?;
        }
        let root = dir.join("node_modules/@modelcontextprotocol/conformance");
        Ok(Self { node, root })
    }

    /// The file with what a revision requires.
    pub(super) fn requirements(&self, revision: &str) -> PathBuf {
        self.root
            .join("requirements")
            .join(format!("{revision}.yaml"))
    }

    /// Runs every scenario that it has for a revision.
    pub(super) fn run(
        &self,
        places: &Places,
        subject: &str,
        url: &str,
        revision: &str,
    ) -> Result<Seen> {
        say::progress("suite", &format!("{revision} against the {subject}"));
        let results = tempfile::tempdir().context("cannot make a directory for the results")?;
        let log = places.log(&format!("conformance-{subject}-{revision}"))?;
        let mut command = Command::new(self.node.program());
        command
            .arg(self.root.join("dist/index.js"))
            .args(["server", "--url", url, "--requirements", revision, "-o"])
            .arg(results.path());
        // It fails when a scenario does; which ones may is judged elsewhere.
        let outcome = process::run_logged(&mut command, &log);
        let seen = read(results.path())?;
        if seen.is_empty() {
            outcome.context("the suite did not run")?;
            bail!("the suite ran no scenario of {revision}");
        }
        Ok(seen)
    }
}

/// Reads the suite's results: a directory `server-<scenario>-<time>` for each scenario.
fn read(results: &Path) -> Result<Seen> {
    let mut seen = Seen::new();
    for entry in std::fs::read_dir(results).context("cannot list the results")? {
        let entry = entry.context("cannot list the results")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(scenario) = scenario(&name) else {
            continue;
        };
        let path = entry.path().join("checks.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let checks: Vec<Value> = serde_json::from_str(&text)
            .with_context(|| format!("`{}` is not what it was", path.display()))?;
        seen.insert(scenario, checks.iter().map(check).collect());
    }
    Ok(seen)
}

fn check(value: &Value) -> Check {
    let id = value["id"].as_str().unwrap_or("a check without an id");
    let status = match value["status"].as_str() {
        Some("SUCCESS") => Status::Passed,
        Some("SKIPPED" | "INFO") => Status::Idle,
        // A word that is not known is no good news.
        _ => Status::Failed,
    };
    (id.to_owned(), status)
}

/// The scenario in `server-tools-list-2026-11-22T19-48-52-032Z`.
fn scenario(directory: &str) -> Option<String> {
    let rest = directory.strip_prefix("server-")?;
    let (before, _) = rest.rsplit_once('T')?;
    // The date behind it has three parts of its own.
    before.rsplitn(4, '-').nth(3).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_results_directory_names_its_scenario() {
        for (directory, name) in [
            (
                "server-tools-list-2026-11-22T19-48-52-032Z",
                Some("tools-list"),
            ),
            (
                "server-server-sse-polling-2026-11-22T19-46-53-860Z",
                Some("server-sse-polling"),
            ),
            (
                "server-elicitation-sep1034-defaults-2026-11-22T19-46-53-860Z",
                Some("elicitation-sep1034-defaults"),
            ),
            ("summary", None),
        ] {
            assert_eq!(scenario(directory).as_deref(), name, "{directory}");
        }
    }

    #[test]
    fn a_warning_and_whatever_is_not_known_is_a_failure() {
        for (status, expected) in [
            ("SUCCESS", Status::Passed),
            ("FAILURE", Status::Failed),
            ("WARNING", Status::Failed),
            ("SKIPPED", Status::Idle),
            ("INFO", Status::Idle),
            ("SPLENDID", Status::Failed),
        ] {
            assert_eq!(check(&json!({"id": "a", "status": status})).1, expected);
        }
        assert_eq!(check(&json!({})).1, Status::Failed);
    }
}
