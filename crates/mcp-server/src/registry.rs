//! What a server consists of besides its state: who it is and what it offers. It never changes once built.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mcp_protocol::http::ParamHeader;
use mcp_protocol::lifecycle::{Feature, Implementation, ServerCapabilities};
use mcp_protocol::logging::LogLevel;
use mcp_protocol::{prompts, tools};

use crate::definition;
use crate::seal::Seal;
use crate::{Completer, Prompt, ResourceProvider, Tool, ToolRefused};

/// The fixed part of a server, shared by all its engines.
#[derive(Debug)]
pub(crate) struct Registry {
    info: Implementation,
    instructions: Option<String>,
    tools: Vec<OfferedTool>,
    /// The first tool that could not be taken.
    refused: Option<ToolRefused>,
    prompts: Vec<OfferedPrompt>,
    resources: Option<Arc<dyn ResourceProvider>>,
    completer: Option<Arc<dyn Completer>>,
    offered: ServerCapabilities,
    /// From which level on sessions get log messages whose clients have not set one.
    first_log_level: Option<LogLevel>,
    seal: Seal,
    /// One moment by both clocks: what travels through clients is dated by the calendar.
    epoch: (Instant, u64),
}

#[derive(Debug)]
struct OfferedTool {
    definition: tools::Tool,
    /// The headers that repeat its arguments.
    headers: Vec<ParamHeader>,
    handler: Arc<dyn Tool>,
}

#[derive(Debug)]
struct OfferedPrompt {
    definition: prompts::Prompt,
    handler: Arc<dyn Prompt>,
}

impl Registry {
    /// A server that offers nothing.
    pub(crate) fn new(info: Implementation) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            info,
            instructions: None,
            tools: Vec::new(),
            refused: None,
            prompts: Vec::new(),
            resources: None,
            completer: None,
            offered: ServerCapabilities::new(),
            first_log_level: Some(LogLevel::Info),
            seal: Seal::random(),
            epoch: (
                Instant::now(),
                since.map(|since| since.as_secs()).unwrap_or_default(),
            ),
        }
    }

    /// Sets the hint for the model.
    pub(crate) fn set_instructions(&mut self, instructions: String) {
        self.instructions = Some(instructions);
    }

    /// Adds a tool; one of the same name takes the place of the earlier one. One that cannot be offered is remembered.
    pub(crate) fn add_tool(&mut self, handler: Arc<dyn Tool>) {
        self.offer(Feature::Tools);
        let definition = handler.definition();
        let headers = match definition::check(&definition) {
            Ok(headers) => headers,
            Err(refused) => {
                self.refused.get_or_insert(refused);
                return;
            }
        };
        let entry = OfferedTool {
            definition,
            headers,
            handler,
        };
        let same = |known: &OfferedTool| known.definition.name == entry.definition.name;
        match self.tools.iter().position(same) {
            Some(at) => self.tools.splice(at..=at, [entry]).for_each(drop),
            None => self.tools.push(entry),
        }
    }

    /// The tool that keeps the server from being built, if there is one.
    pub(crate) fn take_refused(&mut self) -> Option<ToolRefused> {
        self.refused.take()
    }

    /// Adds a prompt, likewise.
    pub(crate) fn add_prompt(&mut self, handler: Arc<dyn Prompt>) {
        self.offer(Feature::Prompts);
        let definition = handler.definition();
        let entry = OfferedPrompt {
            definition,
            handler,
        };
        let same = |known: &OfferedPrompt| known.definition.name == entry.definition.name;
        match self.prompts.iter().position(same) {
            Some(at) => self.prompts.splice(at..=at, [entry]).for_each(drop),
            None => self.prompts.push(entry),
        }
    }

    pub(crate) fn set_resources(&mut self, provider: Arc<dyn ResourceProvider>) {
        self.offer(Feature::Resources);
        self.resources = Some(provider);
    }

    pub(crate) fn set_completer(&mut self, completer: Arc<dyn Completer>) {
        self.offer(Feature::Completions);
        self.completer = Some(completer);
    }

    pub(crate) fn offer(&mut self, feature: Feature) {
        self.offered = std::mem::take(&mut self.offered).with(feature);
    }

    /// Nothing is logged to those who have not asked for it.
    pub(crate) const fn log_when_asked(&mut self) {
        self.first_log_level = None;
    }

    pub(crate) const fn first_log_level(&self) -> Option<LogLevel> {
        self.first_log_level
    }

    pub(crate) fn set_seal(&mut self, seal: Seal) {
        self.seal = seal;
    }

    pub(crate) const fn info(&self) -> &Implementation {
        &self.info
    }

    pub(crate) fn instructions(&self) -> Option<String> {
        self.instructions.clone()
    }

    pub(crate) const fn capabilities(&self) -> &ServerCapabilities {
        &self.offered
    }

    pub(crate) fn offers(&self, feature: Feature) -> bool {
        self.offered.has(feature)
    }

    pub(crate) fn tools(&self) -> Vec<&tools::Tool> {
        self.tools.iter().map(|entry| &entry.definition).collect()
    }

    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        let mut tools = self.tools.iter();
        let entry = tools.find(|entry| entry.definition.name == name)?;
        Some(&entry.handler)
    }

    /// The headers that repeat arguments of a tool.
    pub(crate) fn param_headers(&self, tool: &str) -> &[ParamHeader] {
        let mut tools = self.tools.iter();
        tools
            .find(|entry| entry.definition.name == tool)
            .map(|entry| entry.headers.as_slice())
            .unwrap_or_default()
    }

    pub(crate) fn prompts(&self) -> Vec<&prompts::Prompt> {
        self.prompts.iter().map(|entry| &entry.definition).collect()
    }

    pub(crate) fn prompt(&self, name: &str) -> Option<(&prompts::Prompt, &Arc<dyn Prompt>)> {
        let mut prompts = self.prompts.iter();
        let entry = prompts.find(|entry| entry.definition.name == name)?;
        Some((&entry.definition, &entry.handler))
    }

    pub(crate) const fn resources(&self) -> Option<&Arc<dyn ResourceProvider>> {
        self.resources.as_ref()
    }

    pub(crate) const fn completer(&self) -> Option<&Arc<dyn Completer>> {
        self.completer.as_ref()
    }

    pub(crate) const fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The calendar's seconds at a moment.
    pub(crate) fn unix_seconds(&self, now: Instant) -> u64 {
        let (instant, seconds) = self.epoch;
        seconds.saturating_add(now.saturating_duration_since(instant).as_secs())
    }
}
