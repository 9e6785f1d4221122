//! What one run of an attack program leaves for the judges: its own answers, and what the host saw.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::case::Finding;
use super::watch::Seen;

/// All that is known of one run, in the sandbox or in a weak container.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The attacks that the program was told to try, in its order.
    pub(super) tried: Vec<&'static str>,
    /// What the program said came of each: the kernel's answers.
    pub(super) answers: BTreeMap<String, String>,
    /// Everything it printed on standard output, as it arrived.
    pub(super) output: String,
    /// What the client got: for the sandbox the call's result, for a weak container nothing.
    pub(super) result: Value,
    /// Whether this is the sandbox's side.
    pub(super) in_sandbox: bool,
    /// Whether the sandbox has a kernel of its own, which may grant what harms nobody else.
    pub(super) own_kernel: bool,
    /// Whether a weak container went on until it was ended from outside.
    pub(super) overran: bool,
    /// The mark of the run's processes, by which a program's inventions are known too.
    pub(super) mark: String,
    /// What the host saw of its processes.
    pub(super) seen: Seen,
    /// Attacks whose calls arrived at a listener of the host.
    pub(super) arrived: BTreeSet<String>,
    /// What the run changed on the host, in words.
    pub(super) changed: Vec<String>,
    /// The secret in the canary, which nobody inside can know by itself.
    pub(super) secret: String,
    /// Words of the host that nobody inside should know, by attack.
    pub(super) facts: BTreeMap<&'static str, Vec<String>>,
    /// Findings of scenes that judge for themselves.
    pub(super) findings: BTreeMap<&'static str, Finding>,
}

impl Evidence {
    /// Takes the program's answers out of what it printed.
    pub(super) fn read_answers(&mut self) {
        self.answers = answers(&self.output);
    }

    /// Whether this is a sandbox, and has a kernel of its own.
    pub(super) fn is_on_own_kernel(&self) -> bool {
        self.in_sandbox && self.own_kernel
    }

    /// What the program said of one attack.
    pub(super) fn answer(&self, id: &str) -> Option<&str> {
        self.answers.get(id).map(String::as_str)
    }

    /// The tag of the process that tried this attack.
    pub(super) fn tag(&self, id: &str) -> Option<String> {
        let position = self.tried.iter().position(|tried| *tried == id)?;
        Some(position.to_string())
    }

    /// A member of the result's structured content.
    pub(super) fn field(&self, name: &str) -> &Value {
        self.result
            .get("structuredContent")
            .and_then(|content| content.get(name))
            .unwrap_or(&Value::Null)
    }

    /// The text that a model reads.
    pub(super) fn text(&self) -> String {
        let blocks = self.result.get("content").and_then(Value::as_array);
        blocks
            .into_iter()
            .flatten()
            .filter_map(|block| block.get("text")?.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// The lines `@<id> <word>` of a program's output.
fn answers(output: &str) -> BTreeMap<String, String> {
    output
        .lines()
        .filter_map(|line| line.strip_prefix('@')?.split_once(' '))
        .map(|(id, word)| (id.to_owned(), word.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_lines_of_their_own() {
        let found = answers("hello\n@E01.x EPERM\nx @E02.y done\n@E03.z done a b\n");
        let expected = [("E01.x", "EPERM"), ("E03.z", "done a b")];
        assert!(found.iter().map(|(id, word)| (&**id, &**word)).eq(expected));
    }

    #[test]
    fn a_process_is_known_by_the_place_of_its_attack() {
        let evidence = Evidence {
            tried: vec!["E01.a", "E01.b"],
            ..Evidence::default()
        };
        assert_eq!(evidence.tag("E01.b").as_deref(), Some("1"));
        assert_eq!(evidence.tag("E01.c"), None);
    }
}
