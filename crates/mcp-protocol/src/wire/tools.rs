//! Tools and their results per revision.

use serde_json::{Map, Value};

use super::ToWire;
use super::content;
use super::icons::put_icons;
use super::members::Members;
use crate::Revision;
use crate::schema::is_of_objects;
use crate::tools::{CallToolResult, ListToolsResult, Tool, ToolAnnotations};

impl ToWire for ListToolsResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|tool| tool.to_wire(revision).into())
            .collect();
        let mut result = Map::new();
        result.put("tools", tools);
        result.put_some("nextCursor", self.next_cursor.clone());
        result
    }
}

impl ToWire for Tool {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut tool = Map::new();
        tool.put("name", self.name.clone());
        tool.put_some("description", self.description.clone());
        tool.put("inputSchema", self.input_schema.clone());
        if revision >= Revision::V2025_06_18 {
            tool.put_some("title", self.title.clone());
            let output = self.output_schema.as_ref();
            let output = output.filter(|schema| takes_any(revision) || is_of_objects(schema));
            tool.put_some("outputSchema", output.cloned());
            content::put_meta(&mut tool, &self.meta, revision);
            put_icons(&mut tool, &self.icons, revision);
        }
        let annotations = self.annotations.clone().unwrap_or_default();
        match revision {
            Revision::V2024_11_05 => {}
            // The only place for a title in 2025-03-26.
            Revision::V2025_03_26 => {
                let title = annotations.title.clone().or_else(|| self.title.clone());
                put_annotations(
                    &mut tool,
                    &ToolAnnotations {
                        title,
                        ..annotations
                    },
                );
            }
            Revision::V2025_06_18 | Revision::V2025_11_25 | Revision::V2026_07_28 => {
                put_annotations(&mut tool, &annotations);
            }
        }
        tool
    }
}

impl ToWire for CallToolResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let blocks: Vec<Value> = self
            .content
            .iter()
            .map(|block| content::block(block, revision).into())
            .collect();
        let mut result = Map::new();
        result.put("content", blocks);
        result.put("isError", self.is_error);
        if revision >= Revision::V2025_06_18 {
            let structured = self.structured_content.as_ref();
            let structured = structured.filter(|value| takes_any(revision) || value.is_object());
            result.put_some("structuredContent", structured.cloned());
        }
        // Results have it in every revision.
        if !self.meta.is_empty() {
            result.put("_meta", self.meta.clone());
        }
        result
    }
}

/// Whether structured results may be anything; they were objects before.
const fn takes_any(revision: Revision) -> bool {
    revision.is_modern()
}

fn put_annotations(tool: &mut Map<String, Value>, annotations: &ToolAnnotations) {
    let mut written = Map::new();
    written.put_some("title", annotations.title.clone());
    written.put_some("readOnlyHint", annotations.read_only);
    written.put_some("destructiveHint", annotations.destructive);
    written.put_some("idempotentHint", annotations.idempotent);
    written.put_some("openWorldHint", annotations.open_world);
    if !written.is_empty() {
        tool.put("annotations", written);
    }
}
