//! What this host shows of a sandbox in which a program waits: its processes, control groups, mounts
//! and devices, read where nobody inside can have a hand in it.
//!
//! An engine on another host, or in a virtual machine, has its processes elsewhere: then nothing is
//! seen, and nothing is taken for it that only has the same number here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use executor_core::id::SandboxId;
use executor_core::{Event, Execution, ExecutionRequest};
use executor_docker::HostProcess;

use super::inside::NAMESPACES;
use super::{Ground, shown};
use crate::assembly::Assembly;

/// What was seen, by the names of the promises and in the words that the program inside uses too.
pub(super) type Seen = BTreeMap<&'static str, String>;

const PROGRAM: &str = "import signal\nprint('waits', flush=True)\nsignal.pause()";

/// So long its sandbox may take; a call of the engine has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program that waits, looks, and ends it.
///
/// # Errors
///
/// Why nothing can be seen from here, for a person.
pub(super) async fn look(assembly: &Assembly, ground: &Ground) -> Result<Seen, String> {
    let request = ExecutionRequest::new(PROGRAM.to_owned());
    let mut execution = assembly
        .executor()
        .execute(request)
        .map_err(|error| error.to_string())?;
    let waits = tokio::time::timeout(PATIENCE, waits(&mut execution));
    let sandbox = waits
        .await
        .map_err(|_elapsed| "the program that waits never began".to_owned())??;
    let process = assembly
        .backend()
        .host_process(&sandbox)
        .await
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "the engine knows no process of it".to_owned())?;
    let seen = Host::real().see(&process, ground);
    execution.cancel();
    let _ended = execution.outcome().await;
    seen
}

/// The sandbox of a program, once it has said that it waits.
async fn waits(execution: &mut Execution) -> Result<SandboxId, String> {
    let mut sandbox = None;
    while let Some(event) = execution.next().await {
        match event {
            Event::Started(id) => sandbox = Some(id),
            Event::Output { .. } => return sandbox.ok_or_else(|| "it has no name".to_owned()),
            Event::Ended(outcome) => return Err(shown(&outcome.ending.to_string())),
            _ => {}
        }
    }
    Err("it ended without a word".to_owned())
}

/// Where a host shows its processes and control groups.
struct Host {
    processes: PathBuf,
    groups: PathBuf,
}

impl Host {
    fn real() -> Self {
        Self {
            processes: "/proc".into(),
            groups: "/sys/fs/cgroup".into(),
        }
    }

    fn see(&self, process: &HostProcess, ground: &Ground) -> Result<Seen, String> {
        let groups = self.text(process.pid, "cgroup").unwrap_or_default();
        if process.container.is_empty() || !groups.contains(&process.container) {
            return Err("the engine's processes do not show on this host".to_owned());
        }
        let mut seen = Seen::new();
        self.see_limits(&groups, &mut seen);
        if ground.own_kernel {
            // The rest is gVisor's own here, and not the program's; so is the number of processes,
            // which leaves room for its threads.
            seen.remove("limit.processes");
            return Ok(seen);
        }
        self.see_places(process.pid, ground, &mut seen);
        let devices = self.text(process.pid, "net/dev").unwrap_or_default();
        let devices: BTreeSet<_> = devices
            .lines()
            .filter_map(|line| Some(line.split_once(':')?.0.trim()))
            .collect();
        if !devices.is_empty() {
            seen.insert("hidden.network-devices", joined(devices));
        }
        let programs = self.programs(process.pid);
        if !programs.is_empty() {
            self.see_identity(&programs, &mut seen);
        }
        Ok(seen)
    }

    /// The limits of its control groups, of either version.
    fn see_limits(&self, told: &str, seen: &mut Seen) {
        let read = |controller: &str, v2: &str, v1: &str| self.group(told, controller, v2, v1);
        let memory = read("memory", "memory.max", "memory.limit_in_bytes");
        let both = read("memory", "", "memory.memsw.limit_in_bytes");
        let swap = match (&memory, both) {
            // Version 1 counts memory and swap together.
            (Some(memory), Some(both)) if *memory == both => Some("0".to_owned()),
            (_, Some(both)) => Some(format!("{both} with memory")),
            (_, None) => read("memory", "memory.swap.max", ""),
        };
        let quota = read("cpu", "cpu.max", "cpu.cfs_quota_us");
        let period = read("cpu", "", "cpu.cfs_period_us");
        let cpu = quota.map(|quota| {
            let told = format!("{quota} {}", period.unwrap_or_default());
            millis(&told).unwrap_or_else(|| shown(&told))
        });
        for (name, value) in [
            ("limit.memory", memory),
            ("limit.swap", swap),
            ("limit.cpu", cpu),
            ("limit.processes", read("pids", "pids.max", "pids.max")),
        ] {
            if let Some(value) = value {
                seen.insert(name, value);
            }
        }
    }

    /// A value of the control group that `told` of `/proc/PID/cgroup` names for `controller`.
    fn group(&self, told: &str, controller: &str, v2: &str, v1: &str) -> Option<String> {
        for line in told.lines() {
            let mut parts = line.splitn(3, ':');
            let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            let (above, file) = match controllers {
                "" => (self.groups.clone(), v2),
                several if several.split(',').any(|one| one == controller) => {
                    (self.groups.join(controller), v1)
                }
                _ => continue,
            };
            // Seen from a namespace of our own it may lie above what we see.
            let path = Path::new(path.trim_start_matches('/'));
            if file.is_empty() || path.components().any(|part| part.as_os_str() == "..") {
                continue;
            }
            if let Ok(value) = std::fs::read_to_string(above.join(path).join(file)) {
                return Some(value.trim().to_owned());
            }
        }
        None
    }

    /// How its places are mounted.
    fn see_places(&self, pid: u32, ground: &Ground, seen: &mut Seen) {
        let mounts = self.text(pid, "mountinfo").unwrap_or_default();
        let store = ground.store.as_deref().unwrap_or_default();
        for (name, place) in [
            ("write.root", "/"),
            ("write.sys", "/sys"),
            ("write.store", store),
        ] {
            if let Some((options, _)) = mount(&mounts, place) {
                let word = if options.split(',').any(|one| one == "ro") {
                    "refused: mounted read-only"
                } else {
                    "mounted writable"
                };
                seen.insert(name, word.to_owned());
            }
        }
        for (name, place) in [
            ("limit.tmp", "/tmp"),
            ("limit.modules", "/modules"),
            ("limit.shm", "/dev/shm"),
        ] {
            if let Some((_, of_the_file_system)) = mount(&mounts, place) {
                let size = size(of_the_file_system).unwrap_or_else(|| "no size".to_owned());
                seen.insert(name, size);
            }
        }
    }

    /// The numbers of the program's processes: what process 1 has started and is another user.
    fn programs(&self, first: u32) -> Vec<u32> {
        let user = |pid| self.status(pid).remove("Uid");
        let Some(of_first) = user(first) else {
            return Vec::new();
        };
        let all: Vec<(u32, u32)> = std::fs::read_dir(&self.processes)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, self.status(pid).get("PPid")?.first()?.parse().ok()?)))
            .collect();
        let mut ours = BTreeSet::from([first]);
        loop {
            let before = ours.len();
            let more = all.iter().filter(|(_, parent)| ours.contains(parent));
            let more: Vec<u32> = more.map(|(pid, _)| *pid).collect();
            ours.extend(more);
            if ours.len() == before {
                break;
            }
        }
        ours.into_iter()
            .filter(|pid| user(*pid).is_some_and(|user| user != of_first))
            .collect()
    }

    /// Who the program's processes are, and what they may.
    fn see_identity(&self, programs: &[u32], seen: &mut Seen) {
        let fields = |names: &[&str]| {
            let mut values = BTreeSet::new();
            for pid in programs {
                let status = self.status(*pid);
                for name in names {
                    values.extend(status.get(*name).into_iter().flatten().cloned());
                }
            }
            values
        };
        let sets = fields(&["CapInh", "CapPrm", "CapEff", "CapAmb"]);
        let sets = sets.iter().map(|set| match set.trim_start_matches('0') {
            "" => "0",
            some => some,
        });
        seen.insert("identity.users", joined(fields(&["Uid", "Gid"])));
        seen.insert("identity.groups", joined(fields(&["Groups"])));
        seen.insert(
            "identity.capabilities",
            joined(sets.collect::<BTreeSet<_>>()),
        );
        seen.insert(
            "identity.no-new-privileges",
            joined(fields(&["NoNewPrivs"])),
        );
        seen.insert("identity.filter", joined(fields(&["Seccomp"])));
        for (name, begins) in [
            ("limit.open-files", "Max open files"),
            ("limit.core", "Max core file size"),
        ] {
            let hard: BTreeSet<_> = programs
                .iter()
                .filter_map(|pid| hard_limit(&self.text(*pid, "limits")?, begins))
                .collect();
            if !hard.is_empty() {
                seen.insert(name, joined(hard));
            }
        }
        let links = programs.iter().flat_map(|pid| {
            NAMESPACES.map(|name| {
                let link = self.processes.join(format!("{pid}/ns/{name}"));
                std::fs::read_link(link).ok()
            })
        });
        // Only where we may read each: of our own user's, or as root.
        if let Some(links) = links.collect::<Option<BTreeSet<_>>>() {
            let links = links.iter().map(|link| link.to_string_lossy().into_owned());
            seen.insert("hidden.namespaces", joined(links));
        }
    }

    fn text(&self, pid: u32, file: &str) -> Option<String> {
        let bytes = std::fs::read(self.processes.join(pid.to_string()).join(file)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn status(&self, pid: u32) -> BTreeMap<String, Vec<String>> {
        let text = self.text(pid, "status").unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines
            .map(|(name, value)| {
                let words = value.split_ascii_whitespace().map(str::to_owned);
                (name.to_owned(), words.collect())
            })
            .collect()
    }
}

/// Thousandths of a processor, of a quota and a period.
fn millis(told: &str) -> Option<String> {
    let mut words = told.split_ascii_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next()?.parse().ok()?;
    let millis = quota.saturating_mul(1000).checked_div(period)?;
    Some(millis.to_string())
}

/// The options of the last mount at `place`: of the mount, and of its file system.
fn mount<'a>(mounts: &'a str, place: &str) -> Option<(&'a str, &'a str)> {
    mounts.lines().rev().find_map(|line| {
        let (of_the_mount, of_the_file_system) = line.split_once(" - ")?;
        let mut words = of_the_mount.split(' ').skip(4);
        let (at, options) = (words.next()?, words.next()?);
        (at == place).then_some((options, of_the_file_system.split(' ').nth(2)?))
    })
}

/// The bytes of `size=…k`, as a tmpfs says it.
fn size(options: &str) -> Option<String> {
    let size = options
        .split(',')
        .find_map(|one| one.strip_prefix("size="))?;
    let kib: u64 = size.strip_suffix('k')?.parse().ok()?;
    Some(kib.checked_mul(1024)?.to_string())
}

fn hard_limit(limits: &str, name: &str) -> Option<String> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().nth(1).map(str::to_owned)
}

fn joined(words: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| word.as_ref().to_owned())
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests;
