//! What an operator lays down about all installs: constraints, and names of projects.

use std::fmt;
use std::str::FromStr;

use super::error::ModuleError;
use super::requirement::Requirement;

/// Requirements that bind whatever is installed without asking for it, as in the constraints file of pip: one a line,
/// blank lines and comments aside. Extras, URLs, options and markers are refused as they are in requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints(Vec<Requirement>);

impl Constraints {
    /// The most lines: several times those of the largest lock files.
    pub const MOST: usize = 4096;

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Constraints {
    type Err = ModuleError;

    fn from_str(text: &str) -> Result<Self, ModuleError> {
        let lines = text
            .lines()
            .map(|line| {
                line.split_once('#')
                    .map_or(line, |(before, _)| before)
                    .trim()
            })
            .filter(|line| !line.is_empty());
        let mut all = Vec::new();
        for line in lines {
            if all.len() == Self::MOST {
                return Err(ModuleError::too_many_constraints(Self::MOST));
            }
            all.push(Requirement::parse(line)?);
        }
        Ok(Self(all))
    }
}

/// The lines of a file that an installer reads.
impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| writeln!(f, "{one}"))
    }
}

/// The name of a project in its normalised form: lower case, single hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(String);

impl ProjectName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = ModuleError;

    fn from_str(text: &str) -> Result<Self, ModuleError> {
        let refuse = || ModuleError::not_a_name(text);
        let requirement = Requirement::parse(text.trim()).map_err(|_| refuse())?;
        if requirement.to_string() != requirement.name() {
            return Err(refuse());
        }
        Ok(Self(requirement.name().to_owned()))
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Constraints, ProjectName};

    #[test]
    fn constraints_are_lines_without_comments() {
        let read: Constraints = "# ours\nNumPy >=2 , <3  # not 3 yet\n\nurllib3==2.2.0\n"
            .parse()
            .unwrap();
        assert_eq!(read.to_string(), "numpy<3,>=2\nurllib3==2.2.0\n");
        for bad in [
            "-r other.txt",
            "x @ https://example.com/x.whl",
            "a==1; python_version>'3'",
        ] {
            assert!(bad.parse::<Constraints>().is_err(), "{bad}");
        }
        let many = "a\n".repeat(Constraints::MOST + 1);
        assert!(many.parse::<Constraints>().is_err());
    }

    #[test]
    fn names_are_normalised_and_nothing_else() {
        let name: ProjectName = " Typing_Extensions ".parse().unwrap();
        assert_eq!(name.as_str(), "typing-extensions");
        for bad in ["", "numpy>=2", "a[b]", "a b", "../a"] {
            assert!(bad.parse::<ProjectName>().is_err(), "{bad}");
        }
    }
}
