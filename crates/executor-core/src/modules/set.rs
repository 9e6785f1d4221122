//! The set of modules of one request: bounds, duplicates, names of the standard library, import names, pins.

use super::aliases::{self, Alias};
use super::error::ModuleError;
use super::pin::Pin;
use super::requirement::Requirement;
use super::split::split;
use super::stdlib;

/// How many modules one request may name. A program imports a handful; dependencies do not count.
pub const MAX_MODULES: usize = 64;
/// How long one entry may be, in bytes: several times the longest real name with extras and bounds.
pub const MAX_ENTRY_BYTES: usize = 256;
/// How long all entries together may be, in bytes ([`MAX_MODULES`] × [`MAX_ENTRY_BYTES`]).
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// The modules of one request, each once, in the order in which they were named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleSet {
    requirements: Vec<Requirement>,
    notes: Vec<String>,
}

impl ModuleSet {
    /// Reads a comma-separated text. Blank text is the empty set; one trailing comma is forgiven.
    ///
    /// # Errors
    /// When a bound is passed or an entry is refused; see [`ModuleError`].
    pub fn parse(text: &str) -> Result<Self, ModuleError> {
        Self::parse_list([text])
    }

    /// Reads a list of texts, each with one entry or several.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_list<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, ModuleError> {
        let mut bytes = 0_usize;
        let mut entries = Vec::new();
        for text in texts {
            // A separator counts as well, so that a list of empty texts ends too.
            bytes = bytes.saturating_add(text.len()).saturating_add(1);
            if bytes > MAX_TEXT_BYTES + 1 {
                return Err(ModuleError::text_too_long(bytes - 1));
            }
            let text = text.trim_ascii();
            if !text.is_empty() {
                entries.extend(split(text.strip_suffix(',').unwrap_or(text)));
            }
        }
        if entries.len() > MAX_MODULES {
            return Err(ModuleError::too_many(entries.len()));
        }
        let mut set = Self::default();
        for (at, entry) in entries.into_iter().enumerate() {
            match entry.len() {
                0 => return Err(ModuleError::empty_entry(at + 1)),
                length if length > MAX_ENTRY_BYTES => {
                    return Err(ModuleError::entry_too_long(entry));
                }
                _ => set.add(entry)?,
            }
        }
        Ok(set)
    }

    /// The same set with every pinned project held to its version.
    ///
    /// # Errors
    /// When an entry asks for another version than the image carries.
    pub fn held_to(mut self, pins: &[Pin]) -> Result<Self, ModuleError> {
        for requirement in &mut self.requirements {
            pins.iter().try_for_each(|pin| pin.apply(requirement))?;
        }
        Ok(self)
    }

    /// What is to be installed.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// What was changed on the way and the caller should hear of: names that were dropped or replaced.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether nothing has to be installed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    fn add(&mut self, entry: &str) -> Result<(), ModuleError> {
        let mut requirement = Requirement::parse(entry)?;
        let written = written_name(entry);
        if let Some(note) = stdlib::note(written) {
            self.note(note);
            return Ok(());
        }
        if let Some(Alias { project, note }) = aliases::find(written) {
            requirement = requirement.renamed(project);
            self.note(note);
        }
        match self
            .requirements
            .iter_mut()
            .find(|known| known.name() == requirement.name())
        {
            Some(known) => known.merge(requirement),
            None => {
                self.requirements.push(requirement);
                Ok(())
            }
        }
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The name as it was typed: an entry begins with it.
fn written_name(entry: &str) -> &str {
    let end = entry
        .find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)))
        .unwrap_or(entry.len());
    entry.get(..end).unwrap_or(entry)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::{MAX_TEXT_BYTES, ModuleSet};
    use crate::modules::Pin;

    fn show(result: Result<ModuleSet, crate::modules::ModuleError>) -> String {
        match result {
            Ok(set) => {
                let mut lines: Vec<String> =
                    set.requirements().iter().map(ToString::to_string).collect();
                lines.extend(set.notes().iter().map(|note| format!("note: {note}")));
                lines.join("\n")
            }
            Err(error) => format!("error: {error}\nhint: {}", error.hint()),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&show(ModuleSet::parse(text)));
    }

    #[test]
    fn sets() {
        check("", &expect![""]);
        check(" \n", &expect![""]);
        check(
            "pandas>=2,<3, numpy",
            &expect![[r"
            pandas<3,>=2
            numpy"]],
        );
        check(
            "requests[socks,security], foo (>=1,<2),",
            &expect![[r"
            requests[security,socks]
            foo<2,>=1"]],
        );
        check(
            "a>=1, b, A[x], a<3",
            &expect![[r"
            a[x]<3,>=1
            b"]],
        );
    }

    #[test]
    fn refusals() {
        check(
            "a,,b",
            &expect![[r"
            error: entry 2 of `modules` is empty
            hint: separate modules by single commas, as in `numpy, pandas>=2,<3`"]],
        );
        check(
            ",",
            &expect![[r"
            error: entry 1 of `modules` is empty
            hint: separate modules by single commas, as in `numpy, pandas>=2,<3`"]],
        );
        check(
            "a==1, b, a==2",
            &expect![[r"
            error: no version of module `a` satisfies `==1,==2`
            hint: leave one of the version bounds out"]],
        );
        check(
            "numpy pandas",
            &expect![[r#"
                error: module `numpy pandas` is not a requirement: Expected one of '@', '(', '<', '=', '>', '~', '!', ';', found 'p'
                hint: a module is a name with optional extras and version bounds, such as `numpy`, `requests[socks]` or `pandas>=2,<3`; separate modules by commas"#]],
        );
    }

    #[test]
    fn bounds() {
        let names = |count: usize| {
            (0..count)
                .map(|n| format!("m{n}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(
            ModuleSet::parse(&names(64))
                .expect("64 modules")
                .requirements()
                .len(),
            64
        );
        check(
            &names(65),
            &expect![[r"
            error: `modules` names 65 modules; the limit is 64
            hint: name only the modules that the program imports itself; their dependencies are fetched too"]],
        );
        check(
            &names(10_000),
            &expect![[r"
            error: `modules` is 58889 bytes long; the limit is 16384 bytes and 64 modules
            hint: name only the modules that the program imports itself; their dependencies are fetched too"]],
        );
        check(
            &"x".repeat(257),
            &expect![[r"
            error: module `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...` is 257 bytes long; the limit is 256
            hint: separate modules by commas; one is a name with optional extras and version bounds"]],
        );
        assert!(ModuleSet::parse(&"x".repeat(256)).is_ok());
        assert!(ModuleSet::parse(&" ".repeat(MAX_TEXT_BYTES)).is_ok());
        assert!(ModuleSet::parse(&" ".repeat(MAX_TEXT_BYTES + 1)).is_err());
        assert!(ModuleSet::parse_list(std::iter::repeat("")).is_err());
    }

    #[test]
    fn standard_library_and_import_names() {
        check(
            "json, OS, numpy, os.path, telnetlib",
            &expect![[r"
            numpy
            note: `json` is part of Python: not fetched
            note: `OS` is part of Python: not fetched
            note: `os.path` is part of Python: not fetched
            note: `telnetlib` was part of Python up to 3.12: not fetched, because a package of that name is not the same thing"]],
        );
        check(
            "PIL>=9, cv2, sklearn, playwright.sync_api, zope.interface, pillow<12",
            &expect![[r"
            pillow<12,>=9
            opencv-python-headless
            scikit-learn
            playwright
            zope-interface
            note: `PIL` is an import name: the project `pillow` was taken
            note: `cv2` is an import name: the project `opencv-python-headless` was taken
            note: `sklearn` is an import name: the project `scikit-learn` was taken
            note: `playwright.sync_api` is an import name: the project `playwright` was taken"]],
        );
    }

    #[track_caller]
    fn check_held(text: &str, expected: &Expect) {
        let pin = Pin::playwright("1.53.0").expect("a version");
        expected.assert_eq(&show(
            ModuleSet::parse(text).expect("a set").held_to(&[pin]),
        ));
    }

    #[test]
    fn pins() {
        check_held("playwright", &expect!["playwright==1.53.0"]);
        check_held(
            "Playwright>=1.40, numpy",
            &expect![[r"
            playwright==1.53.0
            numpy"]],
        );
        check_held("playwright==1.53.*", &expect!["playwright==1.53.0"]);
        check_held("pytest-playwright", &expect!["pytest-playwright"]);
        check_held(
            "playwright==1.40.0",
            &expect![[r"
            error: module `playwright==1.40.0` was asked for, but the sandbox image carries what `playwright` 1.53.0 needs and no other version would work there
            hint: name `playwright` without a version; 1.53.0 is then installed"]],
        );
        assert!(Pin::playwright("newest").is_err());
    }

    proptest! {
        #[test]
        fn any_text_gives_a_set_or_a_short_error(text in "\\PC{0,300}") {
            match ModuleSet::parse(&text) {
                Ok(set) => prop_assert!(set.requirements().iter().all(|one| !one.to_string().starts_with('-'))),
                Err(error) => prop_assert!(error.to_string().len() < 1200 && error.to_string().is_ascii()),
            }
        }
    }
}
