//! The fixture resources: two that are listed, one to watch, and a template.

use mcp_protocol::content::ResourceContents;
use mcp_protocol::resources::{ReadResourceResult, Resource, ResourceTemplate};
use mcp_server::{CallContext, Page, ResourceProvider, ToolError, async_trait};
use serde_json::json;

use crate::content::PNG;

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
const WATCHED: &str = "test://watched-resource";

/// All of them.
#[derive(Debug)]
pub(crate) struct Fixtures;

#[async_trait]
impl ResourceProvider for Fixtures {
    async fn list(&self, _: Option<&str>, _: CallContext) -> Result<Page<Resource>, ToolError> {
        Ok(Page::last(vec![
            listed(TEXT, "Static text", "text/plain"),
            listed(BINARY, "Static picture", "image/png"),
            listed(WATCHED, "Something to watch", "text/plain"),
        ]))
    }

    async fn templates(
        &self,
        _: Option<&str>,
        _: CallContext,
    ) -> Result<Page<ResourceTemplate>, ToolError> {
        let template = ResourceTemplate::new("test://template/{id}/data", "Data by id")
            .with_description("Data that belongs to an id")
            .with_mime_type("application/json");
        Ok(Page::last(vec![template]))
    }

    async fn read(
        &self,
        uri: &str,
        _: CallContext,
    ) -> Result<Option<ReadResourceResult>, ToolError> {
        let plain = Some("text/plain".to_owned());
        let contents = match uri {
            TEXT => ResourceContents::text(
                uri,
                plain,
                "This is the content of the static text resource.",
            ),
            BINARY => ResourceContents::blob(uri, Some("image/png".to_owned()), PNG),
            WATCHED => ResourceContents::text(uri, plain, "Watched"),
            _ => match id_of(uri) {
                Some(id) => {
                    let data = json!({
                        "id": id, "templateTest": true, "data": format!("Data for ID: {id}")
                    });
                    ResourceContents::text(
                        uri,
                        Some("application/json".to_owned()),
                        data.to_string(),
                    )
                }
                None => return Ok(None),
            },
        };
        Ok(Some(ReadResourceResult::new(vec![contents])))
    }
}

fn listed(uri: &str, name: &str, mime_type: &str) -> Resource {
    Resource::new(uri, name)
        .with_description(name)
        .with_mime_type(mime_type)
}

fn id_of(uri: &str) -> Option<&str> {
    let id = uri
        .strip_prefix("test://template/")?
        .strip_suffix("/data")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}
