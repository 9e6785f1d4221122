//! What is expected of the subjects, by hand and with reasons. Every list is strict in both directions: what is not on
//! it must not happen, and what is on it must.

use super::subject::Subject;

/// What may be wrong with a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// One of its checks fails.
    Check(&'static str),
    /// None of its checks is made.
    NothingChecked,
}

/// A fault that is known.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) subject: Subject,
    pub(super) revision: &'static str,
    pub(super) scenario: &'static str,
    pub(super) fault: Fault,
    pub(super) why: &'static str,
}

const NEEDS_TOOL: &str = "asks for a tool of the fixtures; it is checked there";
const NO_PROMPTS: &str = "the product offers no prompts; it is checked on the fixtures";

/// The faults that are known.
pub(super) const KNOWN: &[Known] = &[
    Known {
        subject: Subject::Fixtures,
        revision: "2026-07-28",
        scenario: "tasks-status-notifications",
        fault: Fault::NothingChecked,
        why: "not scored; the suite skips it until it listens where the notifications are sent",
    },
    product(
        "server-stateless",
        "sep-2575-server-rejects-undeclared-capability",
        NEEDS_TOOL,
    ),
    product(
        "server-stateless",
        "sep-2575-missing-capability-http-400",
        NEEDS_TOOL,
    ),
    product(
        "server-stateless",
        "sep-2575-http-server-no-independent-requests-on-stream",
        NEEDS_TOOL,
    ),
    product(
        "server-stateless",
        "sep-2575-server-no-log-without-loglevel",
        NEEDS_TOOL,
    ),
    product("caching", "sep-2549-prompts-list-caching-hints", NO_PROMPTS),
];

const fn product(scenario: &'static str, check: &'static str, why: &'static str) -> Known {
    Known {
        subject: Subject::Product,
        revision: "2026-07-28",
        scenario,
        fault: Fault::Check(check),
        why,
    }
}

/// The scenarios that apply to any server, whatever it offers: the product must pass them, and the control may.
pub(super) const ANY_SERVER: &[(&str, &[&str])] = &[
    (
        "2025-11-25",
        &[
            "server-initialize",
            "ping",
            "tools-list",
            "dns-rebinding-protection",
            "server-sse-multiple-streams",
            "server-session-lifecycle",
        ],
    ),
    (
        "2026-07-28",
        &[
            "server-stateless",
            "tools-list",
            "dns-rebinding-protection",
            "server-sse-multiple-streams",
            "caching",
            "sep-2164-resource-not-found",
            "http-header-validation",
            "input-required-result-unsupported-methods",
        ],
    ),
];

/// Scenarios that ask for fixtures and pass without them: passing them proves nothing. Our own test of the fixtures
/// (`crates/mcp-conformance/tests`) holds what they leave open.
pub(super) const PROVES_NOTHING: &[(&str, &str)] =
    &[("2026-07-28", "input-required-result-validate-input")];
