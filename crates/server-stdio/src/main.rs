//! `mcp-python-stdio`: the binary.

use std::process::ExitCode;

use server_app::{Program, Serving, launch};

fn main() -> ExitCode {
    launch(Program::STDIO, async |serving: Serving| {
        if let Some(greeting) = server_stdio::greeting(&std::io::stdin()) {
            tracing::info!("{greeting}");
        }
        let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
        server_stdio::serve(serving.server, input, output, serving.shutdown).await
    })
}
