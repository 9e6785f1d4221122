//! Prompts per revision.

use serde_json::{Map, Value};

use super::ToWire;
use super::content::{self, put_meta, role_name};
use super::icons::put_icons;
use super::members::Members;
use crate::Revision;
use crate::prompts::{GetPromptResult, ListPromptsResult, Prompt, PromptArgument, PromptMessage};

impl ToWire for ListPromptsResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let prompts = self.prompts.iter().map(|one| one.to_wire(revision).into());
        let mut result = Map::new();
        result.put("prompts", prompts.collect::<Vec<Value>>());
        result.put_some("nextCursor", self.next_cursor.clone());
        result
    }
}

impl ToWire for Prompt {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut prompt = Map::new();
        prompt.put("name", self.name.clone());
        prompt.put_some("description", self.description.clone());
        if revision >= Revision::V2025_06_18 {
            prompt.put_some("title", self.title.clone());
            put_meta(&mut prompt, &self.meta, revision);
            put_icons(&mut prompt, &self.icons, revision);
        }
        if !self.arguments.is_empty() {
            let arguments = self.arguments.iter().map(|one| one.to_wire(revision));
            prompt.put("arguments", arguments.map(Value::from).collect::<Vec<_>>());
        }
        prompt
    }
}

impl ToWire for PromptArgument {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut argument = Map::new();
        argument.put("name", self.name.clone());
        argument.put_some("description", self.description.clone());
        argument.put("required", self.required);
        if revision >= Revision::V2025_06_18 {
            argument.put_some("title", self.title.clone());
        }
        argument
    }
}

impl ToWire for GetPromptResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let messages = self.messages.iter().map(|one| one.to_wire(revision).into());
        let mut result = Map::new();
        result.put_some("description", self.description.clone());
        result.put("messages", messages.collect::<Vec<Value>>());
        result
    }
}

impl ToWire for PromptMessage {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut message = Map::new();
        message.put("role", role_name(self.role));
        message.put("content", content::block(&self.content, revision));
        message
    }
}
