//! The real server as the chores use it: made ready, started, and called over its standard input and output.

mod client;
mod conversation;

use std::path::PathBuf;
use std::thread;

use anyhow::{Result, anyhow};

use crate::engine::{Afterwards, Engine};
use crate::places::Places;
use crate::{image, process, say};

pub(crate) use client::Client;
pub(crate) use conversation::Conversation;

/// Compiles the server while an engine with the image is made ready; `chore` is who says so.
pub(crate) fn provide(places: &Places, chore: &str, afterwards: Afterwards) -> Result<Engine> {
    thread::scope(|scope| {
        let engine = scope.spawn(|| image::on_engine(places, afterwards));
        say::progress(chore, "compiling the server");
        let mut build = process::cargo(&places.workspace);
        let built = process::run(build.args(["build", "--package", "server-stdio", "--bins"]));
        let engine = engine
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the thread that provides the engine panicked")))?;
        built.map(|()| engine)
    })
}

/// Where its binary lies once it is compiled.
pub(crate) fn binary(places: &Places) -> PathBuf {
    places.built().join("mcp-python-stdio")
}
