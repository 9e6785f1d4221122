//! What a call does, and what it brings. Doing it is the driver's.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_protocol::Revision;
use mcp_protocol::completion::{CompleteParams, CompleteResult};
use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::prompts::GetPromptResult;
use mcp_protocol::resources::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceTemplate,
};
use mcp_protocol::tasks::DetailedTask;
use mcp_protocol::tools::CallToolResult;
use mcp_protocol::wire::{Cache, ToWire as _};
use serde_json::{Map, Value};

use crate::{Completer, Page, Prompt, ResourceProvider, Tool};

/// What a call does.
#[derive(Debug)]
#[non_exhaustive]
pub enum Work {
    /// Calls a tool with these arguments.
    Call(Arc<dyn Tool>, Map<String, Value>),
    /// Gets a prompt with these arguments.
    Get(Arc<dyn Prompt>, BTreeMap<String, String>),
    /// Lists resources from this position on.
    List(Arc<dyn ResourceProvider>, Option<String>),
    /// Lists families of resources from this position on.
    Templates(Arc<dyn ResourceProvider>, Option<String>),
    /// Reads the resource with this URI.
    Read(Arc<dyn ResourceProvider>, String),
    /// Proposes values.
    Complete(Arc<dyn Completer>, CompleteParams),
    /// Asks after a task.
    GetTask(String),
    /// Hands answers to a task.
    UpdateTask(String, BTreeMap<String, Value>),
    /// Stops a task.
    CancelTask(String),
}

/// What a call brings.
#[derive(Debug)]
#[non_exhaustive]
pub enum Product {
    /// Of a tool.
    Called(CallToolResult),
    /// Of a prompt.
    Got(GetPromptResult),
    /// A page of resources.
    Listed(Page<Resource>),
    /// A page of families.
    Templates(Page<ResourceTemplate>),
    /// The contents of a resource.
    Read(ReadResourceResult),
    /// There is no resource with this URI.
    NothingAt(String),
    /// Proposals.
    Completed(CompleteResult),
    /// A task.
    Task(DetailedTask),
    /// Nothing but that it was taken in.
    Acknowledged,
}

impl From<CallToolResult> for Product {
    fn from(result: CallToolResult) -> Self {
        Self::Called(result)
    }
}

/// The lists whose cursors are made here.
pub(super) const RESOURCES: &str = "resources";
pub(super) const TEMPLATES: &str = "templates";

impl Product {
    /// The result on the wire, and how long it may be kept. `cursor` makes one from the name of a list and a position.
    pub(super) fn into_wire(
        self,
        revision: Revision,
        cursor: impl Fn(&str, &str) -> String,
    ) -> Result<(Map<String, Value>, Option<Cache>), ErrorObject> {
        Ok(match self {
            Self::Called(result) => (result.to_wire(revision), None),
            Self::Got(result) => (result.to_wire(revision), None),
            Self::Completed(result) => (result.to_wire(revision), None),
            Self::Task(task) => (task.to_wire(revision), None),
            Self::Acknowledged => (Map::new(), None),
            Self::Listed(page) => {
                let next = page.next.map(|position| cursor(RESOURCES, &position));
                let list = ListResourcesResult::new(page.items, next);
                (list.to_wire(revision), Some(page.cache))
            }
            Self::Templates(page) => {
                let next = page.next.map(|position| cursor(TEMPLATES, &position));
                let list = ListResourceTemplatesResult::new(page.items, next);
                (list.to_wire(revision), Some(page.cache))
            }
            Self::Read(result) => (result.to_wire(revision), Some(result.cache)),
            Self::NothingAt(uri) => return Err(ErrorObject::resource_not_found(&uri, revision)),
        })
    }
}
