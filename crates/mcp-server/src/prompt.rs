//! Texts that a server has ready, and proposals for what to fill in: the [`Prompt`] and [`Completer`] traits.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use mcp_protocol::completion::{CompleteParams, CompleteResult};
use mcp_protocol::prompts::{self, GetPromptResult};

use crate::{CallContext, ToolError};

/// A prompt that clients can get. It runs as calls of tools do.
#[async_trait]
pub trait Prompt: fmt::Debug + Send + Sync + 'static {
    /// What clients see of it. Asked once, when the server is built; the name must be unique there.
    fn definition(&self) -> prompts::Prompt;

    /// Fills the prompt in. All required arguments are there; others may be, known or not.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: we did not do our work, or need the user's input first.
    async fn get(
        &self,
        arguments: BTreeMap<String, String>,
        context: CallContext,
    ) -> Result<GetPromptResult, ToolError>;
}

/// Proposes values for the arguments of prompts and the parts of resource templates. It runs as calls of tools do.
#[async_trait]
pub trait Completer: fmt::Debug + Send + Sync + 'static {
    /// The proposals for what has been typed so far; none for an argument of which nothing is known. A prompt that is
    /// named exists.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: we did not do our work.
    async fn complete(
        &self,
        params: CompleteParams,
        context: CallContext,
    ) -> Result<CompleteResult, ToolError>;
}
