//! The one door to every chore: what a newcomer, a contributor and the continuous integration run.
//!
//! Each chore is a module; this file only parses the command line. Nothing here is part of the servers.

mod attack;
mod bench;
mod check;
mod clients;
mod conformance;
mod demo;
mod engine;
mod fuzz;
mod image;
mod install;
mod node;
mod pages;
mod places;
mod process;
mod report;
mod say;
mod server;
mod soak;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use places::Places;

#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask",
    about = "The project's chores; each brings up what it needs"
)]
struct Cli {
    /// Keep the private engine under this directory instead of /var/lib and /run.
    #[arg(long, global = true, value_name = "DIR")]
    engine_dir: Option<PathBuf>,
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Start the real server, call it as a client, and show results with their times.
    Demo(demo::Args),
    /// Run all tests, those against a real engine and with foreign clients included.
    Test(test::Args),
    /// Run the static gate: format, lints, dependencies, documentation and tidiness.
    Check(check::Args),
    /// Build the local stand-in for the default sandbox image.
    Image(image::Args),
    /// Install the foreign clients that the tests call our servers with.
    Clients,
    /// Run the official MCP conformance suite against its fixtures, the product, and a control that must fail.
    Conformance,
    /// Measure the servers beside others, in one run, and judge them by their bounds.
    Bench(bench::Args),
    /// Try the catalogue of attacks on the real server, each with a control that must succeed.
    Attack(attack::Args),
    /// Run innocent and hostile programs for long, with faults, and compare the machine with before.
    Soak(soak::Args),
    /// Try everything that foreign bytes reach with inputs that are nearly valid.
    Fuzz(fuzz::Args),
    /// Bring a private container engine up or down, on a machine that has none.
    Engine(engine::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    process::outlive_interrupts();
    let outcome = Places::find(cli.engine_dir).and_then(|places| match cli.chore {
        Chore::Attack(args) => attack::attack(&places, &args),
        Chore::Demo(args) => demo::demo(&places, &args),
        Chore::Test(args) => test::test(&places, &args),
        Chore::Check(args) => check::check(&places, &args),
        Chore::Clients => clients::clients(&places),
        Chore::Conformance => conformance::conformance(&places),
        Chore::Bench(args) => bench::bench(&places, &args),
        Chore::Image(args) => image::image(&places, &args),
        Chore::Soak(args) => soak::soak(&places, &args),
        Chore::Fuzz(args) => fuzz::fuzz(&places, &args),
        Chore::Engine(args) => engine::engine(&places, &args),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::failure(&error);
            ExitCode::FAILURE
        }
    }
}
