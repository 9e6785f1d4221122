//! The whole server on a real engine: what a client may expect, and what no program may do.
//!
//! One test at a time uses the engine, because most of them measure time.

mod audit;
mod browser;
mod calls;
mod cancel;
pub(crate) mod client;
mod crowd;
mod environments;
mod faults;
mod hostile;
mod hot;
mod live;
mod loopback;
mod modules;
mod notebook;
mod results;
mod results_bounds;
mod results_bytes;
mod results_hints;
mod results_inspector;
mod results_pictures;
mod results_shell;
mod results_tables;
mod tasks;
mod way_out;
