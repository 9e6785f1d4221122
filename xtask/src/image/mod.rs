//! The local stand-in for the default sandbox image, made from Debian packages.
//!
//! It has the face of the official Playwright image: `python3`, pip, and Chromium where the
//! Playwright of the same version looks for it. It is rebuilt only when its recipe changes.
//! Where it cannot be built, the official image is pulled and takes its name.

mod recipe;
mod sources;

use std::fs::File;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::engine::{Afterwards, Engine};
use crate::places::{Places, make_dir};
use crate::{install, process, say};
use recipe::Recipe;

/// The stand-in's name on the engine.
pub(crate) const IMAGE: &str = "mcp-python-executor:local";
/// The image that it stands in for, and the servers' default.
const OFFICIAL_IMAGE: &str = "mcr.microsoft.com/playwright/python:v1.53.0-noble";
/// The label that holds the hash of the recipe.
const RECIPE_LABEL: &str = "mcp-python-executor.recipe";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build it anew even if it is there.
    #[arg(long)]
    rebuild: bool,
    /// Leave a private engine that this command starts running.
    #[arg(long)]
    keep_engine: bool,
}

/// `cargo xtask image`.
pub(crate) fn image(places: &Places, args: &Args) -> Result<()> {
    let engine = Engine::ensure(places, Afterwards::from_flag(args.keep_engine))?;
    let _turn = build_lock(places)?;
    let recipe = Recipe::new();
    if args.rebuild || !is_current(&engine, &recipe) {
        provide(places, &engine, &recipe)?;
    }
    say::result(IMAGE);
    Ok(())
}

/// An engine that has the image.
pub(crate) fn on_engine(places: &Places, afterwards: Afterwards) -> Result<Engine> {
    let engine = Engine::ensure(places, afterwards)?;
    ensure(places, &engine)?;
    Ok(engine)
}

/// Makes sure that the engine has the stand-in of the present recipe.
pub(crate) fn ensure(places: &Places, engine: &Engine) -> Result<()> {
    let _turn = build_lock(places)?;
    let recipe = Recipe::new();
    if is_current(engine, &recipe) {
        say::progress("image", &format!("{IMAGE} is there"));
        return Ok(());
    }
    provide(places, engine, &recipe)
}

/// Whether the engine's image is of this recipe, or is the official one under our name.
fn is_current(engine: &Engine, recipe: &Recipe) -> bool {
    let label = format!("{{{{index .Config.Labels \"{RECIPE_LABEL}\"}}}}");
    inspect(engine, IMAGE, &label).is_some_and(|hash| hash == recipe.hash())
        || inspect(engine, IMAGE, "{{.Id}}")
            .is_some_and(|id| inspect(engine, OFFICIAL_IMAGE, "{{.Id}}") == Some(id))
}

fn provide(places: &Places, engine: &Engine, recipe: &Recipe) -> Result<()> {
    if process::find("mmdebstrap").is_none() && !install::may_install() {
        say::progress(
            "image",
            "only Debian can build the stand-in: pulling the official image",
        );
        process::run(engine.docker().args(["pull", OFFICIAL_IMAGE]))?;
        return process::run(engine.docker().args(["tag", OFFICIAL_IMAGE, IMAGE]));
    }
    build(places, engine, recipe).context("failed to build the sandbox image")
}

fn build(places: &Places, engine: &Engine, recipe: &Recipe) -> Result<()> {
    let started = Instant::now();
    if install::may_install() {
        let tools = ["mmdebstrap", "debian-archive-keyring", "ca-certificates"];
        install::packages(places, &tools, "building the sandbox image")?;
    }
    say::progress(
        "image",
        "building from Debian packages; this takes one to three minutes",
    );
    // Beside the cache, not in memory: the archive has more than a gigabyte.
    let dir = tempfile::Builder::new()
        .prefix("image-")
        .tempdir_in(&places.cache)
        .context("cannot make a directory for the image")?;
    let archive = dir.path().join("root.tar");
    let hook = dir.path().join("customise.sh");
    recipe.write_hook(&hook)?;
    let mut command = Command::new("mmdebstrap");
    recipe.describe(&mut command, &hook);
    for option in sources::apt_options() {
        command.arg(format!("--aptopt={option}"));
    }
    command.arg(recipe::RELEASE).arg(&archive);
    if let Some(list) = sources::for_release(recipe::RELEASE) {
        let sources = dir.path().join("sources.list");
        std::fs::write(&sources, list)
            .with_context(|| format!("cannot write `{}`", sources.display()))?;
        command.arg(&sources);
    }
    let mut last = Vec::new();
    process::run_watched(&mut command, |line| {
        match line.strip_prefix("I: ") {
            // The name of a directory that is gone in a minute helps nobody.
            Some(step) if !step.contains("tempdir") => say::progress("image", step),
            _ => {}
        }
        remember(&mut last, line);
    })
    .with_context(|| format!("the builder's last words are:\n{}", last.join("\n")))?;

    say::progress("image", "importing it into the engine");
    let replaced = inspect(engine, IMAGE, "{{.Id}}");
    let mut import = engine.docker();
    import.arg("import");
    for change in recipe::changes() {
        import.args(["--change", &change]);
    }
    import.args([
        "--change",
        &format!("LABEL {RECIPE_LABEL}={}", recipe.hash()),
    ]);
    process::read(import.arg(&archive).arg(IMAGE)).context("failed to import the image")?;
    if let Some(replaced) = replaced {
        // Refused while a container still uses it; then it goes with the engine's own cleaning.
        let _ = process::read(engine.docker().args(["image", "rm", &replaced]));
    }
    say::progress(
        "image",
        &format!("{IMAGE} built in {}", say::seconds(started.elapsed())),
    );
    Ok(())
}

/// One line of what the engine knows of an image; none when there is no such image.
fn inspect(engine: &Engine, image: &str, format: &str) -> Option<String> {
    process::read(
        engine
            .docker()
            .args(["image", "inspect", "--format", format, image]),
    )
    .ok()
}

/// Keeps the last lines of a builder that may fail.
fn remember(last: &mut Vec<String>, line: &str) {
    const KEPT: usize = 15;
    if last.len() == KEPT {
        last.remove(0);
    }
    last.push(format!("    {line}"));
}

/// Two chores do not build the same image at once.
fn build_lock(places: &Places) -> Result<File> {
    make_dir(&places.cache)?;
    let path = places.cache.join("image.lock");
    let file = File::create(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
    if file.try_lock().is_err() {
        say::progress("image", "waiting for another chore that builds it");
        file.lock()
            .with_context(|| format!("cannot lock `{}`", path.display()))?;
    }
    Ok(file)
}
