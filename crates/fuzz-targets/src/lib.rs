//! What foreign bytes reach, as functions over bytes, and a generator of bytes that are nearly right.
//!
//! A [target](target::Target) is a plain function that takes an input and says what must hold, so it runs under any
//! fuzzer and under none. [`generate`] makes inputs from a corpus of valid ones, deterministically: a target, a seed and a
//! number name an input for good. [`run`] does that on all processors and keeps what breaks; `cargo xtask fuzz` is its
//! door, and the door to a coverage-guided run where a nightly toolchain is installed.
//!
//! | module | concern |
//! |---|---|
//! | [`target`], [`targets`] | what is tried |
//! | [`generate`] | what it is tried with |
//! | [`run`] | trying, counting, keeping |
//! | [`cli`] | the command line of the binary |
//!
//! Not part of the product, and nothing depends on it.

pub mod cli;
pub mod generate;
pub mod run;
pub mod target;
pub mod targets;
