//! Content blocks per revision, and what stands for a kind that an old revision does not know.

use serde_json::{Map, Value};

use super::icons::put_icons;
use super::members::Members;
use crate::Revision;
use crate::content::{
    Annotations, ContentBlock, MediaContent, Meta, ResourceBody, ResourceContents, ResourceLink,
    Role,
};

/// Writes one block.
pub(super) fn block(block: &ContentBlock, revision: Revision) -> Map<String, Value> {
    let mut written = Map::new();
    match block {
        ContentBlock::Text(text) => {
            written.put("type", "text");
            written.put("text", text.text.clone());
            put_annotations(&mut written, &text.annotations, revision);
            put_meta(&mut written, &text.meta, revision);
        }
        ContentBlock::Image(media) => {
            put_media(&mut written, "image", media, revision);
        }
        ContentBlock::Audio(media) if revision >= Revision::V2025_03_26 => {
            put_media(&mut written, "audio", media, revision);
        }
        ContentBlock::Audio(media) => {
            let mut resource = Map::new();
            resource.put("uri", "audio:inline");
            resource.put("mimeType", media.mime_type.clone());
            resource.put("blob", media.data.clone());
            written.put("type", "resource");
            written.put("resource", resource);
            put_annotations(&mut written, &media.annotations, revision);
        }
        ContentBlock::ResourceLink(link) if revision >= Revision::V2025_06_18 => {
            put_link(&mut written, link);
            put_icons(&mut written, &link.icons, revision);
            put_annotations(&mut written, &link.annotations, revision);
            put_meta(&mut written, &link.meta, revision);
        }
        ContentBlock::ResourceLink(link) => {
            written.put("type", "text");
            written.put("text", format!("[{}]({})", link.name, link.uri));
            put_annotations(&mut written, &link.annotations, revision);
        }
        ContentBlock::Resource(embedded) => {
            written.put("type", "resource");
            written.put("resource", contents(&embedded.contents, revision));
            put_annotations(&mut written, &embedded.annotations, revision);
            put_meta(&mut written, &embedded.meta, revision);
        }
    }
    written
}

/// Writes `_meta`, where the revision has it on such an object and there is anything in it.
pub(super) fn put_meta(object: &mut Map<String, Value>, meta: &Meta, revision: Revision) {
    if revision >= Revision::V2025_06_18 && !meta.is_empty() {
        object.put("_meta", meta.clone());
    }
}

/// The wire name of a role.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

fn put_media(
    written: &mut Map<String, Value>,
    kind: &str,
    media: &MediaContent,
    revision: Revision,
) {
    written.put("type", kind);
    written.put("data", media.data.clone());
    written.put("mimeType", media.mime_type.clone());
    put_annotations(written, &media.annotations, revision);
    put_meta(written, &media.meta, revision);
}

fn put_link(written: &mut Map<String, Value>, link: &ResourceLink) {
    written.put("type", "resource_link");
    written.put("uri", link.uri.clone());
    written.put("name", link.name.clone());
    written.put_some("title", link.title.clone());
    written.put_some("description", link.description.clone());
    written.put_some("mimeType", link.mime_type.clone());
    written.put_some("size", link.size);
}

pub(super) fn contents(contents: &ResourceContents, revision: Revision) -> Map<String, Value> {
    let mut written = Map::new();
    written.put("uri", contents.uri.clone());
    written.put_some("mimeType", contents.mime_type.clone());
    match &contents.body {
        ResourceBody::Text(text) => written.put("text", text.clone()),
        ResourceBody::Blob(blob) => written.put("blob", blob.clone()),
    }
    put_meta(&mut written, &contents.meta, revision);
    written
}

pub(super) fn put_annotations(
    block: &mut Map<String, Value>,
    annotations: &Annotations,
    revision: Revision,
) {
    let mut written = Map::new();
    if !annotations.audience.is_empty() {
        let audience: Vec<Value> = annotations
            .audience
            .iter()
            .map(|role| role_name(*role).into())
            .collect();
        written.put("audience", audience);
    }
    written.put_some("priority", annotations.priority);
    if revision >= Revision::V2025_06_18 {
        written.put_some("lastModified", annotations.last_modified.clone());
    }
    if !written.is_empty() {
        block.put("annotations", written);
    }
}
