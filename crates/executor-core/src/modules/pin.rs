//! Projects whose version the sandbox image decides: `playwright`, because the image carries the browsers of one release.

use std::str::FromStr as _;

use pep440_rs::Version;

use super::error::{ModuleError, shown};
use super::requirement::Requirement;

/// A project held to one version: for requests that name it, and as a constraint for whatever depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    name: &'static str,
    version: Version,
}

impl Pin {
    /// Holds `playwright` to the release whose browsers the image carries.
    ///
    /// # Errors
    /// When `version` is not a version.
    pub fn playwright(version: &str) -> Result<Self, ModuleError> {
        let parsed = Version::from_str(version)
            .map_err(|_| ModuleError::pin_version(PLAYWRIGHT, version))?;
        Ok(Self {
            name: PLAYWRIGHT,
            version: parsed,
        })
    }

    /// The project's normalised name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// The version that the image carries.
    #[must_use]
    pub fn version(&self) -> String {
        self.version.to_string()
    }

    /// Holds `requirement` to this version if it is of this project.
    pub(super) fn apply(&self, requirement: &mut Requirement) -> Result<(), ModuleError> {
        if requirement.name() != self.name {
            return Ok(());
        }
        if !requirement.admits(&self.version) {
            return Err(ModuleError::pinned(
                &shown(&requirement.to_string()),
                self.name,
                &self.version(),
            ));
        }
        requirement.hold(&self.version);
        Ok(())
    }

    /// The line of a constraints file.
    pub(super) fn constraint(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }
}

const PLAYWRIGHT: &str = "playwright";
