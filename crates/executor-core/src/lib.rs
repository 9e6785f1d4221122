//! Runs Python programs in fresh, single-use sandboxes: the contract, the executor and the way out.

pub mod backend;
pub mod capabilities;
pub mod error;
pub mod id;
pub mod limits;
pub mod output;
