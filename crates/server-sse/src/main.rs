//! `mcp-python-sse`: the binary.

use std::net::IpAddr;
use std::process::ExitCode;

use server_app::exit_codes::Exit;
use server_app::settings::HttpSettings as Chosen;
use server_app::{Program, Serving, launch};
use server_sse::{BearerToken, HttpSettings};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    launch(Program::HTTP, async |serving: Serving| {
        let address = serving.http.bind;
        match serve(serving).await {
            Ok(()) => Exit::Success,
            Err(error) => {
                tracing::error!(%error, "failed to listen on `{address}`");
                Exit::CannotListen
            }
        }
    })
}

async fn serve(serving: Serving) -> std::io::Result<()> {
    let listener = TcpListener::bind(serving.http.bind).await?;
    tracing::info!("listening on http://{}/mcp", listener.local_addr()?);
    let settings = transport(&serving.http);
    server_sse::serve(listener, serving.server, settings, serving.shutdown).await
}

/// The transport's own settings, with the rest as it recommends them.
fn transport(chosen: &Chosen) -> HttpSettings {
    let mut settings = HttpSettings::default();
    settings.token = chosen
        .token
        .as_ref()
        .and_then(|token| BearerToken::new(token.reveal()));
    // Whoever binds an address may be addressed by it; "all addresses" is not one.
    match chosen.bind.ip() {
        ip if ip.is_unspecified() => {}
        IpAddr::V6(ip) => settings.allowed_hosts.push(format!("[{ip}]")),
        IpAddr::V4(ip) => settings.allowed_hosts.push(ip.to_string()),
    }
    settings
        .allowed_hosts
        .extend(chosen.allowed_hosts.iter().cloned());
    settings
        .allowed_origins
        .extend(chosen.allowed_origins.iter().cloned());
    settings.public_prefix.clone_from(&chosen.public_prefix);
    settings.max_body_bytes = usize::try_from(chosen.max_body.get()).unwrap_or(usize::MAX);
    settings.max_sessions = chosen.max_sessions;
    settings.session_idle = chosen.session_idle;
    settings
}
