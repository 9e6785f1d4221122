//! Requests to the client per revision: messages of their own until 2025-11-25, parts of a result since.

use serde_json::{Map, Value};

use super::ToWire;
use super::content::{self, role_name};
use super::members::Members;
use crate::Revision;
use crate::input::{FormRequest, InputRequest, PageDone, SampleRequest, UrlRequest};

impl ToWire for InputRequest {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        match self {
            Self::Form(form) => form.to_wire(revision),
            Self::Url(url) => url.to_wire(revision),
            Self::Sample(sample) => sample.to_wire(revision),
            Self::Roots => Map::new(),
        }
    }
}

impl ToWire for FormRequest {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut params = Map::new();
        // 2025-06-18 has no other mode, and no word for this one.
        if revision >= Revision::V2025_11_25 {
            params.put("mode", "form");
        }
        params.put("message", self.message.clone());
        params.put("requestedSchema", self.schema.clone());
        params
    }
}

impl ToWire for UrlRequest {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut params = Map::new();
        params.put("mode", "url");
        params.put("message", self.message.clone());
        params.put("url", self.url.clone());
        // Later revisions have no notification that could name it.
        if revision == Revision::V2025_11_25 {
            params.put("elicitationId", self.id.clone());
        }
        params
    }
}

impl ToWire for PageDone {
    fn to_wire(&self, _revision: Revision) -> Map<String, Value> {
        let mut params = Map::new();
        params.put("elicitationId", self.id.clone());
        params
    }
}

impl ToWire for SampleRequest {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let messages = self.messages.iter().map(|(role, block)| {
            let mut message = Map::new();
            message.put("role", role_name(*role));
            message.put("content", content::block(block, revision));
            Value::from(message)
        });
        let mut params = Map::new();
        params.put("messages", messages.collect::<Vec<_>>());
        params.put("maxTokens", self.max_tokens);
        params.put_some("systemPrompt", self.system_prompt.clone());
        params
    }
}
