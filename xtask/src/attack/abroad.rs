//! Attacks that are played in the world around a server: what comes before them there, and one program on either side.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::case::Finding;
use super::evidence::Evidence;
use super::program::Program;
use super::scene::Side;
use super::stage::Stage;
use super::subject::Subject;
use super::weak;
use super::world::World;
use crate::server::binary;

/// Where the weak side has what stands for the gateway's relay.
const PROXY: &str = "http://127.0.0.1:3128";

/// Plays in a world of its own and notes what arrived there; or says of every attack that this machine cannot try it.
pub(super) fn play(
    stage: &Stage<'_>,
    ids: &[&'static str],
    scene: impl FnOnce(&World<'_>) -> Result<Evidence>,
) -> Result<Evidence> {
    if let Some(what) = World::lacks() {
        return Ok(lacking(ids, what));
    }
    let world = World::build(stage).context("the world could not be built")?;
    let mut evidence = scene(&world)?;
    evidence.arrived.extend(world.heard().0);
    Ok(evidence)
}

/// Starts a server in the world. It says of itself what the name is.
pub(super) fn server(
    stage: &Stage<'_>,
    world: &World<'_>,
    name: &str,
    limits: &[&str],
    more: &[&str],
) -> Result<Subject> {
    let command = world.command(&binary(stage.places));
    let options: Vec<String> = limits.iter().chain(more).map(|&o| o.to_owned()).collect();
    Subject::start(stage, name, command, &options)
}

/// One program, tried by a server that lets programs reach public addresses, or in a weak container.
pub(super) struct Visit<'a> {
    /// What the server is called.
    pub(super) server: &'a str,
    /// The limits of its programs.
    pub(super) limits: &'a [&'a str],
    /// The program, by the proxy that it has to be told of.
    pub(super) program: &'a dyn Fn(Option<&str>) -> Result<Program>,
    /// How long it may take.
    pub(super) time: Duration,
}

impl Visit<'_> {
    /// Plays it on one side.
    pub(super) fn play(
        &self,
        stage: &Stage<'_>,
        world: &World<'_>,
        side: &Side<'_>,
    ) -> Result<Evidence> {
        match side {
            Side::Sandbox(_) => {
                let network = ["--network", "public"];
                let mut subject = server(stage, world, self.server, self.limits, &network)?;
                let program = (self.program)(None)?;
                let evidence = program.in_sandbox(stage, &mut subject, self.time)?;
                subject.is_sound(stage, evidence.seen.container.as_deref())?;
                subject.stop(stage)?;
                Ok(evidence)
            }
            Side::Weak(weakness) => {
                let source = (self.program)(Some(PROXY))?.source(stage);
                let network = world.network();
                let ended = weak::run_in(stage, weakness, Some(&network), &source, self.time)?;
                let mut evidence = Evidence {
                    output: ended.output,
                    ..Evidence::default()
                };
                evidence.read_answers();
                Ok(evidence)
            }
        }
    }
}

fn lacking(ids: &[&'static str], what: &str) -> Evidence {
    let word = format!("absent: this machine lacks {what}");
    Evidence {
        answers: ids
            .iter()
            .map(|id| ((*id).to_owned(), word.clone()))
            .collect(),
        findings: ids
            .iter()
            .map(|id| (*id, Finding::Refused(word.clone())))
            .collect(),
        ..Evidence::default()
    }
}
