//! `mcp-python-sse`: the binary.

use std::process::ExitCode;

use server_app::exit_codes::Exit;
use server_app::{Program, Serving, launch};
use server_sse::HttpSettings;
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
    let mut settings = HttpSettings::from(&serving.http);
    settings.audit = serving.audit;
    server_sse::serve(listener, serving.server, settings, serving.shutdown).await
}
