//! What both servers are made of: settings, log, signals, `doctor`, `run`, and the assembly of
//! backend, executor, tool and MCP server.
//!
//! A binary is a transport and one call of [`launch`]:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use server_app::exit_codes::Exit;
//! use server_app::{Program, Serving, launch};
//!
//! fn main() -> ExitCode {
//!     launch(Program::STDIO, async |serving: Serving| {
//!         let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
//!         match serving.server.serve(input, output, serving.shutdown).await {
//!             Ok(()) => Exit::Success,
//!             Err(_) => Exit::Failure,
//!         }
//!     })
//! }
//! ```
//!
//! This is the only crate that names both columns besides `executor-tools`, and the only one that
//! reads the process's environment. It decides nothing about isolation and speaks no protocol.

mod cli;
mod launch;

pub mod exit_codes;
pub mod settings;

/// For the fuzz targets; no part of the API.
#[doc(hidden)]
pub mod fuzzing;

mod assembly;
pub mod audit;
mod doctor;
mod environments;
mod run;

mod environment;
mod failure;
mod gaps;
mod log_queue;
mod logging;
mod secret;
mod signals;
mod trust;

pub use self::cli::Program;
pub use self::launch::{Serving, launch};
pub use self::secret::Secret;
pub use self::trust::{FoundCertificates, TrustedCertificates};
