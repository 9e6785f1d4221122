//! The fixture prompts, and the proposals for one of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_protocol::completion::{CompleteParams, CompleteResult};
use mcp_protocol::content::{ContentBlock, EmbeddedResource, ResourceContents};
use mcp_protocol::input::InputRequest;
use mcp_protocol::prompts::{self, GetPromptResult, PromptArgument, PromptMessage};
use mcp_server::{CallContext, Completer, Prompt, ToolError, async_trait};

use crate::content::PNG;
use crate::schemas;

/// All of them.
pub(crate) fn prompts() -> Vec<Arc<dyn Prompt>> {
    vec![
        Arc::new(Simple),
        Arc::new(Filled),
        Arc::new(Embedding),
        Arc::new(Picture),
        Arc::new(Asking),
    ]
}

type Arguments = BTreeMap<String, String>;

#[derive(Debug)]
struct Simple;

#[async_trait]
impl Prompt for Simple {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new("test_simple_prompt").with_description("Says always the same")
    }

    async fn get(&self, _: Arguments, _: CallContext) -> Result<GetPromptResult, ToolError> {
        Ok(says(vec![ContentBlock::text(
            "This is a simple prompt for testing.",
        )]))
    }
}

#[derive(Debug)]
struct Filled;

#[async_trait]
impl Prompt for Filled {
    fn definition(&self) -> prompts::Prompt {
        let argument =
            |name: &str, what: &str| PromptArgument::required(name).with_description(what);
        prompts::Prompt::new("test_prompt_with_arguments")
            .with_description("Says its arguments")
            .with_argument(argument("arg1", "First test argument"))
            .with_argument(argument("arg2", "Second test argument"))
    }

    async fn get(
        &self,
        arguments: Arguments,
        _: CallContext,
    ) -> Result<GetPromptResult, ToolError> {
        let (one, two) = (of(&arguments, "arg1"), of(&arguments, "arg2"));
        Ok(says(vec![ContentBlock::text(format!(
            "Prompt with arguments: arg1='{one}', arg2='{two}'"
        ))]))
    }
}

#[derive(Debug)]
struct Embedding;

#[async_trait]
impl Prompt for Embedding {
    fn definition(&self) -> prompts::Prompt {
        let argument = PromptArgument::required("resourceUri")
            .with_description("URI of the resource to embed");
        prompts::Prompt::new("test_prompt_with_embedded_resource")
            .with_description("Embeds a resource")
            .with_argument(argument)
    }

    async fn get(
        &self,
        arguments: Arguments,
        _: CallContext,
    ) -> Result<GetPromptResult, ToolError> {
        let contents = ResourceContents::text(
            of(&arguments, "resourceUri"),
            Some("text/plain".to_owned()),
            "Embedded resource content for testing.",
        );
        Ok(says(vec![
            ContentBlock::Resource(EmbeddedResource::new(contents)),
            ContentBlock::text("Please process the embedded resource above."),
        ]))
    }
}

#[derive(Debug)]
struct Picture;

#[async_trait]
impl Prompt for Picture {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new("test_prompt_with_image").with_description("Shows a picture")
    }

    async fn get(&self, _: Arguments, _: CallContext) -> Result<GetPromptResult, ToolError> {
        Ok(says(vec![
            ContentBlock::image(PNG, "image/png"),
            ContentBlock::text("Please analyze the image above."),
        ]))
    }
}

#[derive(Debug)]
struct Asking;

#[async_trait]
impl Prompt for Asking {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new("test_input_required_result_prompt")
            .with_description("Asks the user for a context")
    }

    async fn get(&self, _: Arguments, context: CallContext) -> Result<GetPromptResult, ToolError> {
        let schema = schemas::one_field("context", "string");
        let request = InputRequest::form("What context should the prompt use?", schema);
        let answer = context.ask("user_context", request).await?;
        let content = answer.as_elicited().map(|answer| &answer.content);
        let context = content.and_then(|content| content.get("context")?.as_str());
        Ok(says(vec![ContentBlock::text(format!(
            "Context: {}",
            context.unwrap_or_default()
        ))]))
    }
}

/// Proposes values for the arguments of [`Filled`].
#[derive(Debug)]
pub(crate) struct Proposals;

#[async_trait]
impl Completer for Proposals {
    async fn complete(
        &self,
        params: CompleteParams,
        _: CallContext,
    ) -> Result<CompleteResult, ToolError> {
        let known = ["paris", "park", "party"];
        let fitting = known.iter().filter(|word| word.starts_with(&params.value));
        Ok(CompleteResult::new(
            fitting.map(|word| (*word).to_owned()).collect(),
        ))
    }
}

fn says(blocks: Vec<ContentBlock>) -> GetPromptResult {
    GetPromptResult::new(blocks.into_iter().map(PromptMessage::user).collect())
}

fn of(arguments: &Arguments, name: &str) -> String {
    arguments.get(name).cloned().unwrap_or_default()
}
