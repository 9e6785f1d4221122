//! All fixtures in one server, and a server without any.

use std::sync::Arc;

use mcp_protocol::lifecycle::Implementation;
use mcp_server::{Server, ToolRefused};

use crate::{asking, content, fixture, lasting, prompts, resources, telling};

/// The server that the suite wants to see.
pub(crate) fn server() -> Result<Server, ToolRefused> {
    let info = Implementation::new("mcp-conformance", env!("CARGO_PKG_VERSION"));
    let mut builder = Server::builder(info)
        .instructions("Offers the fixtures of the conformance suite")
        .resources(Arc::new(resources::Fixtures))
        .completions(Arc::new(prompts::Proposals))
        .logging()
        .tasks()
        .announces_tools()
        .announces_prompts()
        .announces_resources()
        .announces_updates();
    for tool in [
        content::tools(),
        telling::tools(),
        asking::tools(),
        lasting::tools(),
    ]
    .concat()
    {
        builder = builder.tool(tool);
    }
    for prompt in prompts::prompts() {
        builder = builder.prompt(prompt);
    }
    builder.build()
}

/// A server that offers nothing of what the suite asks for.
pub(crate) fn bare() -> Result<Server, ToolRefused> {
    let info = Implementation::new("mcp-conformance-bare", env!("CARGO_PKG_VERSION"));
    let idle = fixture::plain("idle", "Does nothing", |_, _| async {
        content::said("nothing was done")
    });
    Server::builder(info).tool(idle).build()
}
