//! The servers that the attacks go through: started when first needed, ended together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};

use super::stage::Stage;
use super::subject::{LIMITS, Subject};
use crate::server::binary;

/// What a server is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Small limits, no way out.
    Closed,
    /// Another such server, for what two servers must not share.
    Other,
    /// Room for a browser, no way out.
    Browser,
}

/// What a browser needs at least, with one page.
pub(super) const BROWSER_LIMITS: &[&str] = &[
    "--memory",
    "768MiB",
    "--processes",
    "256",
    "--open-files",
    "1024",
    "--tmp-size",
    "64MiB",
    "--modules-size",
    "64MiB",
    "--shm-size",
    "16MiB",
    "--cpus",
    "1",
];

/// The running servers.
#[derive(Debug, Default)]
pub(super) struct Servers {
    running: BTreeMap<Kind, Subject>,
}

impl Servers {
    /// The server of this kind; started when it does not run.
    pub(super) fn get(&mut self, stage: &Stage<'_>, kind: Kind) -> Result<&mut Subject> {
        match self.running.entry(kind) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(start(stage, kind)?)),
        }
    }

    /// Takes the server of this kind out, to be used beside another.
    pub(super) fn take(&mut self, stage: &Stage<'_>, kind: Kind) -> Result<Subject> {
        self.get(stage, kind)?;
        let taken = self.running.remove(&kind);
        taken.ok_or_else(|| anyhow!("the server is not there"))
    }

    /// Puts a server back.
    pub(super) fn put(&mut self, kind: Kind, subject: Subject) {
        self.running.insert(kind, subject);
    }

    /// Gives up a server that does not answer any more: the next scene gets a new one.
    pub(super) fn give_up(&mut self) {
        self.running.clear();
    }

    /// Ends all of them as a client does.
    pub(super) fn stop(self, stage: &Stage<'_>) -> Result<()> {
        for (kind, subject) in self.running {
            subject
                .stop(stage)
                .with_context(|| format!("the server `{kind:?}` did not end well"))?;
        }
        Ok(())
    }
}

fn start(stage: &Stage<'_>, kind: Kind) -> Result<Subject> {
    let command = Command::new(binary(stage.places));
    let limits = match kind {
        Kind::Closed | Kind::Other => LIMITS,
        Kind::Browser => BROWSER_LIMITS,
    };
    let mut options: Vec<String> = limits.iter().map(|&option| option.to_owned()).collect();
    options.extend(["--network", "none"].map(str::to_owned));
    let name = format!("{kind:?}").to_lowercase();
    Subject::start(stage, &name, command, &options)
        .with_context(|| format!("the server `{name}` is not there"))
}
