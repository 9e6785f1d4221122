//! The modules that a program asks for: from the text that somebody typed to the command that installs them.
//!
//! Three steps, each without I/O:
//!
//! 1. [`ModuleSet::parse`] turns foreign text into requirements: a name, extras and version bounds, and nothing else.
//!    What is not on that short list of things is refused by name; it never reaches a command line.
//! 2. [`InstallPlan::new`] turns the set into the installer's argument vector, its environment, and the names that
//!    the gateway has to open while it runs.
//! 3. [`InstallPlan::installed`] and [`InstallPlan::diagnose`] read what the installer said.
//!
//! Running the plan is the executor's business; what may be reached meanwhile is the gateway's.

#[cfg(test)]
mod against_pip;
mod aliases;
mod constraints;
mod diagnose;
mod error;
mod failure;
mod import;
mod index;
mod output;
mod pin;
mod plan;
mod probe;
mod requirement;
mod set;
mod split;
mod stdlib;

pub use self::constraints::{Constraints, ProjectName};
pub use self::diagnose::InstallEnd;
pub use self::error::{ModuleError, ModuleErrorKind};
pub use self::failure::{InstallFailure, InstallFailureKind};
pub use self::import::Provider;
pub use self::index::{IndexHost, IndexUrl, IndexUrlError};
pub use self::output::{InstallPhase, Installed};
pub use self::pin::Pin;
pub use self::plan::{InstallPlan, InstallSettings, SourcePackages};
pub use self::requirement::Requirement;
pub use self::set::{MAX_ENTRY_BYTES, MAX_MODULES, MAX_TEXT_BYTES, ModuleSet};
