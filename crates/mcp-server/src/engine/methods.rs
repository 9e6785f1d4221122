//! The methods that both dialects share: what features offer. A new feature adds an arm here.

use std::sync::Arc;
use std::time::Instant;

use mcp_protocol::Revision;
use mcp_protocol::completion::{CompleteParams, Reference};
use mcp_protocol::envelope;
use mcp_protocol::jsonrpc::{ErrorObject, Request, held_by};
use mcp_protocol::lifecycle::Feature;
use mcp_protocol::prompts::GetPromptParams;
use mcp_protocol::resources;
use mcp_protocol::tasks;
use mcp_protocol::tools::CallToolParams;
use mcp_protocol::wire::{self, Cache};
use serde_json::{Map, Value};

use super::rounds::Digest;
use super::work::{RESOURCES, TEMPLATES};
use super::{Caller, Engine, Output, Start, Work};
use crate::ResourceProvider;
use crate::context::Rounds;

/// How a request is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// With this result, at once.
    Now(Map<String, Value>),
    /// When what was started ends.
    Started,
}

/// An answer, or the error that takes its place.
pub(super) type Answered = Result<Answer, ErrorObject>;

impl Engine {
    pub(super) fn method(
        &mut self,
        now: Instant,
        mut caller: Caller,
        request: Request,
        out: &mut Vec<Output>,
    ) -> Answered {
        let Request { method, params, .. } = request;
        let feature = feature(&method, caller.revision);
        if !feature.is_some_and(|feature| self.registry.offers(feature)) {
            return Err(ErrorObject::method_not_found(&method));
        }
        let knows_tasks = caller.revision.is_modern()
            && self.registry.offers(Feature::Tasks)
            && caller.capabilities.has_extension(tasks::EXTENSION);
        if feature == Some(Feature::Tasks) && !knows_tasks {
            return Err(ErrorObject::missing_capability(&tasks::required()));
        }
        match method.as_str() {
            "tools/list" => return self.list_tools(&caller, &params),
            "prompts/list" => return self.list_prompts(&caller, &params),
            _ => {}
        }
        let token = envelope::progress_token(&params)?;
        let mut rounds = Rounds::default();
        // 2026-07-28, multi-round-trip requests: these three may ask for more, no others.
        let has_rounds = matches!(&*method, "tools/call" | "prompts/get" | "resources/read");
        if caller.revision.is_modern() && has_rounds {
            let digest = Digest::of(&method, &params);
            rounds = self.resume(now, &digest, &params)?;
            caller.digest = Some(digest);
        }
        let held = held_by(&params);
        let work = self.work(&method, params)?;
        caller.is_tool = matches!(work, Work::Call(..));
        let start = Start {
            call: super::CallId(0),
            work,
            revision: caller.revision,
            client_info: caller.client_info.clone(),
            capabilities: Arc::clone(&caller.capabilities),
            wants_progress: token.is_some(),
            may_detach: knows_tasks && caller.is_tool,
            held,
            rounds,
        };
        let call = self.calls.start(now, caller, token)?;
        out.push(Output::Start(Start { call, ..start }));
        Ok(Answer::Started)
    }

    /// Adds to a result what its revision demands of every result.
    pub(super) fn complete(
        &self,
        result: Map<String, Value>,
        revision: Revision,
        cache: Option<Cache>,
    ) -> Map<String, Value> {
        wire::complete(result, revision, self.registry.info(), cache)
    }

    /// What a request asks to be done.
    fn work(&self, method: &str, params: Map<String, Value>) -> Result<Work, ErrorObject> {
        match method {
            "tools/call" => self.call_tool(params),
            "prompts/get" => self.get_prompt(&params),
            "completion/complete" => self.propose(&params),
            "resources/list" => {
                let position = self.position(RESOURCES, &params)?;
                Ok(Work::List(self.provider(method)?, position))
            }
            "resources/templates/list" => {
                let position = self.position(TEMPLATES, &params)?;
                Ok(Work::Templates(self.provider(method)?, position))
            }
            "resources/read" => {
                let uri = resources::uri(&params)?.to_owned();
                Ok(Work::Read(self.provider(method)?, uri))
            }
            "tasks/get" => Ok(Work::GetTask(tasks::task_id(&params)?.to_owned())),
            "tasks/cancel" => Ok(Work::CancelTask(tasks::task_id(&params)?.to_owned())),
            "tasks/update" => {
                let id = tasks::task_id(&params)?.to_owned();
                Ok(Work::UpdateTask(id, tasks::answers(&params)?))
            }
            method => Err(ErrorObject::method_not_found(method)),
        }
    }

    fn call_tool(&self, params: Map<String, Value>) -> Result<Work, ErrorObject> {
        let params = CallToolParams::decode(params)?;
        let Some(tool) = self.registry.tool(&params.name) else {
            return Err(ErrorObject::unknown_tool(&params.name));
        };
        Ok(Work::Call(Arc::clone(tool), params.arguments))
    }

    fn get_prompt(&self, params: &Map<String, Value>) -> Result<Work, ErrorObject> {
        let params = GetPromptParams::decode(params)?;
        let Some((definition, prompt)) = self.registry.prompt(&params.name) else {
            return Err(ErrorObject::unknown_prompt(&params.name));
        };
        let missing = definition
            .arguments
            .iter()
            .find(|argument| argument.required && !params.arguments.contains_key(&argument.name));
        if let Some(argument) = missing {
            let why = format!("`params.arguments.{}` is missing", argument.name);
            return Err(ErrorObject::invalid_params(why));
        }
        Ok(Work::Get(Arc::clone(prompt), params.arguments))
    }

    fn propose(&self, params: &Map<String, Value>) -> Result<Work, ErrorObject> {
        let params = CompleteParams::decode(params)?;
        if let Reference::Prompt(name) = &params.reference
            && self.registry.prompt(name).is_none()
        {
            return Err(ErrorObject::unknown_prompt(name));
        }
        let Some(completer) = self.registry.completer() else {
            return Err(ErrorObject::method_not_found("completion/complete"));
        };
        Ok(Work::Complete(Arc::clone(completer), params))
    }

    fn provider(&self, method: &str) -> Result<Arc<dyn ResourceProvider>, ErrorObject> {
        let provider = self.registry.resources().map(Arc::clone);
        provider.ok_or_else(|| ErrorObject::method_not_found(method))
    }
}

/// The feature that a method belongs to. A method of a feature that is not offered does not exist.
fn feature(method: &str, revision: Revision) -> Option<Feature> {
    Some(match method {
        "tools/list" | "tools/call" => Feature::Tools,
        "resources/list" | "resources/templates/list" | "resources/read" => Feature::Resources,
        "prompts/list" | "prompts/get" => Feature::Prompts,
        "completion/complete" => Feature::Completions,
        "tasks/get" | "tasks/update" | "tasks/cancel" if revision.is_modern() => Feature::Tasks,
        _ => return None,
    })
}
