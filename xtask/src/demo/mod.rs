//! A newcomer's first command: the real server, called as a client calls it, with its answers.
//!
//! The scenes and what must come of them are in [`scenes`]; this module sets the stage.

pub(crate) mod client;
mod origin;
mod scenes;

use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::engine::{Afterwards, Engine};
use crate::places::Places;
use crate::{image, process, say};
use client::Client;
use origin::Origin;

/// The flag that lets programs reach one private address by a name.
const OPEN_FLAG: &str = "--open";
/// The name by which programs reach the demo's own web server. It is in no DNS.
const ORIGIN_NAME: &str = "origin.demo.test";
/// The package of the server's binary, and its name.
const SERVER: (&str, &str) = ("server-stdio", "mcp-python-stdio");

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave a private engine that this command starts running.
    #[arg(long)]
    keep_engine: bool,
}

/// `cargo xtask demo`.
pub(crate) fn demo(places: &Places, args: &Args) -> Result<()> {
    let engine = provide(places, args)?;
    let origin = Origin::start()?;
    let program = places.built().join(SERVER.1);
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

    let scenes = scenes::all(&format!("http://{ORIGIN_NAME}/"));
    let mut failures = 0_usize;
    for (number, scene) in scenes.iter().enumerate() {
        if let Err(error) = scene.play(number + 1, &mut client) {
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
        "All {} results are as expected; each came from a fresh container of its own.",
        scenes.len()
    ));
    Ok(())
}

/// Compiles the server while the engine and the image are made ready.
fn provide(places: &Places, args: &Args) -> Result<Engine> {
    thread::scope(|scope| {
        let engine = scope.spawn(|| {
            let engine = Engine::ensure(places, Afterwards::from_flag(args.keep_engine))?;
            image::ensure(places, &engine)?;
            anyhow::Ok(engine)
        });
        say::progress("demo", "compiling the server");
        let built = process::run(process::cargo(&places.workspace).args([
            "build",
            "--package",
            SERVER.0,
            "--bins",
        ]));
        let engine = engine
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the thread that provides the engine panicked")))?;
        built.map(|()| engine)
    })
}
