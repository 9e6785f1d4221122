//! Opening results per revision.

use serde_json::{Map, Value};

use super::ToWire;
use super::icons::put_icons;
use super::members::Members;
use crate::Revision;
use crate::lifecycle::{
    DiscoverResult, Feature, Implementation, InitializeResult, ServerCapabilities,
};
use crate::tasks;

impl ToWire for InitializeResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut result = Map::new();
        result.put("protocolVersion", self.protocol_version.as_str());
        result.put("capabilities", self.capabilities.to_wire(revision));
        result.put("serverInfo", self.server_info.to_wire(revision));
        result.put_some("instructions", self.instructions.clone());
        result
    }
}

/// What only the answer to `server/discover` has.
pub(super) const VERSIONS: &str = "supportedVersions";

impl ToWire for DiscoverResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let versions: Vec<Value> = Revision::ALL
            .into_iter()
            .map(|known| known.as_str().into())
            .collect();
        let mut result = Map::new();
        result.put(VERSIONS, versions);
        result.put("capabilities", self.capabilities.to_wire(revision));
        result.put_some("instructions", self.instructions.clone());
        result
    }
}

impl ToWire for Implementation {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut info = Map::new();
        info.put("name", self.name.clone());
        info.put("version", self.version.clone());
        if revision >= Revision::V2025_06_18 {
            info.put_some("title", self.title.clone());
        }
        if revision >= Revision::V2025_11_25 {
            info.put_some("description", self.description.clone());
            info.put_some("websiteUrl", self.website_url.clone());
            put_icons(&mut info, &self.icons, revision);
        }
        info
    }
}

impl ToWire for ServerCapabilities {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut capabilities = Map::new();
        let mut put = |feature: Feature, name: &str, settings: &[(Feature, &str)]| {
            if !self.has(feature) {
                return;
            }
            let mut written = Map::new();
            for (setting, key) in settings {
                if self.has(*setting) {
                    written.put(key, true);
                }
            }
            capabilities.put(name, written);
        };
        let changed = "listChanged";
        put(
            Feature::Tools,
            "tools",
            &[(Feature::ToolsListChanged, changed)],
        );
        put(
            Feature::Resources,
            "resources",
            &[
                (Feature::ResourcesListChanged, changed),
                (Feature::ResourcesSubscribe, "subscribe"),
            ],
        );
        put(
            Feature::Prompts,
            "prompts",
            &[(Feature::PromptsListChanged, changed)],
        );
        put(Feature::Logging, "logging", &[]);
        if revision >= Revision::V2025_03_26 {
            put(Feature::Completions, "completions", &[]);
        }
        if revision.is_modern() && self.has(Feature::Tasks) {
            let mut extensions = Map::new();
            extensions.put(tasks::EXTENSION, Map::new());
            capabilities.put("extensions", extensions);
        }
        capabilities
    }
}
