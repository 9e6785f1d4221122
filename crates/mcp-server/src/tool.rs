//! What a server can do: the [`Tool`] trait, and on whose behalf it is called. Who calls it, and when, is the driver's.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use mcp_protocol::tools::{self, CallToolResult};
use serde_json::{Map, Value};

use crate::{CallContext, ToolError};

/// A tool that clients can call.
///
/// Calls run concurrently, each in a task of its own. **Dropping the future of a call cancels it**: a cancel
/// notification, a client that goes away and a shutdown all do that, and the server waits for the drop to end before
/// it says that it has stopped. A panic of a call is answered with an internal error, and the server lives on.
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync + 'static {
    /// What clients see of it. Asked once, when it is given to the builder; the name must be unique there. Names are 1 to
    /// [`MAX_TOOL_NAME`](crate::MAX_TOOL_NAME) letters, digits, `_`, `-` and `.`, of which some clients take 64; models
    /// choose a tool by its description. Schemas are JSON Schema 2020-12 without references to elsewhere, of at most
    /// [`MAX_DEPTH`](mcp_protocol::schema::MAX_DEPTH) levels and [`MAX_VALUES`](mcp_protocol::schema::MAX_VALUES) values; that of
    /// the arguments has `"type": "object"` at its root. What does not keep to that is refused by
    /// [`ServerBuilder::build`](crate::ServerBuilder::build).
    fn definition(&self) -> tools::Tool;

    /// Does the work. `arguments` is the object as it was sent, not yet checked against the tool's schema: arguments
    /// that do not fit are an `Ok` result with `is_error`, which a model can mend.
    ///
    /// # Errors
    ///
    /// [`ToolError`] means that *we* did not do our work. A program that failed is an `Ok` result with `is_error`.
    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError>;
}

/// On whose behalf something is asked. What belongs to one principal is unknown to the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A principal that a transport has authenticated, by a name that is not a secret.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Whoever holds the other end of the pipe, or the loopback without a token.
    #[must_use]
    pub fn local() -> Self {
        Self::new("local")
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
