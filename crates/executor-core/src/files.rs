//! Files that go with a program into its working directory, and those that come back from there: their names and bounds.
//!
//! Nothing here touches a disk.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;

use crate::limits::ByteSize;

/// The name of a file below a program's working directory: a relative path with `/` between its parts, none of which is
/// empty, `.` or `..`; without backslashes and control characters; at most 512 bytes and nine parts long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

/// Longer paths are refused, in bytes.
const MAX_NAME: usize = 512;

/// What file systems take for one part, in bytes.
const MAX_PART: usize = 255;

/// Eight directories and the file itself.
const MAX_PARTS: usize = 9;

/// Where the program's own text lies.
const PROGRAM: &str = "main.py";

impl FileName {
    /// Takes `name` if it is one.
    ///
    /// # Errors
    ///
    /// [`NotAFileName`], with what is wrong.
    pub fn new(name: impl Into<String>) -> Result<Self, NotAFileName> {
        let name = name.into();
        match fault(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(NotAFileName {
                name: name.chars().take(80).collect(),
                reason,
            }),
        }
    }

    /// The whole path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its directories.
    #[must_use]
    pub fn last(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > MAX_NAME {
        return Some("it is longer than 512 bytes");
    }
    if name.contains(|c: char| c.is_control() || c == '\\') {
        return Some("it has a control character or a backslash");
    }
    if name.starts_with('/') {
        return Some("it is not relative");
    }
    if name.split('/').count() > MAX_PARTS {
        return Some("it is more than eight directories deep");
    }
    let part_fault = |part: &str| match part {
        "" => Some("a part of it is empty"),
        "." | ".." => Some("a part of it is `.` or `..`"),
        part if part.len() > MAX_PART => Some("a part of it is longer than 255 bytes"),
        _ => None,
    };
    name.split('/').find_map(part_fault)
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no name of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a file's name: {reason}")]
pub struct NotAFileName {
    name: String,
    reason: &'static str,
}

/// A file that a program finds in its working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputFile {
    /// Where.
    pub name: FileName,
    /// What stands in it.
    pub bytes: Bytes,
}

impl InputFile {
    /// A file of these bytes.
    #[must_use]
    pub fn new(name: FileName, bytes: impl Into<Bytes>) -> Self {
        Self {
            name,
            bytes: bytes.into(),
        }
    }
}

/// The most files that a request may bring: 64.
pub const MAX_INPUT_FILES: usize = 64;

/// The most that the files of a request may hold together: 16 MiB.
pub const MAX_INPUT_BYTES: ByteSize = ByteSize::mib(16);

/// What is wrong with the files of a request, if anything is.
pub(crate) fn refusal(files: &[InputFile]) -> Option<String> {
    if files.len() > MAX_INPUT_FILES {
        return Some(format!(
            "{} files; at most {MAX_INPUT_FILES} are taken",
            files.len()
        ));
    }
    let total = files.iter().map(|file| file.bytes.len()).sum::<usize>();
    if u64::try_from(total).is_ok_and(|total| total > MAX_INPUT_BYTES.get()) {
        return Some(format!(
            "files of {total} bytes; at most {MAX_INPUT_BYTES} are taken"
        ));
    }
    let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    if names.len() < files.len() {
        return Some("two files have one name".to_owned());
    }
    if names.contains(PROGRAM) {
        return Some(format!("`{PROGRAM}` is the program's own name"));
    }
    let is_above = |name: &&&str| {
        let below = format!("{name}/");
        names.iter().any(|other| other.starts_with(&below)) || below.starts_with("main.py/")
    };
    names
        .iter()
        .find(is_above)
        .map(|name| format!("`{name}` is a file and a directory"))
}

/// A file that a program left in its working directory, and that it had not been given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputFile {
    /// Where.
    pub name: FileName,
    /// What stands in it.
    pub bytes: Bytes,
}

impl OutputFile {
    /// A file of these bytes.
    #[must_use]
    pub fn new(name: FileName, bytes: impl Into<Bytes>) -> Self {
        Self {
            name,
            bytes: bytes.into(),
        }
    }
}

/// Something that a program left behind and that was not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The file's path, or which display it was. Foreign text, at most 512 characters.
    pub name: String,
    /// Why.
    pub reason: LeftOutReason,
}

impl LeftOut {
    /// This one, for this reason.
    #[must_use]
    pub fn new(name: impl Into<String>, reason: LeftOutReason) -> Self {
        Self {
            name: name.into(),
            reason,
        }
    }
}

/// Why something was not returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftOutReason {
    /// It is larger than one may be.
    Size,
    /// Together with the others it would be more than may be returned.
    Total,
    /// There are more than may be returned.
    Count,
    /// It is a symbolic link, which nobody follows.
    Link,
    /// It is a pipe, a socket or a device.
    Special,
    /// Its name is none that can be given on.
    Name,
    /// It lies too deep.
    Depth,
    /// It could not be read.
    Unreadable,
    /// There was no time left.
    Time,
}

impl LeftOutReason {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Size => "too large",
            Self::Total => "too much together with the others",
            Self::Count => "too many",
            Self::Link => "a symbolic link",
            Self::Special => "not a regular file",
            Self::Name => "a name that cannot be given on",
            Self::Depth => "too deep",
            Self::Unreadable => "unreadable",
            Self::Time => "no time left",
        }
    }
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in [
            "a",
            "data.csv",
            "dir/é.txt",
            "a b",
            "a/b/c/d/e/f/g/h/i",
            ".env",
        ] {
            assert!(FileName::new(good).is_ok(), "{good}");
        }
        let long = "x".repeat(256);
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "a\0",
            "a\nb",
            &long,
            "a/b/c/d/e/f/g/h/i/j",
        ] {
            assert!(FileName::new(bad).is_err(), "{bad}");
        }
        assert_eq!(FileName::new("a/b.c").unwrap().last(), "b.c");
    }

    #[track_caller]
    fn check(names: &[&str], expected: Option<&str>) {
        let files: Vec<_> = names
            .iter()
            .map(|name| InputFile::new(FileName::new(*name).unwrap(), "x"))
            .collect();
        assert_eq!(refusal(&files).as_deref(), expected);
    }

    #[test]
    fn files_of_a_request() {
        check(&[], None);
        check(&["a", "b/c", "b/d", "main.py.txt"], None);
        check(&["a", "a"], Some("two files have one name"));
        check(&["main.py"], Some("`main.py` is the program's own name"));
        check(&["b/c", "b"], Some("`b` is a file and a directory"));
        let many: Vec<String> = (0..65).map(|at| at.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(&many, Some("65 files; at most 64 are taken"));
        let large = InputFile::new(FileName::new("a").unwrap(), vec![0; (16 << 20) + 1]);
        assert!(refusal(&[large]).is_some());
    }
}
