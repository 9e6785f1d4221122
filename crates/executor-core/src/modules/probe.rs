//! The installer's companion in the sandbox, and what it reports about a project that pip could not find.

use serde::Deserialize;
use serde_json::json;

use super::index::IndexUrl;

/// The program that runs pip; its first argument is [`settings`], the rest is pip's own argument vector.
pub(super) const SOURCE: &str = include_str!("install.py");

/// What the index itself says about a name. Written inside the sandbox, so a hint at best.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) name: String,
    /// Some index has a page of that name.
    pub(super) known: bool,
    /// Wheels on that page, for any platform.
    pub(super) wheels: u64,
    /// Source packages on that page.
    pub(super) sources: u64,
    /// Why an index could not be asked.
    pub(super) error: Option<String>,
}

impl Probe {
    /// The last report in the installer's output, if there is one.
    pub(super) fn find(output: &str) -> Option<Self> {
        output
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str(line.strip_prefix(MARKER)?).ok())
    }
}

/// Whether a line of output is a report of the companion and not the installer's own words.
pub(super) fn is_report(line: &str) -> bool {
    line.starts_with(MARKER)
}

/// The companion's settings: where it may write, the constraints, and whom to ask.
pub(super) fn settings<'a>(
    scratch: &str,
    target: &str,
    constraints: &str,
    indexes: impl Iterator<Item = &'a IndexUrl>,
    uv: &[String],
) -> String {
    let indexes: Vec<&str> = indexes.map(IndexUrl::reveal).collect();
    json!({
        "scratch": scratch, "target": target, "constraints": constraints, "indexes": indexes, "marker": MARKER,
        "uv": uv,
    })
    .to_string()
}

const MARKER: &str = "install-report: ";
