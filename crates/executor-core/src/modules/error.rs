//! What can be wrong with the modules that somebody asked for: which entry, what about it, and the way out.

use std::fmt;

use super::set::{MAX_ENTRY_BYTES, MAX_MODULES, MAX_TEXT_BYTES};

/// A request for modules that was refused. Nothing was fetched and nothing was run.
///
/// `Display` is one short sentence that names the entry (escaped and shortened, so that it may be shown and logged);
/// [`hint`](Self::hint) is the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ModuleError {
    kind: ModuleErrorKind,
    message: String,
    hint: String,
}

/// The classes of [`ModuleError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleErrorKind {
    /// More than [`MAX_MODULES`] entries, an entry beyond [`MAX_ENTRY_BYTES`], or text beyond [`MAX_TEXT_BYTES`].
    TooLarge,
    /// An entry holds something that is never accepted: an option, a URL, a path, a marker, a foreign character.
    Refused,
    /// An entry is not a requirement.
    Invalid,
    /// Two entries, or an entry and what the image carries, cannot both hold.
    Conflict,
}

impl ModuleError {
    /// The class of the mistake.
    #[must_use]
    pub fn kind(&self) -> ModuleErrorKind {
        self.kind
    }

    /// The way out, as a sentence fragment.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    pub(super) fn text_too_long(bytes: usize) -> Self {
        Self::new(
            ModuleErrorKind::TooLarge,
            format!(
                "`modules` is {bytes} bytes long; the limit is {MAX_TEXT_BYTES} bytes and {MAX_MODULES} modules"
            ),
            "name only the modules that the program imports itself; their dependencies are fetched too",
        )
    }

    pub(super) fn too_many(count: usize) -> Self {
        Self::new(
            ModuleErrorKind::TooLarge,
            format!("`modules` names {count} modules; the limit is {MAX_MODULES}"),
            "name only the modules that the program imports itself; their dependencies are fetched too",
        )
    }

    pub(super) fn entry_too_long(entry: &str) -> Self {
        Self::new(
            ModuleErrorKind::TooLarge,
            format!(
                "module `{}` is {} bytes long; the limit is {MAX_ENTRY_BYTES}",
                shown(entry),
                entry.len()
            ),
            "separate modules by commas; one is a name with optional extras and version bounds",
        )
    }

    pub(super) fn empty_entry(position: usize) -> Self {
        Self::new(
            ModuleErrorKind::Invalid,
            format!("entry {position} of `modules` is empty"),
            "separate modules by single commas, as in `numpy, pandas>=2,<3`",
        )
    }

    pub(super) fn refused(entry: &str, what: impl fmt::Display) -> Self {
        Self::new(
            ModuleErrorKind::Refused,
            format!("module `{}` was refused: {what}", shown(entry)),
            "a module is a name from the package index with optional extras and version bounds, \
             such as `numpy`, `requests[socks]` or `pandas>=2,<3`",
        )
    }

    pub(super) fn invalid(entry: &str, detail: &str) -> Self {
        Self::new(
            ModuleErrorKind::Invalid,
            format!(
                "module `{}` is not a requirement: {}",
                shown(entry),
                shown(detail)
            ),
            "a module is a name with optional extras and version bounds, such as `numpy`, `requests[socks]` \
             or `pandas>=2,<3`; separate modules by commas",
        )
    }

    pub(super) fn conflict(name: &str, bounds: &str) -> Self {
        Self::new(
            ModuleErrorKind::Conflict,
            format!(
                "no version of module `{name}` satisfies `{}`",
                shown(bounds)
            ),
            "leave one of the version bounds out",
        )
    }

    pub(super) fn pinned(asked: &str, name: &str, version: &str) -> Self {
        Self::new(
            ModuleErrorKind::Conflict,
            format!(
                "module `{}` was asked for, but the sandbox image carries what `{name}` {version} needs and no other \
                 version would work there",
                shown(asked)
            ),
            format!("name `{name}` without a version; {version} is then installed"),
        )
    }

    pub(super) fn not_allowed(name: &str) -> Self {
        Self::new(
            ModuleErrorKind::Refused,
            format!("module `{}` is not allowed on this server", shown(name)),
            "its operator decides which projects may be installed; do without it",
        )
    }

    pub(super) fn too_many_constraints(most: usize) -> Self {
        Self::new(
            ModuleErrorKind::TooLarge,
            format!("there are more than {most} constraints"),
            "leave out those that nothing depends on",
        )
    }

    pub(super) fn not_a_name(text: &str) -> Self {
        Self::new(
            ModuleErrorKind::Invalid,
            format!("`{}` is not the name of a project", shown(text)),
            "write a name as on the package index, such as `numpy`, without a version",
        )
    }

    pub(super) fn pin_version(name: &str, version: &str) -> Self {
        Self::new(
            ModuleErrorKind::Invalid,
            format!("`{}` is not a version of `{name}`", shown(version)),
            "give the version that the image carries, such as `1.53.0`",
        )
    }

    fn new(kind: ModuleErrorKind, message: String, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message,
            hint: hint.into(),
        }
    }
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// `text` in printable ASCII, at most [`SHOWN_CHARS`] characters of it.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_CHARS {
            out.push_str("...");
            break;
        }
        if c == '`' {
            out.push('\'');
        } else if c.is_ascii_graphic() || c == ' ' {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
    }
    out
}

/// How much of a foreign text an error message repeats.
const SHOWN_CHARS: usize = 80;
