//! How a conversation opens: `initialize` (by handshake) and `server/discover` (stateless), and who the peers are.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::Revision;
use crate::fields::Fields;
use crate::icons::Icon;
use crate::jsonrpc::{ErrorObject, held_by};

/// The most that is kept of each text in which a peer says who it is; the rest is cut off. A session keeps them for
/// its whole life, and nothing depends on them.
pub const MAX_SELF_DESCRIPTION_BYTES: usize = 256;

/// How much memory the capabilities of a client may take. A session keeps them for its whole life; those of real clients
/// take a tenth.
pub const MAX_CAPABILITIES_BYTES: usize = 64 * 1024;

/// A program that speaks the protocol.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Implementation {
    /// For programs.
    pub name: String,
    /// For people (2025-06-18).
    pub title: Option<String>,
    /// Its own version.
    pub version: String,
    /// What it is (2025-11-25).
    pub description: Option<String>,
    /// Where it lives (2025-11-25).
    pub website_url: Option<String>,
    /// Pictures of it (2025-11-25). Those of a client are not kept.
    pub icons: Vec<Icon>,
}

impl Implementation {
    /// An implementation with a name and a version only.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            version: version.into(),
            description: None,
            website_url: None,
            icons: Vec::new(),
        }
    }

    /// Adds the name for people.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds what it is.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds where it lives.
    #[must_use]
    pub fn with_website_url(mut self, url: impl Into<String>) -> Self {
        self.website_url = Some(url.into());
        self
    }

    /// Adds a picture of it.
    #[must_use]
    pub fn with_icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    pub(crate) fn decode(info: &Map<String, Value>, path: &str) -> Result<Self, ErrorObject> {
        let info = Fields::new(info, path);
        let kept = |text: &str| {
            let end = text.floor_char_boundary(MAX_SELF_DESCRIPTION_BYTES);
            text.get(..end).unwrap_or_default().to_owned()
        };
        let optional = |key| Ok::<_, ErrorObject>(info.optional_text(key)?.map(kept));
        Ok(Self {
            name: kept(info.text("name")?),
            title: optional("title")?,
            version: kept(info.text("version")?),
            description: optional("description")?,
            website_url: optional("websiteUrl")?,
            icons: Vec::new(),
        })
    }
}

/// What a client can do, as it declared it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientCapabilities {
    declared: Map<String, Value>,
}

impl ClientCapabilities {
    /// Takes what a client declares, if it is of a size that clients have.
    pub(crate) fn decode(declared: &Map<String, Value>) -> Result<Self, ErrorObject> {
        if held_by(declared) > MAX_CAPABILITIES_BYTES {
            return Err(ErrorObject::invalid_params(format!(
                "the capabilities take more than {MAX_CAPABILITIES_BYTES} bytes of memory, which is the most a client may declare"
            )));
        }
        Ok(Self {
            declared: declared.clone(),
        })
    }

    /// Whether the client declared a capability of this name, with whatever settings.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.declared.get(name).is_some_and(Value::is_object)
    }

    /// The settings that the client gave with a capability.
    #[must_use]
    pub fn settings(&self, name: &str) -> Option<&Map<String, Value>> {
        self.declared.get(name)?.as_object()
    }

    /// Whether the client declared an extension, by its full name.
    #[must_use]
    pub fn has_extension(&self, name: &str) -> bool {
        self.settings("extensions")
            .and_then(|extensions| extensions.get(name))
            .is_some_and(Value::is_object)
    }
}

impl From<Map<String, Value>> for ClientCapabilities {
    /// Capabilities as a client would declare them.
    fn from(declared: Map<String, Value>) -> Self {
        Self { declared }
    }
}

/// Something that a server offers and declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// `tools/list` and `tools/call`.
    Tools,
    /// Clients are told when the list of tools changes.
    ToolsListChanged,
    /// `resources/list`, `resources/templates/list` and `resources/read`.
    Resources,
    /// Clients are told when the list of resources changes.
    ResourcesListChanged,
    /// Clients can ask to be told when a resource changes.
    ResourcesSubscribe,
    /// `prompts/list` and `prompts/get`.
    Prompts,
    /// Clients are told when the list of prompts changes.
    PromptsListChanged,
    /// `completion/complete`.
    Completions,
    /// Log messages, and `logging/setLevel` in the older revisions.
    Logging,
    /// The extension [`tasks`](crate::tasks) (2026-07-28).
    Tasks,
}

/// What this server can do. A capability that is not declared has no methods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerCapabilities {
    features: BTreeSet<Feature>,
}

impl ServerCapabilities {
    /// A server that can do nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            features: BTreeSet::new(),
        }
    }

    /// A server that has tools and nothing else.
    #[must_use]
    pub fn tools_only() -> Self {
        Self::new().with(Feature::Tools)
    }

    /// Adds a feature.
    #[must_use]
    pub fn with(mut self, feature: Feature) -> Self {
        self.features.insert(feature);
        self
    }

    /// Whether a feature is offered.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }
}

/// The parameters of `initialize`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InitializeParams {
    /// The revision that the client would like best, served or not.
    pub protocol_version: String,
    /// What the client can do, for the whole session.
    pub capabilities: ClientCapabilities,
    /// Who the client says it is.
    pub client_info: Implementation,
}

impl InitializeParams {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` naming the member that is missing or mistyped.
    pub fn decode(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let params = Fields::new(params, "params");
        Ok(Self {
            protocol_version: params.text("protocolVersion")?.to_owned(),
            capabilities: ClientCapabilities::decode(params.object("capabilities")?)?,
            client_info: Implementation::decode(params.object("clientInfo")?, "params.clientInfo")?,
        })
    }
}

/// The answer to `initialize`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InitializeResult {
    /// What the session speaks from now on.
    pub protocol_version: Revision,
    /// What this server can do.
    pub capabilities: ServerCapabilities,
    /// Who this server is.
    pub server_info: Implementation,
    /// A hint for the model on how to use the server.
    pub instructions: Option<String>,
}

impl InitializeResult {
    /// An answer that settles on `protocol_version`.
    #[must_use]
    pub const fn new(
        protocol_version: Revision,
        capabilities: ServerCapabilities,
        server_info: Implementation,
        instructions: Option<String>,
    ) -> Self {
        Self {
            protocol_version,
            capabilities,
            server_info,
            instructions,
        }
    }
}

/// The answer to `server/discover`; it lists [`Revision::ALL`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DiscoverResult {
    /// What this server can do.
    pub capabilities: ServerCapabilities,
    /// A hint for the model on how to use the server.
    pub instructions: Option<String>,
}

impl DiscoverResult {
    /// An answer with the given capabilities.
    #[must_use]
    pub const fn new(capabilities: ServerCapabilities, instructions: Option<String>) -> Self {
        Self {
            capabilities,
            instructions,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[test]
    fn of_what_a_client_says_of_itself_a_little_is_kept() {
        let long = "ä".repeat(100_000);
        let info = json!({"name": long, "version": long, "title": long, "description": long, "websiteUrl": long});
        let info = Implementation::decode(info.as_object().unwrap(), "clientInfo").unwrap();
        let texts = [
            Some(info.name),
            Some(info.version),
            info.title,
            info.description,
            info.website_url,
        ];
        for text in texts {
            assert_eq!(text.unwrap().len(), MAX_SELF_DESCRIPTION_BYTES);
        }
    }

    #[test]
    fn capabilities_are_bounded_in_memory() {
        let check = |count: usize, accepted: bool| {
            let roots = vec![json!({"a": 1}); count];
            let params = json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {"roots": roots},
                "clientInfo": {"name": "x", "version": "1"},
            });
            let decoded = InitializeParams::decode(params.as_object().unwrap());
            assert_eq!(decoded.is_ok(), accepted, "{count}");
        };
        check(10, true);
        check(1000, false);
    }

    #[test]
    fn initialize_names_what_is_missing() {
        fn check(params: &Value, expected: &Expect) {
            let shown = match InitializeParams::decode(params.as_object().unwrap()) {
                Ok(params) => format!("{} {}", params.protocol_version, params.client_info.name),
                Err(error) => error.to_string(),
            };
            expected.assert_eq(&shown);
        }
        let info = json!({"name": "c", "version": "1"});
        check(
            &json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info}),
            &expect!["2025-06-18 c"],
        );
        check(
            &json!({}),
            &expect!["`params.protocolVersion` is missing (-32602)"],
        );
        check(
            &json!({"protocolVersion": 1, "capabilities": {}, "clientInfo": info}),
            &expect!["`params.protocolVersion` must be a string, not a number (-32602)"],
        );
        check(
            &json!({"protocolVersion": "x", "clientInfo": info}),
            &expect!["`params.capabilities` is missing (-32602)"],
        );
        check(
            &json!({"protocolVersion": "x", "capabilities": {}, "clientInfo": {"name": "c"}}),
            &expect!["`params.clientInfo.version` is missing (-32602)"],
        );
    }
}
