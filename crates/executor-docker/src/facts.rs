//! What the engine says about itself, as plain values, and which promises follow from it.

use std::collections::BTreeMap;

use executor_core::capabilities::Capability;

/// What `/version` and `/info` say, as far as it concerns us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the engine answers so many yes-or-no questions"
)]
pub(crate) struct EngineFacts {
    pub(crate) kind: EngineKind,
    pub(crate) version: String,
    pub(crate) api: String,
    pub(crate) os: String,
    pub(crate) arch: String,
    pub(crate) kernel: String,
    pub(crate) cgroup: CgroupVersion,
    pub(crate) cgroup_driver: String,
    pub(crate) storage: String,
    /// The directory on its host in which it keeps containers.
    pub(crate) directory: String,
    /// The default runtime's name.
    pub(crate) runtime: String,
    /// The runtimes that it knows by name, with the path of each program where it tells.
    pub(crate) runtimes: BTreeMap<String, String>,
    /// runc's own version, where it is the runtime and the engine says so.
    pub(crate) runc: Option<String>,
    pub(crate) memory_limit: bool,
    pub(crate) swap_limit: bool,
    pub(crate) pids_limit: bool,
    pub(crate) cpu_quota: bool,
    pub(crate) seccomp: bool,
    pub(crate) apparmor: bool,
    pub(crate) rootless: bool,
    pub(crate) system_time: String,
}

/// Which engine it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum EngineKind {
    #[default]
    Docker,
    Podman,
}

/// Which control groups the engine's host has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CgroupVersion {
    V1,
    #[default]
    V2,
}

/// Whose kernel a sandbox's programs call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// The host's.
    #[default]
    Hosts,
    /// gVisor's: a program of the host's that is a kernel to those inside, and itself makes few
    /// calls of the host's.
    GVisor,
}

/// One promise: whether this engine on its host keeps it, and if not, why and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enforcement {
    /// The promise.
    pub capability: Capability,
    /// Whether it is kept.
    pub enforced: bool,
    /// By what it is kept, or why it is not.
    pub why: &'static str,
    /// What to do about one that is not kept.
    pub remedy: Option<&'static str>,
}

/// Every promise, held against the facts, in the order of [`Capability::ALL`].
pub(crate) fn enforcement(facts: &EngineFacts, kernel: Kernel) -> Vec<Enforcement> {
    Capability::ALL
        .into_iter()
        .map(|capability| judge(capability, facts, kernel))
        .collect()
}

fn judge(capability: Capability, facts: &EngineFacts, kernel: Kernel) -> Enforcement {
    let linux = facts.os == "linux";
    let on_gvisor = kernel == Kernel::GVisor;
    let (enforced, by, because, remedy) = match capability {
        Capability::MemoryLimit => (
            facts.memory_limit && facts.swap_limit,
            if on_gvisor {
                "memory control group around gVisor and all that is inside, swap included"
            } else {
                "memory control group, swap included"
            },
            if facts.memory_limit {
                "the host's kernel does not account swap"
            } else {
                NO_CONTROLLER
            },
            if facts.memory_limit {
                "start the host's kernel with `swapaccount=1`"
            } else {
                DELEGATE
            },
        ),
        Capability::CpuLimit => (facts.cpu_quota, "CPU quota", NO_CONTROLLER, DELEGATE),
        Capability::ProcessLimit => (
            facts.pids_limit,
            if on_gvisor {
                "process control group around gVisor, whose own threads are allowed for"
            } else {
                "process control group"
            },
            NO_CONTROLLER,
            DELEGATE,
        ),
        // Calls of the program are gVisor's to answer; those that it makes itself are filtered by
        // a filter of its own.
        Capability::SyscallFilter if on_gvisor => {
            (linux, "gVisor's own kernel", NOT_LINUX, USE_LINUX)
        }
        Capability::SyscallFilter => (
            facts.seccomp,
            "seccomp profile of our own",
            "the engine was built or started without seccomp",
            "use an engine and a kernel with seccomp",
        ),
        Capability::Isolation if on_gvisor => (
            linux,
            "gVisor's own kernel, read-only root",
            NOT_LINUX,
            USE_LINUX,
        ),
        Capability::Isolation => (linux, "namespaces, read-only root", NOT_LINUX, USE_LINUX),
        Capability::NoNetwork => (linux, "network namespace of its own", NOT_LINUX, USE_LINUX),
        Capability::OpenFilesLimit => (linux, "resource limit", NOT_LINUX, USE_LINUX),
        Capability::DiskLimit => (linux, "sized tmpfs, read-only root", NOT_LINUX, USE_LINUX),
        Capability::SeparateUsers => (linux, "user ids", NOT_LINUX, USE_LINUX),
        // A promise that this version does not know is not kept by it.
        _ => (
            false,
            "",
            "this backend does not know the promise",
            "use a newer version",
        ),
    };
    Enforcement {
        capability,
        enforced,
        why: if enforced { by } else { because },
        remedy: (!enforced).then_some(remedy),
    }
}

const NO_CONTROLLER: &str = "the engine cannot use the control group it needs";
const DELEGATE: &str = "use control groups v2 and, for a rootless engine, delegate its \
                        controllers to the user (systemd: `Delegate=cpu cpuset io memory pids`)";
const NOT_LINUX: &str = "the engine does not run Linux containers";
const USE_LINUX: &str = "switch the engine to Linux containers";

/// The floor of what an engine must speak: Docker 20.10, which brought private cgroup namespaces.
pub(crate) const OLDEST_API: (u32, u32) = (1, 41);

/// `1.41` as a pair.
pub(crate) fn parse_api(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What an operator should know although the sandbox's promises hold.
pub(crate) fn warnings(facts: &EngineFacts, kernel: Kernel) -> Vec<String> {
    let mut warnings = Vec::new();
    let version = numbers(&facts.version);
    if facts.kind == EngineKind::Docker && version < OLDEST_MAINTAINED_DOCKER {
        warnings.push(format!(
            "Docker {} is past its end of life upstream: it works here, but only your \
             distribution still mends it; move to 29.5.1 or later when you can",
            facts.version
        ));
    } else if facts.kind == EngineKind::Docker && version < DOCKER_WITHOUT_ALG {
        warnings.push(format!(
            "Docker {} is older than 29.4.3, which closed a way to write files that can only be read \
             (CVE-2026-31431) to containers: sandboxes have a filter of their own, which closes it, \
             but other containers on this host do not; update to 29.5.1 or later, or to a kernel that \
             mends it",
            facts.version
        ));
    } else if facts.kind == EngineKind::Docker && version < DOCKER_BEST {
        warnings.push(format!(
            "Docker {} is older than 29.5.1, the oldest that is known to have no hole that matters \
             here: update it",
            facts.version
        ));
    }
    warnings.extend(about_kernel(&facts.kernel));
    if let Some(runc) = facts.runc.as_ref().filter(|_| kernel == Kernel::Hosts) {
        let version = numbers(runc);
        if version < RUNC_FLOOR {
            warnings.push(format!(
                "runc {runc} is older than 1.1.12, which closed a known way out of containers \
                 (CVE-2024-21626): update it, or make sure that your distribution mended it"
            ));
        } else if version < RUNC_BEST || ([1, 3, 0]..[1, 3, 3]).contains(&version) {
            warnings.push(format!(
                "runc {runc} is older than 1.2.8 or 1.3.3, which closed races around masked paths \
                 (CVE-2025-31133): update it, or make sure that your distribution mended it"
            ));
        }
    }
    if facts.cgroup == CgroupVersion::V1 {
        warnings.push(
            "the host uses control groups v1, which kernels and engines are leaving behind"
                .to_owned(),
        );
    }
    if facts.kind == EngineKind::Docker && !facts.apparmor && kernel == Kernel::Hosts {
        warnings.push(
            "the engine uses no AppArmor: the seccomp profile and the namespaces stand alone"
                .to_owned(),
        );
    }
    warnings
}

/// What is known of a kernel of this release, sandboxes' own kernels included, which stand on it.
///
/// A distribution that mends its kernel keeps its number, so one of those (`5.15.0-91-generic`) is not
/// judged by its last number.
fn about_kernel(release: &str) -> Option<String> {
    let [major, minor, patch] = numbers(release);
    let of_a_distribution = patch == 0 && release.contains('-');
    if major == 0 {
        return None;
    }
    if [major, minor, patch] < OLDEST_KERNEL {
        return Some(format!(
            "Linux {release} is older than 4.9, which closed a way to write files that can only be read \
             (CVE-2016-5195): update it, or make sure that your distribution mended it"
        ));
    }
    let mended = match (major, minor) {
        (5, 10) => 102,
        (5, 15) => 25,
        (5, 16) => 11,
        (5, 8 | 9 | 11..=14) => u32::MAX,
        _ => 0,
    };
    (patch < mended && !of_a_distribution).then(|| {
        format!(
            "Linux {release} has a way to write files that can only be read (CVE-2022-0847), mended in \
             5.10.102, 5.15.25 and 5.16.11: sandboxes have no call for it, but update it, or make sure \
             that your distribution mended it"
        )
    })
}

/// Below it there is nothing but what distributions mend themselves: the first series without
/// CVE-2016-5195 from its beginning.
const OLDEST_KERNEL: [u32; 3] = [4, 9, 0];

/// Docker below it gets no fixes upstream (as of November 2026).
const OLDEST_MAINTAINED_DOCKER: [u32; 3] = [28, 0, 0];
/// From it on containers of others have no AF_ALG sockets either: Docker's own words on CVE-2026-31431
/// of May 2026. What older ones leak of names (before 25.0.5) and of networks (before 28) does not
/// concern sandboxes, which have no network.
const DOCKER_WITHOUT_ALG: [u32; 3] = [29, 4, 3];
const DOCKER_BEST: [u32; 3] = [29, 5, 1];
/// runc that mends CVE-2024-21626, and the one that mends CVE-2025-31133 and its kin.
const RUNC_FLOOR: [u32; 3] = [1, 1, 12];
const RUNC_BEST: [u32; 3] = [1, 2, 8];

/// The leading numbers of a version such as `20.10.24+dfsg1` or `1.1.5+ds1-1`.
fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version
        .trim_start_matches('v')
        .split(|c: char| !c.is_ascii_digit());
    std::array::from_fn(|_| parts.next().and_then(|part| part.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::admitted;

    fn sound() -> EngineFacts {
        EngineFacts {
            version: "29.6.0".to_owned(),
            os: "linux".to_owned(),
            runc: Some("1.3.4".to_owned()),
            memory_limit: true,
            swap_limit: true,
            pids_limit: true,
            cpu_quota: true,
            seccomp: true,
            apparmor: true,
            ..EngineFacts::default()
        }
    }

    #[test]
    fn what_the_engine_lacks_is_not_promised() {
        assert_eq!(admitted(&enforcement(&sound(), Kernel::Hosts)), []);
        #[track_caller]
        fn check(change: impl FnOnce(&mut EngineFacts), missing: &[Capability]) {
            let mut facts = sound();
            change(&mut facts);
            let table = enforcement(&facts, Kernel::Hosts);
            let gaps: Vec<_> = admitted(&table).iter().map(|gap| gap.capability).collect();
            assert_eq!(gaps, missing);
            for row in table {
                assert_eq!(row.enforced, row.remedy.is_none());
                assert!(!row.why.is_empty());
            }
        }
        check(
            |facts| facts.memory_limit = false,
            &[Capability::MemoryLimit],
        );
        check(|facts| facts.swap_limit = false, &[Capability::MemoryLimit]);
        check(
            |facts| facts.pids_limit = false,
            &[Capability::ProcessLimit],
        );
        check(|facts| facts.cpu_quota = false, &[Capability::CpuLimit]);
        check(|facts| facts.seccomp = false, &[Capability::SyscallFilter]);
        check(
            |facts| facts.os = "windows".to_owned(),
            &[
                Capability::Isolation,
                Capability::NoNetwork,
                Capability::OpenFilesLimit,
                Capability::DiskLimit,
                Capability::SeparateUsers,
            ],
        );
    }

    #[test]
    fn gvisor_filters_by_itself_and_has_no_part_of_runc() {
        let facts = EngineFacts {
            seccomp: false,
            apparmor: false,
            runc: Some("1.0.0".to_owned()),
            ..sound()
        };
        assert_eq!(admitted(&enforcement(&facts, Kernel::GVisor)), []);
        assert_eq!(warnings(&facts, Kernel::GVisor), Vec::<String>::new());
        let facts = EngineFacts {
            pids_limit: false,
            ..sound()
        };
        let gaps = admitted(&enforcement(&facts, Kernel::GVisor));
        assert_eq!(gaps.len(), 1);
    }

    #[test]
    fn old_parts_are_pointed_at() {
        assert_eq!(warnings(&sound(), Kernel::Hosts), Vec::<String>::new());
        for (runc, words) in [
            ("1.1.5+ds1-1", "1.1.12"),
            ("1.2.7", "1.2.8"),
            ("1.3.2", "1.3.3"),
        ] {
            let facts = EngineFacts {
                runc: Some(runc.to_owned()),
                ..sound()
            };
            let [warning] = warnings(&facts, Kernel::Hosts).try_into().unwrap();
            assert!(warning.contains(words), "{runc}: {warning}");
        }
        let facts = EngineFacts {
            version: "20.10.24+dfsg1".to_owned(),
            ..sound()
        };
        assert!(
            warnings(&facts, Kernel::Hosts)
                .concat()
                .contains("end of life")
        );
        for (version, words) in [
            ("28.5.2", "older than 29.4.3"),
            ("29.4.2", "older than 29.4.3"),
            ("29.4.3", "older than 29.5.1"),
        ] {
            let facts = EngineFacts {
                version: version.to_owned(),
                ..sound()
            };
            let [warning] = warnings(&facts, Kernel::Hosts).try_into().unwrap();
            assert!(warning.contains(words), "{version}: {warning}");
            assert!(warning.contains("update"), "{version}: {warning}");
        }
    }

    #[test]
    fn kernels_with_known_holes_are_pointed_at() {
        let check = |release: &str, words: &str| {
            let facts = EngineFacts {
                kernel: release.to_owned(),
                ..sound()
            };
            let told = warnings(&facts, Kernel::GVisor).concat();
            assert_eq!(told.is_empty(), words.is_empty(), "{release}: {told}");
            assert!(told.contains(words), "{release}: {told}");
        };
        for sound in ["6.18.1", "5.10.102", "5.15.25", "5.16.11", "5.4.1", ""] {
            check(sound, "");
        }
        for old in ["5.8.1", "5.10.101", "5.13.4", "5.15.24-custom", "5.16.2"] {
            check(old, "CVE-2022-0847");
        }
        // Mended by the distribution under an old number, as far as anybody can tell from it.
        for of_a_distribution in ["5.15.0-91-generic", "5.10.0-28-amd64"] {
            check(of_a_distribution, "");
        }
        check("4.4.0-210-generic", "CVE-2016-5195");
        check("3.10.0-1160.el7.x86_64", "CVE-2016-5195");
    }

    #[test]
    fn api_versions_are_compared_as_numbers() {
        assert!(parse_api("1.40").unwrap() < OLDEST_API);
        assert!(parse_api("1.5").unwrap() < OLDEST_API);
        assert!(parse_api("1.41").unwrap() >= OLDEST_API);
        assert!(parse_api("1.100").unwrap() >= OLDEST_API);
        assert_eq!(parse_api("one"), None);
    }
}
