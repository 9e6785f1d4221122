//! Small programs that look at a sandbox from inside, and what they tell.
//!
//! A probe only looks: whether what it saw is right is said by whoever asked, a law, a backend's
//! test or `doctor`.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Whom the program and process 1 are, and what they may.
pub const IDENTITY: Probe<Identity> = Probe::new("identity", include_str!("identity.py"));

/// What the program finds around it.
pub const SURROUNDINGS: Probe<Surroundings> =
    Probe::new("surroundings", include_str!("surroundings.py"));

/// Which numbers bind it.
pub const LIMITS: Probe<Limits> = Probe::new("limits", include_str!("limits.py"));

/// Which system calls and socket families it gets.
pub const SYSCALLS: Probe<Syscalls> = Probe::new("syscalls", include_str!("syscalls.py"));

/// A program to run in a sandbox, and how to read what it prints.
#[derive(Debug)]
pub struct Probe<T> {
    name: &'static str,
    program: &'static str,
    told: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Probe<T> {
    const fn new(name: &'static str, program: &'static str) -> Self {
        Self {
            name,
            program,
            told: PhantomData,
        }
    }

    /// The program's text, for Python 3.9 and newer.
    #[must_use]
    pub const fn program(&self) -> &'static str {
        self.program
    }

    /// What it saw.
    ///
    /// # Errors
    ///
    /// When the output is not what this probe prints.
    pub fn read(&self, stdout: &[u8]) -> Result<T, ProbeError> {
        serde_json::from_slice(stdout).map_err(|source| ProbeError {
            probe: self.name,
            output: String::from_utf8_lossy(stdout.get(..500).unwrap_or(stdout)).into_owned(),
            source,
        })
    }
}

/// A probe that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the probe `{probe}` printed what it should not: `{output}`")]
pub struct ProbeError {
    probe: &'static str,
    output: String,
    source: serde_json::Error,
}

/// What [`IDENTITY`] tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Identity {
    /// The program itself.
    pub program: ProcessStatus,
    /// Process 1, if the program can see it.
    pub first: Option<ProcessStatus>,
    /// The program's process number.
    pub pid: u32,
}

/// A process as `/proc/<pid>/status` has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ProcessStatus {
    /// Real, effective, saved and file-system user.
    pub uids: [u32; 4],
    /// The same of the group.
    pub gids: [u32; 4],
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Its five capability sets, as bits.
    pub capabilities: CapabilitySets,
    /// 1 if no program it executes can gain privileges.
    pub no_new_privs: u8,
    /// 0 for no filter, 2 for a filter.
    pub seccomp: u8,
}

/// Capability sets as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the kernel has these five")]
pub struct CapabilitySets {
    /// `CapInh`.
    pub inheritable: u64,
    /// `CapPrm`.
    pub permitted: u64,
    /// `CapEff`.
    pub effective: u64,
    /// `CapBnd`.
    pub bounding: u64,
    /// `CapAmb`.
    pub ambient: u64,
}

impl CapabilitySets {
    /// Whether the process has none and can use none. The bounding set gives nothing by itself.
    #[must_use]
    pub const fn are_empty(self) -> bool {
        self.inheritable | self.permitted | self.effective | self.ambient == 0
    }
}

/// What [`SURROUNDINGS`] tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Surroundings {
    /// Network devices.
    pub interfaces: Vec<String>,
    /// Lines of the IPv4 routing table.
    pub routes: usize,
    /// The machine's name.
    pub hostname: String,
    /// What `localhost` resolves to.
    pub localhost: Vec<String>,
    /// What the machine's name resolves to.
    pub own_name: Vec<String>,
    /// The program's environment.
    pub environment: BTreeMap<String, String>,
    /// What the program can read of process 1's environment.
    pub first_environment: Vec<String>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Open descriptors.
    pub descriptors: Vec<Descriptor>,
    /// Lines of `/proc/self/cgroup`.
    pub cgroups: Vec<String>,
    /// The processes that can be seen.
    pub processes: Vec<u32>,
    /// Places, out of a fixed list, that take a new file.
    pub writable: Vec<String>,
    /// Where the program started.
    pub cwd: String,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Mount {
    /// Where.
    pub target: String,
    /// `ro`, `nosuid` and such.
    pub options: Vec<String>,
    /// The file system.
    pub kind: String,
}

/// One open descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Descriptor {
    /// Its number.
    pub number: u32,
    /// What it refers to.
    pub target: String,
}

/// What [`LIMITS`] tells; `None` is "no limit to be seen".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub processes: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// Open files; -1 is without limit.
    pub open_files: i64,
    /// Bytes of a core file.
    pub core: i64,
    /// Bytes of `/tmp`.
    pub tmp: Option<u64>,
    /// Bytes of `/dev/shm`.
    pub shm: Option<u64>,
    /// Bytes of the place of modules.
    pub modules: Option<u64>,
}

/// What [`SYSCALLS`] tells: `allowed`, `killed`, or the name of the error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Syscalls {
    /// By system call.
    pub calls: BTreeMap<String, String>,
    /// By socket family.
    pub families: BTreeMap<String, String>,
    /// Files that would run as somebody else.
    pub setuid_files: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::process::Command;

    use super::*;

    fn look<T: DeserializeOwned + Debug>(probe: &Probe<T>) -> T {
        let output = Command::new("python3")
            .args(["-I", "-c", probe.program()])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        probe.read(&output.stdout).unwrap()
    }

    #[test]
    fn every_probe_can_be_read() {
        let identity = look(&IDENTITY);
        assert_eq!(identity.program.uids[0], rustix::process::getuid().as_raw());
        let around = look(&SURROUNDINGS);
        assert!(around.interfaces.contains(&"lo".to_owned()));
        assert!(around.mounts.iter().any(|mount| mount.target == "/proc"));
        assert!(look(&LIMITS).open_files != 0);
    }

    #[test]
    fn what_is_no_probes_output_is_refused() {
        let error = LIMITS
            .read(b"Traceback (most recent call last):")
            .unwrap_err();
        assert!(error.to_string().contains("`limits`"), "{error}");
    }
}
