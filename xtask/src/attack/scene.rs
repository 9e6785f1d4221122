//! A part of the catalogue that is tried together, in the sandbox and in every weak container that
//! its cases ask for.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::case::{Case, Finding, Verdict, Weakness};
use super::evidence::Evidence;
use super::program::Program;
use super::servers::{Kind, Servers};
use super::stage::Stage;

/// A part of the catalogue that is tried together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) play: Play,
    pub(super) cases: &'static [Case],
    /// Whether it belongs to the short set.
    pub(super) short: bool,
}

/// How a scene is played.
#[derive(Clone, Copy, Debug)]
pub(super) enum Play {
    /// One program, told which attacks to try.
    Program {
        text: &'static str,
        server: Kind,
        seconds: u64,
    },
    /// A program for each attack: they would get into each other's way.
    Each {
        text: &'static str,
        server: Kind,
        seconds: u64,
    },
    /// Something that takes more than one program.
    Own(OwnPlay),
    /// The same, and neither side would be what it is beside the other.
    Alone(OwnPlay),
}

/// Plays these attacks on one side, and tells what it found.
pub(super) type OwnPlay = fn(&Stage<'_>, &mut Side<'_>, &[&'static str]) -> Result<Evidence>;

/// Where a scene is played.
#[derive(Debug)]
pub(super) enum Side<'a> {
    /// In sandboxes of these servers.
    Sandbox(&'a mut Servers),
    /// In containers with this weakness.
    Weak(&'a Weakness),
}

impl Side<'_> {
    /// The same side once more.
    pub(super) fn again(&mut self) -> Side<'_> {
        match self {
            Self::Sandbox(servers) => Side::Sandbox(servers),
            Self::Weak(weakness) => Side::Weak(weakness),
        }
    }
}

/// One case and what came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) case: &'static Case,
    pub(super) verdict: Verdict,
}

/// What differs between two runs of the same attacks, in words.
pub(super) fn differences(one: &[Outcome], other: &[Outcome]) -> Vec<String> {
    let verdicts = |of: &[Outcome]| -> BTreeMap<&'static str, String> {
        let of = of.iter();
        of.map(|outcome| (outcome.case.id, outcome.verdict.to_string()))
            .collect()
    };
    let (one, other) = (verdicts(one), verdicts(other));
    let untold = "nothing".to_owned();
    one.iter()
        .map(|(id, verdict)| (id, verdict, other.get(id).unwrap_or(&untold)))
        .filter(|(_, verdict, later)| verdict != later)
        .map(|(id, verdict, later)| format!("{id} is not stable: `{verdict}`, then `{later}`"))
        .collect()
}

/// How many of the attacks that apply to the machine succeeded in their weak containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Controls {
    succeeded: usize,
    /// All but those that are not applicable. What the filter refuses ahead of a kernel that lacks the thing is among
    /// them, though its control cannot succeed.
    applicable: usize,
}

impl Controls {
    /// Of a hundred attacks that apply so many must have a control that succeeded, or too much is only claimed.
    const ENOUGH: usize = 95;

    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let count = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|o| is(&o.verdict)).count();
        Self {
            succeeded: count(|verdict| matches!(verdict, Verdict::Held | Verdict::Contained(_))),
            applicable: count(|verdict| !matches!(verdict, Verdict::NotApplicable(_))),
        }
    }

    pub(super) const fn are_enough(self) -> bool {
        self.succeeded * 100 >= self.applicable * Self::ENOUGH
    }
}

impl fmt::Display for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.succeeded * 1000 / self.applicable.max(1);
        let (whole, tenth) = (percent / 10, percent % 10);
        let Self {
            succeeded,
            applicable,
        } = self;
        write!(
            f,
            "{succeeded} of the {applicable} that apply here, {whole}.{tenth} %"
        )
    }
}

impl Scene {
    /// The cases whose id contains one of these; all of them without any.
    pub(super) fn chosen(&self, filter: &[String]) -> Vec<&'static Case> {
        self.cases
            .iter()
            .filter(|case| filter.is_empty() || filter.iter().any(|part| case.id.contains(&**part)))
            .collect()
    }

    /// Plays the scene on both sides.
    pub(super) fn play(
        &self,
        stage: &Stage<'_>,
        servers: &mut Servers,
        cases: &[&'static Case],
    ) -> Vec<Outcome> {
        // What a single program finds on the host it must find alone; in most other scenes the two
        // sides do not see one another.
        let is_alone = matches!(self.play, Play::Program { .. } | Play::Alone(_));
        let (subjects, controls) = if !is_alone {
            thread::scope(|scope| {
                let controls = scope.spawn(|| self.controls(stage, cases));
                let subjects = self.findings(stage, Side::Sandbox(servers), cases);
                (subjects, controls.join().unwrap_or_default())
            })
        } else {
            let subjects = self.findings(stage, Side::Sandbox(servers), cases);
            (subjects, self.controls(stage, cases))
        };
        let untold = Finding::Unknown("it was not played".to_owned());
        cases
            .iter()
            .map(|&case| Outcome {
                case,
                verdict: Verdict::of(
                    case,
                    subjects.get(case.id).unwrap_or(&untold),
                    controls.get(case.id).unwrap_or(&untold),
                ),
            })
            .collect()
    }

    /// Plays the cases in the weak containers that they ask for.
    fn controls(&self, stage: &Stage<'_>, cases: &[&'static Case]) -> Findings {
        let mut found = Findings::new();
        for weakness in weaknesses(cases) {
            let those: Vec<_> = cases
                .iter()
                .copied()
                .filter(|case| case.weakness.name == weakness.name)
                .collect();
            found.extend(self.findings(stage, Side::Weak(&weakness), &those));
        }
        found
    }

    fn findings(&self, stage: &Stage<'_>, mut side: Side<'_>, cases: &[&'static Case]) -> Findings {
        match self.play {
            Play::Program {
                text,
                server,
                seconds,
            } => judged(cases, &run(stage, side, text, cases, (server, seconds))),
            Play::Each {
                text,
                server,
                seconds,
            } => cases
                .iter()
                .flat_map(|&case| {
                    let evidence = run(stage, side.again(), text, &[case], (server, seconds));
                    judged(&[case], &evidence)
                })
                .collect(),
            Play::Own(play) | Play::Alone(play) => {
                judged(cases, &play(stage, &mut side, &ids(cases)))
            }
        }
    }
}

type Findings = BTreeMap<&'static str, Finding>;

fn run(
    stage: &Stage<'_>,
    side: Side<'_>,
    text: &'static str,
    cases: &[&'static Case],
    (server, seconds): (Kind, u64),
) -> Result<Evidence> {
    let program = Program::new(text, &ids(cases), Value::Null)?;
    program.run(stage, side, server, Duration::from_secs(seconds))
}

fn ids(cases: &[&'static Case]) -> Vec<&'static str> {
    cases.iter().map(|case| case.id).collect()
}

/// What each case's judge makes of the evidence.
fn judged(cases: &[&'static Case], evidence: &Result<Evidence>) -> Findings {
    let of = |case: &&'static Case| match evidence {
        Ok(evidence) => (case.judge)(evidence, case),
        Err(error) => Finding::Unknown(format!("{error:#}")),
    };
    cases.iter().map(|case| (case.id, of(case))).collect()
}

/// The weaknesses that the cases ask for, each once.
fn weaknesses(cases: &[&'static Case]) -> Vec<Weakness> {
    let mut found: Vec<Weakness> = Vec::new();
    for case in cases {
        if found.iter().all(|known| known.name != case.weakness.name) {
            found.push(case.weakness);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::case::{Enforced, case};
    use super::*;

    static ONE: Case = case(
        "E00.x",
        "tries",
        Enforced::Kernel,
        Weakness::new("weak", &[]),
    );
    static OTHER: Case = case(
        "E00.y",
        "tries",
        Enforced::Kernel,
        Weakness::new("weak", &[]),
    );

    fn outcome(case: &'static Case, verdict: Verdict) -> Outcome {
        Outcome { case, verdict }
    }

    #[test]
    fn a_verdict_that_changes_is_told_and_one_that_is_missing() {
        let first = [outcome(&ONE, Verdict::Held), outcome(&OTHER, Verdict::Held)];
        let check = |later: &[Outcome], expected: &[&str]| {
            assert_eq!(differences(&first, later), expected);
        };
        check(
            &[outcome(&OTHER, Verdict::Held), outcome(&ONE, Verdict::Held)],
            &[],
        );
        let late = Verdict::Unclear("late".to_owned());
        check(
            &[outcome(&ONE, late)],
            &[
                "E00.x is not stable: `held`, then `unclear: late`",
                "E00.y is not stable: `held`, then `nothing`",
            ],
        );
    }

    #[test]
    fn controls_are_counted_among_what_applies() {
        let of = |held: usize, ahead: usize, inapplicable: usize| {
            let mut outcomes = Vec::new();
            let mut add = |count: usize, verdict: &Verdict| {
                outcomes.extend((0..count).map(|_| outcome(&ONE, verdict.clone())));
            };
            add(held, &Verdict::Held);
            add(ahead, &Verdict::HeldAhead("a thing"));
            add(inapplicable, &Verdict::NotApplicable("lacking".to_owned()));
            Controls::of(&outcomes)
        };
        assert_eq!(
            of(19, 1, 7).to_string(),
            "19 of the 20 that apply here, 95.0 %"
        );
        assert!(of(19, 1, 7).are_enough());
        assert!(!of(18, 1, 7).are_enough());
        assert!(!of(93, 7, 0).are_enough());
    }
}
