//! What happens beside the programs: containers are harmed, the server is killed, its client leaves.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::super::audit::Fates;
use super::super::machine;
use super::Run;
use crate::process;

/// How long a fault may explain an ending.
const EXPLAINS: Duration = Duration::from_secs(90);
/// How often in a thousand calls something happens.
const CONTAINER_FAULTS: u64 = 25;
const CRASHES: u64 = 1;

impl Run<'_> {
    /// What happens beside this program.
    pub(super) fn disturb(&mut self, begun: u64, runs: u64) -> Result<()> {
        if self.chance.per_mille(CONTAINER_FAULTS) {
            self.harm_a_container()?;
        }
        let (crash, leave) = (
            self.chance.per_mille(CRASHES),
            self.chance.per_mille(CRASHES),
        );
        if !self.is_disturbed() {
            return Ok(());
        }
        // Both happen at least once in every such quarter that is not tiny.
        let (length, position) = (runs / 4, begun % (runs / 4).max(1));
        if crash || position == length / 3 + 1 {
            self.count("the server is killed");
            self.crash();
        } else if leave || position == length * 2 / 3 + 1 {
            self.count("the client leaves");
            self.leave()?;
        }
        Ok(())
    }

    /// Whether a fault explains an ending that would be wrong otherwise; each explains one. Calls with modules may wait
    /// for one sandbox that installs them, so what has become of it may explain the ending of each.
    pub(super) fn is_explained(&mut self, has_modules: bool) -> bool {
        while self
            .faults
            .front()
            .is_some_and(|fault| fault.elapsed() >= EXPLAINS)
        {
            self.faults.pop_front();
        }
        if has_modules {
            return !self.faults.is_empty();
        }
        self.faults.pop_front().is_some()
    }

    /// The client goes, whatever is running.
    pub(super) fn leave(&mut self) -> Result<()> {
        let Some(server) = self.server.take() else {
            return Ok(());
        };
        let (audit, fates) = (server.audit.clone(), server.fates.clone());
        server.leave()?;
        self.end_life(&audit, &fates);
        Ok(())
    }

    /// The server dies with all that it was doing.
    fn crash(&mut self) {
        let Some(server) = self.server.take() else {
            return;
        };
        let (audit, fates) = (server.audit.clone(), server.fates.clone());
        server.kill();
        self.end_life(&audit, &fates);
    }

    fn end_life(&mut self, audit: &std::path::Path, fates: &Fates) {
        for wrong in self.ids.read(audit, fates) {
            self.find(wrong);
        }
        let memory = std::mem::take(&mut self.memory);
        let longest = self.sum.memory.entry(self.world().name()).or_default();
        if memory.len() > longest.len() {
            *longest = memory;
        }
    }

    /// Kills, removes or pauses one container of the server's.
    fn harm_a_container(&mut self) -> Result<()> {
        let only = BTreeSet::from([self.server()?.process()]);
        let containers = machine::containers_of(self.engine, &only)?;
        let ways: [(&'static str, &[&str]); 3] = [
            ("a container is killed", &["kill"]),
            ("a container is removed", &["rm", "--force"]),
            ("a container is paused", &["pause"]),
        ];
        let (Some(id), Some((fault, words))) = (
            self.chance.of(&containers).cloned(),
            self.chance.of(&ways).copied(),
        ) else {
            return Ok(());
        };
        // It may have gone by itself.
        if process::read(self.engine.docker().args(words).arg(&id)).is_ok() {
            self.count(fault);
            self.faults.push_back(Instant::now());
        }
        Ok(())
    }

    fn count(&mut self, fault: &'static str) {
        self.note(&json!({ "fault": fault }));
        *self.sum.faults.entry(fault).or_default() += 1;
    }
}
