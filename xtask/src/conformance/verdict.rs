//! What the results of a run mean, held against what is expected.

use std::collections::BTreeSet;

use super::expected::{ANY_SERVER, Fault, KNOWN, PROVES_NOTHING};
use super::requirements::Requirements;
use super::subject::Subject;
use super::suite::{Check, Seen, Status};

/// The suite holds every message against the official schemas, whatever the scenario is about: that alone checks
/// nothing of what the scenario is called after.
const WIRE_CHECK: &str = "wire-schema-valid";

/// What is to be said of a run, and how much of it was not expected.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) lines: Vec<String>,
    pub(super) unexpected: usize,
}

impl Verdict {
    fn fault(&mut self, line: String) {
        self.unexpected += 1;
        self.lines.push(line);
    }
}

/// Judges a run of one revision's scenarios against one subject.
pub(super) fn judge(
    subject: Subject,
    revision: &str,
    requirements: &Requirements,
    seen: &Seen,
) -> Verdict {
    let mut verdict = Verdict::default();
    let all = requirements.scored.union(&requirements.unscored);
    for scenario in all.filter(|scenario| !seen.contains_key(*scenario)) {
        verdict.fault(format!("FAILED  {revision} {scenario} was not run"));
    }
    stale_names(revision, seen, &mut verdict);
    match subject {
        Subject::Fixtures => {
            let judged: BTreeSet<&str> = seen.keys().map(String::as_str).collect();
            passes(subject, revision, requirements, seen, &judged, &mut verdict);
        }
        Subject::Product => {
            let judged = any_server(revision);
            passes(subject, revision, requirements, seen, &judged, &mut verdict);
        }
        Subject::Control => fails(revision, seen, &mut verdict),
    }
    verdict
}

/// Names in the lists that the suite does not have would otherwise be forgotten there.
fn stale_names(revision: &str, seen: &Seen, verdict: &mut Verdict) {
    let nothing = PROVES_NOTHING
        .iter()
        .filter(|(of, _)| *of == revision)
        .map(|(_, scenario)| *scenario);
    for scenario in any_server(revision).into_iter().chain(nothing) {
        if !seen.contains_key(scenario) {
            verdict.fault(format!(
                "STALE   {revision} {scenario}: the suite has no such scenario"
            ));
        }
    }
}

/// Every judged scenario passes, but for what is known.
fn passes(
    subject: Subject,
    revision: &str,
    requirements: &Requirements,
    seen: &Seen,
    judged: &BTreeSet<&str>,
    verdict: &mut Verdict,
) {
    let mut scored = (0, 0);
    let mut unscored = (0, 0);
    let (mut checks, mut left_out) = (0, 0);
    for (scenario, of) in seen
        .iter()
        .filter(|(name, _)| judged.contains(name.as_str()))
    {
        let faults = faults(of);
        let mut is_fine = true;
        for fault in &faults {
            match known(subject, revision, scenario, *fault) {
                Some(why) => {
                    verdict.lines.push(format!(
                        "known   {revision} {scenario}: {}: {why}",
                        show(*fault)
                    ));
                    // What a subject has no fixture for is left out of the scenario; a scenario of
                    // which nothing is left has not passed.
                    is_fine &= matches!(fault, Found::Check(_));
                    left_out += 1;
                }
                None => {
                    is_fine = false;
                    verdict.fault(format!("FAILED  {revision} {scenario}: {}", show(*fault)));
                }
            }
        }
        checks += of.iter().filter(|check| check.1 == Status::Passed).count();
        let tally = if requirements.scored.contains(scenario) {
            &mut scored
        } else {
            &mut unscored
        };
        tally.0 += usize::from(is_fine);
        tally.1 += 1;
    }
    for entry in KNOWN
        .iter()
        .filter(|entry| entry.subject == subject && entry.revision == revision)
    {
        let faults = seen.get(entry.scenario).map(|of| faults(of));
        let holds = faults.is_some_and(|faults| faults.iter().any(|fault| fault.is(entry.fault)));
        if !holds {
            verdict.fault(format!(
                "STALE   {revision} {}: what is known of it does not happen: take it off the list",
                entry.scenario
            ));
        }
    }
    verdict.lines.push(format!(
        "{revision}: {} of {} scored scenarios passed, {} of {} unscored ones; {checks} checks passed, {left_out} known",
        scored.0, scored.1, unscored.0, unscored.1
    ));
}

/// No scenario that asks for fixtures passes, but for those of which that is known.
fn fails(revision: &str, seen: &Seen, verdict: &mut Verdict) {
    let spared = any_server(revision);
    let (mut failed, mut hollow) = (0, 0);
    for (scenario, checks) in seen
        .iter()
        .filter(|(name, _)| !spared.contains(name.as_str()))
    {
        let listed = PROVES_NOTHING.contains(&(revision, scenario.as_str()));
        match (faults(checks).is_empty(), listed) {
            (false, false) => failed += 1,
            (true, true) => {
                hollow += 1;
                verdict
                    .lines
                    .push(format!("known   {revision} {scenario} proves nothing"));
            }
            (true, false) => verdict.fault(format!(
                "FAILED  {revision} {scenario} passes without its fixtures: it proves nothing"
            )),
            (false, true) => verdict.fault(format!(
                "STALE   {revision} {scenario} proves something: take it off the list"
            )),
        }
    }
    verdict.lines.push(format!(
        "{revision}: {failed} scenarios fail without their fixtures, {hollow} pass and prove nothing"
    ));
}

fn any_server(revision: &str) -> BTreeSet<&'static str> {
    let lists = ANY_SERVER.iter().filter(|(of, _)| *of == revision);
    lists.flat_map(|(_, list)| list.iter().copied()).collect()
}

/// What was found to be wrong with a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found<'a> {
    Check(&'a str),
    NothingChecked,
}

impl Found<'_> {
    fn is(self, fault: Fault) -> bool {
        match (self, fault) {
            (Self::Check(found), Fault::Check(known)) => found == known,
            (Self::NothingChecked, Fault::NothingChecked) => true,
            _ => false,
        }
    }
}

fn show(fault: Found<'_>) -> String {
    match fault {
        Found::Check(id) => format!("`{id}` fails"),
        Found::NothingChecked => "nothing was checked".to_owned(),
    }
}

/// What is wrong with a scenario; each check once, however often it was made.
fn faults(checks: &[Check]) -> BTreeSet<Found<'_>> {
    let failed = checks
        .iter()
        .filter(|(_, status)| *status == Status::Failed);
    let mut faults: BTreeSet<Found<'_>> = failed.map(|(id, _)| Found::Check(id)).collect();
    let checked = |(id, status): &Check| *status != Status::Idle && id != WIRE_CHECK;
    if !checks.iter().any(checked) {
        faults.insert(Found::NothingChecked);
    }
    faults
}

fn known(
    subject: Subject,
    revision: &str,
    scenario: &str,
    fault: Found<'_>,
) -> Option<&'static str> {
    let mut entries = KNOWN.iter();
    let entry = entries.find(|entry| {
        entry.subject == subject
            && entry.revision == revision
            && entry.scenario == scenario
            && fault.is(entry.fault)
    })?;
    Some(entry.why)
}

#[cfg(test)]
mod tests {
    use super::super::expected::Known;
    use super::*;

    fn checks(of: &[(&str, Status)]) -> Vec<Check> {
        of.iter()
            .map(|(id, status)| ((*id).to_owned(), *status))
            .collect()
    }

    /// How much is not expected of one scenario that no list knows.
    fn check(subject: Subject, of: &[(&str, Status)], unexpected: usize) {
        let seen = Seen::from([("a".to_owned(), checks(of))]);
        let mut requirements = Requirements::default();
        requirements.scored.insert("a".to_owned());
        let verdict = judge(subject, "never", &requirements, &seen);
        assert_eq!(verdict.unexpected, unexpected, "{of:?}: {verdict:#?}");
    }

    #[test]
    fn what_checked_nothing_has_not_passed() {
        use Status::{Failed, Idle, Passed};
        check(Subject::Fixtures, &[("x", Passed)], 0);
        check(Subject::Fixtures, &[], 1);
        check(Subject::Fixtures, &[("x", Idle)], 1);
        check(Subject::Fixtures, &[(WIRE_CHECK, Passed)], 1);
        check(Subject::Fixtures, &[("x", Passed), (WIRE_CHECK, Failed)], 1);
        check(
            Subject::Fixtures,
            &[("x", Passed), ("x", Failed), ("x", Failed)],
            1,
        );
    }

    #[test]
    fn the_control_must_fail() {
        use Status::{Failed, Passed};
        check(Subject::Control, &[("x", Failed), ("y", Passed)], 0);
        check(Subject::Control, &[("x", Passed)], 1);
        check(Subject::Control, &[], 0);
    }

    #[test]
    fn what_was_not_run_has_not_passed() {
        let mut requirements = Requirements::default();
        requirements.unscored.insert("b".to_owned());
        for subject in Subject::ALL {
            let verdict = judge(*subject, "never", &requirements, &Seen::new());
            assert_eq!(verdict.unexpected, 1, "{subject:?}");
        }
    }

    #[test]
    fn a_list_that_names_what_does_not_happen_is_stale() {
        // An empty run: everything that any list says of the revision is stale, each entry once.
        let revision = "2026-07-28";
        let nothing = PROVES_NOTHING.iter().filter(|(of, _)| *of == revision);
        let names = any_server(revision).len() + nothing.count();
        for subject in [Subject::Fixtures, Subject::Product] {
            let of = |entry: &&Known| entry.subject == subject && entry.revision == revision;
            let faults = KNOWN.iter().filter(of).count();
            assert!(faults > 0, "{subject:?}");
            let verdict = judge(subject, revision, &Requirements::default(), &Seen::new());
            assert_eq!(verdict.unexpected, names + faults, "{verdict:#?}");
            let stale = |line: &&String| line.starts_with("STALE");
            assert_eq!(verdict.lines.iter().filter(stale).count(), names + faults);
        }
    }
}
