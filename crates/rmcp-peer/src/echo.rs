//! A server on rmcp with one tool, `echo`: what the measurements hold our own of the same shape against.
//!
//! `rmcp-echo` serves standard input and output; `rmcp-echo http` serves a loopback address, and says which on its
//! first line of output. Everything is as rmcp recommends it: the transports that it is fastest with, its defaults.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use axum::serve::ListenerExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
    SubscriptionFilter, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => stdio().await,
        Some("http") => http().await,
        Some(other) => anyhow::bail!("nothing is known of `{other}`"),
    }
}

async fn stdio() -> Result<()> {
    let serving = Echo.serve(rmcp::transport::io::stdio_pipes()).await;
    serving
        .context("cannot serve")?
        .waiting()
        .await
        .context("cannot end")?;
    Ok(())
}

async fn http() -> Result<()> {
    let service: StreamableHttpService<Echo, LocalSessionManager> = StreamableHttpService::new(
        || Ok(Echo),
        std::sync::Arc::default(),
        StreamableHttpServerConfig::default(),
    );
    let router = axum::Router::new().route_service("/mcp", service);
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("cannot listen")?;
    let local = listener.local_addr().context("cannot tell the address")?;
    writeln!(std::io::stdout(), "http://{local}/mcp").context("cannot say where")?;
    // Without it every answer in two pieces waits for the client's acknowledgement, some 40 ms.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, router).await.context("cannot serve")
}

/// Says what it is told.
#[derive(Clone, Debug)]
struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("echo", "1.0.0"))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = object(json!({
            "type": "object",
            "properties": { "text": { "type": "string" } },
            "required": ["text"],
        }));
        let tool = Tool::new("echo", "Says what it is told", schema);
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name != "echo" {
            return Err(ErrorData::invalid_params("no such tool", None));
        }
        let mut arguments = request.arguments.unwrap_or_default();
        let Some(Value::String(text)) = arguments.remove("text") else {
            return Err(ErrorData::invalid_params("`text` must be a string", None));
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}
