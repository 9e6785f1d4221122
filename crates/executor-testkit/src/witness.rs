//! Who sees from outside what a backend's sandboxes leave behind.

use std::fmt;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use executor_core::id::SandboxId;

/// Looks at the engine itself, past the backend under test.
#[async_trait]
pub trait Witness: fmt::Debug + Send + Sync + 'static {
    /// How many sandboxes there are, running or not, whose identity or command mentions
    /// `marker`.
    ///
    /// # Errors
    ///
    /// When the engine does not answer the witness.
    async fn sandboxes(&self, marker: &str) -> Result<usize, WitnessError>;

    /// What binds the one running sandbox whose identity or command mentions `marker`, as its host
    /// has it; `None` where this witness has no host to look at.
    ///
    /// # Errors
    ///
    /// When the engine does not answer the witness, or knows no such sandbox.
    async fn limits(&self, marker: &str) -> Result<Option<HostLimits>, WitnessError>;
}

/// The limits of a sandbox's control group; `None` is "no limit", or none to be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostLimits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes and threads, those of the runtime itself included where it has any.
    pub processes: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_millis: Option<u64>,
}

impl HostLimits {
    /// Those that bind a process of this machine, by its control groups of either version.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn of_process(pid: u32) -> Result<Self, WitnessError> {
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))
            .map_err(|error| WitnessError::new(format!("process {pid}: {error}")))?;
        Ok(Self::of_groups(&groups, Path::new("/sys/fs/cgroup")))
    }

    /// Reads them below `root`, where `groups` says in the form of `/proc/<pid>/cgroup`.
    fn of_groups(groups: &str, root: &Path) -> Self {
        let word = |controller: &str, name: &str| {
            let place = groups.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':');
                let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
                let first = controllers.split(',').any(|one| one == controller);
                let second = number == "0" && root.join("cgroup.controllers").exists();
                let place = if first {
                    root.join(controller)
                } else {
                    root.to_owned()
                };
                (first || second).then(|| place.join(path.trim_start_matches('/')))
            });
            std::fs::read_to_string(place?.join(name)).ok()
        };
        let number = |controller, name| {
            let text: String = word(controller, name)?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        let quota = word("cpu", "cpu.max").map_or_else(
            || {
                Some((
                    number("cpu", "cpu.cfs_quota_us")?,
                    number("cpu", "cpu.cfs_period_us")?,
                ))
            },
            |text| {
                let mut words = text.split_whitespace().map(str::parse);
                Some((words.next()?.ok()?, words.next()?.ok()?))
            },
        );
        Self {
            memory: number("memory", "memory.max")
                .or_else(|| number("memory", "memory.limit_in_bytes")),
            processes: number("pids", "pids.max"),
            cpu_millis: quota
                .and_then(|(quota, period)| quota.saturating_mul(1000).checked_div(period)),
        }
    }
}

/// The witness saw nothing.
#[derive(Debug, thiserror::Error)]
#[error("the witness cannot see the engine: {0}")]
pub struct WitnessError(String);

impl WitnessError {
    /// Because of this.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// How many processes of this machine mention `marker` in their command line, sandboxed or not.
///
/// The kernel shows the processes of local containers too. Zombies have no command line.
#[must_use]
pub fn processes(marker: &str) -> usize {
    marked(marker).count()
}

/// The `/proc` directories of the processes, other than this one, that mention `marker`.
fn marked(marker: &str) -> impl Iterator<Item = PathBuf> {
    let own = std::process::id().to_string();
    let is_other = move |entry: &DirEntry| {
        let name = entry.file_name();
        let process = name
            .to_str()
            .is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
        process && *name != *own
    };
    let mentions = move |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        line.windows(marker.len())
            .any(|window| window == marker.as_bytes())
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter(is_other)
        .map(|entry| entry.path())
        .filter(mentions)
}

/// The containers, by the engine's names for them, in which a process of this machine mentions
/// `marker` in its command line.
#[must_use]
pub fn containers(marker: &str) -> Vec<String> {
    let mut found: Vec<_> = marked(marker)
        .filter_map(|process| std::fs::read_to_string(process.join("cgroup")).ok())
        .filter_map(|groups| container_id(&groups).map(str::to_owned))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Waits until a process with this marker runs in a container, and names the container.
///
/// # Errors
///
/// When there is none `within` that time.
pub async fn container_of(marker: &str, within: Duration) -> Result<String, WitnessError> {
    let begun = Instant::now();
    loop {
        if let [container] = containers(marker).as_slice() {
            return Ok(container.clone());
        }
        if begun.elapsed() >= within {
            return Err(WitnessError::new(format!(
                "no container runs `{marker}` after {within:?}"
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A word that nobody else has, to know processes and sandboxes by.
///
/// # Errors
///
/// When the operating system has no randomness to give.
pub fn marker() -> Result<String, WitnessError> {
    let random = SandboxId::random().map_err(WitnessError::new)?;
    Ok(format!("mark-{random}"))
}

/// A Python program with a child process that bears the marker. It prints `up` when the child is
/// started and then does `then`, one line in which the child is called `child`.
#[must_use]
pub fn visible_program(marker: &str, then: &str) -> String {
    format!(
        "import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'],
                         start_new_session=True)
print('up', flush=True)
try:
    {then}
except subprocess.TimeoutExpired:
    pass
"
    )
}

/// Every engine names a container's control groups after its 64 hexadecimal digits.
fn container_id(groups: &str) -> Option<&str> {
    groups
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_control_group() {
        let id = "0123456789abcdef".repeat(4);
        for groups in [
            format!("4:memory:/docker/{id}\n0::/"),
            format!("0::/system.slice/docker-{id}.scope"),
            format!("0::/machine.slice/libpod-{id}.scope/container"),
        ] {
            assert_eq!(container_id(&groups), Some(id.as_str()));
        }
        assert_eq!(container_id("0::/user.slice/session-1.scope"), None);
    }

    #[test]
    fn limits_are_read_from_control_groups_of_both_versions() {
        let write = |root: &Path, files: &[(&str, &str)]| {
            for (name, text) in files {
                let path = root.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
        };
        let bound = HostLimits {
            memory: Some(4096),
            processes: Some(64),
            cpu_millis: Some(500),
        };
        let first = tempfile::tempdir().unwrap();
        let files = [
            ("memory/docker/c/memory.limit_in_bytes", "4096\n"),
            ("pids/docker/c/pids.max", "64\n"),
            ("cpu/docker/c/cpu.cfs_quota_us", "50000\n"),
            ("cpu/docker/c/cpu.cfs_period_us", "100000\n"),
        ];
        write(first.path(), &files);
        let groups = "9:memory:/docker/c\n4:pids:/docker/c\n3:cpu,cpuacct:/docker/c\n0::/x\n";
        assert_eq!(HostLimits::of_groups(groups, first.path()), bound);

        let second = tempfile::tempdir().unwrap();
        let files = [
            ("cgroup.controllers", "cpu memory pids\n"),
            ("a/b/memory.max", "4096\n"),
            ("a/b/pids.max", "64\n"),
            ("a/b/cpu.max", "50000 100000\n"),
            ("free/memory.max", "max\n"),
            ("free/pids.max", "max\n"),
            ("free/cpu.max", "max 100000\n"),
        ];
        write(second.path(), &files);
        assert_eq!(HostLimits::of_groups("0::/a/b\n", second.path()), bound);
        let free = HostLimits::of_groups("0::/free\n", second.path());
        assert_eq!(free, HostLimits::default());
    }

    #[test]
    fn this_process_is_not_counted() {
        let own = std::fs::read_to_string("/proc/self/cmdline").unwrap();
        let name = own.split('\0').next().unwrap();
        assert!(!marked(name).any(|process| process.ends_with(std::process::id().to_string())));
        assert_eq!(processes("no command line has this word: 4a2c"), 0);
    }
}
