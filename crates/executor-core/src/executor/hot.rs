//! Sets of modules that are imported before their programs come: how an operator writes one, and which runs it serves.

use std::collections::BTreeSet;
use std::fmt;

use crate::modules::{ModuleError, ModuleSet};

/// Modules that are installed together and imported ahead.
///
/// Written as a call names modules, separated by commas or blanks: `numpy,pandas>=2`. What is imported is what the installed
/// files of each project say; `matplotlib=matplotlib.pyplot+mpl_toolkits.mplot3d` says it instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotSet {
    modules: ModuleSet,
    /// The requirements in their normal form.
    texts: BTreeSet<String>,
    /// Those that the installed files are to be asked about.
    projects: Vec<String>,
    imports: Vec<String>,
}

/// Why a text is no hot set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HotSetError {
    /// It names no module that would be installed.
    #[error("no module is named that is not part of Python")]
    Empty,
    /// A requirement in it is refused.
    #[error(transparent)]
    Modules(#[from] ModuleError),
    /// What is to be imported has no name of a module.
    #[error("`{0}` is not a name to import")]
    Import(String),
}

impl HotSetError {
    /// The way out, as a sentence fragment.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Modules(error) => error.hint().to_owned(),
            Self::Empty | Self::Import(_) => {
                "write modules as a call names them, such as `numpy,pandas>=2`, if need be with what to import, as in \
                 `matplotlib=matplotlib.pyplot`"
                    .to_owned()
            }
        }
    }
}

/// Names to import that one set may have.
const MOST_IMPORTS: usize = 64;
/// The longest of them, in bytes.
const LONGEST_IMPORT: usize = 200;

impl HotSet {
    /// Reads one set.
    ///
    /// # Errors
    ///
    /// When a requirement is refused, nothing is left to be installed, or a name cannot be imported.
    pub fn parse(text: &str) -> Result<Self, HotSetError> {
        let mut requirements = String::new();
        let mut imports = Vec::new();
        let mut said = BTreeSet::new();
        let pieces = text.split(|c: char| c == ',' || c.is_ascii_whitespace());
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            let requirement = match split_imports(piece) {
                None => piece,
                Some((requirement, names)) => {
                    for name in names.split('+') {
                        if !is_importable(name) || imports.len() >= MOST_IMPORTS {
                            return Err(HotSetError::Import(
                                name.escape_debug().take(LONGEST_IMPORT).collect(),
                            ));
                        }
                        imports.push(name.to_owned());
                    }
                    for one in ModuleSet::parse(requirement)?.requirements() {
                        said.insert(one.name().to_owned());
                    }
                    requirement
                }
            };
            if !requirements.is_empty() {
                requirements.push(',');
            }
            requirements.push_str(requirement);
        }
        let modules = ModuleSet::parse(&requirements)?;
        if modules.is_empty() {
            return Err(HotSetError::Empty);
        }
        let names = modules.requirements().iter().map(|one| one.name());
        Ok(Self {
            texts: modules
                .requirements()
                .iter()
                .map(ToString::to_string)
                .collect(),
            projects: names
                .filter(|name| !said.contains(*name))
                .map(str::to_owned)
                .collect(),
            imports,
            modules,
        })
    }

    /// What is installed for it.
    #[must_use]
    pub const fn modules(&self) -> &ModuleSet {
        &self.modules
    }

    /// The projects of which is imported what their files say.
    pub(super) fn projects(&self) -> &[String] {
        &self.projects
    }

    /// The names that are imported because the operator said so.
    pub(super) fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Whether a run with these modules finds all of them here, as it asked for them.
    pub(super) fn has(&self, modules: &ModuleSet) -> bool {
        let mut asked = modules.requirements().iter();
        !modules.is_empty() && asked.all(|one| self.texts.contains(&one.to_string()))
    }
}

impl fmt::Display for HotSet {
    /// Its requirements in their normal form, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.modules.requirements().iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

/// Cuts at the first `=` that belongs to no comparison.
fn split_imports(piece: &str) -> Option<(&str, &str)> {
    let bytes = piece.as_bytes();
    let is_comparison = |byte: Option<&u8>| byte.is_some_and(|byte| b"<>=!~".contains(byte));
    let at = (0..bytes.len()).find(|&at| {
        bytes.get(at) == Some(&b'=')
            && !is_comparison(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && bytes.get(at.saturating_add(1)) != Some(&b'=')
    })?;
    let (requirement, names) = piece.split_at_checked(at)?;
    Some((requirement, names.strip_prefix('=')?))
}

fn is_importable(name: &str) -> bool {
    let is_identifier = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c == '_' || c.is_alphanumeric())
    };
    name.len() <= LONGEST_IMPORT && name.split('.').all(is_identifier)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&match HotSet::parse(text) {
            Ok(set) => format!(
                "{set} | {} | {}",
                set.projects.join(" "),
                set.imports.join(" ")
            ),
            Err(error) => format!("error: {error}"),
        });
    }

    #[test]
    fn a_set_is_written_as_calls_name_modules() {
        check("numpy", &expect!["numpy | numpy | "]);
        check("numpy pandas", &expect!["numpy, pandas | numpy pandas | "]);
        check(
            "numpy, pandas>=2,<3",
            &expect!["numpy, pandas<3,>=2 | numpy pandas | "],
        );
        check(
            "numpy,matplotlib==3.10.0=matplotlib.pyplot+mpl_toolkits.mplot3d Pillow",
            &expect![
                "numpy, matplotlib==3.10.0, pillow | numpy pillow | matplotlib.pyplot mpl_toolkits.mplot3d"
            ],
        );
        check("numpy=numpy.linalg", &expect!["numpy |  | numpy.linalg"]);
        check("pandas~=2.0", &expect!["pandas~=2.0 | pandas | "]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        check(
            "",
            &expect!["error: no module is named that is not part of Python"],
        );
        check(
            "json",
            &expect!["error: no module is named that is not part of Python"],
        );
        check(
            "numpy=os;x",
            &expect!["error: `os;x` is not a name to import"],
        );
        check("numpy=", &expect!["error: `` is not a name to import"]);
        check(
            "numpy=a..b",
            &expect!["error: `a..b` is not a name to import"],
        );
        check(
            "/etc/passwd",
            &expect!["error: module `/etc/passwd` was refused: paths are not accepted"],
        );
    }

    #[test]
    fn a_run_fits_whose_modules_are_all_there_as_it_asked_for_them() {
        #[track_caller]
        fn check(modules: &str, fits: bool) {
            let set = HotSet::parse("numpy>=2 pandas").unwrap();
            assert_eq!(
                set.has(&ModuleSet::parse(modules).unwrap()),
                fits,
                "{modules}"
            );
        }
        check("pandas", true);
        check("Pandas, numpy >= 2", true);
        check("numpy", false);
        check("pandas, scipy", false);
        check("pandas[excel]", false);
        check("", false);
    }
}
