//! The promises that a program inside can look at by itself: what it tells under which name, and
//! what that has to be.

use executor_core::capabilities::Capability;
use executor_core::limits::SandboxLimits;

use super::proof::{Held, Keeper};

/// One thing that the program told, by its key, and what it has to be.
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) what: &'static str,
    pub(super) capability: Capability,
    pub(super) keeper: Keeper,
    pub(super) expected: Expected,
}

pub(super) enum Expected {
    /// Exactly this.
    Is(String),
    /// The kernel said no.
    Refused,
    /// At most one user and one group, and not root.
    NotRoot,
}

impl Expected {
    /// What this value says of it.
    pub(super) fn of(&self, seen: &str) -> Held {
        Held::from(match self {
            Self::Is(expected) => seen == expected,
            Self::Refused => seen.starts_with("refused"),
            Self::NotRoot => {
                let ids: Vec<_> = seen.split(' ').collect();
                ids.len() <= 2 && ids.iter().all(|id| id.parse().is_ok_and(|id: u32| id > 0))
            }
        })
    }
}

/// Every promise that one program can look at, under these limits, with the store of module sets if
/// sandboxes see one.
pub(super) fn rows(limits: &SandboxLimits, store: bool) -> Vec<Row> {
    use Capability as C;
    use Keeper::{Engine, Kernel, Us};
    let is = |value: &dyn ToString| Expected::Is(value.to_string());
    let row = |id, what, capability, keeper, expected| Row {
        id,
        what,
        capability,
        keeper,
        expected,
    };
    let refused = |id, what, capability, keeper| Row {
        id,
        what,
        capability,
        keeper,
        expected: Expected::Refused,
    };
    let store = store.then(|| {
        refused(
            "write.store",
            "the sets of modules that all programs share cannot be changed",
            C::Isolation,
            Engine,
        )
    });
    let mut rows = vec![
        row(
            "limit.memory",
            "memory of all processes and files",
            C::MemoryLimit,
            Kernel,
            is(&limits.memory.get()),
        ),
        row(
            "limit.swap",
            "no swap beyond it",
            C::MemoryLimit,
            Kernel,
            is(&0),
        ),
        row(
            "limit.cpu",
            "processors, in thousandths",
            C::CpuLimit,
            Kernel,
            is(&limits.cpu_millis),
        ),
        row(
            "limit.processes",
            "processes and threads",
            C::ProcessLimit,
            Kernel,
            is(&limits.processes),
        ),
        row(
            "limit.open-files",
            "open files per process",
            C::OpenFilesLimit,
            Kernel,
            is(&limits.open_files),
        ),
        row("limit.core", "no core files", C::DiskLimit, Kernel, is(&0)),
        row(
            "limit.tmp",
            "size of /tmp",
            C::DiskLimit,
            Kernel,
            is(&limits.tmp.get()),
        ),
        row(
            "limit.modules",
            "size of the place of modules",
            C::DiskLimit,
            Kernel,
            is(&limits.modules.get()),
        ),
        row(
            "limit.shm",
            "size of /dev/shm",
            C::DiskLimit,
            Kernel,
            is(&limits.shm.get()),
        ),
        row(
            "identity.users",
            "one user, one group, not root",
            C::SeparateUsers,
            Us,
            Expected::NotRoot,
        ),
        row(
            "identity.groups",
            "no further groups",
            C::SeparateUsers,
            Us,
            is(&""),
        ),
        row(
            "identity.capabilities",
            "no capability in any set that gives one",
            C::Isolation,
            Kernel,
            is(&"0"),
        ),
        row(
            "identity.no-new-privileges",
            "no program gives new privileges",
            C::Isolation,
            Kernel,
            is(&"1"),
        ),
        row(
            "identity.filter",
            "system calls are filtered",
            C::SyscallFilter,
            Kernel,
            is(&"2"),
        ),
        refused(
            "identity.become-root",
            "becoming root is refused",
            C::SeparateUsers,
            Kernel,
        ),
        refused(
            "write.root",
            "the root cannot be written",
            C::DiskLimit,
            Engine,
        ),
        refused("write.etc", "/etc cannot be written", C::DiskLimit, Engine),
        refused("write.usr", "/usr cannot be written", C::DiskLimit, Engine),
        refused(
            "write.modules",
            "installed modules cannot be changed",
            C::SeparateUsers,
            Engine,
        ),
        refused(
            "write.process-1",
            "the place of process 1 cannot be written",
            C::SeparateUsers,
            Engine,
        ),
        refused("write.dev", "/dev cannot be written", C::DiskLimit, Engine),
        refused("write.sys", "/sys cannot be written", C::Isolation, Engine),
        refused(
            "write.core-pattern",
            "the kernel's core pattern cannot be changed",
            C::Isolation,
            Engine,
        ),
        refused(
            "write.sysrq",
            "no system request can be made",
            C::Isolation,
            Engine,
        ),
        refused(
            "write.cgroup",
            "control groups cannot be changed",
            C::Isolation,
            Engine,
        ),
        refused(
            "write.cgroup-v1",
            "no release agent can be set",
            C::Isolation,
            Engine,
        ),
        refused(
            "write.device",
            "no device can be made",
            C::Isolation,
            Kernel,
        ),
        refused(
            "write.device-opened",
            "no device that was made can be opened",
            C::Isolation,
            Kernel,
        ),
        refused(
            "hidden.process-1.memory",
            "the memory of process 1 is closed",
            C::SeparateUsers,
            Kernel,
        ),
        refused(
            "hidden.process-1.environment",
            "its environment is closed",
            C::SeparateUsers,
            Kernel,
        ),
        refused(
            "hidden.process-1.descriptors",
            "its descriptors are closed",
            C::SeparateUsers,
            Kernel,
        ),
        refused(
            "hidden.process-1.open-files",
            "none of its pipes and sockets can be opened",
            C::SeparateUsers,
            Kernel,
        ),
        refused(
            "hidden.process-1.signals",
            "no signal reaches it",
            C::SeparateUsers,
            Kernel,
        ),
        refused(
            "hidden.kernel-log",
            "the kernel's log is not there",
            C::Isolation,
            Engine,
        ),
        row(
            "hidden.container-id",
            "the container's id does not show",
            C::Isolation,
            Engine,
            is(&""),
        ),
        row(
            "hidden.host-name",
            "the host's name does not show",
            C::Isolation,
            Engine,
            is(&"sandbox"),
        ),
        row(
            "hidden.sockets",
            "no engine's socket is there",
            C::Isolation,
            Engine,
            is(&""),
        ),
        row(
            "hidden.devices",
            "no disk and no memory device is there",
            C::Isolation,
            Engine,
            is(&""),
        ),
        row(
            "hidden.processes",
            "no process of others shows",
            C::Isolation,
            Kernel,
            is(&""),
        ),
        row(
            "hidden.network-devices",
            "no network device but loopback",
            C::NoNetwork,
            Kernel,
            is(&"lo"),
        ),
    ];
    // Beside those of its group, which the table shows together.
    let at = rows.iter().position(|row| row.id == "write.modules");
    let at = at.unwrap_or(rows.len());
    rows.splice(at..at, store);
    rows
}
