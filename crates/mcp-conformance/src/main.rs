//! The server that the official conformance suite wants to see: its fixture tools, resources and prompts on the same
//! engine and the same HTTP side as the product. It does nothing useful, and belongs to no product.
//!
//! `mcp-conformance [--bare] [ADDRESS]` serves `http://ADDRESS/mcp` (`127.0.0.1:0` unless told otherwise), and says where
//! on its first line of output. With `--bare` it offers none of the fixtures: a scenario about them that passes then
//! proves nothing.

mod asking;
mod content;
mod fixture;
mod lasting;
mod prompts;
mod resources;
mod schemas;
mod server;
mod telling;

#[cfg(test)]
mod tests;

use std::io::Write as _;

use anyhow::Context as _;
use server_sse::HttpSettings;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1).peekable();
    let bare = args.next_if(|arg| arg == "--bare").is_some();
    let address = args.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:0");
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on `{address}`"))?;
    let local = listener.local_addr().context("cannot tell the address")?;
    writeln!(std::io::stdout(), "http://{local}/mcp").context("cannot say where")?;
    let shutdown = CancellationToken::new();
    let server = if bare {
        server::bare()
    } else {
        server::server()
    }
    .context("cannot offer everything")?;
    let serving = server_sse::serve(listener, server, HttpSettings::default(), shutdown.clone());
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served.context("cannot serve"),
        pressed = tokio::signal::ctrl_c() => pressed.context("cannot wait for an interrupt")?,
    }
    shutdown.cancel();
    serving.await.context("cannot end")
}
