//! What a backend of `executor-core` is tested with.
//!
//! A backend is right when the [laws] hold on it, each a scenario with a number, run by
//! [`law_tests!`] in the backend's own tests. A law looks from inside with [probes], and from
//! outside through a [`Witness`](witness::Witness). This crate's own tests hold the laws against
//! *liars*: backends that each break one law, which the law must notice.
//!
//! | to … | look at |
//! |---|---|
//! | hold a backend against the contract | [`laws`], [`law_tests!`] |
//! | run programs without an engine | [`unconfined`] |
//! | look at a sandbox from inside | [`probes`] |
//! | look at an engine from outside, or skip where there is none | [`engine`], [`witness`] |
//! | have an engine that does not do what it was asked for | [`lying`] |
//! | have an engine that fails, or that may be killed | [`faults`] |
//! | install from an index that is not to be trusted | [`index`] |
//! | see or change the frames of a stream | [`tap`] |

pub mod engine;
pub mod faults;
pub mod index;
pub mod laws;
pub mod lying;
pub mod probes;
pub mod tap;
pub mod unconfined;
pub mod witness;
