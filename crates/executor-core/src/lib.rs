//! Runs Python programs, each in a fresh, isolated, single-use sandbox.
//!
//! An [`Executor`] on a [backend](backend::SandboxBackend) takes [`ExecutionRequest`]s and gives
//! [`Execution`]s: streams of [`Event`]s that end in exactly one [`Outcome`]. A program that fails
//! is an outcome like any other; an error means that *we* did not do our work. Dropping an
//! execution cancels it: the program and all that it started are killed, its sandbox is destroyed.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use executor_core::backend::SandboxBackend;
//! use executor_core::{Ending, Event, ExecutionRequest, Executor, SandboxError};
//!
//! async fn four(backend: Arc<dyn SandboxBackend>) -> Result<(), SandboxError> {
//!     let executor = Executor::builder(backend).build()?;
//!     let mut execution = executor.execute(ExecutionRequest::new("print(2 + 2)"))?;
//!     while let Some(event) = execution.next().await {
//!         match event {
//!             Event::Output { bytes, .. } => assert_eq!(bytes, "4\n"),
//!             Event::Ended(outcome) => assert!(matches!(outcome.ending, Ending::Exited(0))),
//!             _ => {}
//!         }
//!     }
//!     executor.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! # What is where
//!
//! | to … | look at |
//! |---|---|
//! | run programs | [`Executor`], [`ExecutionRequest`], [`Execution`], [`Event`], [`Outcome`] |
//! | bound them | [`limits`], [`ExecutorSettings`] |
//! | give them files, and take what they make | [`files`], [`Display`], [`media`] |
//! | let them out, or not | [`gateway`] |
//! | give them modules | [`modules`], and [`environments`] to keep those |
//! | write down what was run | [`audit`] |
//! | start sandboxes another way | [`backend`], [`capabilities`] |
//!
//! # What it promises
//!
//! A sandbox gets at most one program. What a backend does not declare to enforce is refused, not
//! ignored. Every buffer, queue and duration has a bound. What was cut, killed or refused is said.
//! The bytes that a sandbox sends are hostile input.

pub mod audit;
pub mod backend;
pub mod capabilities;
mod certificates;
mod display;
pub mod environments;
pub mod error;
mod event;
mod execution;
mod executor;
pub mod files;
pub mod gateway;
pub mod id;
pub mod limits;
pub mod media;
pub mod modules;
mod outcome;
mod output;
mod request;
mod runner;
mod stream;

/// For the fuzz targets; no part of the API.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::stream::fuzzing::{run as stream, seeds as stream_seeds};
}

pub use self::certificates::ExtraCertificates;
pub use self::display::{Column, Display, DisplayKind, Part, Table};
pub use self::error::{ErrorKind, SandboxError};
pub use self::event::Event;
pub use self::execution::Execution;
pub use self::executor::{
    BuildError, BuiltSet, Executor, ExecutorBuilder, ExecutorSettings, HotSet, HotSetError,
    PoolSettings, ShapeSettings,
};
pub use self::outcome::{Ending, Outcome, SandboxDeath, SandboxLoss, Served, Timings, Usage};
pub use self::output::{Captured, Keeper, OutputStream};
pub use self::request::{ExecutionRequest, MAX_STDIN};

const _: () = {
    const fn shared<T: Send + Sync + 'static>() {}
    const fn sent<T: Send + 'static>() {}
    shared::<Executor>();
    shared::<SandboxError>();
    sent::<Execution>();
    sent::<Event>();
};
