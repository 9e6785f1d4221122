//! How the catalogue is shown: a line an attack on the terminal, and the page `docs/attacks.md`,
//! which is the same after every run with the same verdicts.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::case::{Case, Verdict};
use super::catalogue;
use super::scene::Outcome;
use crate::places::Places;
use crate::say;

/// The page, from the workspace's root.
const PAGE: &str = "docs/attacks.md";

/// The chapters of the catalogue, by the first letter of their ids.
const CHAPTERS: &[(char, &str)] = &[
    ('S', "Resources"),
    ('O', "Output and the protocol's channel"),
    ('H', "The harness, other runs, identity"),
    ('E', "Ways out of the sandbox"),
    ('N', "The network"),
    ('P', "Modules"),
    ('C', "Clients"),
];

/// Prints the catalogue.
pub(super) fn list() {
    for scene in catalogue::SCENES {
        for case in scene.cases {
            say::result(&format!("{:<28} {}", case.id, case.tries));
        }
    }
}

/// Prints one outcome.
pub(super) fn say(outcome: &Outcome) {
    let case = outcome.case;
    say::result(&format!(
        "{:<28} {:<9} {}",
        case.id,
        case.enforced.to_string(),
        outcome.verdict
    ));
}

/// The last line of a run.
pub(super) fn sum(outcomes: &[Outcome]) -> String {
    let count = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|o| is(&o.verdict)).count();
    format!(
        "{} attacks: {} held, {} escaped, {} with a failed control, {} unclear, {} not applicable here",
        outcomes.len(),
        count(|verdict| matches!(verdict, Verdict::Held)),
        count(|verdict| matches!(verdict, Verdict::Escaped(_))),
        count(|verdict| matches!(verdict, Verdict::ControlFailed(_))),
        count(|verdict| matches!(verdict, Verdict::Unclear(_))),
        count(|verdict| matches!(verdict, Verdict::NotApplicable(_))),
    )
}

/// Writes the page.
pub(super) fn write(places: &Places, outcomes: &[Outcome]) -> Result<()> {
    let path = places.workspace.join(PAGE);
    std::fs::write(&path, page(outcomes)).with_context(|| format!("cannot write `{PAGE}`"))
}

const INTRODUCTION: &str = "\
# Attacks

What hostile programs, packages and clients try, and what came of it. `cargo xtask attack` tries all of it on the real server and writes this
page; [testing.md](testing.md) says how. *Held*: it failed in the sandbox, and the same attempt succeeded in a container with the weakness in the
last column, so that a broken attack cannot pass for a kept promise.
";

fn page(outcomes: &[Outcome]) -> String {
    let mut page = format!("{INTRODUCTION}\n{}.\n", sum(outcomes));
    for (letter, title) in CHAPTERS {
        let mut those: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.case.chapter() == *letter)
            .collect();
        if those.is_empty() {
            continue;
        }
        those.sort_by_key(|outcome| outcome.case.id);
        // Writing to a string does not fail.
        let _ = write!(
            page,
            "\n## {letter}: {title}\n\n| id | the attack | verdict | enforced by | succeeds with |\n|---|---|---|---|---|\n"
        );
        for outcome in those {
            let _ = writeln!(page, "{}", row(outcome.case, &outcome.verdict));
        }
    }
    page
}

fn row(case: &Case, verdict: &Verdict) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    format!(
        "| {} | {} | {} | {} | {} |",
        case.id,
        cell(case.tries),
        cell(&verdict.to_string()),
        case.enforced,
        cell(case.weakness.name)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_of_a_chapter() {
        let mut seen = BTreeSet::new();
        for case in catalogue::SCENES.iter().flat_map(|scene| scene.cases) {
            assert!(seen.insert(case.id), "{} stands twice", case.id);
            let chapter = CHAPTERS.iter().any(|(letter, _)| *letter == case.chapter());
            assert!(chapter, "{} is of no chapter", case.id);
            assert!(case.id.len() < 40 && !case.tries.is_empty(), "{}", case.id);
        }
        assert!(seen.len() >= 120, "only {} attacks", seen.len());
    }
}
