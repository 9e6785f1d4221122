//! The server's own record of a soak, held against what was asked of it: each call has a text of its own, by whose
//! digest its record is found. An answered call has one terminal record that says the same as the answer; a call that was
//! cancelled or cut off has one at most; no execution and no sandbox is in two, and no record is of no call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What became of a call, as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// No answer came before the server or the client went.
    Open,
    /// It was cancelled, whatever came of that.
    Cancelled,
    /// It was answered, with this ending if the answer says one.
    Answered(Option<String>),
}

/// What became of each call of one life of the server, by the digest of its program.
pub(super) type Fates = BTreeMap<String, Fate>;

/// A program's digest as records have it.
pub(super) fn digest(program: &str) -> String {
    hex::encode(Sha256::digest(program))
}

/// The ids of a whole soak, over all lives of the server.
#[derive(Debug, Default)]
pub(super) struct Ids {
    executions: BTreeSet<String>,
    sandboxes: BTreeSet<String>,
}

impl Ids {
    /// How many executions were recorded.
    pub(super) fn count(&self) -> usize {
        self.executions.len()
    }

    /// Reads the record of one life of the server; says what is wrong with it.
    pub(super) fn read(&mut self, audit: &Path, fates: &Fates) -> Vec<String> {
        let text = std::fs::read_to_string(audit).unwrap_or_default();
        self.take(&text, fates)
    }

    fn take(&mut self, text: &str, fates: &Fates) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut recorded: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // A killed server may leave half a line.
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for line in lines.iter().filter(|line| line.ends_with('\n')) {
            let Ok(record) = serde_json::from_str::<Value>(line) else {
                wrong.push(format!("a record is no JSON: {}", line.trim_end()));
                continue;
            };
            match record.get("kind").and_then(Value::as_str) {
                Some("execution") => {
                    let (program, ending) = self.enter(&record, &mut wrong);
                    recorded.entry(program).or_default().push(ending);
                }
                Some("lost") => wrong.push("records were lost".to_owned()),
                _ => {}
            }
        }
        for (program, fate) in fates {
            let endings = recorded.remove(program).unwrap_or_default();
            wrong.extend(objection(fate, &endings).map(|what| format!("{what} ({program})")));
        }
        for (program, endings) in recorded {
            wrong.push(format!(
                "there is a record of a program that nobody sent, which ended as {endings:?} ({program})"
            ));
        }
        wrong
    }

    /// Enters one record; gives its program's digest and its ending.
    fn enter(&mut self, record: &Value, wrong: &mut Vec<String>) -> (String, String) {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let id = text("id").unwrap_or_default();
        if !self.executions.insert(id.to_owned()) {
            wrong.push(format!("the execution `{id}` has two records"));
        }
        if text("ending").is_none() {
            wrong.push(format!("the execution `{id}` has no ending"));
        }
        if let Some(sandbox) = text("sandbox")
            && !self.sandboxes.insert(sandbox.to_owned())
        {
            wrong.push(format!("the sandbox `{sandbox}` ran two programs"));
        }
        let of = |name: &str| text(name).unwrap_or_default().to_owned();
        (of("program_sha256"), of("ending"))
    }
}

/// What is wrong with the records of one call, by their endings.
fn objection(fate: &Fate, endings: &[String]) -> Option<String> {
    match (fate, endings) {
        (Fate::Open | Fate::Cancelled, [] | [_]) => None,
        (Fate::Answered(told), [ending]) => match told {
            Some(told) if told != ending => Some(format!(
                "a call was answered as `{told}` and recorded as `{ending}`"
            )),
            _ => None,
        },
        (Fate::Answered(told), []) => {
            Some(format!("a call was answered as {told:?} and not recorded"))
        }
        (fate, endings) => Some(format!(
            "a call has {} records, {endings:?}; to its client it is {fate:?}",
            endings.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, sandbox: &str, program: &str) -> String {
        format!(
            r#"{{"kind":"execution","id":"{id}","sandbox":"{sandbox}","ending":"exited","program_sha256":"{program}"}}"#
        ) + "\n"
    }

    fn fates(of: &[(&str, Fate)]) -> Fates {
        let of = of.iter().cloned();
        of.map(|(program, fate)| (program.to_owned(), fate))
            .collect()
    }

    #[test]
    fn each_call_has_the_records_that_its_fate_allows() {
        let answered = || Fate::Answered(Some("exited".to_owned()));
        let check = |fate: Fate, records: &str, wrong: usize| {
            let fates = fates(&[("p", fate.clone())]);
            let found = Ids::default().take(records, &fates);
            assert_eq!(found.len(), wrong, "{fate:?}, {records}: {found:?}");
        };
        let one = record("a", "1", "p");
        let two = one.clone() + &record("b", "2", "p");
        for fate in [Fate::Open, Fate::Cancelled] {
            check(fate.clone(), "", 0);
            check(fate.clone(), &one, 0);
            check(fate, &two, 1);
        }
        for fate in [answered(), Fate::Answered(None)] {
            check(fate.clone(), "", 1);
            check(fate.clone(), &one, 0);
            check(fate, &two, 1);
        }
        check(Fate::Answered(Some("timed_out".to_owned())), &one, 1);
        // The other call's record is nobody's, and this one has none.
        check(answered(), &record("a", "1", "q"), 2);
        check(answered(), &(one.clone() + &record("b", "2", "q")), 1);
        check(answered(), &(one.clone() + "{\"ki"), 0);
        let lost = one + "{\"kind\":\"lost\",\"records\":1}\n";
        check(answered(), &lost, 1);
    }

    #[test]
    fn an_id_or_a_sandbox_that_comes_twice_is_noticed_over_all_lives() {
        let check = |second: &str, wrong: usize| {
            let mut ids = Ids::default();
            let first = fates(&[("p", Fate::Answered(None))]);
            assert_eq!(ids.take(&record("a", "1", "p"), &first), [""; 0]);
            let then = fates(&[("q", Fate::Answered(None))]);
            let found = ids.take(second, &then);
            assert_eq!(found.len(), wrong, "{second}: {found:?}");
        };
        check(&record("b", "2", "q"), 0);
        check(&record("a", "2", "q"), 1);
        check(&record("b", "1", "q"), 1);
    }
}
