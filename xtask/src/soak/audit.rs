//! The server's own record of a soak: one terminal record for every call, and no id twice.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// The ids of a whole soak, over all lives of the server.
#[derive(Debug, Default)]
pub(super) struct Ids {
    executions: BTreeSet<String>,
    sandboxes: BTreeSet<String>,
}

/// How many records there must be of one life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) least: usize,
    pub(super) most: usize,
}

impl Ids {
    /// How many executions were recorded.
    pub(super) fn count(&self) -> usize {
        self.executions.len()
    }

    /// Reads the record of one life of the server; says what is wrong with it.
    pub(super) fn read(&mut self, audit: &Path, expected: Expected) -> Vec<String> {
        let text = std::fs::read_to_string(audit).unwrap_or_default();
        self.take(&text, expected)
    }

    fn take(&mut self, text: &str, expected: Expected) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut records = 0;
        // A killed server may leave half a line.
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for line in lines.iter().filter(|line| line.ends_with('\n')) {
            let Ok(record) = serde_json::from_str::<Value>(line) else {
                wrong.push(format!("a record is no JSON: {}", line.trim_end()));
                continue;
            };
            let text = |name: &str| record.get(name).and_then(Value::as_str);
            match text("kind") {
                Some("execution") => {}
                Some("lost") => {
                    wrong.push("records were lost".to_owned());
                    continue;
                }
                _ => continue,
            }
            records += 1;
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
        }
        if records < expected.least || records > expected.most {
            wrong.push(format!(
                "there are {records} records, and {} to {} calls",
                expected.least, expected.most
            ));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_record_or_sandbox_and_a_missing_one_are_noticed() {
        let record = |id: &str, sandbox: &str| {
            format!(r#"{{"kind":"execution","id":"{id}","sandbox":"{sandbox}","ending":"exited"}}"#)
                + "\n"
        };
        let two = Expected { least: 2, most: 2 };
        let check = |text: &str, wrong: usize| {
            assert_eq!(Ids::default().take(text, two).len(), wrong, "{text}");
        };
        check(&(record("a", "1") + &record("b", "2")), 0);
        check(&(record("a", "1") + &record("b", "2") + "{\"ki"), 0);
        check(&(record("a", "1") + &record("a", "2")), 1);
        check(&(record("a", "1") + &record("b", "1")), 1);
        check(&record("a", "1"), 1);
        check(
            &(record("a", "1") + &record("b", "2") + "{\"kind\":\"lost\",\"records\":1}\n"),
            1,
        );
    }
}
