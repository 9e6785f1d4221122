//! What a revision requires, from the suite's own frozen lists: which scenarios count, and which are only run.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The scenarios for servers of one revision.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Requirements {
    /// Conforming means passing these.
    pub(super) scored: BTreeSet<String>,
    /// Run and reported, of extensions or too new to count.
    pub(super) unscored: BTreeSet<String>,
}

impl Requirements {
    pub(super) fn read(path: &Path, revision: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let found = Self::parse(&text);
        if found.scored.is_empty() {
            bail!("the suite's list of what {revision} requires is not what it was");
        }
        Ok(found)
    }

    /// Reads the little of YAML that the lists are made of: `server:` with plain items, `not_scored:` with items of
    /// `scenario`, `leg` and more.
    fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let mut section = "";
        let mut scenario = "";
        for line in text.lines() {
            let item = line.trim_start();
            if item.starts_with('#') || item.is_empty() {
                continue;
            }
            if !line.starts_with([' ', '-']) {
                section = line.trim_end().trim_end_matches(':');
            } else if section == "server" {
                if let Some(name) = item.strip_prefix("- ") {
                    found.scored.insert(name.trim().to_owned());
                }
            } else if section == "not_scored" {
                if let Some(name) = item.strip_prefix("- scenario:") {
                    scenario = name.trim();
                } else if item.strip_prefix("leg:").map(str::trim) == Some("server") {
                    found.unscored.insert(scenario.to_owned());
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_part_is_taken() {
        let text = "\
# server:
server:
  # a comment
  - ping
  - tools-list

client:
  - initialize

not_scored:
  - scenario: auth/dpop
    leg: client
    reason: extension
  - scenario: tasks-lifecycle
    leg: server
    reason: extension
    note: >-
      leg: client, in a note
";
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            Requirements::parse(text),
            Requirements {
                scored: names(&["ping", "tools-list"]),
                unscored: names(&["tasks-lifecycle"]),
            }
        );
    }
}
