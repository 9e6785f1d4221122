//! A newcomer's first command: the real server, called as a client calls it, with its answers.
//!
//! The scenes and what must come of them are in [`scenes`]; this module sets the stage.

mod origin;
mod pictures;
mod scenes;

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::engine::Afterwards;
use crate::places::{Places, make_dir};
use crate::server::{self, Client};
use crate::{image, process, say};
use origin::Origin;

/// The flag that lets programs reach one private address by a name.
const OPEN_FLAG: &str = "--open";
/// The name by which programs reach the demo's own web server. It is in no DNS.
const ORIGIN_NAME: &str = "origin.demo.test";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave a private engine that this command starts running.
    #[arg(long)]
    keep_engine: bool,
}

/// `cargo xtask demo`.
pub(crate) fn demo(places: &Places, args: &Args) -> Result<()> {
    let engine = server::provide(places, "demo", Afterwards::from_flag(args.keep_engine))?;
    let origin = Origin::start()?;
    let program = server::binary(places);
    let mut command = Command::new(&program);
    engine.point(&mut command);
    process::without_server_settings(&mut command)
        .env("XDG_CONFIG_HOME", places.cache.join("no-settings"))
        .env("MCP_PYTHON_IMAGE", image::IMAGE)
        .arg(OPEN_FLAG)
        .arg(format!("{ORIGIN_NAME}={}", origin.address()));

    let log = places.log("demo-server")?;
    say::progress(
        "demo",
        &format!(
            "starting {}; its log is {}",
            program.display(),
            log.display()
        ),
    );
    let started = Instant::now();
    let mut client = Client::start(&mut command, &log)?;
    let server = client.handshake().context("the handshake failed")?;
    let tools = client
        .tools()
        .context("the server does not list its tools")?;
    say::result(&format!(
        "\n{server} answered in {}; it offers: {}\n",
        say::seconds(started.elapsed()),
        tools.join(", ")
    ));

    let dir = places.target().join("demo");
    make_dir(&dir)?;
    let scenes = scenes::all(&format!("http://{ORIGIN_NAME}/"));
    let mut failures = 0_usize;
    for (number, scene) in scenes.iter().enumerate() {
        if let Err(error) = scene.play(number + 1, &mut client, &dir) {
            failures += 1;
            say::failure(&error.context(format!("scene {} is not as expected", number + 1)));
        }
    }
    client.stop().context("the server did not end well")?;
    if origin.visits() == 0 {
        failures += 1;
        say::result("the demo's own web server was never visited");
    }
    if failures > 0 {
        bail!(
            "{failures} of the demo's expectations were not met; the end of the server's log is:\n{}",
            process::tail(&log)
        );
    }
    say::result(&format!(
        "All {} results are as expected; each came from a fresh container of its own. The pictures are in `{}`.",
        scenes.len(),
        dir.display()
    ));
    Ok(())
}
