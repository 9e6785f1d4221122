//! Error codes and error objects. Which situation earns which code is decided where the situation is found.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::Revision;
use crate::input::UrlRequest;
use crate::wire::ToWire as _;

/// When a client that was told `busy` may sensibly come again. Places become free as calls end, of which most take about
/// so long.
pub const RETRY_AFTER_SECONDS: u64 = 5;

/// A JSON-RPC error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(i32);

impl ErrorCode {
    /// The bytes are not JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// JSON, but not one valid message, or one at the wrong moment.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// No such method, or not in this revision.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// Parameters of the wrong shape, an unknown tool, a bad cursor, a missing envelope.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// We did not do our work.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// A resource that is not there (2024-11-05 to 2025-11-25; forbidden later).
    pub const RESOURCE_NOT_FOUND: Self = Self(-32002);
    /// The user must open pages first (2025-11-25 only).
    pub const URL_ELICITATION_REQUIRED: Self = Self(-32042);
    /// HTTP headers and body tell different stories (2026-07-28).
    pub const HEADER_MISMATCH: Self = Self(-32020);
    /// The request needs a capability that its client did not declare (2026-07-28).
    pub const MISSING_CLIENT_CAPABILITY: Self = Self(-32021);
    /// The envelope names a revision that is not served (2026-07-28).
    pub const UNSUPPORTED_PROTOCOL_VERSION: Self = Self(-32022);

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The `error` member of a response. The message is for the people behind the client: it names the fault and never
/// anything of the host.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ErrorObject {
    /// What kind of fault it is.
    pub code: ErrorCode,
    /// One short sentence, without a full stop.
    pub message: String,
    /// Details for programs.
    pub data: Option<Value>,
}

impl ErrorObject {
    /// An error without `data`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// Adds details for programs.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// [`ErrorCode::PARSE_ERROR`].
    pub fn parse_error(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::PARSE_ERROR, message)
    }

    /// [`ErrorCode::INVALID_REQUEST`].
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INVALID_REQUEST, message)
    }

    /// [`ErrorCode::METHOD_NOT_FOUND`], naming the method (cut, since it may be of any length).
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        Self::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("method {} not found", quoted(method)),
        )
    }

    /// [`ErrorCode::INVALID_PARAMS`].
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INVALID_PARAMS, message)
    }

    /// [`ErrorCode::INVALID_PARAMS`], naming a tool that does not exist (cut, since the name may be of any length).
    #[must_use]
    pub fn unknown_tool(name: &str) -> Self {
        Self::new(
            ErrorCode::INVALID_PARAMS,
            format!("unknown tool {}", quoted(name)),
        )
    }

    /// [`ErrorCode::INVALID_PARAMS`], naming a prompt that does not exist (cut, since the name may be of any length).
    #[must_use]
    pub fn unknown_prompt(name: &str) -> Self {
        Self::new(
            ErrorCode::INVALID_PARAMS,
            format!("unknown prompt {}", quoted(name)),
        )
    }

    /// A resource that is not there: a code of its own until 2025-11-25, [`ErrorCode::INVALID_PARAMS`] since.
    #[must_use]
    pub fn resource_not_found(uri: &str, revision: Revision) -> Self {
        let code = if revision.is_modern() {
            ErrorCode::INVALID_PARAMS
        } else {
            ErrorCode::RESOURCE_NOT_FOUND
        };
        Self::new(code, "resource not found").with_data(json!({ "uri": uri }))
    }

    /// [`ErrorCode::MISSING_CLIENT_CAPABILITY`] with the capabilities that the request needs, in the shape in which a
    /// client declares them.
    #[must_use]
    pub fn missing_capability(required: &Map<String, Value>) -> Self {
        let names: Vec<String> = required.keys().map(|name| format!("`{name}`")).collect();
        Self::new(
            ErrorCode::MISSING_CLIENT_CAPABILITY,
            format!(
                "this needs a capability that the client did not declare: {}",
                names.join(", ")
            ),
        )
        .with_data(json!({ "requiredCapabilities": required }))
    }

    /// [`ErrorCode::URL_ELICITATION_REQUIRED`] with the pages that the user must open before the request is made again.
    #[must_use]
    pub fn url_elicitation_required(pages: &[UrlRequest]) -> Self {
        let pages = pages.iter().map(|page| page.to_wire(Revision::V2025_11_25));
        let pages: Vec<Value> = pages.map(Value::from).collect();
        Self::new(
            ErrorCode::URL_ELICITATION_REQUIRED,
            "the user must open a page first",
        )
        .with_data(json!({ "elicitations": pages }))
    }

    /// [`ErrorCode::INTERNAL_ERROR`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INTERNAL_ERROR, message)
    }

    /// [`ErrorCode::INTERNAL_ERROR`] for a bound that is reached and will pass. MCP has no code for it; what programs may
    /// rely on is in `data`: `reason` is `busy`, `limit` is the bound.
    pub fn busy(message: impl Into<String>, limit: usize) -> Self {
        let data = json!({
            "reason": "busy",
            "retryable": true,
            "limit": limit,
            "retryAfterSeconds": RETRY_AFTER_SECONDS,
        });
        Self::internal(message).with_data(data)
    }

    /// [`ErrorCode::HEADER_MISMATCH`].
    pub fn header_mismatch(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::HEADER_MISMATCH, message)
    }

    /// [`ErrorCode::UNSUPPORTED_PROTOCOL_VERSION`] with the `data` that 2026-07-28 prescribes.
    ///
    /// All served revisions are listed, so that a client of another modern revision can fall back to a handshake; but
    /// an envelope that names a legacy revision is told only the modern ones, for a legacy one cannot be spoken
    /// through an envelope.
    #[must_use]
    pub fn unsupported_version(requested: &str) -> Self {
        let legacy_in_envelope = Revision::parse(requested).is_some_and(|known| !known.is_modern());
        let supported: Vec<&str> = Revision::ALL
            .into_iter()
            .filter(|known| known.is_modern() || !legacy_in_envelope)
            .map(Revision::as_str)
            .collect();
        Self::new(
            ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
            "unsupported protocol version",
        )
        .with_data(json!({ "supported": supported, "requested": cut(requested) }))
    }

    pub(crate) fn to_map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("code".to_owned(), self.code.0.into());
        map.insert("message".to_owned(), self.message.clone().into());
        if let Some(data) = &self.data {
            map.insert("data".to_owned(), data.clone());
        }
        map
    }
}

impl fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// Foreign text for a message or a log: in backticks, without control characters, and never longer than a line.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("`{}`", cut(text))
}

/// The first characters of foreign text, made harmless for a log line.
fn cut(text: &str) -> String {
    const SHOWN: usize = 64;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unserved_version_is_told_what_is_served() {
        let check = |requested: &str, supported: Value| {
            let error = ErrorObject::unsupported_version(requested);
            assert_eq!(error.code.get(), -32022);
            assert_eq!(
                error.data,
                Some(json!({"supported": supported, "requested": requested}))
            );
        };
        check(
            "2027-05-01",
            json!([
                "2026-07-28",
                "2025-11-25",
                "2025-06-18",
                "2025-03-26",
                "2024-11-05"
            ]),
        );
        check("2025-06-18", json!(["2026-07-28"]));
    }

    #[test]
    fn foreign_text_is_cut_and_cleaned() {
        assert_eq!(quoted("a\nb\u{1b}[31m"), "`a\u{fffd}b\u{fffd}[31m`");
        let long = quoted(&"x".repeat(1_000_000));
        assert_eq!(long, format!("`{}…`", "x".repeat(64)));
    }
}
