//! Reads what the installer prints: its phases while it works, the versions at the end, the downloads in between.
//!
//! The text comes out of a sandbox and is foreign: everything taken from it is bounded and made of plain characters.

use std::fmt;

/// A project and the version that was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installed {
    /// The project's name as the installer writes it.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Where an install is, from one line of the installer's output. `Display` is a short phrase for a progress message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstallPhase {
    /// Looking for a version of this project.
    Resolving(String),
    /// Fetching this file, with the size as the installer writes it.
    Downloading(String, String),
    /// Building a wheel from source.
    Building(String),
    /// Unpacking so many projects.
    Installing(usize),
}

impl InstallPhase {
    /// The phase that `line` announces, if it announces one.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Collecting ") {
            return word(rest).map(Self::Resolving);
        }
        if let Some(download) = Download::parse(line) {
            return Some(Self::Downloading(
                download.file.to_owned(),
                download.size.to_owned(),
            ));
        }
        if let Some(rest) = line.strip_prefix("Building wheels for collected packages: ") {
            return word(rest).map(Self::Building);
        }
        let rest = line.strip_prefix("Installing collected packages: ")?;
        Some(Self::Installing(rest.split(',').count()))
    }
}

impl fmt::Display for InstallPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolving(name) => write!(f, "resolving {name}"),
            Self::Downloading(file, size) => write!(f, "downloading {file} ({size})"),
            Self::Building(name) => write!(f, "building {name}"),
            Self::Installing(1) => f.write_str("installing 1 package"),
            Self::Installing(count) => write!(f, "installing {count} packages"),
        }
    }
}

/// The versions named by the installer's closing line, at most [`MAX_INSTALLED`].
pub(super) fn installed(output: &str) -> Vec<Installed> {
    let Some(line) = output
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("Successfully installed "))
    else {
        return Vec::new();
    };
    line.split_ascii_whitespace()
        .filter_map(|entry| entry.rsplit_once('-'))
        .filter_map(|(name, version)| {
            Some(Installed {
                name: word(name)?,
                version: word(version)?,
            })
        })
        .take(MAX_INSTALLED)
        .collect()
}

/// The biggest files that were fetched, largest first, at most `count`.
pub(super) fn largest_downloads(output: &str, count: usize) -> Vec<String> {
    let mut downloads: Vec<Download<'_>> = output
        .lines()
        .filter_map(|line| Download::parse(line.trim()))
        .collect();
    downloads.sort_by_key(|download| std::cmp::Reverse(download.bytes()));
    downloads.dedup_by_key(|download| download.file);
    downloads
        .iter()
        .take(count)
        .map(|download| format!("`{}` ({})", download.file, download.size))
        .collect()
}

/// The first word of `text` if it is made of the characters of names, versions and bounds.
pub(super) fn word(text: &str) -> Option<String> {
    let word = text
        .split_ascii_whitespace()
        .next()?
        .trim_end_matches([',', ':']);
    let plain = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-[],<>=!~*+".contains(c));
    (plain && !word.is_empty() && word.len() <= MAX_WORD).then(|| word.to_owned())
}

/// One `Downloading NAME (SIZE)` line; metadata files are not counted.
#[derive(Debug)]
struct Download<'a> {
    file: &'a str,
    size: &'a str,
}

impl<'a> Download<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let rest = line.strip_prefix("Downloading ")?;
        let (file, size) = rest.split_once(" (")?;
        let size = size.strip_suffix(')')?;
        // An index with relative links makes pip print a whole address.
        let file = file.rsplit('/').next().unwrap_or(file);
        let short = |text: &str| {
            text.len() <= MAX_WORD && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        };
        (short(file) && short(size) && !file.ends_with(".metadata")).then_some(Self { file, size })
    }

    /// The size in bytes; pip counts in thousands.
    fn bytes(&self) -> u64 {
        let (number, unit) = self.size.split_once(' ').unwrap_or((self.size, ""));
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        let tenth = tenths
            .chars()
            .next()
            .and_then(|c| c.to_digit(10))
            .unwrap_or(0);
        let tenths = whole
            .parse::<u64>()
            .unwrap_or(0)
            .saturating_mul(10)
            .saturating_add(u64::from(tenth));
        let scale = match unit {
            "GB" => 100_000_000,
            "MB" => 100_000,
            "kB" => 100,
            _ => return tenths / 10,
        };
        tenths.saturating_mul(scale)
    }
}

/// How many installed projects are reported; the set itself is bounded, its dependencies are the index's choice.
const MAX_INSTALLED: usize = 512;
/// The longest word taken over from the installer.
const MAX_WORD: usize = 160;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{InstallPhase, installed, largest_downloads};

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        assert_eq!(
            InstallPhase::parse(line)
                .map(|phase| phase.to_string())
                .as_deref(),
            expected,
            "{line}"
        );
    }

    #[test]
    fn phases() {
        check(
            "Collecting idna<4,>=2.5 (from requests)",
            Some("resolving idna<4,>=2.5"),
        );
        check(
            "  Downloading numpy-2.4.6-cp311-cp311-manylinux.whl (16.9 MB)",
            Some("downloading numpy-2.4.6-cp311-cp311-manylinux.whl (16.9 MB)"),
        );
        check(
            "  Downloading https://x/f/a-1.whl (1 kB)",
            Some("downloading a-1.whl (1 kB)"),
        );
        check("  Downloading numpy-2.4.6.whl.metadata (6.6 kB)", None);
        check(
            "Building wheels for collected packages: docopt",
            Some("building docopt"),
        );
        check(
            "Installing collected packages: urllib3, idna",
            Some("installing 2 packages"),
        );
        check("Collecting \u{1b}[31mred", None);
        check("hello", None);
    }

    #[test]
    fn versions() {
        let names: Vec<String> = installed(
            "x\nSuccessfully installed charset_normalizer-3.5.2 a-b-1.0+cpu odd\nWARNING: later",
        )
        .iter()
        .map(|one| format!("{} {}", one.name, one.version))
        .collect();
        assert_eq!(names, ["charset_normalizer 3.5.2", "a-b 1.0+cpu"]);
        assert!(installed("ERROR").is_empty());
    }

    #[test]
    fn downloads() {
        let output = "Downloading a.whl (900 kB)\n  Downloading b.whl (1.2 GB)\nDownloading c.whl (12.4 MB)\nDownloading d.whl (99 bytes)";
        assert_eq!(
            largest_downloads(output, 3),
            ["`b.whl` (1.2 GB)", "`c.whl` (12.4 MB)", "`a.whl` (900 kB)"]
        );
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "(Downloading |Collecting |Successfully installed |)\\PC{0,60}( \\([0-9.]{0,25} (MB|GB)\\))?") {
            let _ = (InstallPhase::parse(&line), installed(&line), largest_downloads(&line, 3));
        }
    }
}
