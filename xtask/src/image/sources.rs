//! Where Debian's packages come from: the mirrors and the access settings of this machine.
//!
//! Only Debian's own archives are taken over; what else the machine has is not for the image.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// Settings of apt that decide how an archive is reached, not what is installed.
const ACCESS_SETTINGS: &[&str] = &[
    "Acquire::Check-Date",
    "Acquire::Check-Valid-Until",
    "Acquire::Retries",
    "Acquire::ftp::",
    "Acquire::http::",
    "Acquire::https::",
];

/// The `sources.list` for a release, on the mirrors that this machine uses; `None` on one that has
/// no Debian archive of its own, where the builder knows the usual ones.
pub(super) fn for_release(release: &str) -> Option<String> {
    let texts: Vec<(PathBuf, String)> = source_files()
        .into_iter()
        .filter_map(|path| Some((path.clone(), std::fs::read_to_string(path).ok()?)))
        .collect();
    let addresses: Vec<String> = texts
        .iter()
        .flat_map(|(path, text)| addresses(path, text))
        .collect();
    list(release, &addresses)
}

/// How this machine reaches an archive (proxies, certificates, retries), as apt's own settings.
pub(super) fn apt_options() -> Vec<String> {
    let dump = process::read(Command::new("apt-config").arg("dump")).unwrap_or_default();
    access_options(&dump)
}

fn source_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|ext| ext == "list" || ext == "sources")
        })
        .collect();
    files.sort();
    files.insert(0, PathBuf::from("/etc/apt/sources.list"));
    files
}

/// The addresses in a file of either of apt's two formats.
fn addresses(path: &Path, text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    if path.extension().is_some_and(|ext| ext == "sources") {
        return lines
            .filter_map(|line| line.strip_prefix("URIs:"))
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect();
    }
    lines
        .filter_map(|line| line.strip_prefix("deb "))
        // Options stand in brackets before the address.
        .map(|line| line.rsplit_once(']').map_or(line, |(_, rest)| rest))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn list(release: &str, addresses: &[String]) -> Option<String> {
    let of = |name: &str| {
        addresses
            .iter()
            .map(|address| address.trim_end_matches('/'))
            .find(|address| address.rsplit('/').next() == Some(name))
    };
    let archive = of("debian")?;
    let mut list = format!("deb {archive} {release} main\ndeb {archive} {release}-updates main\n");
    if let Some(security) = of("debian-security") {
        list.push_str(&format!("deb {security} {release}-security main\n"));
    }
    Some(list)
}

fn access_options(dump: &str) -> Vec<String> {
    dump.lines()
        .map(|line| line.trim_end_matches(';'))
        .filter(|line| !line.ends_with("\"\""))
        .filter(|line| {
            ACCESS_SETTINGS
                .iter()
                .any(|setting| starts_with_ignoring_case(line, setting))
        })
        .map(str::to_owned)
        .collect()
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_found_in_both_formats() {
        let check = |file: &str, text: &str, expected: Option<&str>| {
            let list = list("bookworm", &addresses(Path::new(file), text));
            assert_eq!(list.as_deref(), expected, "{text}");
        };
        check("sources.list", "", None);
        check("sources.list", "deb http://u/ubuntu noble main", None);
        check(
            "sources.list",
            "# deb http://no/debian x main\ndeb [arch=amd64 trusted=no] http://m/debian/ trixie main\n\
             deb http://s/debian-security trixie-security main\ndeb http://other/tool stable main",
            Some(
                "deb http://m/debian bookworm main\ndeb http://m/debian bookworm-updates main\n\
                 deb http://s/debian-security bookworm-security main\n",
            ),
        );
        check(
            "debian.sources",
            "Types: deb\nURIs: https://m.example/debian\nSuites: trixie\n\nTypes: deb\nURIs: https://other.example/x\n",
            Some(
                "deb https://m.example/debian bookworm main\n\
                 deb https://m.example/debian bookworm-updates main\n",
            ),
        );
    }

    #[test]
    fn only_access_settings_are_taken_over() {
        let dump = "APT::Architecture \"amd64\";\nAcquire::http::Proxy \"http://p:3128\";\n\
                    Acquire::https \"\";\nacquire::check-valid-until \"false\";\nDir::Cache \"x\";\n";
        assert_eq!(
            access_options(dump),
            [
                "Acquire::http::Proxy \"http://p:3128\"",
                "acquire::check-valid-until \"false\""
            ]
        );
    }
}
