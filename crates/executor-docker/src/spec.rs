//! The one page where a sandbox's hardening stands: from a spec to what the engine is told.
//!
//! Pure. Its golden file is the reviewed surface: a weaker sandbox is a visible difference there.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use executor_core::backend::SandboxSpec;
use executor_core::limits::ByteSize;

use crate::facts::{CgroupVersion, EngineFacts, EngineKind, Kernel};
use crate::labels::Labels;
use crate::runtime::Runtime;
use crate::store;

/// What all sandboxes of one engine share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    /// The image by its id: no name can be moved under us.
    pub(crate) image: String,
    pub(crate) names: Names,
    pub(crate) cgroup: CgroupVersion,
    pub(crate) engine: EngineKind,
    /// The runtime by its name, so that a default which changes later changes nothing here. None
    /// where the engine takes no name.
    pub(crate) runtime: Option<String>,
    pub(crate) kernel: Kernel,
    /// The seccomp profile as the engine takes it: JSON text, or for Podman a path of it. None
    /// where the engine takes none, and its operator accepted that.
    pub(crate) seccomp: Option<String>,
    /// Whether the engine knows a processor quota; one that does not refuses to be told of it.
    pub(crate) cpu_quota: bool,
    /// The volume that keeps sets of modules, where there is one.
    pub(crate) store: Option<String>,
}

impl Profile {
    /// Sandboxes of `image` on the engine that `facts` describe.
    pub(crate) fn new(
        image: String,
        facts: &EngineFacts,
        runtime: &Runtime,
        seccomp: Option<String>,
    ) -> Self {
        let names = match facts.kind {
            EngineKind::Docker => Names::Process1,
            EngineKind::Podman => Names::HostsFile,
        };
        Self {
            image,
            names,
            cgroup: facts.cgroup,
            engine: facts.kind,
            runtime: runtime.told(facts.kind),
            kernel: runtime.kernel,
            seccomp,
            cpu_quota: facts.cpu_quota,
            store: None,
        }
    }
}

/// How `localhost` and the sandbox's own name resolve, for every program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// By process 1, which is asked because there is no hosts file and no name server. Docker
    /// empties both files when it disables the network, which saves it a third of a start.
    Process1,
    /// By the hosts file of an engine that writes one.
    HostsFile,
}

/// The name that a sandbox has for itself.
pub(crate) const HOSTNAME: &str = "sandbox";

/// Everything the engine is told about one sandbox.
pub(crate) fn create_body(
    spec: &SandboxSpec,
    profile: &Profile,
    labels: &Labels,
) -> ContainerCreateBody {
    let (program, arguments) = match spec.command.split_first() {
        Some((program, arguments)) => (vec![program.clone()], arguments.to_vec()),
        None => (Vec::new(), Vec::new()),
    };
    ContainerCreateBody {
        image: Some(profile.image.clone()),
        // Explicit both: an image's own entry point would come before process 1.
        entrypoint: Some(program),
        cmd: Some(arguments),
        // Process 1 is root with three capabilities; the program becomes another user with none.
        // Naming the group keeps the image's supplementary groups out.
        user: Some("0:0".to_owned()),
        working_dir: Some("/".to_owned()),
        // The image's own variables stay (PATH, where browsers are); ours are these.
        env: Some(vec!["LANG=C.UTF-8".to_owned(), "HOME=/tmp".to_owned()]),
        // Fixed, so that no container's id shows.
        hostname: Some(HOSTNAME.to_owned()),
        labels: Some(labels.to_map()),
        tty: Some(false),
        open_stdin: Some(true),
        // The first client to leave closes it: a server that dies gives process 1 end of file.
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        // Docker obeys this one, and is spared its network hook; Podman obeys the network mode.
        network_disabled: Some(profile.names == Names::Process1),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        stop_signal: Some("SIGKILL".to_owned()),
        host_config: Some(host_config(spec, profile)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(spec: &SandboxSpec, profile: &Profile) -> HostConfig {
    let limits = &spec.limits;
    HostConfig {
        runtime: profile.runtime.clone(),
        network_mode: Some("none".to_owned()),
        extra_hosts: (profile.names == Names::HostsFile)
            .then(|| vec![format!("{HOSTNAME}:127.0.0.1")]),
        // Process 1 answers on the port of names, and has no capability for it.
        sysctls: Some(HashMap::from([(
            "net.ipv4.ip_unprivileged_port_start".to_owned(),
            "0".to_owned(),
        )])),
        readonly_rootfs: Some(true),
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).into()),
        security_opt: Some(security_options(profile)),
        memory: Some(signed(limits.memory.get())),
        // As much as memory: no swap.
        memory_swap: Some(signed(limits.memory.get())),
        // Control groups v2 know no swappiness, and an engine there refuses it.
        memory_swappiness: (profile.cgroup == CgroupVersion::V1).then_some(0),
        // Before anything of the host; the program puts itself before process 1.
        oom_score_adj: Some(500),
        oom_kill_disable: (profile.cgroup == CgroupVersion::V1).then_some(false),
        nano_cpus: profile
            .cpu_quota
            .then(|| i64::from(limits.cpu_millis).saturating_mul(1_000_000)),
        pids_limit: Some(i64::from(processes(spec, profile.kernel))),
        ulimits: Some(ulimits(spec, profile.engine)),
        tmpfs: Some(
            mounts(spec, profile.engine)
                .into_iter()
                .map(|(place, options)| (place.to_owned(), options))
                .collect(),
        ),
        mounts: store::mount(profile.store.as_ref(), spec.store),
        shm_size: Some(signed(limits.shm.get())),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        // The runner is process 1, nobody else.
        init: Some(false),
        // What the program prints never touches the engine's disk.
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".to_owned()),
            config: None,
        }),
        // Its end must stay to be seen; the reaper removes it.
        auto_remove: Some(false),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        publish_all_ports: Some(false),
        // `masked_paths` and `readonly_paths` stay unset: setting them would replace the engine's
        // own lists, which grow with its fixes.
        ..HostConfig::default()
    }
}

/// What process 1 keeps, to become the program's user and to end the program. The program itself
/// has none.
const CAPABILITIES: [&str; 3] = ["SETUID", "SETGID", "KILL"];

/// The user who installs modules and owns their place; the program can only read it.
pub(crate) const MODULES_USER: u32 = 10_001;

/// Names in a writable place cost kernel memory, so they are counted too.
pub(crate) const INODES: u32 = 131_072;

/// The writable places, all in memory and all counted as such.
///
/// Podman's service takes neither owners nor counts of names: there the modules' place is open to
/// the program too, whose own sandbox it is, and names are bounded by memory alone.
fn mounts(spec: &SandboxSpec, engine: EngineKind) -> [(&'static str, String); 3] {
    let (inodes, few_inodes, modules_owner) = match engine {
        EngineKind::Docker => (
            format!(",nr_inodes={INODES}"),
            ",nr_inodes=256",
            format!("mode=0755,uid={MODULES_USER},gid={MODULES_USER}"),
        ),
        EngineKind::Podman => (String::new(), "", "mode=1777".to_owned()),
    };
    let tmp = spec.limits.tmp.get();
    let modules = spec.limits.modules.get();
    let own = ByteSize::mib(4).get();
    [
        // Executable: native wheels and browsers unpack themselves here.
        (
            "/tmp",
            format!("rw,nosuid,nodev,exec,size={tmp}{inodes},mode=1777"),
        ),
        (
            "/modules",
            format!("rw,nosuid,nodev,exec,size={modules}{inodes},{modules_owner}"),
        ),
        // Process 1's own, for certificates; nothing is run from it.
        (
            "/run/sandbox",
            format!("rw,nosuid,nodev,noexec,size={own}{few_inodes},mode=0755"),
        ),
    ]
}

/// What the host counts for one process of a program on gVisor: the process that stands for it, and
/// gVisor's own threads that serve it. Five with the ptrace platform of 2022, which needs the most.
const GVISOR_EACH: u32 = 5;
/// gVisor's own threads, and those of the helper that opens files for it. Some eighty on a machine
/// with two processors, and more with more.
const GVISOR_OWN: u32 = 256;
/// With too few gVisor cannot go on, and ends with all that is inside.
const GVISOR_LEAST: u32 = 1024;

/// The processes and threads that the host counts for one sandbox.
fn processes(spec: &SandboxSpec, kernel: Kernel) -> u32 {
    let theirs = spec.limits.processes;
    match kernel {
        Kernel::Hosts => theirs,
        Kernel::GVisor => theirs
            .saturating_mul(GVISOR_EACH)
            .saturating_add(GVISOR_OWN)
            .max(GVISOR_LEAST),
    }
}

fn ulimits(spec: &SandboxSpec, engine: EngineKind) -> Vec<ResourcesUlimits> {
    let mut limits = vec![
        ulimit("nofile", i64::from(spec.limits.open_files)),
        ulimit("core", 0),
        ulimit("memlock", 64 * 1024),
    ];
    if engine == EngineKind::Podman {
        // Left alone, Podman asks for the kernel's highest, which a confined host refuses. The
        // count is per user over all sandboxes; what binds one is the control group.
        limits.push(ulimit("nproc", 16_384));
    }
    limits
}

fn security_options(profile: &Profile) -> Vec<String> {
    let mut options = vec![no_new_privileges(profile.engine).to_owned()];
    options.extend(
        profile
            .seccomp
            .as_ref()
            .map(|seccomp| format!("seccomp={seccomp}")),
    );
    options
}

/// Podman's service knows the option without a value only.
const fn no_new_privileges(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Docker => "no-new-privileges:true",
        EngineKind::Podman => "no-new-privileges",
    }
}

fn ulimit(name: &str, limit: i64) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(limit),
        hard: Some(limit),
    }
}

/// Sizes have a ceiling far below; an engine that got a cut one would only be stricter.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use executor_core::backend::StoreAccess;
    use executor_core::limits::SandboxLimits;
    use expect_test::expect_file;
    use uuid::Uuid;

    use super::*;

    fn golden(engine: EngineKind, cgroup: CgroupVersion) -> String {
        let kernel = Kernel::Hosts;
        golden_on(engine, cgroup, kernel)
    }

    fn golden_on(engine: EngineKind, cgroup: CgroupVersion, kernel: Kernel) -> String {
        golden_with(engine, cgroup, kernel, StoreAccess::None)
    }

    fn golden_with(
        engine: EngineKind,
        cgroup: CgroupVersion,
        kernel: Kernel,
        access: StoreAccess,
    ) -> String {
        let runtime = match kernel {
            Kernel::Hosts => "runc",
            Kernel::GVisor => "runsc",
        };
        let profile = Profile {
            image: "sha256:image".to_owned(),
            names: match engine {
                EngineKind::Docker => Names::Process1,
                EngineKind::Podman => Names::HostsFile,
            },
            cgroup,
            engine,
            runtime: (engine == EngineKind::Docker).then(|| runtime.to_owned()),
            kernel,
            seccomp: Some("{the profile of golden/seccomp.json}".to_owned()),
            cpu_quota: true,
            store: Some("environments".to_owned()),
        };
        let command = ["python3", "-I", "-c", "boot"].map(str::to_owned);
        let spec = SandboxSpec::new(command.into(), SandboxLimits::default(), 600);
        let spec = spec.with_store(access);
        let labels = Labels {
            owner: Uuid::nil(),
            run: "0".repeat(32),
            deadline: 1_700_000_600,
            process: None,
        };
        // By way of a value, whose maps are sorted.
        let body = serde_json::to_value(create_body(&spec, &profile, &labels)).unwrap();
        let sorted: BTreeMap<String, serde_json::Value> = serde_json::from_value(body).unwrap();
        serde_json::to_string_pretty(&sorted).unwrap() + "\n"
    }

    #[test]
    fn what_docker_is_told_is_the_golden_body() {
        expect_file!["../golden/create-docker.json"]
            .assert_eq(&golden(EngineKind::Docker, CgroupVersion::V2));
    }

    #[test]
    fn what_podman_is_told_is_the_golden_body() {
        expect_file!["../golden/create-podman.json"]
            .assert_eq(&golden(EngineKind::Podman, CgroupVersion::V2));
    }

    #[test]
    fn a_sandbox_with_the_store_is_the_golden_one_with_it() {
        let (engine, cgroup) = (EngineKind::Docker, CgroupVersion::V2);
        let told = |access| golden_with(engine, cgroup, Kernel::Hosts, access);
        let reads = told(StoreAccess::ReadOnly);
        expect_file!["../golden/create-docker-store.json"].assert_eq(&reads);
        // A keeper's differs in that one word, and nobody's in the mount alone.
        let one_word = |text: &str| text.replace("\"ReadOnly\": true", "\"ReadOnly\": false");
        assert_eq!(told(StoreAccess::Write), one_word(&reads));
        assert_eq!(reads.matches("\"ReadOnly\": true").count(), 1);
        let without = told(StoreAccess::None);
        let more: Vec<_> = reads
            .lines()
            .filter(|line| !without.contains(line))
            .map(str::trim)
            .collect();
        assert_eq!(more.first(), Some(&"\"Mounts\": ["));
        assert!(without.lines().all(|line| reads.contains(line)));
    }

    #[test]
    fn gvisor_gets_another_runtime_and_more_threads_and_nothing_else() {
        let hosts = golden(EngineKind::Docker, CgroupVersion::V2);
        let gvisor = golden_on(EngineKind::Docker, CgroupVersion::V2, Kernel::GVisor);
        let others: Vec<_> = gvisor
            .lines()
            .filter(|line| !hosts.contains(line))
            .collect();
        assert_eq!(
            others,
            ["    \"PidsLimit\": 1536,", "    \"Runtime\": \"runsc\",",]
        );
        assert_eq!(gvisor.lines().count(), hosts.lines().count());
    }

    #[test]
    fn control_groups_v1_are_told_not_to_swap() {
        let v1 = golden(EngineKind::Docker, CgroupVersion::V1);
        let v2 = golden(EngineKind::Docker, CgroupVersion::V2);
        let only_v1: Vec<_> = v1.lines().filter(|line| !v2.contains(line)).collect();
        assert_eq!(
            only_v1,
            [
                "    \"MemorySwappiness\": 0,",
                "    \"OomKillDisable\": false,"
            ]
        );
    }
}
