//! What a program finds and tries in its sandbox, held against what this server promises.

use executor_core::Executor;
use executor_core::capabilities::Capability;
use serde_json::Value;

use super::promises::{Expected, Row, rows};
use super::proof::{Held, Keeper, Proof};
use super::{Ground, run, shown, told, unknown};
use crate::environment::Environment;
use crate::settings::Settings;

const PROGRAM: &str = include_str!("inside.py");

/// Runs the program once, under the limits of `settings`.
pub(super) async fn prove(
    executor: &Executor,
    settings: &Settings,
    environment: &(dyn Environment + Sync),
    ground: &Ground,
) -> Vec<Proof> {
    let mut rows = rows(settings);
    if ground.podman {
        rows.retain(|row| !NOT_WITH_PODMAN.contains(&row.id));
    }
    if ground.own_kernel {
        rows.retain(|row| !NOT_WITH_OWN_KERNEL.contains(&row.id));
    }
    let told = told(&run(executor, PROGRAM, Vec::new()).await);
    let told = match told {
        Ok(told) => told,
        Err(why) => {
            let gone = |row: &Row| unknown(row.id, row.what, row.capability, row.keeper, &why);
            return rows.iter().map(gone).collect();
        }
    };
    let mut proofs: Vec<Proof> = rows.iter().map(|row| judge(row, &told)).collect();
    proofs.push(environment_is_not_ours(&told, &values(environment)));
    if ground.own_kernel {
        let kernel = kernel_is_its_own(&told, &ground.kernel);
        let is_its_own = kernel.held == Held::Yes;
        proofs.push(kernel);
        if is_its_own {
            // Every call ends in that kernel; what it grants, it grants from itself.
            return proofs;
        }
    }
    let ours = own_namespaces(ground.podman);
    proofs.push(namespaces_are_not_ours(&told, &ours));
    for (group, what) in [
        ("socket.", "this family of sockets is refused"),
        ("syscall.", "this system call is refused"),
    ] {
        let entries = told.as_object().into_iter().flatten();
        for (key, _) in entries.filter(|(key, _)| key.starts_with(group)) {
            let row = Row {
                id: "",
                what,
                capability: Capability::SyscallFilter,
                keeper: Keeper::Kernel,
                expected: Expected::Refused,
            };
            proofs.push(judge_as(key, &row, &told));
        }
    }
    proofs
}

fn judge(row: &Row, told: &Value) -> Proof {
    judge_as(row.id, row, told)
}

fn judge_as(id: &str, row: &Row, told: &Value) -> Proof {
    let seen = told.get(id).and_then(Value::as_str);
    let held = match (seen, &row.expected) {
        (None | Some("unknown"), _) => Held::Unknown,
        (Some(seen), Expected::Is(expected)) => Held::from(seen == expected),
        (Some(seen), Expected::Refused) => Held::from(seen.starts_with("refused")),
        (Some(seen), Expected::NotRoot) => {
            let ids: Vec<_> = seen.split(' ').collect();
            Held::from(
                ids.len() <= 2 && ids.iter().all(|id| id.parse().is_ok_and(|id: u32| id > 0)),
            )
        }
    };
    Proof {
        id: id.to_owned(),
        what: row.what.to_owned(),
        capability: row.capability,
        keeper: row.keeper,
        held,
        seen: shown(seen.unwrap_or("not told")),
    }
}

/// Values of our own environment that would be recognised: long, and not the same everywhere.
fn values(environment: &dyn Environment) -> Vec<String> {
    const SHORTEST: usize = 6;
    const EVERYWHERE: [&str; 8] = [
        "PATH",
        "HOME",
        "PWD",
        "OLDPWD",
        "SHELL",
        "LANG",
        "TERM",
        "SSL_CERT_FILE",
    ];
    environment
        .names()
        .iter()
        .filter_map(|name| name.to_str())
        .filter(|name| !EVERYWHERE.contains(name) && !name.starts_with("LC_"))
        .filter_map(|name| environment.get(name)?.into_string().ok())
        .filter(|value| value.len() >= SHORTEST)
        .collect()
}

fn environment_is_not_ours(told: &Value, ours: &[String]) -> Proof {
    let theirs = told.get("environment").and_then(Value::as_array);
    let shared = theirs.map(|theirs| {
        let is_ours = |value: &&Value| {
            let text = value.as_str().unwrap_or_default();
            ours.iter().any(|one| one == text)
        };
        theirs.iter().filter(is_ours).count()
    });
    Proof {
        id: "hidden.environment".to_owned(),
        what: "no value of this server's environment is in a program's".to_owned(),
        capability: Capability::Isolation,
        keeper: Keeper::Us,
        held: match shared {
            None => Held::Unknown,
            Some(_) if ours.is_empty() => Held::Unknown,
            Some(shared) => Held::from(shared == 0),
        },
        // Never the values: they may be secrets.
        seen: format!("{} of {}", shared.unwrap_or(0), ours.len()),
    }
}

/// What is not promised where the engine is Podman, which takes no owner of a tmpfs and, on control
/// groups v1, gives no namespace of groups.
const NOT_WITH_PODMAN: [&str; 2] = ["write.modules", "hidden.container-id"];

/// What is not promised where a sandbox has a kernel of its own: it shows process 1's environment, which
/// is the image's, and the numbers of its descriptors to everybody inside, lets anybody make devices that
/// nobody can open, and filters calls by answering them.
const NOT_WITH_OWN_KERNEL: [&str; 4] = [
    "write.device",
    "hidden.process-1.environment",
    "hidden.process-1.descriptors",
    "identity.filter",
];

/// That programs do not call the host's kernel. It stands for every system call and kind of socket.
fn kernel_is_its_own(told: &Value, hosts: &str) -> Proof {
    let seen = told.get("kernel").and_then(Value::as_str);
    Proof {
        id: "identity.kernel".to_owned(),
        what: "system calls end in a kernel of the sandbox's own".to_owned(),
        capability: Capability::SyscallFilter,
        keeper: Keeper::Engine,
        held: match seen {
            Some(seen) if !hosts.is_empty() => Held::from(seen != hosts),
            _ => Held::Unknown,
        },
        seen: shown(seen.unwrap_or("not told")),
    }
}

const NAMESPACES: [&str; 6] = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];

fn own_namespaces(podman: bool) -> Vec<String> {
    NAMESPACES
        .iter()
        .filter(|name| !(podman && **name == "cgroup"))
        .filter_map(|name| std::fs::read_link(format!("/proc/self/ns/{name}")).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect()
}

fn namespaces_are_not_ours(told: &Value, ours: &[String]) -> Proof {
    let theirs: Vec<_> = told
        .get("namespaces")
        .and_then(Value::as_str)
        .map(|text| text.split(' ').collect())
        .unwrap_or_default();
    let shared: Vec<_> = theirs
        .iter()
        .filter(|name| ours.iter().any(|one| one == *name))
        .copied()
        .collect();
    Proof {
        id: "hidden.namespaces".to_owned(),
        what: "files, processes, network, names and groups are of its own".to_owned(),
        capability: Capability::Isolation,
        keeper: Keeper::Engine,
        held: if ours.is_empty() || theirs.len() != NAMESPACES.len() {
            Held::Unknown
        } else {
            Held::from(shared.is_empty())
        },
        seen: if shared.is_empty() {
            format!("{} namespaces", theirs.len())
        } else {
            format!("shared with the host: {}", shown(&shared.join(" ")))
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::environment::FixedEnvironment;

    #[test]
    fn each_expectation_can_fail() {
        let row = |expected| Row {
            id: "a.b",
            what: "",
            capability: Capability::Isolation,
            keeper: Keeper::Us,
            expected,
        };
        let held = |expected, seen: Value| judge(&row(expected), &json!({"a.b": seen})).held;
        assert_eq!(held(Expected::Refused, json!("refused: EPERM")), Held::Yes);
        assert_eq!(held(Expected::Refused, json!("reached: EFAULT")), Held::No);
        assert_eq!(held(Expected::Refused, json!("done")), Held::No);
        assert_eq!(held(Expected::Is("0".to_owned()), json!("0")), Held::Yes);
        assert_eq!(held(Expected::Is("0".to_owned()), json!("max")), Held::No);
        assert_eq!(
            held(Expected::Is("0".to_owned()), json!("unknown")),
            Held::Unknown
        );
        assert_eq!(held(Expected::NotRoot, json!("10002")), Held::Yes);
        assert_eq!(held(Expected::NotRoot, json!("0 10002")), Held::No);
        assert_eq!(held(Expected::NotRoot, json!("")), Held::No);
        assert_eq!(held(Expected::NotRoot, json!("1 2 3")), Held::No);
        assert_eq!(held(Expected::Refused, json!(7)), Held::Unknown);
    }

    #[test]
    fn what_is_ours_is_recognised_and_not_shown() {
        let environment = FixedEnvironment::of([
            ("TOKEN", "hunter2-hunter2"),
            ("PATH", "/usr/bin:/bin"),
            ("X", "1"),
        ]);
        let ours = values(&environment);
        assert_eq!(ours, ["hunter2-hunter2"]);
        let proof = environment_is_not_ours(&json!({"environment": ["hunter2-hunter2"]}), &ours);
        assert_eq!((proof.held, proof.seen.as_str()), (Held::No, "1 of 1"));
        let proof = environment_is_not_ours(&json!({"environment": ["other"]}), &ours);
        assert_eq!(proof.held, Held::Yes);
        let ours = ["net:[1]".to_owned()];
        let theirs = json!({"namespaces": "a:[2] b:[2] c:[2] net:[1] d:[2] e:[2]"});
        assert_eq!(namespaces_are_not_ours(&theirs, &ours).held, Held::No);
        let theirs = json!({"namespaces": "a:[2] b:[2] c:[2] net:[2] d:[2] e:[2]"});
        assert_eq!(namespaces_are_not_ours(&theirs, &ours).held, Held::Yes);
        assert_eq!(
            namespaces_are_not_ours(&json!({}), &ours).held,
            Held::Unknown
        );
    }

    #[test]
    fn a_kernel_that_is_the_hosts_is_not_its_own() {
        let held = |told: Value, hosts: &str| kernel_is_its_own(&told, hosts).held;
        assert_eq!(held(json!({"kernel": "4.4.0"}), "6.1.0"), Held::Yes);
        assert_eq!(held(json!({"kernel": "6.1.0"}), "6.1.0"), Held::No);
        assert_eq!(held(json!({"kernel": "4.4.0"}), ""), Held::Unknown);
        assert_eq!(held(json!({}), "6.1.0"), Held::Unknown);
    }

    /// What is tried is what the filter refuses: a call that it allows would be no proof.
    #[test]
    fn the_calls_that_are_tried_are_not_in_the_allow_list() {
        let profile: Value = serde_json::from_str(include_str!(
            "../../../../executor-docker/golden/seccomp.json"
        ))
        .unwrap();
        let allowed: Vec<&str> = profile["syscalls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW")
            .flat_map(|rule| rule["names"].as_array().unwrap())
            .map(|name| name.as_str().unwrap())
            .collect();
        let calls = PROGRAM.split("\"\"\"").nth(1).unwrap();
        let names: Vec<&str> = calls
            .split(['\n', '|'])
            .filter_map(|entry| entry.split(' ').next())
            .filter(|name| !name.is_empty())
            .collect();
        assert!(names.len() > 50, "{names:?}");
        for name in names {
            assert!(!allowed.contains(&name), "`{name}` is allowed");
        }
    }
}
