//! Why an install failed: reads pip's closing lines, the companion's report, and what the sandbox itself measured.
//!
//! What the host knows (time, memory, space) goes before what the text says; within the text, the cause goes before
//! its consequence, since pip ends with "no matching distribution" for an index that is down as well.

use std::time::Duration;

use super::failure::{InstallFailure, InstallFailureKind as Kind};
use super::output::{self, Installed};
use super::plan::{InstallPlan, SourcePackages};
use super::probe::{self, Probe};

/// How the installer ended, as far as the host knows.
#[derive(Debug, Clone, Copy)]
pub struct InstallEnd<'a> {
    output: &'a str,
    exit_code: Option<i32>,
    timed_out: Option<Duration>,
    out_of_memory: Option<Option<u64>>,
    space: Option<(u64, u64)>,
}

impl<'a> InstallEnd<'a> {
    /// An end with everything that the installer printed, both streams, in order (or the kept head and tail of it).
    #[must_use]
    pub fn new(output: &'a str) -> Self {
        Self {
            output,
            exit_code: None,
            timed_out: None,
            out_of_memory: None,
            space: None,
        }
    }

    /// It exited by itself.
    #[must_use]
    pub fn exit_code(mut self, code: i32) -> Self {
        self.exit_code = Some(code);
        self
    }

    /// It was ended because this time had passed.
    #[must_use]
    pub fn timed_out(mut self, limit: Duration) -> Self {
        self.timed_out = Some(limit);
        self
    }

    /// It was ended by the memory limit, in bytes if that is known.
    #[must_use]
    pub fn out_of_memory(mut self, limit: Option<u64>) -> Self {
        self.out_of_memory = Some(limit);
        self
    }

    /// The space for modules in bytes, and what was left of it.
    #[must_use]
    pub fn space(mut self, limit: u64, free: u64) -> Self {
        self.space = Some((limit, free));
        self
    }
}

impl InstallPlan {
    /// The versions that a successful install put in place, from the installer's closing line.
    #[must_use]
    pub fn installed(output: &str) -> Vec<Installed> {
        output::installed(output)
    }

    /// Why the install failed, with the installer's own words.
    #[must_use]
    pub fn diagnose(&self, end: &InstallEnd<'_>) -> InstallFailure {
        InstallFailure::new(self.kind(end), self.tail(end.output))
    }

    fn kind(&self, end: &InstallEnd<'_>) -> Kind {
        if let Some(limit) = end.timed_out {
            return Kind::TimedOut { limit };
        }
        if let Some(limit) = end.out_of_memory {
            return Kind::OutOfMemory { limit };
        }
        let text = end.output;
        let full = end.space.is_some_and(|(_, free)| free < NEARLY_NOTHING);
        if text.contains("[Errno 28]") || text.contains("No space left on device") || full {
            let largest = output::largest_downloads(text, 3);
            return Kind::NoSpace {
                limit: end.space.map(|(limit, _)| limit),
                largest,
            };
        }
        if text.contains("No module named pip") {
            return Kind::NoInstaller;
        }
        if text.contains("ResolutionImpossible") {
            return Kind::Conflict {
                causes: causes(text),
            };
        }
        if text.contains("DO NOT MATCH THE HASHES") {
            return Kind::HashMismatch;
        }
        if let Some(requirement) = after(text, "ERROR: No matching distribution found for ") {
            return self.missing(text, &requirement);
        }
        if CERTIFICATE.iter().any(|sign| text.contains(sign)) {
            return Kind::Certificate;
        }
        if BUILD.iter().any(|sign| text.contains(sign)) {
            let name = BUILD.iter().find_map(|sign| after(text, sign));
            return Kind::BuildFailed { name };
        }
        match unreachable(text) {
            Some(cause) => Kind::Unreachable { cause },
            None => Kind::Other {
                exit_code: end.exit_code,
            },
        }
    }

    /// pip found nothing to install for `requirement`: an index that is down, a name that does not exist, versions out
    /// of bounds, or files for other platforms only.
    fn missing(&self, text: &str, requirement: &str) -> Kind {
        let sources_refused = self.settings().source_packages == SourcePackages::Refused;
        let probe = Probe::find(text);
        let available = versions(text);
        if !available.is_empty() {
            let sources_refused = sources_refused && probe.is_none_or(|probe| probe.sources > 0);
            return Kind::NoVersion {
                requirement: requirement.to_owned(),
                available,
                sources_refused,
            };
        }
        let name = name_of(requirement);
        if text.contains("confirming the ssl certificate") {
            return Kind::Certificate;
        }
        match probe {
            Some(probe) if probe.known && (probe.wheels > 0 || probe.sources > 0) => {
                if sources_refused || probe.sources == 0 {
                    Kind::NoWheel {
                        name,
                        has_source: probe.sources > 0,
                    }
                } else {
                    Kind::NoVersion {
                        requirement: requirement.to_owned(),
                        available,
                        sources_refused: false,
                    }
                }
            }
            Some(Probe {
                error: Some(error), ..
            }) if CERTIFICATE.iter().any(|sign| error.contains(sign)) => Kind::Certificate,
            Some(Probe {
                error: Some(error), ..
            }) => {
                let cause = unreachable(text).unwrap_or_else(|| plain(&error));
                Kind::Unreachable { cause }
            }
            Some(_) => Kind::NotFound { name },
            None if CERTIFICATE.iter().any(|sign| text.contains(sign)) => Kind::Certificate,
            None => unreachable(text)
                .map_or(Kind::NotFound { name }, |cause| Kind::Unreachable { cause }),
        }
    }

    /// The installer's last lines, without the companion's report, without lines that only confuse, and without what
    /// is secret in the addresses of indexes.
    fn tail(&self, output: &str) -> String {
        let mut lines: Vec<&str> = Vec::new();
        let mut bytes = 0_usize;
        for line in output.lines().rev().filter(|line| {
            !probe::is_report(line) && !NOISE.iter().any(|noise| line.starts_with(noise))
        }) {
            let line = line
                .get(..line.floor_char_boundary(MAX_LINE))
                .unwrap_or(line);
            bytes = bytes.saturating_add(line.len()).saturating_add(1);
            if bytes > MAX_TAIL {
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        let mut tail = lines.join("\n");
        for secret in self.settings().indexes().flat_map(|index| index.secrets()) {
            tail = tail.replace(secret, "***");
        }
        tail
    }
}

/// The word after the last occurrence of `sign`.
fn after(text: &str, sign: &str) -> Option<String> {
    let at = text.rfind(sign)?;
    output::word(text.get(at + sign.len()..)?.trim_start_matches('\''))
}

/// The project's name at the beginning of a requirement.
fn name_of(requirement: &str) -> String {
    requirement
        .split(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)))
        .next()
        .unwrap_or(requirement)
        .to_owned()
}

/// The newest of the versions that pip lists: `(from versions: 1.0, 1.1)`, oldest first.
fn versions(text: &str) -> Vec<String> {
    let Some((_, list)) = text.rsplit_once("(from versions: ") else {
        return Vec::new();
    };
    let list = list
        .lines()
        .next()
        .and_then(|line| line.split(')').next())
        .unwrap_or_default();
    let all: Vec<String> = list
        .split(", ")
        .filter(|one| *one != "none")
        .filter_map(output::word)
        .collect();
    all.get(all.len().saturating_sub(SHOWN_VERSIONS)..)
        .unwrap_or_default()
        .to_vec()
}

/// The lines between "The conflict is caused by:" and the next empty one.
fn causes(text: &str) -> Vec<String> {
    let Some((_, block)) = text.rsplit_once("The conflict is caused by:") else {
        return Vec::new();
    };
    block
        .lines()
        .skip(1)
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .take(SHOWN_CAUSES)
        .map(plain)
        .collect()
}

/// What stands between the sandbox and the index, if pip's lines speak of that.
fn unreachable(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.rsplit_once("after connection broken by ") {
        let line = rest.lines().next().unwrap_or_default();
        let line = line.rsplit_once(": /").map_or(line, |(error, _)| error);
        // The innermost words are the cause: `ProxyError('...', OSError('Tunnel connection failed: 403 Forbidden'))`.
        let inner = line.trim_end_matches([')', '\'', '"', ',']);
        let inner = inner.rsplit(['\'', '"']).next().unwrap_or(inner);
        let inner = inner.rsplit_once(">: ").map_or(inner, |(_, words)| words);
        return Some(plain(inner));
    }
    let line = text
        .lines()
        .rev()
        .find(|line| UNREACHABLE.iter().any(|sign| line.contains(sign)))?;
    Some(plain(line.trim_start_matches("ERROR: ")))
}

/// `text` in printable ASCII, shortened.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(MAX_CAUSE)
        .collect()
}

const CERTIFICATE: &[&str] = &[
    "CERTIFICATE_VERIFY_FAILED",
    "certificate verify failed",
    "Could not find a suitable TLS CA certificate bundle",
];
const BUILD: &[&str] = &[
    "ERROR: Failed building wheel for ",
    "Failed to build ",
    "error: subprocess-exited-with-error",
];
const UNREACHABLE: &[&str] = &[
    "ERROR: HTTP error",
    "ReadTimeoutError",
    "ConnectionError",
    "ConnectTimeoutError",
    "IncompleteRead",
    "Connection reset by peer",
];
/// Lines that say nothing about the failure.
const NOISE: &[&str] = &["WARNING: Running pip as the 'root' user", "[notice]"];

/// With less than this left, in bytes, a failed install is one that did not fit.
const NEARLY_NOTHING: u64 = 64 * 1024;
/// How much of the installer's own words is kept, in bytes.
const MAX_TAIL: usize = 4096;
/// And of one line; pip lists every version of a project in one.
const MAX_LINE: usize = 600;
const MAX_CAUSE: usize = 200;
const SHOWN_VERSIONS: usize = 5;
const SHOWN_CAUSES: usize = 6;

#[cfg(test)]
mod tests;
