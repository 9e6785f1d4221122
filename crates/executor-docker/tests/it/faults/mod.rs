//! Engines that fail: every call gets exactly one answer in bounded time, the executor recovers by itself, and nothing
//! is left behind or taken from others.
//!
//! What a proxy can pretend is pretended before the tests' own engine; what it cannot is done to an engine that nobody
//! else uses.

mod away;
mod calls;
mod clock;
mod members;
mod sacrifice;
mod slow;
mod subject;
