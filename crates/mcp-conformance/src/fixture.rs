//! A tool made of its definition and one function: what nearly all fixtures are.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Tool, ToolError, async_trait};
use serde_json::{Map, Value, json};

/// The arguments of a call.
pub(crate) type Arguments = Map<String, Value>;
/// What a call comes to.
pub(crate) type Outcome = Result<CallToolResult, ToolError>;

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// A tool of one function.
pub(crate) struct Fixture {
    definition: tools::Tool,
    function: Box<dyn Fn(Arguments, CallContext) -> Running + Send + Sync>,
}

/// A tool without arguments.
pub(crate) fn plain<F>(
    name: &str,
    description: &str,
    function: impl Fn(Arguments, CallContext) -> F + Send + Sync + 'static,
) -> Arc<dyn Tool>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    with_schema(name, description, &json!({"type": "object"}), function)
}

/// A tool with the schema of its arguments.
pub(crate) fn with_schema<F>(
    name: &str,
    description: &str,
    schema: &Value,
    function: impl Fn(Arguments, CallContext) -> F + Send + Sync + 'static,
) -> Arc<dyn Tool>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    Arc::new(Fixture {
        definition: tools::Tool::new(name, object(schema)).with_description(description),
        function: Box::new(move |arguments, context| Box::pin(function(arguments, context))),
    })
}

/// The object that a literal is.
pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// An argument that is text; empty when it is missing.
pub(crate) fn text(arguments: &Arguments, name: &str) -> String {
    let value = arguments.get(name).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

#[async_trait]
impl Tool for Fixture {
    fn definition(&self) -> tools::Tool {
        self.definition.clone()
    }

    async fn call(&self, arguments: Arguments, context: CallContext) -> Outcome {
        (self.function)(arguments, context).await
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fixture({})", self.definition.name)
    }
}
