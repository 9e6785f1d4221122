//! What a backend declares that it enforces; what it does not declare is refused, never ignored.

use crate::error::{ErrorKind, Result, SandboxError};

/// One thing that a sandbox promises and a backend enforces, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Capability {
    /// Sandboxes see nothing of one another and of the host: files, processes, names.
    Isolation,
    /// No network device but loopback.
    NoNetwork,
    /// The memory limit, tmpfs included.
    MemoryLimit,
    /// The processor limit.
    CpuLimit,
    /// The limit of processes and threads.
    ProcessLimit,
    /// The limit of open files.
    OpenFilesLimit,
    /// The sizes of `/tmp`, `/dev/shm` and the modules' place.
    DiskLimit,
    /// System calls are filtered by an allow-list.
    SyscallFilter,
    /// Process 1 and the program are different users.
    SeparateUsers,
}

impl Capability {
    /// Every capability, in a fixed order.
    pub const ALL: [Self; 9] = [
        Self::Isolation,
        Self::NoNetwork,
        Self::MemoryLimit,
        Self::CpuLimit,
        Self::ProcessLimit,
        Self::OpenFilesLimit,
        Self::DiskLimit,
        Self::SyscallFilter,
        Self::SeparateUsers,
    ];

    /// A stable name for settings, logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Isolation => "isolation",
            Self::NoNetwork => "no-network",
            Self::MemoryLimit => "memory-limit",
            Self::CpuLimit => "cpu-limit",
            Self::ProcessLimit => "process-limit",
            Self::OpenFilesLimit => "open-files-limit",
            Self::DiskLimit => "disk-limit",
            Self::SyscallFilter => "syscall-filter",
            Self::SeparateUsers => "separate-users",
        }
    }
}

/// The set of [`Capability`]s that a backend enforces on this host, and what it can tell of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    enforced: Vec<Capability>,
    /// Whether kills of the memory limit happen that no counter tells of.
    uncounted_kills: bool,
}

impl Capabilities {
    /// Exactly these.
    #[must_use]
    pub fn of(enforced: impl IntoIterator<Item = Capability>) -> Self {
        let mut enforced: Vec<_> = enforced.into_iter().collect();
        enforced.sort_unstable();
        enforced.dedup();
        Self {
            enforced,
            uncounted_kills: false,
        }
    }

    /// The same, of sandboxes in which no counter tells of kills by the memory limit.
    #[must_use]
    pub fn without_counted_kills(mut self) -> Self {
        self.uncounted_kills = true;
        self
    }

    /// Whether a sandbox counts what its memory limit kills. Where it does not, a SIGKILL that nobody of
    /// ours sent is told as such, and is probably the memory limit's. It is no promise: the limit
    /// binds either way, so nothing is refused for want of it.
    #[must_use]
    pub const fn counts_kills(&self) -> bool {
        !self.uncounted_kills
    }

    /// All there are.
    #[must_use]
    pub fn all() -> Self {
        Self::of(Capability::ALL)
    }

    /// Whether `capability` is enforced.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        self.enforced.contains(&capability)
    }

    /// Those of `required` that are not enforced.
    #[must_use]
    pub fn missing(&self, required: &Self) -> Vec<Capability> {
        required
            .enforced
            .iter()
            .copied()
            .filter(|capability| !self.has(*capability))
            .collect()
    }

    /// Refuses what is not covered.
    ///
    /// # Errors
    ///
    /// `Unsupported`, naming every missing capability.
    pub fn require(&self, required: &Self) -> Result<()> {
        let missing = self.missing(required);
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = missing.into_iter().map(Capability::as_str).collect();
        Err(
            SandboxError::new(ErrorKind::Unsupported, "keep what a sandbox promises")
                .with_context(format!("the backend does not enforce {}", names.join(", ")))
                .with_hint(format!(
                    "this host cannot enforce {}; run `doctor` to see why and what to do",
                    names.join(", ")
                )),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let some = Capabilities::of([Capability::MemoryLimit]);
        let error = some
            .require(&Capabilities::of([
                Capability::MemoryLimit,
                Capability::NoNetwork,
            ]))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("no-network"));
        assert!(!error.to_string().contains("memory-limit"));
        assert!(Capabilities::all().require(&Capabilities::all()).is_ok());
    }

    #[test]
    fn kills_that_are_not_counted_are_told_and_refuse_nothing() {
        assert!(Capabilities::all().counts_kills());
        let uncounted = Capabilities::all().without_counted_kills();
        assert!(!uncounted.counts_kills());
        assert_ne!(uncounted, Capabilities::all());
        assert!(uncounted.require(&Capabilities::all()).is_ok());
    }
}
