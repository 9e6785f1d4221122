//! Resources per revision.

use serde_json::{Map, Value};

use super::ToWire;
use super::content::{contents, put_annotations, put_meta};
use super::icons::put_icons;
use super::members::Members;
use crate::Revision;
use crate::resources::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceTemplate,
};

impl ToWire for ListResourcesResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let resources = self.resources.iter().map(|one| one.to_wire(revision));
        let mut result = Map::new();
        result.put("resources", resources.map(Value::from).collect::<Vec<_>>());
        result.put_some("nextCursor", self.next_cursor.clone());
        result
    }
}

impl ToWire for ListResourceTemplatesResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let templates = self.templates.iter().map(|one| one.to_wire(revision));
        let mut result = Map::new();
        result.put(
            "resourceTemplates",
            templates.map(Value::from).collect::<Vec<_>>(),
        );
        result.put_some("nextCursor", self.next_cursor.clone());
        result
    }
}

impl ToWire for ReadResourceResult {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let items = self.contents.iter();
        let items = items.map(|item| contents(item, revision).into());
        let mut result = Map::new();
        result.put("contents", items.collect::<Vec<Value>>());
        result
    }
}

impl ToWire for Resource {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut resource = Map::new();
        resource.put("uri", self.uri.clone());
        resource.put("name", self.name.clone());
        resource.put_some("description", self.description.clone());
        resource.put_some("mimeType", self.mime_type.clone());
        resource.put_some("size", self.size);
        if revision >= Revision::V2025_06_18 {
            resource.put_some("title", self.title.clone());
            put_meta(&mut resource, &self.meta, revision);
            put_icons(&mut resource, &self.icons, revision);
        }
        put_annotations(&mut resource, &self.annotations, revision);
        resource
    }
}

impl ToWire for ResourceTemplate {
    fn to_wire(&self, revision: Revision) -> Map<String, Value> {
        let mut template = Map::new();
        template.put("uriTemplate", self.uri_template.clone());
        template.put("name", self.name.clone());
        template.put_some("description", self.description.clone());
        template.put_some("mimeType", self.mime_type.clone());
        if revision >= Revision::V2025_06_18 {
            template.put_some("title", self.title.clone());
            put_meta(&mut template, &self.meta, revision);
            put_icons(&mut template, &self.icons, revision);
        }
        put_annotations(&mut template, &self.annotations, revision);
        template
    }
}
