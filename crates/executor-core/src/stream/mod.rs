//! The host's end of a sandbox's one byte stream: frames both ways, flow control, and a check of every byte.
//!
//! Everything that arrives is hostile input. What breaks the rules of `docs/stream.md` becomes one
//! [`StreamError`] that names it, and the link is over; the caller destroys the sandbox. This module does
//! not know how a sandbox is started, what a proxied connection speaks, or what an outcome means.
//!
//! From the wire up:
//!
//! | module | holds |
//! |---|---|
//! | `frame` | kinds, bounds, encoder and push decoder; pure |
//! | `credit` | the two halves of a window |
//! | `command`, `report` | the JSON of control frames, converted to types of ours |
//! | `results` | what a run leaves to be seen, gathered and held against its bounds; pure |
//! | `proxied` | the state of one proxied connection |
//! | `standard` | what is kept of the standard streams |
//! | `state` | all rules: what may come when, and what is to be sent next; pure |
//! | `channel` | a proxied connection as `AsyncRead + AsyncWrite` |
//! | `fuzzing` | what must hold of any bytes, for the fuzz targets |
//! | `link` | the tasks that move bytes, and the face towards the executor |

mod awaited;
mod channel;
mod command;
mod credit;
mod error;
mod frame;
pub(crate) mod fuzzing;
mod link;
mod proxied;
mod report;
mod results;
mod standard;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use self::command::{Ahead, RunCommand, SetWish, Surroundings};
pub(crate) use self::error::StreamError;
pub(crate) use self::link::{Feeder, Link, LinkEvent, LinkSettings};
pub(crate) use self::report::{Cause, Exit, Missing, Prepared, Ready, Report, Sets, Trusted};
pub(crate) use self::results::Item;
