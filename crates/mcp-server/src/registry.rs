//! What a server consists of besides its state: who it is and which tools it has. It never changes once built.

use std::sync::Arc;

use mcp_protocol::lifecycle::{Implementation, ServerCapabilities};
use mcp_protocol::tools;

use crate::Tool;

/// The fixed part of a server, shared by all its engines.
#[derive(Debug)]
pub(crate) struct Registry {
    info: Implementation,
    instructions: Option<String>,
    tools: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    definition: tools::Tool,
    tool: Arc<dyn Tool>,
}

impl Registry {
    /// A server without tools.
    pub(crate) const fn new(info: Implementation) -> Self {
        Self {
            info,
            instructions: None,
            tools: Vec::new(),
        }
    }

    /// Sets the hint for the model.
    pub(crate) fn set_instructions(&mut self, instructions: String) {
        self.instructions = Some(instructions);
    }

    /// Adds a tool; one of the same name takes the place of the earlier one.
    pub(crate) fn add_tool(&mut self, tool: Arc<dyn Tool>) {
        let entry = Entry {
            definition: tool.definition(),
            tool,
        };
        match self
            .tools
            .iter_mut()
            .find(|known| known.definition.name == entry.definition.name)
        {
            Some(known) => *known = entry,
            None => self.tools.push(entry),
        }
    }

    pub(crate) const fn info(&self) -> &Implementation {
        &self.info
    }

    pub(crate) fn instructions(&self) -> Option<String> {
        self.instructions.clone()
    }

    #[expect(
        clippy::unused_self,
        reason = "capabilities will follow from what is registered"
    )]
    pub(crate) const fn capabilities(&self) -> ServerCapabilities {
        ServerCapabilities::tools_only()
    }

    pub(crate) fn definitions(&self) -> Vec<tools::Tool> {
        self.tools
            .iter()
            .map(|entry| entry.definition.clone())
            .collect()
    }

    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools
            .iter()
            .find(|entry| entry.definition.name == name)
            .map(|entry| &entry.tool)
    }
}
