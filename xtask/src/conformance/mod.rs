//! The official conformance suite: what is run against what, and what is said at the end.
//!
//! There are three subjects and two claims. The *fixtures* are a server on our protocol layer that offers all that the
//! suite asks for: every scenario must pass there. The *product* is the server that people run: every scenario that
//! applies to any server must pass there. The *control* offers nothing of what the suite asks for: what passes there
//! too, proves nothing.

mod expected;
mod requirements;
mod subject;
mod suite;
mod verdict;

use anyhow::Result;

use crate::places::Places;
use crate::{process, say};
use requirements::Requirements;
use subject::{Server, Subject};
use suite::Suite;

/// The revisions whose lists of requirements the suite has.
const REVISIONS: &[&str] = &["2025-11-25", "2026-07-28"];

/// `cargo xtask conformance`.
pub(crate) fn conformance(places: &Places) -> Result<()> {
    let suite = Suite::ensure(places)?;
    say::progress("suite", "compiling the servers");
    process::run(
        process::cargo(&places.workspace)
            .args(["build", "--bins"])
            .args(
                Subject::ALL
                    .iter()
                    .flat_map(|subject| ["--package", subject.package()]),
            ),
    )?;
    let mut unexpected = 0;
    for subject in Subject::ALL {
        say::result(subject.claim());
        for revision in REVISIONS {
            let requirements = Requirements::read(&suite.requirements(revision), revision)?;
            let server = Server::start(places, *subject)?;
            let seen = suite.run(places, subject.name(), server.url(), revision)?;
            let verdict = verdict::judge(*subject, revision, &requirements, &seen);
            for line in &verdict.lines {
                say::result(&format!("  {line}"));
            }
            unexpected += verdict.unexpected;
        }
    }
    if unexpected > 0 {
        return Err(say::Told.into());
    }
    Ok(())
}
