//! Embeds the executor in a program of one's own: no MCP, one call, live output.
//!
//! `cargo run --package executor-docker --example embed [IMAGE]`

use std::io::Write as _;
use std::sync::Arc;

use executor_core::backend::Progress;
use executor_core::{Event, ExecutionRequest, Executor, OutputStream};
use executor_docker::{DockerBackend, DockerSettings, EngineEnvironment};

const PROGRAM: &str = "
import platform
print('hello from', platform.python_version())
1 / 0
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let image = std::env::args()
        .nth(1)
        .unwrap_or_else(|| DEFAULT_IMAGE.to_owned());
    let mut settings = DockerSettings::new(image.parse()?);
    settings.environment = EngineEnvironment::from_lookup(variable);
    let executor = Executor::builder(Arc::new(DockerBackend::connect(settings)?)).build()?;
    executor.prepare(&OnStderr).await?;

    let mut execution = executor.execute(ExecutionRequest::new(PROGRAM))?;
    while let Some(event) = execution.next().await {
        match event {
            Event::Output {
                stream: OutputStream::Stdout,
                bytes,
            } => {
                std::io::stdout().write_all(&bytes)?;
            }
            Event::Output {
                stream: OutputStream::Stderr,
                bytes,
            } => {
                std::io::stderr().write_all(&bytes)?;
            }
            Event::Ended(outcome) => {
                writeln!(
                    std::io::stderr(),
                    "{} after {:?}, {:?} of which the program",
                    outcome.ending,
                    outcome.timings.start + outcome.timings.program,
                    outcome.timings.program,
                )?;
            }
            _ => {}
        }
    }
    // Waits until nothing is left of it.
    executor.shutdown().await;
    Ok(())
}

const DEFAULT_IMAGE: &str = "mcr.microsoft.com/playwright/python:v1.53.0-noble";

struct OnStderr;

impl Progress for OnStderr {
    fn report(&self, message: &str) {
        let _ = writeln!(std::io::stderr(), "{message}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example is a program of its own"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
