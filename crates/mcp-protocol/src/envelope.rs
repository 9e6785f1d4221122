//! `params._meta`: the envelope in which a stateless request describes itself, and the progress token of any request.
//!
//! 2026-07-28, basic, "per-request metadata". Whether a described revision is served is the engine's question.

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::jsonrpc::ErrorObject;
use crate::lifecycle::{ClientCapabilities, Implementation};
use crate::logging::LogLevel;
use crate::progress::ProgressToken;

/// The revision of the request; its presence is what makes a message modern.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client can do, for this request only.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Who the client says it is.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// From which level on log messages of this request are wanted.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Who the server is, in the `_meta` of its results.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// How the envelope is called in errors.
const META_PATH: &str = "params._meta";

/// What a stateless request says about itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Envelope {
    /// The revision as it was written: it may be one that is not served.
    pub protocol_version: String,
    /// What the client can do.
    pub client_capabilities: ClientCapabilities,
    /// Who the client says it is. For display only: never trusted, and ignored where it is malformed.
    pub client_info: Option<Implementation>,
    /// The wish for log messages; without it none may be sent.
    pub log_level: Option<LogLevel>,
}

impl Envelope {
    /// Whether `params` bear an envelope at all, well-formed or not.
    #[must_use]
    pub fn is_present(params: &Map<String, Value>) -> bool {
        params
            .get("_meta")
            .and_then(Value::as_object)
            .is_some_and(|meta| meta.contains_key(PROTOCOL_VERSION))
    }

    /// Reads the envelope.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` when a required key is missing or mistyped, or when the log level is unknown.
    pub fn decode(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let params = Fields::new(params, "params");
        let meta = Fields::new(params.object("_meta")?, META_PATH);
        let protocol_version = meta.text(PROTOCOL_VERSION)?.to_owned();
        let capabilities = meta.object(CLIENT_CAPABILITIES)?;
        let log_level = match meta.optional_text(LOG_LEVEL)? {
            None => None,
            Some(name) => Some(
                LogLevel::parse(name)
                    .ok_or_else(|| meta.wrong(LOG_LEVEL, "must be a known log level"))?,
            ),
        };
        Ok(Self {
            protocol_version,
            client_capabilities: ClientCapabilities::decode(capabilities)?,
            client_info: meta
                .optional_object(CLIENT_INFO)
                .ok()
                .flatten()
                .and_then(|info| Implementation::decode(info, "clientInfo").ok()),
            log_level,
        })
    }
}

/// The progress token of a request of any revision.
///
/// # Errors
///
/// `INVALID_PARAMS` when `_meta` is not an object, or the token neither a string nor an integer.
pub fn progress_token(params: &Map<String, Value>) -> Result<Option<ProgressToken>, ErrorObject> {
    let Some(meta) = Fields::new(params, "params").optional_object("_meta")? else {
        return Ok(None);
    };
    let meta = Fields::new(meta, META_PATH);
    match meta.get("progressToken") {
        None => Ok(None),
        Some(value) => ProgressToken::from_value(value)
            .map(Some)
            .map_err(|why| meta.wrong("progressToken", why)),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(params: &Value, expected: &Expect) {
        let shown = match Envelope::decode(params.as_object().unwrap()) {
            Ok(envelope) => format!(
                "{} {} {:?}",
                envelope.protocol_version,
                envelope
                    .client_info
                    .map_or_else(|| "-".to_owned(), |info| info.name),
                envelope.log_level
            ),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn required_keys_are_checked_and_optional_ones_forgiven() {
        check(
            &json!({"_meta": {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {}}}),
            &expect!["2026-07-28 - None"],
        );
        check(
            &json!({"_meta": {PROTOCOL_VERSION: "x", CLIENT_CAPABILITIES: {}, LOG_LEVEL: "info",
                CLIENT_INFO: {"name": "n", "version": "1"}}}),
            &expect!["x n Some(Info)"],
        );
        check(
            &json!({"_meta": {PROTOCOL_VERSION: "x", CLIENT_CAPABILITIES: {}, CLIENT_INFO: 7}}),
            &expect!["x - None"],
        );
        check(&json!({}), &expect!["`params._meta` is missing (-32602)"]);
        check(
            &json!({"_meta": 1}),
            &expect!["`params._meta` must be an object, not a number (-32602)"],
        );
        check(
            &json!({"_meta": {PROTOCOL_VERSION: "2026-07-28"}}),
            &expect![
                "`params._meta.io.modelcontextprotocol/clientCapabilities` is missing (-32602)"
            ],
        );
        check(
            &json!({"_meta": {PROTOCOL_VERSION: 7, CLIENT_CAPABILITIES: {}}}),
            &expect![
                "`params._meta.io.modelcontextprotocol/protocolVersion` must be a string, not a number (-32602)"
            ],
        );
        check(
            &json!({"_meta": {PROTOCOL_VERSION: "x", CLIENT_CAPABILITIES: [], }}),
            &expect![
                "`params._meta.io.modelcontextprotocol/clientCapabilities` must be an object, not an array (-32602)"
            ],
        );
        check(
            &json!({"_meta": {PROTOCOL_VERSION: "x", CLIENT_CAPABILITIES: {}, LOG_LEVEL: "loud"}}),
            &expect![
                "`params._meta.io.modelcontextprotocol/logLevel` must be a known log level (-32602)"
            ],
        );
    }

    #[test]
    fn progress_tokens_are_strings_or_integers() {
        let token = |value: Value| progress_token(json!({"_meta": value}).as_object().unwrap());
        assert_eq!(token(json!({})), Ok(None));
        assert_eq!(
            token(json!({"progressToken": 1}))
                .unwrap()
                .unwrap()
                .to_value(),
            json!(1)
        );
        assert_eq!(
            token(json!({"progressToken": "1"}))
                .unwrap()
                .unwrap()
                .to_value(),
            json!("1")
        );
        assert!(token(json!({"progressToken": null})).is_err());
        assert!(token(json!({"progressToken": 1.5})).is_err());
        assert!(token(json!(7)).is_err());
    }
}
