//! Where the scheduler may put those who talk to each other.
//!
//! A message between two processors wakes one that sleeps, which on a virtual machine takes several times as long as
//! the work on a message, and whether a client and its server share a processor is chance that lasts as long as they
//! do. So latencies are read while both are on one: what is left is the work of both and the switches between them.

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// This thread and a process on one processor, until it is dropped.
#[derive(Debug)]
pub(super) struct Shared {
    process: u32,
    before: CpuSet,
}

impl Shared {
    /// Puts this thread and all threads of `process` on the first processor that this thread may use.
    pub(super) fn with(process: u32) -> Result<Self> {
        let before =
            sched_getaffinity(None).context("cannot tell the processors of this thread")?;
        let first = (0..CpuSet::MAX_CPU).find(|&cpu| before.is_set(cpu));
        let mut one = CpuSet::new();
        one.set(first.context("this thread has no processor")?);
        let shared = Self { process, before };
        put(process, &one)?;
        Ok(shared)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A process that is gone needs none.
        let _ = put(self.process, &self.before);
    }
}

fn put(process: u32, on: &CpuSet) -> Result<()> {
    sched_setaffinity(None, on).context("cannot choose the processor of this thread")?;
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    for thread in threads
        .context("cannot list the threads of a server")?
        .flatten()
    {
        let id = thread.file_name().to_string_lossy().parse::<i32>();
        if let Some(id) = id.ok().and_then(Pid::from_raw) {
            // A thread that has ended since needs none.
            let _ = sched_setaffinity(Some(id), on);
        }
    }
    Ok(())
}
