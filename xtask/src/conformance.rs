//! The official conformance suite against the server that offers its fixtures.
//!
//! The suite counts a scenario as passed when nothing in it failed, even if nothing in it was
//! checked; here such a scenario has failed. What fails and is known stands in [`KNOWN`], and an
//! entry there that does not fail any more fails as well.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::places::{Places, make_dir};
use crate::{process, say};

/// The suite, and the Node that it needs, which few machines have yet.
const PACKAGES: &[&str] = &[
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "node@22.23.3",
];

/// The revisions whose lists of requirements the suite has.
const REVISIONS: &[&str] = &["2025-11-25", "2026-07-28"];

/// Scenarios that are known to fail: revision, name, why.
const KNOWN: &[(&str, &str, &str)] = &[(
    "2026-07-28",
    "tasks-status-notifications",
    "not scored; the suite skips it until it listens where the notifications are sent",
)];

/// `cargo xtask conformance`.
pub(crate) fn conformance(places: &Places) -> Result<()> {
    let suite = install(places)?;
    say::progress("suite", "compiling the server with the fixtures");
    process::run(process::cargo(&places.workspace).args(["build", "--package", SERVER]))?;
    let mut unexpected = 0;
    for revision in REVISIONS {
        let server = Server::start(&places.built().join(SERVER))?;
        let seen = run(places, &suite, &server.url, revision)?;
        let verdict = judge(revision, &seen);
        for line in &verdict.lines {
            say::result(line);
        }
        unexpected += verdict.unexpected;
    }
    if unexpected > 0 {
        return Err(say::Told.into());
    }
    Ok(())
}

/// The crate and the program that offer the fixtures.
const SERVER: &str = "mcp-conformance";

/// Installs the suite once, in the cache.
fn install(places: &Places) -> Result<PathBuf> {
    let dir = places.cache.join("conformance");
    let marker = dir.join(".installed");
    let wanted = PACKAGES.join(" ");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(dir);
    }
    make_dir(&dir)?;
    say::progress("suite", &format!("installing {wanted}"));
    std::fs::write(dir.join("package.json"), "{ \"private\": true }\n")
        .context("cannot write `package.json`")?;
    let npm = process::find("npm").context("`npm` is needed to install the suite")?;
    let mut npm = Command::new(npm);
    npm.current_dir(&dir)
        .args(["install", "--no-audit", "--no-fund", "--save-exact"])
        .args(PACKAGES);
    process::run_logged(&mut npm, &places.log("conformance-install")?)?;
    std::fs::write(&marker, wanted).context("cannot note what is installed")?;
    Ok(dir)
}

/// The server with the fixtures, while the suite runs.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let mut url = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut url)
                .context("cannot read where it serves")?;
        }
        // The suite sends a Host of its own making, which must be a loopback name.
        let url = url.trim().replace("127.0.0.1", "localhost");
        Ok(Self { child, url })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many checks of a scenario passed and failed.
type Seen = BTreeMap<String, (usize, usize)>;

fn run(places: &Places, suite: &Path, url: &str, revision: &str) -> Result<Seen> {
    say::progress("suite", &format!("running the scenarios of {revision}"));
    let results = tempfile::tempdir().context("cannot make a directory for the results")?;
    let modules = suite.join("node_modules");
    let log = places.log(&format!("conformance-{revision}"))?;
    let mut command = Command::new(modules.join("node/bin/node"));
    command
        .arg(modules.join("@modelcontextprotocol/conformance/dist/index.js"))
        .args(["server", "--url", url, "--requirements", revision, "-o"])
        .arg(results.path());
    // It fails when a scenario does; which ones is judged below.
    let outcome = process::run_logged(&mut command, &log);
    let seen = read(results.path())?;
    if seen.is_empty() {
        outcome.context("the suite did not run")?;
        bail!("the suite ran no scenario of {revision}");
    }
    Ok(seen)
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
        let of = |status: &str| {
            checks
                .iter()
                .filter(|check| check["status"] == status)
                .count()
        };
        seen.insert(scenario, (of("SUCCESS"), of("FAILURE") + of("WARNING")));
    }
    Ok(seen)
}

/// The scenario in `server-tools-list-2026-11-22T19-48-52-032Z`.
fn scenario(directory: &str) -> Option<String> {
    let rest = directory.strip_prefix("server-")?;
    let (before, _) = rest.rsplit_once('T')?;
    // The date behind it has three parts of its own.
    before.rsplitn(4, '-').nth(3).map(str::to_owned)
}

/// What is to be said of a revision's run, and how much of it was not expected.
struct Verdict {
    lines: Vec<String>,
    unexpected: usize,
}

fn judge(revision: &str, seen: &Seen) -> Verdict {
    let mut lines = Vec::new();
    let (mut passed, mut known, mut unexpected) = (0, 0, 0);
    for (scenario, (good, bad)) in seen {
        let fine = *good > 0 && *bad == 0;
        let reason = KNOWN
            .iter()
            .find(|(of, name, _)| *of == revision && name == scenario)
            .map(|(_, _, why)| *why);
        match (fine, reason) {
            (true, None) => passed += 1,
            (false, Some(why)) => {
                known += 1;
                lines.push(format!("known   {revision} {scenario}: {why}"));
            }
            (true, Some(_)) => {
                unexpected += 1;
                lines.push(format!(
                    "STALE   {revision} {scenario} passes: take it off the list"
                ));
            }
            (false, None) => {
                unexpected += 1;
                lines.push(format!(
                    "FAILED  {revision} {scenario}: {good} checks passed, {bad} failed"
                ));
            }
        }
    }
    for (_, name, _) in KNOWN.iter().filter(|(of, _, _)| *of == revision) {
        if !seen.contains_key(*name) {
            unexpected += 1;
            lines.push(format!(
                "STALE   {revision} {name} was not run: take it off the list"
            ));
        }
    }
    lines.push(format!(
        "{revision}: {passed} of {} scenarios passed, {known} known to fail, {unexpected} unexpected",
        seen.len()
    ));
    Verdict { lines, unexpected }
}

#[cfg(test)]
mod tests {
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
    fn what_checked_nothing_has_not_passed() {
        let seen = |good, bad| Seen::from([("a".to_owned(), (good, bad))]);
        assert_eq!(judge("never", &seen(1, 0)).unexpected, 0);
        assert_eq!(judge("never", &seen(0, 0)).unexpected, 1);
        assert_eq!(judge("never", &seen(5, 1)).unexpected, 1);
    }
}
