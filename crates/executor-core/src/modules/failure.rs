//! A failed install as a value: what kind, which names, one sentence and the way out, and the installer's own words.

use std::fmt;
use std::time::Duration;

/// An install that failed. It is a result of the call, not an error of ours.
///
/// `Display` is one sentence fragment; [`hint`](Self::hint) the way out; [`output`](Self::output) what the installer
/// itself said at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallFailure {
    kind: InstallFailureKind,
    output: String,
}

/// Why an install failed. Names are the installer's, made of plain characters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstallFailureKind {
    /// The index knows no project of this name.
    NotFound {
        /// The name that was looked for.
        name: String,
    },
    /// The project exists and no version of it satisfies the bounds.
    NoVersion {
        /// The requirement that cannot be met.
        requirement: String,
        /// The newest versions that could be installed, oldest first; at most five.
        available: Vec<String>,
        /// Whether there are also source packages, which were not looked at.
        sources_refused: bool,
    },
    /// The project has no wheel for this interpreter and platform, and source packages are refused.
    NoWheel {
        /// The project.
        name: String,
        /// Whether a source package exists, so that allowing those would help.
        has_source: bool,
    },
    /// Two requirements exclude each other.
    Conflict {
        /// The installer's account, one line for each side; at most six.
        causes: Vec<String>,
    },
    /// What was asked for is larger than the space for modules.
    NoSpace {
        /// The size of that space in bytes, if known.
        limit: Option<u64>,
        /// The largest files that were fetched, with their sizes; at most three.
        largest: Vec<String>,
    },
    /// The installer used more memory than the sandbox has.
    OutOfMemory {
        /// The memory limit in bytes, if known.
        limit: Option<u64>,
    },
    /// No index could be reached, or it did not answer properly.
    Unreachable {
        /// What the installer met: a status, an error of the connection.
        cause: String,
    },
    /// The index's certificate was not accepted.
    Certificate,
    /// A file was not what the index had announced.
    HashMismatch,
    /// A source package did not build.
    BuildFailed {
        /// The project, if the installer named it.
        name: Option<String>,
    },
    /// The time for installs ran out.
    TimedOut {
        /// That time.
        limit: Duration,
    },
    /// The image has no installer.
    NoInstaller,
    /// Something that the modules depend on is not allowed by the operator.
    NotAllowed {
        /// The project.
        name: String,
    },
    /// The set is not in the store, and nothing is fetched.
    Offline,
    /// Something else; the installer's words say what.
    Other {
        /// How the installer ended, if it did by itself.
        exit_code: Option<i32>,
    },
}

impl InstallFailure {
    /// One without words of the installer.
    pub(crate) fn of(kind: InstallFailureKind) -> Self {
        Self::new(kind, String::new())
    }

    pub(super) fn new(kind: InstallFailureKind, output: String) -> Self {
        Self { kind, output }
    }

    /// Why it failed.
    #[must_use]
    pub fn kind(&self) -> &InstallFailureKind {
        &self.kind
    }

    /// The last lines that the installer wrote, at most 4 KiB, without the passwords of indexes. Foreign text.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        use InstallFailureKind as Kind;
        match &self.kind {
            Kind::NotFound { .. } => "check the spelling, and use the project's name on the index rather than the name in `import`".to_owned(),
            Kind::NoVersion { sources_refused: true, .. } => format!("loosen the version bounds; older releases may exist as source packages only, {SOURCES}"),
            Kind::NoVersion { .. } => "loosen the version bounds".to_owned(),
            Kind::NoWheel { has_source: true, name } => match replacement(name) {
                Some(other) => format!("use `{other}`, which comes as a wheel; for this one there are source packages, {SOURCES}"),
                None => format!("there are source packages, {SOURCES}"),
            },
            Kind::NoWheel { .. } => "there is no source package either: it is made for another platform or another version of Python".to_owned(),
            Kind::Conflict { causes } if causes.iter().any(|cause| cause.contains("(constraint)")) => {
                "the version called a constraint is the one that the sandbox image carries; \
                 choose another version of the module that excludes it"
                    .to_owned()
            }
            Kind::Conflict { .. } => "loosen or leave out one of the version bounds".to_owned(),
            Kind::NoSpace { .. } => "ask for fewer or smaller modules, or have the operator raise the limit for modules".to_owned(),
            Kind::OutOfMemory { .. } => "ask for fewer or smaller modules, or have the operator raise the memory limit".to_owned(),
            Kind::Unreachable { .. } => "try again; if it stays, the operator can check the index address and the host's way to it with `doctor`".to_owned(),
            Kind::Certificate => "the operator can add the certificate of the index or of the company proxy to the host's trusted ones".to_owned(),
            Kind::HashMismatch => "try again; if it stays, the index or a proxy before it serves a damaged file".to_owned(),
            Kind::BuildFailed { .. } => "choose a version that comes as a wheel".to_owned(),
            Kind::TimedOut { .. } => "ask for fewer modules, give exact versions so that less has to be resolved, or have the operator raise the limit for installs".to_owned(),
            Kind::NotAllowed { .. } => "do without the module that depends on it".to_owned(),
            Kind::Offline => "use the modules that are there, or have the operator build this set while the server is online".to_owned(),
            Kind::NoInstaller => "the operator has to use a sandbox image whose Python has pip".to_owned(),
            Kind::Other { .. } => "the installer's own words are below".to_owned(),
        }
    }
}

impl fmt::Display for InstallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use InstallFailureKind as Kind;
        match &self.kind {
            Kind::NotFound { name } => write!(f, "the package index has no project `{name}`"),
            Kind::NoVersion {
                requirement,
                available,
                ..
            } => {
                write!(f, "no version of a module satisfies `{requirement}`")?;
                if !available.is_empty() {
                    write!(
                        f,
                        "; the newest that could be installed are {}",
                        available.join(", ")
                    )?;
                }
                Ok(())
            }
            Kind::NoWheel { name, .. } => write!(
                f,
                "module `{name}` has no wheel for the sandbox's Python and platform"
            ),
            Kind::Conflict { causes } if causes.is_empty() => {
                f.write_str("the modules exclude each other")
            }
            Kind::Conflict { causes } => {
                write!(f, "the modules exclude each other: {}", causes.join("; "))
            }
            Kind::NoSpace { limit, largest } => {
                f.write_str("the modules do not fit")?;
                if let Some(limit) = limit {
                    write!(f, " into {}", Size(*limit))?;
                }
                if !largest.is_empty() {
                    write!(f, "; the largest downloads were {}", largest.join(", "))?;
                }
                Ok(())
            }
            Kind::OutOfMemory { limit: Some(limit) } => write!(
                f,
                "the installer ran out of memory: the limit is {}",
                Size(*limit)
            ),
            Kind::OutOfMemory { limit: None } => f.write_str("the installer ran out of memory"),
            Kind::Unreachable { cause } => {
                write!(f, "the package index could not be reached: {cause}")
            }
            Kind::Certificate => {
                f.write_str("the certificate of the package index was not accepted")
            }
            Kind::HashMismatch => {
                f.write_str("a downloaded file was not the one that the package index announced")
            }
            Kind::BuildFailed { name: Some(name) } => {
                write!(f, "module `{name}` could not be built from source")
            }
            Kind::BuildFailed { name: None } => {
                f.write_str("a module could not be built from source")
            }
            Kind::TimedOut { limit } => write!(
                f,
                "installing the modules took longer than {} s",
                limit.as_secs()
            ),
            Kind::NoInstaller => f.write_str("the sandbox image has no pip"),
            Kind::NotAllowed { name } => {
                write!(
                    f,
                    "project `{name}`, which the modules depend on, is not allowed on this server"
                )
            }
            Kind::Offline => {
                f.write_str("this set of modules is not in the store, and the server is offline")
            }
            Kind::Other {
                exit_code: Some(code),
            } => write!(f, "the installer ended with exit code {code}"),
            Kind::Other { exit_code: None } => f.write_str("the installer was ended"),
        }
    }
}

/// A number of bytes in the largest binary unit that divides it to one decimal.
#[derive(Debug)]
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..0x400 => return write!(f, "{} bytes", self.0),
            0x400..0x10_0000 => (0x400, "KiB"),
            0x10_0000..0x4000_0000 => (0x10_0000, "MiB"),
            _ => (0x4000_0000, "GiB"),
        };
        match (self.0 % unit) * 10 / unit {
            0 => write!(f, "{} {name}", self.0 / unit),
            tenth => write!(f, "{}.{tenth} {name}", self.0 / unit),
        }
    }
}

/// A project with wheels that does the same as one that publishes source packages only.
fn replacement(name: &str) -> Option<&'static str> {
    match name {
        "psycopg2" => Some("psycopg2-binary"),
        "docopt" => Some("docopt-ng"),
        "pdfminer" => Some("pdfminer.six"),
        "opencv" => Some("opencv-python-headless"),
        "mysqlclient" => Some("pymysql"),
        _ => None,
    }
}

const SOURCES: &str = "which the operator can allow with `--allow-source-packages`";
