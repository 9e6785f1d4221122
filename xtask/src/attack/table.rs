//! How the catalogue is shown: a line an attack on the terminal, and a page in `docs` for each runtime,
//! which is the same after every run with the same verdicts.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::case::{Case, Enforced, Verdict};
use super::catalogue::{EXCUSED, HELD, SCENES};
use super::held::Held;
use super::scene::{Controls, Outcome};
use crate::places::Places;
use crate::say;

/// The page of one runtime.
#[derive(Debug)]
pub(super) struct Page {
    runtime: &'static str,
    /// From the workspace's root.
    path: &'static str,
    /// What stands above the verdicts, and below them.
    above: &'static str,
    below: &'static str,
    has_own_kernel: bool,
}

const PAGES: &[Page] = &[
    Page {
        runtime: "runc",
        path: "docs/attacks.md",
        above: INTRODUCTION,
        below: VISIBLE,
        has_own_kernel: false,
    },
    Page {
        runtime: "runsc",
        path: "docs/attacks-gvisor.md",
        above: GVISORS_INTRODUCTION,
        below: "",
        has_own_kernel: true,
    },
];

/// The chapters of the catalogue, by the first letter of their ids.
const CHAPTERS: &[(char, &str)] = &[
    ('S', "Resources"),
    ('O', "Output and the protocol's channel"),
    ('H', "The harness, other runs, identity"),
    ('E', "Ways out of the sandbox"),
    ('N', "The network"),
    ('P', "Modules"),
    ('B', "Browsers"),
    ('C', "Clients"),
    ('I', "The engine and the machine"),
];

/// Prints the catalogue.
pub(super) fn list() {
    for scene in SCENES {
        for case in scene.cases {
            say::result(&format!("{:<30} {}", case.id, case.tries));
        }
    }
    for held in HELD.iter().copied().flatten() {
        say::result(&format!("{:<30} {} ({})", held.id, held.tries, held.test()));
    }
}

/// Prints one outcome.
pub(super) fn say(outcome: &Outcome) {
    let case = outcome.case;
    say::result(&format!(
        "{:<30} {:<9} {}",
        case.id,
        case.enforced.to_string(),
        outcome.verdict
    ));
}

/// The last line of a run.
pub(super) fn sum(outcomes: &[Outcome]) -> String {
    let count = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|o| is(&o.verdict)).count();
    format!(
        "{} attacks: {} held, {} held ahead of a kernel that lacks the thing, {}{} escaped, \
         {} with a failed control, {} unclear, {} not applicable here; controls that succeeded: {}",
        outcomes.len(),
        count(|verdict| matches!(verdict, Verdict::Held)),
        count(|verdict| matches!(verdict, Verdict::HeldAhead(_))),
        match count(|verdict| matches!(verdict, Verdict::Contained(_))) {
            0 => String::new(),
            inside => format!("{inside} held inside a kernel of its own, "),
        },
        count(|verdict| matches!(verdict, Verdict::Escaped(_))),
        count(|verdict| matches!(verdict, Verdict::ControlFailed(_))),
        count(|verdict| matches!(verdict, Verdict::Unclear(_))),
        count(|verdict| matches!(verdict, Verdict::NotApplicable(_))),
        Controls::of(outcomes),
    )
}

impl Page {
    /// The page of this runtime, if it has one.
    pub(super) fn of(runtime: &str) -> Option<&'static Self> {
        PAGES.iter().find(|page| page.runtime == runtime)
    }

    /// Writes it.
    pub(super) fn write(&self, places: &Places, outcomes: &[Outcome]) -> Result<()> {
        let path = places.workspace.join(self.path);
        std::fs::write(&path, page(self, outcomes))
            .with_context(|| format!("cannot write `{}`", self.path))
    }
}

const INTRODUCTION: &str = "\
# Attacks

What hostile programs, packages and clients try, and what came of it. `cargo xtask attack` tries it on the real server and writes this page;
[testing.md](testing.md#attacks) says how. *Held*: it failed in the sandbox, and the same attempt succeeded in a container with the weakness in the
last column, so that a broken attack cannot pass for a kept promise. *Held ahead*: the filter on system calls refused it before the kernel saw it,
and without the filter the kernel says that it lacks the thing; the two answers differ. *Not applicable*: it was refused in the sandbox too, but the machine of this run
lacks what it needs, so that nothing shows that it would have succeeded elsewhere. Controls are counted among the attacks that apply: all but
those that are not applicable, so that what was held ahead counts as one whose control did not succeed. A run in which less than 95 in a hundred
did has failed.
";

const GVISORS_INTRODUCTION: &str = "\
# Attacks on gVisor

The catalogue of [attacks.md](attacks.md) on sandboxes with the runtime `runsc`, as `cargo xtask attack --runtime runsc` writes it. The control is
the same container as there, with runc and a weakness. Programs call gVisor's own kernel here, which is a process of the host's. *Held inside*: that
kernel granted the attempt out of what is its own, for the reason given; the host was as before, nothing arrived at its listeners, and it saw gVisor's processes
without privileges, behind a filter, among users of their own. Each such grant is named in the catalogue; one that is not named is an escape here too.
Limits and users are read from the control group and the processes of gVisor.
";

/// What no setting of an engine hides.
const VISIBLE: &str = "
## What a program can see of its host

With the runtime runc a sandbox shares the host's kernel, and some of what the kernel tells is true of the whole machine: its version and command
line, its boot id, load, memory and processors, the interrupts' counts where the engine does not mask them, and in `/proc/self/mountinfo` the
engine's directory and the container's id. None of it opens anything, and none of it is of the server: its environment, paths, processes, addresses
and names stay hidden, as the attacks under H11, H05 and E16 show.
";

fn page(of: &Page, outcomes: &[Outcome]) -> String {
    let mut page = format!("{}\n{}.", of.above, sum(outcomes));
    // Those tests use the engine's own runtime.
    let held = HELD.iter().copied().flatten();
    let held: Vec<&Held> = held.filter(|_| !of.has_own_kernel).collect();
    if !held.is_empty() {
        let _ = write!(page, " {} more are held by tests of their own.", held.len());
    }
    page.push('\n');
    for (letter, title) in CHAPTERS {
        let is_here = |id: &str| id.starts_with(*letter);
        let mut tried: Vec<_> = outcomes.iter().filter(|o| is_here(o.case.id)).collect();
        let mut held: Vec<_> = held.iter().filter(|held| is_here(held.id)).collect();
        if tried.is_empty() && held.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = writeln!(page, "\n## {letter}: {title}");
        if !tried.is_empty() {
            tried.sort_by_key(|outcome| outcome.case.id);
            page.push_str(TRIED_HEAD);
        }
        for outcome in tried {
            let _ = writeln!(page, "{}", row(of, outcome.case, &outcome.verdict));
        }
        if !held.is_empty() {
            held.sort_by_key(|held| held.id);
            page.push_str(HELD_HEAD);
        }
        for held in held {
            let _ = writeln!(page, "| {} | {} | `{}` |", held.id, held.tries, held.test());
        }
    }
    if !of.has_own_kernel {
        page.push_str(EXCUSED_HEAD);
        for row in EXCUSED {
            let _ = writeln!(page, "| {} | {} | {} |", row.id, row.what, row.why);
        }
    }
    page.push_str(of.below);
    page
}

const TRIED_HEAD: &str = "
| id | a program or a caller … | verdict | enforced by | succeeds with |
|---|---|---|---|---|
";

const HELD_HEAD: &str = "
| id | the attack | held by the test |
|---|---|---|
";

/// What stands in the catalogue that this one was made from, and has neither an attack nor a test.
const EXCUSED_HEAD: &str = "
## What is not tried

| id | what | why |
|---|---|---|
";

fn row(page: &Page, case: &Case, verdict: &Verdict) -> String {
    let enforced = match verdict {
        Verdict::Contained(_) => "gVisor's kernel".to_owned(),
        _ if page.has_own_kernel && case.enforced == Enforced::Kernel => {
            "gVisor's kernel".to_owned()
        }
        _ => case.enforced.to_string(),
    };
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    format!(
        "| {} | {} | {} | {} | {} |",
        case.id,
        cell(case.tries),
        cell(&verdict.to_string()),
        enforced,
        cell(case.weakness.name)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids() -> impl Iterator<Item = &'static str> {
        let tried = SCENES.iter().flat_map(|scene| scene.cases);
        tried
            .map(|case| case.id)
            .chain(HELD.iter().copied().flatten().map(|held| held.id))
    }

    #[test]
    fn ids_are_unique_and_of_a_chapter() {
        let mut seen = BTreeSet::new();
        for id in ids() {
            assert!(seen.insert(id), "{id} stands twice");
            let chapter = CHAPTERS.iter().any(|(letter, _)| id.starts_with(*letter));
            assert!(chapter, "{id} is of no chapter");
        }
        assert!(seen.len() >= 120, "only {} attacks", seen.len());
    }

    #[test]
    fn the_pages_are_of_this_catalogue() {
        let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap();
        for page in PAGES {
            let text = std::fs::read_to_string(workspace.join(page.path)).unwrap();
            let on_page: BTreeSet<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
                .filter(|id| id.contains('.'))
                .collect();
            let held = HELD.iter().copied().flatten();
            let held = held.filter(|_| !page.has_own_kernel);
            let tried = SCENES.iter().flat_map(|scene| scene.cases);
            let expected: BTreeSet<&str> = tried
                .map(|case| case.id)
                .chain(held.map(|held| held.id))
                .collect();
            let path = page.path;
            assert_eq!(on_page, expected, "`cargo xtask attack` writes `{path}`");
        }
    }
}
