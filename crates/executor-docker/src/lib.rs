//! The Docker backend: sandboxes as hardened containers of a Docker or Podman engine.
//!
//! [`DockerBackend`] implements the contract of [`executor_core::backend`]. It finds the engine as
//! Docker's own client would ([`DockerSettings`]), refuses an engine that cannot keep every
//! promise, brings the image, and looks at one sandbox from inside before it serves. A container
//! has no network device, a read-only root, an allow-list of system calls and all limits set; it
//! is used once, and certainly removed.
//!
//! ```no_run
//! use executor_core::backend::{SandboxBackend as _, SandboxSpec, Silent};
//! use executor_core::limits::SandboxLimits;
//! use executor_docker::{DockerBackend, DockerSettings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = DockerSettings::new("python:3.12-slim".parse()?);
//! let backend = DockerBackend::connect(settings)?;
//! backend.prepare(&Silent).await?;
//!
//! let command = vec!["python3".to_owned(), "-c".to_owned(), "print(2 + 2)".to_owned()];
//! let mut sandbox = backend.start(&SandboxSpec::new(command, SandboxLimits::default(), 60)).await?;
//! let stream = sandbox.stream();
//! // … `stream` carries what process 1 prints.
//! sandbox.destroy().await?;
//! backend.settle().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is not here: the protocol spoken over the stream, pools, the way out. They are written
//! once, in `executor-core`, for all backends.

mod backend;
mod settings;

mod prepare;
mod runtime;
mod sandbox;
mod start;
mod store;

mod attach;
mod seccomp;
mod spec;

mod gap;
mod image;
mod probe;

mod forgotten;
mod labels;
mod orphans;
mod process;
mod reaper;
mod sweep;

mod client;
mod clock;
mod connect;
mod endpoint;
mod error;
mod facts;
mod failure;
mod report;

pub use backend::{BrokenPromise, DockerBackend};
pub use facts::Enforcement;
pub use gap::Gap;
pub use report::{EngineReport, HostProcess};
pub use settings::{
    DockerSettings, EngineEnvironment, ImageRef, NotARuntime, NotAnImage, PullPolicy, RuntimeName,
};
pub use store::{NotAVolume, VolumeName};

const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<DockerBackend>();
};
