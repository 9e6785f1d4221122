//! The machine behind a soak, held against how it was before.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::super::machine;
use super::super::sum::Sum;
use super::{ENGINE, Run};
use crate::process;

/// How long anything may stay behind.
const GONE_WITHIN: Duration = Duration::from_secs(30);

impl Run<'_> {
    /// Compares the machine with before.
    pub(in super::super) fn end(mut self) -> Result<Sum> {
        // It is there only if the soak broke off.
        drop(self.server.take());
        let mut left;
        let waited = Instant::now();
        loop {
            left = machine::containers_of(self.engine, &self.lives)?
                .into_iter()
                .map(|id| format!("container {id}"))
                .collect::<Vec<_>>();
            let orphans = machine::orphans(self.engine)?;
            left.extend(orphans.difference(&self.before).cloned());
            if left.is_empty() || waited.elapsed() > GONE_WITHIN {
                break;
            }
            process::pause(Duration::from_millis(500));
        }
        for thing in left {
            self.find(format!("left behind: {thing}"));
        }
        let files = std::fs::read_dir(self.temporary()).context("cannot look for files")?;
        for file in files.flatten() {
            self.find(format!("left behind: the file {:?}", file.file_name()));
        }
        self.release_the_sets()?;
        self.look_at_the_bystander();
        let mut sum = std::mem::take(&mut self.sum);
        sum.engine.1 = machine::memory_of(ENGINE);
        sum.records = self.ids.count();
        sum.seconds = self.started.elapsed().as_secs_f64();
        Ok(sum)
    }

    /// The volume of the sets is kept on purpose; nothing may hold it any more.
    fn release_the_sets(&mut self) -> Result<()> {
        let name = self.volume();
        let filter = format!("name=^{name}$");
        let list = ["volume", "ls", "--quiet", "--filter", &filter];
        if process::read(self.engine.docker().args(list))?
            .trim()
            .is_empty()
        {
            return Ok(());
        }
        let removed = process::read(self.engine.docker().args(["volume", "rm", &name]));
        if let Err(error) = removed {
            self.find(format!(
                "the volume of the sets cannot be removed: {error:#}"
            ));
        }
        Ok(())
    }

    fn look_at_the_bystander(&mut self) {
        let format = "{{.State.Running}} {{.RestartCount}}";
        let state = process::read(self.engine.docker().args([
            "inspect",
            "--format",
            format,
            &self.bystander,
        ]));
        let state = state.unwrap_or_else(|error| error.to_string());
        if state != "true 0" {
            self.find(format!("a container of somebody else was touched: {state}"));
        }
    }
}
