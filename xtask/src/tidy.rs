//! The rules of this repository that no other tool knows, as functions over its text.
//!
//! The map of the crates is a table here: an edge that it lacks is a change of architecture.

mod edges;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The longest source file. Longer ones are about more than one thing, nearly always.
const MAX_LINES: usize = 500;
/// The longest `main.rs`: one screen.
const MAX_MAIN_LINES: usize = 60;
/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];
/// What the readme must tell a newcomer to type.
const FIRST_COMMANDS: &[&str] = &["cargo xtask demo", "cargo xtask test"];
/// Markers of unfinished work, spelt so that this file does not hold them.
const UNFINISHED: &[&str] = &[concat!("todo", "!("), concat!("unimplemented", "!(")];

/// Checks the whole repository; the error lists every breach.
pub(crate) fn check(workspace: &Path) -> Result<()> {
    let mut breaches = Vec::new();
    let mut long_files = Vec::new();
    for path in source_files(workspace)? {
        let text = read(&path)?;
        let name = relative(workspace, &path);
        breaches.extend(check_source(&name, &text));
        if text.lines().count() > MAX_LINES {
            long_files.push(name);
        }
    }
    breaches.extend(check_lengths(&long_files, LONG_FILES));
    breaches.extend(check_readme(&read(&workspace.join("README.md"))?));
    breaches.extend(edges::check(workspace)?);
    if breaches.is_empty() {
        return Ok(());
    }
    bail!(
        "{} breaches of the rules:\n  {}",
        breaches.len(),
        breaches.join("\n  ")
    )
}

fn check_source(name: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    if !text.starts_with("//!") {
        breaches.push(format!(
            "`{name}` does not open with `//!` and what it is responsible for"
        ));
    }
    for marker in UNFINISHED {
        if text.contains(marker) {
            breaches.push(format!("`{name}` has unfinished work: `{marker}…)`"));
        }
    }
    let lines = text.lines().count();
    if name.ends_with("src/main.rs") && !name.starts_with("xtask/") && lines > MAX_MAIN_LINES {
        breaches.push(format!(
            "`{name}` has {lines} lines, and a main is one screen of {MAX_MAIN_LINES}"
        ));
    }
    breaches
}

fn check_lengths(long: &[String], excused: &[(&str, &str)]) -> Vec<String> {
    let unexcused = long
        .iter()
        .filter(|name| !excused.iter().any(|(excused, _)| excused == name))
        .map(|name| format!("`{name}` has more than {MAX_LINES} lines; split it by meaning"));
    let stale = excused
        .iter()
        .filter(|(excused, _)| !long.iter().any(|name| name == excused))
        .map(|(excused, _)| format!("`{excused}` is excused for its length and is not long"));
    unexcused.chain(stale).collect()
}

fn check_readme(text: &str) -> Vec<String> {
    FIRST_COMMANDS
        .iter()
        .filter(|command| !text.contains(*command))
        .map(|command| format!("`README.md` does not mention `{command}`"))
        .collect()
}

/// All Rust files of the workspace, sorted; build output and hidden directories are not ours.
fn source_files(workspace: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut dirs = vec![workspace.join("crates"), workspace.join("xtask")];
    while let Some(dir) = dirs.pop() {
        let entries =
            std::fs::read_dir(&dir).with_context(|| format!("cannot list `{}`", dir.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list `{}`", dir.display()))?;
            let path = entry.path();
            let kind = entry.file_type().context("cannot tell a file's type")?;
            let name = entry.file_name();
            if kind.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
                dirs.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|ext| ext == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn relative(workspace: &Path, path: &Path) -> String {
    path.strip_prefix(workspace)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_catches_its_breach() {
        let check = |name: &str, text: &str, expected: &[&str]| {
            let found = check_source(name, text);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found}");
            }
        };
        check("crates/a/src/lib.rs", "//! Good.\n", &[]);
        check("crates/a/src/lib.rs", "use x;\n", &["does not open with"]);
        let unfinished = format!("//! A.\nfn f() {{ {}) }}\n", concat!("todo", "!("));
        check("crates/a/src/lib.rs", &unfinished, &["unfinished work"]);
        let long = format!("//! A.\n{}", "//\n".repeat(60));
        check("crates/a/src/main.rs", &long, &["61 lines"]);
        check("crates/a/src/lib.rs", &long, &[]);
    }

    #[test]
    fn an_excuse_is_needed_and_must_not_be_stale() {
        let long = ["a.rs".to_owned()];
        assert_eq!(
            check_lengths(&long, &[("a.rs", "one table")]),
            Vec::<String>::new()
        );
        assert_eq!(check_lengths(&long, &[]).len(), 1);
        assert_eq!(check_lengths(&[], &[("a.rs", "one table")]).len(), 1);
    }

    #[test]
    fn the_readme_names_both_commands() {
        assert_eq!(check_readme("cargo xtask demo\ncargo xtask test").len(), 0);
        assert_eq!(check_readme("cargo xtask demo").len(), 1);
    }
}
