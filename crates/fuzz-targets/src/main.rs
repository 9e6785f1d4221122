//! `fuzz`: tries the targets; `cargo xtask fuzz` builds and starts it.

use std::process::ExitCode;

use clap::Parser as _;
use fuzz_targets::cli::{self, Args};

fn main() -> ExitCode {
    cli::main(&Args::parse())
}
