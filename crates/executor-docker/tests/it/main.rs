//! The backend against real engines, and against made-up ones for what a real one will not do.
//!
//! `DOCKER_HOST` says where the engine is, `EXECUTOR_TEST_IMAGE` which image to use, and
//! `EXECUTOR_TEST_DOCKER` whether an engine must be there (`require`), may be (`auto`, the default)
//! or is left alone (`off`). What is skipped says so.

#[cfg(test)]
mod engine;
#[cfg(test)]
mod fake;

#[cfg(test)]
mod endings;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hardening;
#[cfg(test)]
mod images;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod leftovers;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod life;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod orphans;
#[cfg(test)]
mod runsc;
#[cfg(test)]
mod store;
#[cfg(test)]
mod unreachable;
