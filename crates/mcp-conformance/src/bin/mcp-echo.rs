//! A server with one tool, `echo`: what is measured beside a server of the same shape on another library. It belongs
//! to no product.
//!
//! `mcp-echo` serves standard input and output; `mcp-echo http` serves a loopback address, and says which on its first
//! line of output.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use mcp_protocol::content::ContentBlock;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Server, ServerLimits, Tool, ToolError, ToolRefused, async_trait};
use serde_json::{Map, Value, json};
use server_sse::HttpSettings;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What this server has room for: more than the measurements open at once, which is more than the defaults allow.
const CLIENTS: usize = 2048;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => stdio().await,
        Some("http") => http().await,
        Some(other) => anyhow::bail!("nothing is known of `{other}`"),
    }
}

async fn stdio() -> anyhow::Result<()> {
    let serving = server()?.serve_stdio(CancellationToken::new());
    serving.await.context("cannot serve")
}

async fn http() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("cannot listen")?;
    let local = listener.local_addr().context("cannot tell the address")?;
    writeln!(std::io::stdout(), "http://{local}/mcp").context("cannot say where")?;
    let mut settings = HttpSettings::default();
    settings.max_sessions = CLIENTS;
    settings.max_connections = CLIENTS;
    let serving = server_sse::serve(listener, server()?, settings, CancellationToken::new());
    serving.await.context("cannot serve")
}

fn server() -> Result<Server, ToolRefused> {
    let mut limits = ServerLimits::default();
    limits.calls = CLIENTS;
    Server::builder(Implementation::new("echo", "1.0.0"))
        .tool(Arc::new(Echo))
        .announces_tools()
        .limits(limits)
        .build()
}

/// Says what it is told.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl Tool for Echo {
    fn definition(&self) -> tools::Tool {
        let schema = json!({
            "type": "object",
            "properties": { "text": { "type": "string" } },
            "required": ["text"],
        });
        tools::Tool::new("echo", schema.as_object().cloned().unwrap_or_default())
            .with_description("Says what it is told")
    }

    async fn call(
        &self,
        mut arguments: Map<String, Value>,
        _context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        Ok(match arguments.remove("text") {
            Some(Value::String(text)) => CallToolResult::new(vec![ContentBlock::text(text)]),
            _ => CallToolResult::error("`text` must be a string"),
        })
    }
}
