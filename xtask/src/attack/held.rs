//! Attacks that a test of their own holds. The chore sees that the test is there; `cargo xtask test`
//! runs it.
//!
//! It looks into the source and not into the test binaries: those would have to be compiled first,
//! and what is compiled is what stands there.

use std::path::Path;

use super::catalogue::HELD;

/// One such attack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) id: &'static str,
    /// What is tried, as a whole sentence.
    pub(super) tries: &'static str,
    /// The source file, below `crates`.
    file: &'static str,
    /// The name of the test's function.
    test: &'static str,
}

impl Held {
    pub(super) const fn new(
        id: &'static str,
        tries: &'static str,
        file: &'static str,
        test: &'static str,
    ) -> Self {
        Self {
            id,
            tries,
            file,
            test,
        }
    }

    /// The test as a person finds it: its crate, the modules from the file's place, its name.
    pub(super) fn test(&self) -> String {
        let path = self.file.trim_end_matches(".rs").trim_end_matches("/mod");
        let (package, below) = path.split_once('/').unwrap_or((path, ""));
        let below = ["src/", "tests/it/"]
            .iter()
            .find_map(|place| below.strip_prefix(place));
        let modules = below.unwrap_or_default().replace('/', "::");
        format!("{package} {modules}::{}", self.test)
    }

    /// What is wrong with the test, if something is.
    fn defect(&self, workspace: &Path) -> Option<String> {
        let path = workspace.join("crates").join(self.file);
        let Ok(source) = std::fs::read_to_string(&path) else {
            return Some(format!("there is no `{}`", path.display()));
        };
        defect_in(&source, self.test)
    }
}

/// The attacks whose test is not there or is not run, with what is wrong.
pub(super) fn defects(workspace: &Path) -> Vec<String> {
    HELD.iter()
        .copied()
        .flatten()
        .filter_map(|held| Some(format!("{}: {}", held.id, held.defect(workspace)?)))
        .collect()
}

fn defect_in(source: &str, test: &str) -> Option<String> {
    let head = format!("fn {test}(");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let Some(position) = lines.iter().position(|line| {
        let line = line.trim_start_matches("pub(crate) ");
        line.trim_start_matches("async ").starts_with(&head)
    }) else {
        return Some(format!("there is no test `{test}`"));
    };
    let attributes: Vec<&&str> = lines
        .iter()
        .take(position)
        .rev()
        .take_while(|line| line.starts_with('#'))
        .collect();
    let is = |name: &str| attributes.iter().any(|line| line.contains(name));
    if !is("test") {
        return Some(format!("`{test}` is no test"));
    }
    is("#[ignore").then(|| format!("`{test}` is ignored"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_known_by_its_attribute() {
        let check = |source: &str, expected: Option<&str>| {
            assert_eq!(defect_in(source, "holds").as_deref(), expected, "{source}");
        };
        check("#[test]\nfn holds() {}", None);
        check(
            "#[tokio::test(flavor = \"multi_thread\")]\nasync fn holds() {}",
            None,
        );
        check("#[tokio::test]\n#[serial]\nasync fn holds() {}", None);
        check("fn holds() {}", Some("`holds` is no test"));
        check(
            "#[test]\nfn holds_more() {}",
            Some("there is no test `holds`"),
        );
        check(
            "#[test]\n#[ignore = \"slow\"]\nfn holds() {}",
            Some("`holds` is ignored"),
        );
    }

    #[test]
    fn tests_are_named_as_they_are_called() {
        let name = |file: &'static str| Held::new("C00.x", "", file, "holds").test();
        assert_eq!(name("a/tests/it/b/c.rs"), "a b::c::holds");
        assert_eq!(name("a/tests/it/b/mod.rs"), "a b::holds");
        assert_eq!(name("a/src/b/tests/c.rs"), "a b::tests::c::holds");
    }

    #[test]
    fn every_named_test_is_there() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(defects(workspace), Vec::<String>::new());
    }
}
