//! One attack program: what it is told, how it is run on either side, and what is gathered from it.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::evidence::Evidence;
use super::scene::Side;
use super::servers::Kind;
use super::stage::Stage;
use super::subject::{Containers, Subject};
use super::watch::Watch;
use super::weak;

/// What all programs begin with.
const PRELUDE: &str = include_str!("programs/_prelude.py");
/// The numbers of the system calls, by architecture.
const NUMBERS: &str = include_str!("programs/numbers.json");

/// A program with what it is told.
#[derive(Debug)]
pub(super) struct Program {
    text: &'static str,
    ids: Vec<&'static str>,
    more: Value,
    /// What the names of its processes begin with.
    pub(super) mark: String,
}

impl Program {
    /// A program that tries these attacks, and is told `more` besides what all are told.
    pub(super) fn new(text: &'static str, ids: &[&'static str], more: Value) -> Result<Self> {
        Ok(Self {
            text,
            ids: ids.to_vec(),
            more,
            mark: Stage::mark()?,
        })
    }

    /// A word that it is told besides.
    pub(super) fn told(&self, name: &str) -> String {
        let word = self.more.get(name).and_then(Value::as_str);
        word.unwrap_or_default().to_owned()
    }

    /// A number that it is told besides.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.more.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// The program as Python reads it.
    pub(super) fn source(&self, stage: &Stage<'_>) -> String {
        let mut told = stage.parameters(&self.mark, &self.ids);
        if let (Some(told), Some(more)) = (told.as_object_mut(), self.more.as_object()) {
            told.extend(more.clone());
        }
        // A string of JSON is one of Python as well.
        let literal = |text: &str| Value::from(text).to_string();
        let prelude = PRELUDE
            .replace("@PARAMETERS@", &literal(&told.to_string()))
            .replace("@NUMBERS@", &literal(NUMBERS));
        format!("{prelude}\n{}", self.text)
    }

    /// Runs it on one side, and looks after the server behind it.
    pub(super) fn run(
        &self,
        stage: &Stage<'_>,
        side: Side<'_>,
        server: Kind,
        time: Duration,
    ) -> Result<Evidence> {
        match side {
            Side::Sandbox(servers) => {
                let subject = servers.get(stage, server)?;
                let evidence = self.in_sandbox(stage, subject, time)?;
                subject.is_sound(stage, evidence.seen.container.as_deref())?;
                Ok(evidence)
            }
            Side::Weak(weakness) => self.gather(stage, None, |source, evidence| {
                let ended = weak::run(stage, weakness, source, time)?;
                evidence.output = ended.output;
                evidence.overran = ended.overran;
                Ok(())
            }),
        }
    }

    /// Runs it in a sandbox of this server.
    pub(super) fn in_sandbox(
        &self,
        stage: &Stage<'_>,
        subject: &mut Subject,
        time: Duration,
    ) -> Result<Evidence> {
        let kernels = stage
            .has_own_kernel()
            .then(|| Containers::of(stage, subject.process()));
        self.gather(stage, kernels, |source, evidence| {
            evidence.in_sandbox = true;
            evidence.result = subject.run(source, time)?;
            let Some(printed) = evidence.field("stdout").as_str() else {
                bail!("the call failed: {}", evidence.text());
            };
            evidence.output = printed.to_owned();
            Ok(())
        })
    }

    fn gather(
        &self,
        stage: &Stage<'_>,
        kernels: Option<Containers>,
        run: impl FnOnce(&str, &mut Evidence) -> Result<()>,
    ) -> Result<Evidence> {
        let mut evidence = Evidence {
            tried: self.ids.clone(),
            mark: self.mark.clone(),
            own_kernel: stage.has_own_kernel(),
            ..Evidence::default()
        };
        let watch = Watch::start(&self.mark, kernels);
        let ran = run(&self.source(stage), &mut evidence);
        evidence.seen = watch.finish();
        stage.look(&mut evidence)?;
        ran?;
        evidence.read_answers();
        Ok(evidence)
    }
}
