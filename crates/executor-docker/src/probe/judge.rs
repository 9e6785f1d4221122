//! What a probe found, held against what is promised: each promise that does not hold, with
//! everything that was seen of it.

use executor_core::capabilities::Capability;
use executor_core::limits::SandboxLimits;

use super::{Found, Verdict};
use crate::error::DockerError;
use crate::facts::{EngineFacts, EngineKind, Kernel};
use crate::gap::Gap;
use crate::spec::{HOSTNAME, INODES};
use crate::store;

/// `CAP_KILL`, `CAP_SETGID` and `CAP_SETUID` of `linux/capability.h`, as the kernel shows them.
const CAPABILITIES: &str = "00000000000000e0";
const NO_CAPABILITIES: &str = "0000000000000000";
/// What the probe calls the one thing of these that Podman may show.
const CONTAINER_ID: &str = "its container's id";

/// What every version of gVisor says of its build: when the Linux that it follows was built.
const GVISOR: &str = "#1 SMP Sun Jan 10 15:06:54 PST 2016";

/// What to do about a runtime that has gVisor's name and is none.
const NOT_GVISOR: &str = "see what the engine starts under this runtime's name, in its \
                          `daemon.json`: it must be gVisor's `runsc`";

/// What to do about an engine that takes a limit and does not apply it.
const NOT_APPLIED: &str = "the engine accepted what it was asked for and did not apply it: run \
                           `doctor`, and use an engine or a runtime that does";

/// Judges what a sandbox under `limits` said. `kernel` is whose it has to be.
pub(super) fn hold_against(
    found: &Found,
    limits: &SandboxLimits,
    facts: &EngineFacts,
    kernel: Kernel,
) -> Result<Verdict, DockerError> {
    let engine = facts.kind;
    if found.python < (3, 9) {
        let (major, minor) = found.python;
        return Err(DockerError::BadPython(format!(
            "it is {major}.{minor}, and 3.9 is needed"
        )));
    }
    let mut gaps = Vec::new();
    if kernel == Kernel::GVisor && !is_gvisor(found, facts) {
        let why = format!(
            "the runtime is called gVisor's, and programs call the kernel {}",
            shown([&found.kernel.0])
        );
        gaps.push(Gap::new(Capability::Isolation, why, NOT_GVISOR));
    }
    for (capability, broken) in [
        (Capability::Isolation, isolation(found, engine, kernel)),
        (Capability::NoNetwork, network(found)),
        (Capability::MemoryLimit, memory(found, limits)),
        (Capability::CpuLimit, cpu(found, limits)),
        (Capability::ProcessLimit, processes(found, limits)),
        (Capability::OpenFilesLimit, open_files(found, limits)),
        (Capability::DiskLimit, disk(found, limits, engine, kernel)),
        (Capability::SyscallFilter, filter(found, kernel)),
        (Capability::SeparateUsers, users(found)),
    ] {
        if !broken.is_empty() {
            gaps.push(Gap::new(capability, broken.join("; "), NOT_APPLIED));
        }
    }
    Ok(Verdict {
        names_resolve: found.resolves == ["127.0.0.1", "127.0.0.1"],
        counts_kills: found.counts_kills,
        gaps,
    })
}

/// Whether it is gVisor that answers, and not the kernel of the engine's host.
fn is_gvisor(found: &Found, facts: &EngineFacts) -> bool {
    let (release, version) = &found.kernel;
    *release != facts.kernel && (version == GVISOR || release.contains("gvisor"))
}

fn isolation(found: &Found, engine: EngineKind, kernel: Kernel) -> Vec<String> {
    // gVisor knows no ambient set.
    let no_ambient =
        found.ambient == NO_CAPABILITIES || (kernel == Kernel::GVisor && found.ambient.is_empty());
    let mut broken = unmet(&[
        (found.pid == 1, "process 1 is not process 1"),
        (
            found.effective == CAPABILITIES && found.inheritable == NO_CAPABILITIES && no_ambient,
            "process 1 has other capabilities than it should",
        ),
        (
            found.bounding == CAPABILITIES,
            "other capabilities can be regained",
        ),
        (
            found.no_new_privileges == "1",
            "new privileges can be gained",
        ),
        (
            found.hostname == HOSTNAME,
            "the host name is not the fixed one",
        ),
    ]);
    // On control groups v1 Podman gives no namespace of groups, so its containers' ids show.
    let promised = |what: &&String| engine == EngineKind::Docker || *what != CONTAINER_ID;
    let visible: Vec<_> = found.visible.iter().filter(promised).collect();
    if !visible.is_empty() {
        broken.push(format!("a program sees {}", shown(visible)));
    }
    if found.writable.iter().any(|place| place == store::PLACE) {
        broken.push(format!(
            "a program can write `{}`, where the sets of modules of all others lie",
            store::PLACE
        ));
    }
    broken
}

fn network(found: &Found) -> Vec<String> {
    if found.interfaces == ["lo"] {
        return Vec::new();
    }
    let others: Vec<_> = found
        .interfaces
        .iter()
        .filter(|name| *name != "lo")
        .collect();
    vec![if others.is_empty() {
        "there is not even the device `lo`".to_owned()
    } else {
        format!("there is a network device besides `lo`: {}", shown(others))
    }]
}

/// What cannot be read from inside stays the engine's word: some runtimes show no control groups.
fn memory(found: &Found, limits: &SandboxLimits) -> Vec<String> {
    let memory = limits.memory.get();
    let mut broken = Vec::new();
    if let Some(told) = &found.memory
        && told.parse() != Ok(memory)
    {
        broken.push(format!("the memory limit is `{told}` and not `{memory}`"));
    }
    if let Some(told) = &found.memory_and_swap
        && told.parse() != Ok(memory)
    {
        broken.push(format!(
            "the limit of memory and swap is `{told}` and not `{memory}`"
        ));
    }
    if let Some(told) = &found.swap
        && told != "0"
    {
        broken.push(format!("swap is limited to `{told}` and not to nothing"));
    }
    broken
}

fn cpu(found: &Found, limits: &SandboxLimits) -> Vec<String> {
    let Some((quota, period)) = &found.cpu else {
        return Vec::new();
    };
    let millis = match (quota.parse::<u64>(), period.parse::<u64>()) {
        (Ok(quota), Ok(period)) => quota.saturating_mul(1000).checked_div(period),
        _ => None,
    };
    if millis == Some(u64::from(limits.cpu_millis)) {
        Vec::new()
    } else {
        vec![format!("the processor quota is `{quota}` in `{period}`")]
    }
}

fn processes(found: &Found, limits: &SandboxLimits) -> Vec<String> {
    let expected = limits.processes;
    match &found.processes {
        Some(told) if told.parse() != Ok(expected) => {
            vec![format!(
                "the process limit is `{told}` and not `{expected}`"
            )]
        }
        _ => Vec::new(),
    }
}

fn open_files(found: &Found, limits: &SandboxLimits) -> Vec<String> {
    let expected = limits.open_files;
    if found.open_files == i64::from(expected) {
        Vec::new()
    } else {
        let told = found.open_files;
        vec![format!("{told} files may be open, and not {expected}")]
    }
}

fn disk(found: &Found, limits: &SandboxLimits, engine: EngineKind, kernel: Kernel) -> Vec<String> {
    let mut broken = Vec::new();
    // That of the sets of modules is another promise: it is not this sandbox's own.
    let writable: Vec<_> = found
        .writable
        .iter()
        .filter(|place| *place != store::PLACE)
        .collect();
    if writable != ["/tmp", "/modules", "/run/sandbox"] {
        let places = shown(writable);
        broken.push(format!(
            "other places are writable than should be: {places}"
        ));
    }
    for (place, size) in [
        ("/tmp", limits.tmp),
        ("/modules", limits.modules),
        ("/dev/shm", limits.shm),
    ] {
        if found.sizes.get(place) != Some(&size.get()) {
            broken.push(format!("`{place}` has another size than {size}"));
        }
    }
    // Podman's service takes no count of names, and gVisor keeps none: there names are gVisor's own
    // memory, inside the sandbox's limit.
    if engine == EngineKind::Docker && kernel == Kernel::Hosts {
        for place in ["/tmp", "/modules"] {
            if found.inodes.get(place) != Some(&u64::from(INODES)) {
                broken.push(format!("`{place}` takes any number of names"));
            }
        }
    }
    if found.core != 0 {
        broken.push("core files are written".to_owned());
    }
    broken
}

/// On gVisor it is not the filter that stands between a program and the host: each call ends in
/// gVisor, whose own calls are filtered by gVisor. Ours may be in force inside as well, or not.
fn filter(found: &Found, kernel: Kernel) -> Vec<String> {
    if kernel == Kernel::GVisor {
        return Vec::new();
    }
    if found.seccomp != "2" {
        return vec!["system calls are not filtered".to_owned()];
    }
    if found.calls.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "calls that the filter must refuse reach the kernel: {}",
        shown(&found.calls)
    )]
}

fn users(found: &Found) -> Vec<String> {
    unmet(&[
        (
            found.uid == 0,
            "process 1 is not root in its namespace, so it cannot become another user",
        ),
        (
            found.users.as_deref() == Some("apart"),
            "another user can reach process 1, or there is none",
        ),
    ])
}

fn unmet(checks: &[(bool, &str)]) -> Vec<String> {
    checks
        .iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, what)| (*what).to_owned())
        .collect()
}

/// Words of a sandbox, which may be anything: few, short, and no control characters.
fn shown<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    const MOST: usize = 8;
    const LONGEST: usize = 60;
    let words: Vec<String> = words
        .into_iter()
        .take(MOST)
        .map(|word| {
            let plain = word.chars().filter(|char| !char.is_control());
            format!("`{}`", plain.take(LONGEST).collect::<String>())
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"{"python":[3,11],"CapEff":"00000000000000e0",
        "CapBnd":"00000000000000e0","CapInh":"0000000000000000","CapAmb":"0000000000000000",
        "NoNewPrivs":"1","Seccomp":"2","kernel":["6.1.0","SMP Debian"],"uid":0,"pid":1,
        "interfaces":["lo"],"hostname":"sandbox","open_files":1024,"core":0,
        "resolves":["127.0.0.1","127.0.0.1"],"writable":["/tmp","/modules","/run/sandbox"],
        "sizes":{"/tmp":536870912,"/modules":MODULES,"/dev/shm":268435456},
        "inodes":{"/tmp":131072,"/modules":131072},
        "memory":"1073741824","memory_and_swap":null,"swap":null,"counts_kills":true,"processes":null,"cpu":null,
        "users":"apart","visible":[],"calls":[]}"#;

    fn judge(found: &str, engine: EngineKind) -> String {
        judge_on(found, engine, Kernel::Hosts)
    }

    fn judge_on(found: &str, kind: EngineKind, kernel: Kernel) -> String {
        let limits = SandboxLimits::default();
        let found = found.replace("MODULES", &limits.modules.get().to_string());
        let found = serde_json::from_str(&found).unwrap();
        let facts = EngineFacts {
            kind,
            kernel: "6.1.0".to_owned(),
            ..EngineFacts::default()
        };
        match hold_against(&found, &limits, &facts, kernel) {
            Ok(verdict) => {
                let gaps = verdict.gaps.iter();
                let mut words: Vec<_> = gaps
                    .map(|gap| format!("{}: {}", gap.capability.as_str(), gap.why))
                    .collect();
                if !verdict.names_resolve {
                    words.push("nameless".to_owned());
                }
                words.join("\n")
            }
            Err(error) => error.to_string(),
        }
    }

    /// Exactly one promise is broken, this one, and it says these words.
    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        assert!(SOUND.contains(from), "{from}");
        let verdict = judge(&SOUND.replace(from, to), EngineKind::Docker);
        let (name, words) = expected.split_once(' ').unwrap_or((expected, ""));
        assert!(
            verdict.starts_with(name) && verdict.contains(words) && verdict.lines().count() <= 1,
            "{to}: {verdict}"
        );
    }

    #[test]
    fn a_sound_sandbox_has_no_gap() {
        assert_eq!(judge(SOUND, EngineKind::Docker), "");
        for (from, to) in [
            (r#""processes":null"#, r#""processes":"256""#),
            (
                r#""memory_and_swap":null"#,
                r#""memory_and_swap":"1073741824""#,
            ),
            (r#""swap":null"#, r#""swap":"0""#),
            (r#""cpu":null"#, r#""cpu":["100000","100000"]"#),
            (r#""memory":"1073741824""#, r#""memory":null"#),
        ] {
            assert_eq!(
                judge(&SOUND.replace(from, to), EngineKind::Docker),
                "",
                "{to}"
            );
        }
        let visible = SOUND.replace(r#""visible":[]"#, r#""visible":["its container's id"]"#);
        assert_eq!(judge(&visible, EngineKind::Podman), "");
        assert!(judge(&visible, EngineKind::Docker).starts_with("isolation"));
        let uncounted = SOUND.replace("131072", "0");
        assert_eq!(judge(&uncounted, EngineKind::Podman), "");
    }

    #[test]
    fn each_broken_promise_is_named() {
        check(
            r#"["lo"]"#,
            r#"["eth0","lo"]"#,
            "no-network device besides `lo`: `eth0`",
        );
        check(r#"["lo"]"#, "[]", "no-network not even");
        check(
            r#""Seccomp":"2""#,
            r#""Seccomp":"0""#,
            "syscall-filter not filtered",
        );
        check(
            r#""calls":[]"#,
            r#""calls":["ptrace"]"#,
            "syscall-filter `ptrace`",
        );
        check(
            r#""NoNewPrivs":"1""#,
            r#""NoNewPrivs":"0""#,
            "isolation new privileges",
        );
        check(
            r#"f":"00000000000000e0""#,
            r#"f":"00000000a80425fb""#,
            "isolation other capabilities",
        );
        check(
            r#"b":"0000000000000000""#,
            r#"b":"0000000000000020""#,
            "isolation other capabilities",
        );
        check(
            r#""visible":[]"#,
            r#""visible":["/dev/sda"]"#,
            "isolation `/dev/sda`",
        );
        check(
            r#""sandbox","o"#,
            r#""ada-laptop","o"#,
            "isolation host name",
        );
        check(r#""pid":1"#, r#""pid":7"#, "isolation process 1");
        check(
            r#""/tmp","/modules""#,
            r#""/","/tmp","/modules""#,
            "disk-limit writable",
        );
        check(
            "MODULES",
            "67108864",
            "disk-limit `/modules` has another size",
        );
        check(
            r#"/run/sandbox"]"#,
            r#"/run/sandbox","/env"]"#,
            "isolation write `/env`",
        );
        check("131072}", "0}", "disk-limit any number of names");
        check(r#""core":0"#, r#""core":-1"#, "disk-limit core files");
        check("1073741824", "9223372036854771712", "memory-limit 9223");
        check(
            r#""memory_and_swap":null"#,
            r#""memory_and_swap":"2147483648""#,
            "memory-limit swap",
        );
        check(r#""swap":null"#, r#""swap":"max""#, "memory-limit swap");
        check(
            r#""processes":null"#,
            r#""processes":"max""#,
            "process-limit `max`",
        );
        for quota in [r#"["max","100000"]"#, r#"["-1","100000"]"#, r#"["1","0"]"#] {
            check(
                r#""cpu":null"#,
                &format!("\"cpu\":{quota}"),
                "cpu-limit quota",
            );
        }
        check("1024", "1048576", "open-files-limit 1048576");
        check(
            r#""apart""#,
            r#""process 1 can be reached""#,
            "separate-users another user",
        );
        check(r#""apart""#, "null", "separate-users another user");
        check(r#""uid":0"#, r#""uid":1000"#, "separate-users not root");
        check("[3,11]", "[3,8]", "the 3.8");
        check(
            r#"["127.0.0.1","127.0.0.1"]"#,
            r#"["127.0.0.1","not known"]"#,
            "nameless",
        );
    }

    #[test]
    fn gvisor_shows_that_it_is_gvisor() {
        let check = |release: &str, version: &str, expected: &str| {
            let kernel = format!(r#"["{release}","{version}"]"#);
            let found = SOUND
                .replace(r#"["6.1.0","SMP Debian"]"#, &kernel)
                .replace(r#""Seccomp":"2""#, r#""Seccomp":"0""#)
                .replace(r#""CapAmb":"0000000000000000""#, r#""CapAmb":"""#)
                .replace("131072", "0")
                .replace(r#""calls":[]"#, r#""calls":["unshare"]"#);
            let verdict = judge_on(&found, EngineKind::Docker, Kernel::GVisor);
            assert_eq!(verdict, expected, "{release} {version}");
            // Told to be another runtime it is judged as one.
            let verdict = judge(&found, EngineKind::Docker);
            for name in ["isolation", "disk-limit", "syscall-filter"] {
                assert!(verdict.contains(name), "{verdict}");
            }
        };
        let is_none = "isolation: the runtime is called gVisor's, and programs call the kernel ";
        check("4.4.0", GVISOR, "");
        check("4.19.0-gvisor", "#1 SMP another day", "");
        check("6.1.0", "#1 SMP Debian", &format!("{is_none}`6.1.0`"));
        check("6.1.0", GVISOR, &format!("{is_none}`6.1.0`"));
        check("5.10.0", "#1 SMP Debian", &format!("{is_none}`5.10.0`"));
    }

    #[test]
    fn what_a_sandbox_says_is_shown_plain_and_short() {
        let words = ["\u{1b}[2J".to_owned() + &"x".repeat(500)];
        let text = shown(&words);
        assert!(text.starts_with("`[2Jxxx") && text.len() == 62, "{text}");
    }
}
