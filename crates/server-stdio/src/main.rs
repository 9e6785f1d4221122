//! `mcp-python-stdio`: the binary.

use std::process::ExitCode;

use server_app::{Program, Serving, launch};

fn main() -> ExitCode {
    launch(Program::STDIO, async |serving: Serving| {
        if let Some(greeting) = server_stdio::greeting(&std::io::stdin()) {
            tracing::info!("{greeting}");
        }
        server_stdio::serve_process(serving.server, serving.shutdown).await
    })
}
