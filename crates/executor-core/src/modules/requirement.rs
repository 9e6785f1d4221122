//! One requirement: a name, extras and version bounds, read by the grammar of PEP 508 under a list of what is allowed.
//!
//! The list comes first and is short: letters, digits and `._-[],()<>=!~*+` and spaces. URLs, paths, options, markers,
//! hashes and anything a shell could read are outside of it, so that neither the grammar's parser nor the installer
//! ever sees them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr as _;

use pep440_rs::{Operator, Version, VersionSpecifier};
use pep508_rs::{VerbatimUrl, VersionOrUrl};

use super::error::ModuleError;

/// One module that a program asked for: a normalised name, extras and version bounds.
///
/// `Display` is the form that the installer reads, without spaces: `requests[socks]<3,>=2.31`. It begins with a letter
/// or a digit, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    name: String,
    extras: BTreeSet<String>,
    specifiers: Vec<VersionSpecifier>,
}

impl Requirement {
    /// The project's name in its normalised form (lower case, single hyphens).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The extras, normalised, in order.
    pub fn extras(&self) -> impl Iterator<Item = &str> {
        self.extras.iter().map(String::as_str)
    }

    /// Reads one entry that [`split`](super::split::split) gave.
    pub(super) fn parse(entry: &str) -> Result<Self, ModuleError> {
        allow(entry)?;
        whole_names(entry)?;
        let parsed = pep508_rs::Requirement::<VerbatimUrl>::from_str(entry)
            .map_err(|error| ModuleError::invalid(entry, &error.message.to_string()))?;
        if !parsed.marker.is_true() {
            return Err(ModuleError::refused(entry, MARKER));
        }
        let specifiers = match parsed.version_or_url {
            None => Vec::new(),
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.into_iter().collect(),
            Some(VersionOrUrl::Url(_)) => return Err(ModuleError::refused(entry, URL)),
        };
        let mut requirement = Self {
            name: parsed.name.to_string(),
            extras: parsed.extras.iter().map(ToString::to_string).collect(),
            specifiers: Vec::new(),
        };
        requirement.narrow(specifiers)?;
        Ok(requirement)
    }

    /// The same requirement of another project.
    pub(super) fn renamed(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Takes in a second requirement of the same project: both hold.
    pub(super) fn merge(&mut self, other: Self) -> Result<(), ModuleError> {
        self.extras.extend(other.extras);
        self.narrow(other.specifiers)
    }

    /// Whether `version` lies within the bounds.
    pub(super) fn admits(&self, version: &Version) -> bool {
        self.specifiers
            .iter()
            .all(|specifier| specifier.contains(version))
    }

    /// Replaces the bounds by exactly `version`.
    pub(super) fn hold(&mut self, version: &Version) {
        self.specifiers = vec![VersionSpecifier::equals_version(version.clone())];
    }

    /// Adds bounds, and refuses those that contradict an exact version. Subtler contradictions are the installer's to
    /// find: it knows which versions there are.
    fn narrow(&mut self, specifiers: Vec<VersionSpecifier>) -> Result<(), ModuleError> {
        self.specifiers.extend(specifiers);
        self.specifiers.sort_by_key(ToString::to_string);
        self.specifiers
            .dedup_by_key(|specifier| specifier.to_string());
        let contradicted = self
            .specifiers
            .iter()
            .filter(|specifier| {
                matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual)
            })
            .any(|exact| !self.admits(exact.version()));
        if contradicted {
            return Err(ModuleError::conflict(&self.name, &self.bounds()));
        }
        Ok(())
    }

    fn bounds(&self) -> String {
        let bounds: Vec<String> = self
            .specifiers
            .iter()
            .map(|specifier| {
                specifier
                    .to_string()
                    .chars()
                    .filter(|c| !c.is_whitespace())
                    .collect()
            })
            .collect();
        bounds.join(",")
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.extras.is_empty() {
            let extras: Vec<&str> = self.extras().collect();
            write!(f, "[{}]", extras.join(","))?;
        }
        f.write_str(&self.bounds())
    }
}

/// Refuses everything that is not written in the characters of a plain requirement, and says what it looks like.
fn allow(entry: &str) -> Result<(), ModuleError> {
    if entry.starts_with('-')
        || entry
            .split_ascii_whitespace()
            .any(|word| word.starts_with("--"))
    {
        return Err(ModuleError::refused(
            entry,
            "options of the installer are not accepted",
        ));
    }
    let Some(foreign) = entry.chars().find(|c| !allowed(*c)) else {
        return Ok(());
    };
    // A URL or a path is named as such wherever its first odd character stands.
    let what = if entry.contains("://") || foreign == '@' {
        URL.to_owned()
    } else if matches!(foreign, '/' | '\\' | ':') {
        "paths are not accepted".to_owned()
    } else if foreign == ';' {
        MARKER.to_owned()
    } else if foreign.is_ascii_control() {
        format!(
            "it holds the control character U+{:04X}",
            u32::from(foreign)
        )
    } else if foreign.is_ascii() {
        format!("it holds the character '{foreign}'")
    } else {
        format!("it holds U+{:04X}, and names are ASCII", u32::from(foreign))
    };
    Err(ModuleError::refused(entry, what))
}

/// Holds the name and the extras against PEP 508's rule for the ends of a name: the grammar's parser takes it for
/// granted in places and panics on `a-]`.
fn whole_names(entry: &str) -> Result<(), ModuleError> {
    let names = entry
        .split(['(', '<', '>', '=', '!', '~'])
        .next()
        .unwrap_or_default();
    let ragged = |name: &str| {
        let ends = [name.chars().next(), name.chars().next_back()];
        ends.into_iter()
            .flatten()
            .any(|c| !c.is_ascii_alphanumeric())
    };
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if names.split(|c: char| !part_of_name(c)).any(ragged) {
        return Err(ModuleError::invalid(
            entry,
            "a name begins and ends with a letter or a digit",
        ));
    }
    Ok(())
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-[],()<>=!~*+ \t".contains(c)
}

const URL: &str = "URLs and direct references are not accepted";
const MARKER: &str = "environment markers are not accepted";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Requirement;

    #[track_caller]
    fn check(entry: &str, expected: &str) {
        let text = match Requirement::parse(entry) {
            Ok(requirement) => requirement.to_string(),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(text, expected, "{entry}");
    }

    #[test]
    fn accepted() {
        check("numpy", "numpy");
        check("NumPy", "numpy");
        check("ruamel.yaml", "ruamel-yaml");
        check("foo__Bar.-baz", "foo-bar-baz");
        check("requests[ Socks , security ]", "requests[security,socks]");
        check("requests [socks] >= 2.31 , < 3", "requests[socks]<3,>=2.31");
        check("foo (>=1,<2)", "foo<2,>=1");
        check("a==1.*", "a==1.*");
        check("a~=1.4.2,!=1.4.5", "a!=1.4.5,~=1.4.2");
        check("a==1!2.0+local.1", "a==1!2.0+local.1");
        check("a===1.0", "a===1.0");
    }

    #[test]
    fn refused() {
        check(
            "-r/etc/passwd",
            "error: module `-r/etc/passwd` was refused: options of the installer are not accepted",
        );
        check(
            "--index-url=http://x",
            "error: module `--index-url=http://x` was refused: options of the installer are not accepted",
        );
        check(
            "requests --hash=sha256:ab",
            "error: module `requests --hash=sha256:ab` was refused: options of the installer are not accepted",
        );
        check(
            "git+https://x/y",
            "error: module `git+https://x/y` was refused: URLs and direct references are not accepted",
        );
        check(
            "http://x/a.whl",
            "error: module `http://x/a.whl` was refused: URLs and direct references are not accepted",
        );
        check(
            "a @ file:///b",
            "error: module `a @ file:///b` was refused: URLs and direct references are not accepted",
        );
        check(
            "./x",
            "error: module `./x` was refused: paths are not accepted",
        );
        check(
            "/abs",
            "error: module `/abs` was refused: paths are not accepted",
        );
        check(
            "C:\\x",
            "error: module `C:\\x` was refused: paths are not accepted",
        );
        check(
            "a; python_version>'3'",
            "error: module `a; python_version>'3'` was refused: environment markers are not accepted",
        );
        check(
            "a; rm -rf /",
            "error: module `a; rm -rf /` was refused: environment markers are not accepted",
        );
        check(
            "$(id)",
            "error: module `$(id)` was refused: it holds the character '$'",
        );
        check(
            "`id`",
            "error: module `'id'` was refused: it holds the character '`'",
        );
        check(
            "a && b",
            "error: module `a && b` was refused: it holds the character '&'",
        );
        check(
            "a\nb",
            "error: module `a\\nb` was refused: it holds the control character U+000A",
        );
        check(
            "a\0",
            "error: module `a\\u{0}` was refused: it holds the control character U+0000",
        );
        check(
            "ｎumpy",
            "error: module `\\u{ff4e}umpy` was refused: it holds U+FF4E, and names are ASCII",
        );
        check(
            "numpy\u{202e}",
            "error: module `numpy\\u{202e}` was refused: it holds U+202E, and names are ASCII",
        );
        check(
            "a#egg",
            "error: module `a#egg` was refused: it holds the character '#'",
        );
        check(
            "@file",
            "error: module `@file` was refused: URLs and direct references are not accepted",
        );
    }

    #[test]
    fn not_requirements() {
        for entry in [
            "..", ".", "a b", "a>=", "a[", "a[b", "a(>=1", "a>=1<2", "*", "=1", "a==", "a==x y",
            "_x",
        ] {
            let error = Requirement::parse(entry).expect_err(entry);
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("module `{entry}` is not a requirement: ")),
                "{error}"
            );
        }
    }

    #[test]
    fn contradictions() {
        check(
            "a==1,==2",
            "error: no version of module `a` satisfies `==1,==2`",
        );
        check(
            "a==1,>=2",
            "error: no version of module `a` satisfies `==1,>=2`",
        );
        check("a==1.0,==1", "a==1,==1.0");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_a_requirement_or_an_error(entry in "\\PC{0,60}") {
            let _ = Requirement::parse(&entry);
        }

        #[test]
        fn what_is_accepted_is_plain(entry in "[-a-zA-Z0-9._\\[\\],()<>=!~*+ ]{0,24}") {
            if let Ok(requirement) = Requirement::parse(&entry) {
                let text = requirement.to_string();
                prop_assert!(text.starts_with(|c: char| c.is_ascii_alphanumeric()), "{}", text);
                prop_assert!(text.chars().all(|c| super::allowed(c) && c != ' '), "{}", text);
                // What the installer reads means the same to a second reading.
                prop_assert_eq!(Requirement::parse(&text), Ok(requirement));
            }
        }
    }
}
