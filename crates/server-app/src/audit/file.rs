//! The file of the audit: only ever appended to, for its owner alone, and opened again where it was rotated away.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that is there under its name whenever a line is written.
#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    /// The last line is written in part, so the next one begins with a line end.
    torn: bool,
}

impl AuditFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: open(path)?,
            torn: false,
        })
    }

    /// Whether what the name means is what we write to.
    fn is_ours(&self) -> bool {
        match (std::fs::metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(ours)) => same(&named, &ours),
            _ => false,
        }
    }
}

impl Write for AuditFile {
    /// Takes a whole line or fails; a line of which a part was written is ended before the next.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.is_ours() {
            self.file = open(&self.path)?;
            self.torn = false;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        self.torn = true;
        self.file.write_all(line)?;
        self.torn = false;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(unix)]
fn same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Where an open file cannot be moved away, it is always the same.
#[cfg(not(unix))]
fn same(_one: &std::fs::Metadata, _other: &std::fs::Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_appended_to_for_its_owner_alone_and_made_again_when_it_is_rotated() {
        let directory = tempfile::tempdir().unwrap();
        let [path, old] = ["audit", "audit.1"].map(|name| directory.path().join(name));
        let mut file = AuditFile::open(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        file.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &old).unwrap();
        file.write_all(b"two\n").unwrap();
        drop(file);
        let mut file = AuditFile::open(&path).unwrap();
        file.write_all(b"three\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(b"four\n").unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "four\n");
    }
}
