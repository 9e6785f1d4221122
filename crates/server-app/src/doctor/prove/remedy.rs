//! What to do about a promise that did not hold or could not be judged, by its name.

use super::proof::Keeper;

/// What mends one that is broken: a row of its own where there is one, else that of its group.
pub(super) fn of_broken(id: &str, keeper: Keeper) -> &'static str {
    let found = BROKEN.iter().find(|(begins, _)| id.starts_with(begins));
    match (found, keeper) {
        (Some((_, remedy)), _) => remedy,
        (None, Keeper::Us) => {
            "this server itself failed to keep it: update it, and report it as `docs/security-policy.md` says if \
             the newest does not keep it either"
        }
        (None, Keeper::Kernel | Keeper::Engine) => "use another engine, runtime or kernel",
    }
}

/// How to have one judged that could not be.
pub(super) fn of_unknown(id: &str) -> &'static str {
    UNKNOWN
        .iter()
        .find(|(begins, _)| id.starts_with(begins))
        .map_or(
            "see in brackets what came in the way, mend that, and run it again",
            |(_, remedy)| remedy,
        )
}

/// By the beginning of the name, the longer before the shorter.
const BROKEN: &[(&str, &str)] = &[
    (
        "limit.swap",
        "have swap accounted: control groups v2, or `swapaccount=1` on the kernel's command line with v1",
    ),
    ("limit.memory", MEMORY),
    ("strain.memory", MEMORY),
    ("limit.cpu", CPU),
    ("strain.cpu", CPU),
    ("limit.processes", PROCESSES),
    ("strain.processes", PROCESSES),
    (
        "limit.open-files",
        "see that the runtime applies resource limits (`ulimits` of a container), and that nothing on \
         this host raises them behind it",
    ),
    (
        "strain.open-files",
        "see that the runtime applies resource limits (`ulimits` of a container)",
    ),
    (
        "limit.core",
        "see that the runtime applies the resource limit of core files (`ulimits` of a container)",
    ),
    (
        "limit.",
        "see that the engine mounts a tmpfs with the size that it is asked for (`Tmpfs` and `ShmSize`)",
    ),
    (
        "strain.disk",
        "see that the engine gives `/dev/shm` the size that it is asked for (`ShmSize`)",
    ),
    (
        "identity.capabilities",
        "see that nothing on this host adds capabilities to containers: the runtime's settings, \
         or hooks",
    ),
    (
        "identity.no-new-privileges",
        "use a runtime that sets no-new-privileges where it is asked to",
    ),
    ("identity.filter", FILTER),
    ("syscall.", FILTER),
    ("socket.", FILTER),
    (
        "identity.kernel",
        "see what the engine starts under this runtime's name, in its `daemon.json`: it must be \
         gVisor's `runsc`",
    ),
    (
        "write.store",
        "use an engine that mounts a volume read-only where it is asked to, or turn the store off \
         (`--environments off`)",
    ),
    (
        "write.",
        "use an engine and a runtime that mount a container's root read-only and its own places as asked",
    ),
    (
        "hidden.network-devices",
        "see that the engine obeys `NetworkMode: none`: a plugin or a hook may add devices",
    ),
    (
        "hidden.namespaces",
        "use an engine that gives each container namespaces of its own",
    ),
    (
        "way-out.metadata.direct",
        "see that the engine obeys `NetworkMode: none`: a plugin or a hook may add devices",
    ),
];

const MEMORY: &str = "see that the engine uses the memory control group: with a rootless engine delegate its controllers to the \
                      user (`docs/host-setup.md` says how)";
const CPU: &str = "see that the engine uses the processor control group: with a rootless engine delegate it, \
                   and use a kernel with CFS bandwidth control";
const PROCESSES: &str = "see that the engine uses the process control group: with a rootless engine delegate it to the user";
const FILTER: &str = "use a kernel and an engine with seccomp, and see that no setting of the engine replaces \
                      a container's own profile";

const UNKNOWN: &[(&str, &str)] = &[
    (
        "outside.",
        "run it on the engine's own host, where `/proc` shows the processes of containers",
    ),
    (
        "limit.processes",
        "see `strain.processes`, which tries it; where a kernel of the sandbox's own has threads beside \
         the program's, no number shows the limit, and elsewhere the engine's own host does",
    ),
    (
        "limit.",
        "its control groups show neither inside nor to this server: run it on the engine's own host, \
         where `/sys/fs/cgroup` can be read",
    ),
    (
        "hidden.environment",
        "set any variable with a value of six letters or more before running it, so that there is \
         something to look for",
    ),
    (
        "hidden.namespaces",
        "run it on the engine's own host, as a user who may read `/proc/self/ns`",
    ),
    (
        "way-out.loopback",
        "this host did not hear itself on its loopback: see whether a firewall on it refuses that",
    ),
    (
        "way-out.host",
        "this host did not hear itself at its own address: see whether a firewall on it refuses that",
    ),
    (
        "fresh.",
        "nothing could be left behind, so there was nothing to find: see in `write.*` why no place \
         can be written",
    ),
    (
        "identity.kernel",
        "the engine does not say which kernel its host has: update it",
    ),
    (
        "syscall.",
        "calls are known by number on x86_64 and aarch64 alone: run it there",
    ),
    (
        "strain.cpu",
        "a kernel of the sandbox's own keeps its own time: see `limit.cpu`, or measure on the host",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_name_comes_before_a_shorter_one() {
        for table in [BROKEN, UNKNOWN] {
            for (at, (name, remedy)) in table.iter().enumerate() {
                assert!(!remedy.is_empty());
                let before = table.iter().take(at);
                let hides: Vec<_> = before
                    .filter(|(earlier, _)| name.starts_with(earlier))
                    .collect();
                assert!(hides.is_empty(), "`{name}` is never found: {hides:?}");
            }
        }
    }

    #[test]
    fn each_has_its_own_and_the_rest_one_by_its_keeper() {
        assert!(of_broken("limit.swap", Keeper::Kernel).contains("swapaccount"));
        assert!(of_broken("limit.tmp", Keeper::Kernel).contains("tmpfs"));
        assert!(of_broken("fresh.files", Keeper::Us).contains("report it"));
        assert!(of_broken("hidden.devices", Keeper::Engine).contains("another engine"));
        assert!(of_unknown("limit.memory").contains("/sys/fs/cgroup"));
        assert!(of_unknown("strain.output").contains("in brackets"));
    }
}
