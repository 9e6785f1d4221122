//! What a program finds and tries in its sandbox, held against what this server promises.

use executor_core::Executor;
use executor_core::capabilities::Capability;
use serde_json::Value;

use super::outside::Seen;
use super::promises::{Expected, Row, rows};
use super::proof::{Held, Judge, Keeper, Proof, unknown};
use super::{Ground, run, shown, told};
use crate::environment::Environment;
use crate::settings::Settings;

const PROGRAM: &str = include_str!("inside.py");

/// Runs the program once, under the limits of `settings`. What was seen from `outside` goes before
/// what the program tells, which can only make it worse.
pub(super) async fn prove(
    executor: &Executor,
    settings: &Settings,
    environment: &(dyn Environment + Sync),
    ground: &Ground,
    outside: &Result<Seen, String>,
) -> Vec<Proof> {
    let rows = rows(&settings.limits, ground.store.is_some());
    let nothing = Seen::default();
    let seen = outside.as_ref().unwrap_or(&nothing);
    let looked = looked_at(outside);
    let told = told(&run(executor, PROGRAM, Vec::new()).await);
    let told = match told {
        Ok(told) => told,
        Err(why) => {
            let gone = |row: &Row| {
                let untold = unknown(row.id, row.what, row.capability, row.keeper, &why);
                from_outside(untold, row, seen)
            };
            return rows.iter().map(gone).chain([looked]).collect();
        }
    };
    let mut proofs: Vec<Proof> = rows
        .iter()
        .map(|row| match not_promised(row.id, ground) {
            Some(why) => without_promise(row.id, row, why),
            None => from_outside(judge(row, &told), row, seen),
        })
        .collect();
    proofs.push(environment_is_not_ours(&told, &values(environment)));
    proofs.push(looked);
    if ground.own_kernel {
        let kernel = kernel_is_its_own(&told, &ground.kernel);
        let is_its_own = kernel.held == Held::Yes;
        proofs.push(kernel);
        if is_its_own {
            // Every call ends in that kernel; what it grants, it grants from itself.
            proofs.extend(calls(&told).map(|(key, row)| without_promise(key, &row, OWN_CALLS)));
            return proofs;
        }
    }
    let ours = own_namespaces(ground.podman);
    proofs.push(namespaces_are_not_ours(&told, &ours, seen));
    proofs.extend(calls(&told).map(|(key, row)| judge_as(key, &row, &told)));
    proofs
}

/// The calls and the families of sockets that were tried, each with what is promised of it.
fn calls(told: &Value) -> impl Iterator<Item = (&str, Row)> {
    let row = |what| Row {
        id: "",
        what,
        capability: Capability::SyscallFilter,
        keeper: Keeper::Kernel,
        expected: Expected::Refused,
    };
    let groups = [
        ("socket.", "this family of sockets is refused"),
        ("syscall.", "this system call is refused"),
    ];
    groups.into_iter().flat_map(move |(group, what)| {
        let entries = told.as_object().into_iter().flatten();
        let keys = entries.map(|(key, _)| key.as_str());
        keys.filter(move |key| key.starts_with(group))
            .map(move |key| (key, row(what)))
    })
}
/// One that is not promised on such ground, and why.
fn without_promise(id: &str, row: &Row, why: &str) -> Proof {
    Proof {
        held: Held::NotPromised,
        ..unknown(id, row.what, row.capability, row.keeper, why)
    }
}

/// What was seen from outside, in the place of what the program told. If only one of the two broke
/// the promise, that one counts.
fn from_outside(proof: Proof, row: &Row, seen: &Seen) -> Proof {
    let Some(value) = seen.get(row.id).filter(|_| proof.held != Held::No) else {
        return proof;
    };
    Proof {
        judge: Judge::Host,
        held: row.expected.of(value),
        seen: shown(value),
        ..proof
    }
}

/// Whether a sandbox could be looked at from outside at all.
fn looked_at(outside: &Result<Seen, String>) -> Proof {
    Proof {
        id: "outside.look".to_owned(),
        what: "a sandbox's processes, limits and mounts are seen from this host".to_owned(),
        capability: Capability::Isolation,
        keeper: Keeper::Us,
        judge: Judge::Host,
        held: match outside {
            Ok(_) => Held::Yes,
            Err(_) => Held::Unknown,
        },
        seen: match outside {
            Ok(seen) => format!("{} things looked at", seen.len()),
            Err(why) => shown(why),
        },
    }
}

fn judge(row: &Row, told: &Value) -> Proof {
    judge_as(row.id, row, told)
}

fn judge_as(id: &str, row: &Row, told: &Value) -> Proof {
    let seen = told.get(id).and_then(Value::as_str);
    let held = match seen {
        None | Some("unknown") => Held::Unknown,
        Some(seen) => row.expected.of(seen),
    };
    Proof {
        id: id.to_owned(),
        what: row.what.to_owned(),
        capability: row.capability,
        keeper: row.keeper,
        judge: Judge::Inside,
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
        // The program tells the values of its environment; which of them are ours is known here alone.
        judge: Judge::Inside,
        held: match shared {
            None => Held::Unknown,
            Some(_) if ours.is_empty() => Held::Unknown,
            Some(shared) => Held::from(shared == 0),
        },
        // Never the values: they may be secrets.
        seen: format!("{} of {}", shared.unwrap_or(0), ours.len()),
    }
}

/// Why a promise is not made on such ground, if it is not.
fn not_promised(id: &str, ground: &Ground) -> Option<&'static str> {
    let of = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(name, _)| *name == id);
        found.map(|(_, why)| *why)
    };
    let podman = of(&NOT_WITH_PODMAN).filter(|_| ground.podman);
    podman.or_else(|| of(&NOT_WITH_OWN_KERNEL).filter(|_| ground.own_kernel))
}

/// What is not promised where the engine is Podman.
const NOT_WITH_PODMAN: [(&str, &str); 2] = [
    (
        "write.modules",
        "Podman's service takes no owner of a tmpfs; the place is this sandbox's own",
    ),
    (
        "hidden.container-id",
        "Podman gives no namespace of groups with control groups v1",
    ),
];

/// What is not promised where a sandbox has a kernel of its own.
const NOT_WITH_OWN_KERNEL: [(&str, &str); 4] = [
    (
        "write.device",
        "gVisor lets anybody make devices, and nobody open them",
    ),
    (
        "hidden.process-1.environment",
        "gVisor shows it to all inside; it is the image's",
    ),
    (
        "hidden.process-1.descriptors",
        "gVisor shows their numbers to all inside",
    ),
    ("identity.filter", OWN_CALLS),
];
const OWN_CALLS: &str = "gVisor answers calls itself and never passes them on: `identity.kernel`";

/// That programs do not call the host's kernel. It stands for every system call and kind of socket.
fn kernel_is_its_own(told: &Value, hosts: &str) -> Proof {
    let seen = told.get("kernel").and_then(Value::as_str);
    Proof {
        id: "identity.kernel".to_owned(),
        what: "system calls end in a kernel of the sandbox's own".to_owned(),
        capability: Capability::SyscallFilter,
        keeper: Keeper::Engine,
        judge: Judge::Inside,
        held: match seen {
            Some(seen) if !hosts.is_empty() => Held::from(seen != hosts),
            _ => Held::Unknown,
        },
        seen: shown(seen.unwrap_or("not told")),
    }
}

pub(super) const NAMESPACES: [&str; 6] = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];

fn own_namespaces(podman: bool) -> Vec<String> {
    NAMESPACES
        .iter()
        .filter(|name| !(podman && **name == "cgroup"))
        .filter_map(|name| std::fs::read_link(format!("/proc/self/ns/{name}")).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect()
}

fn namespaces_are_not_ours(told: &Value, ours: &[String], seen: &Seen) -> Proof {
    let outside = seen.get("hidden.namespaces").map(String::as_str);
    let theirs: Vec<_> = outside
        .or_else(|| told.get("namespaces").and_then(Value::as_str))
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
        judge: match outside {
            Some(_) => Judge::Host,
            None => Judge::Inside,
        },
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
    use executor_core::limits::SandboxLimits;
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
    fn what_was_seen_from_outside_counts_and_what_was_told_can_only_break_it() {
        let row = Row {
            id: "a.b",
            what: "",
            capability: Capability::Isolation,
            keeper: Keeper::Us,
            expected: Expected::Is("0".to_owned()),
        };
        let check = |told: Value, seen: &str, expected: (Held, Judge)| {
            let seen = Seen::from([("a.b", seen.to_owned())]);
            let proof = from_outside(judge(&row, &told), &row, &seen);
            assert_eq!((proof.held, proof.judge), expected, "{told} {seen:?}");
        };
        check(json!({"a.b": "0"}), "0", (Held::Yes, Judge::Host));
        check(json!({}), "0", (Held::Yes, Judge::Host));
        check(json!({"a.b": "0"}), "1", (Held::No, Judge::Host));
        check(json!({"a.b": "1"}), "0", (Held::No, Judge::Inside));
        let proof = from_outside(judge(&row, &json!({"a.b": "0"})), &row, &Seen::new());
        assert_eq!((proof.held, proof.judge), (Held::Yes, Judge::Inside));
    }

    #[test]
    fn what_is_not_promised_stays_with_its_reason() {
        let on = |podman, own_kernel| {
            let ground = Ground {
                podman,
                own_kernel,
                ..Ground::default()
            };
            let rows = rows(&SandboxLimits::default(), false);
            let ids = rows.iter().map(|row| row.id);
            ids.filter(|id| not_promised(id, &ground).is_some()).count()
        };
        assert_eq!(on(false, false), 0);
        assert_eq!(on(true, false), NOT_WITH_PODMAN.len());
        assert_eq!(on(false, true), NOT_WITH_OWN_KERNEL.len());
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
        assert_eq!(
            namespaces_are_not_ours(&theirs, &ours, &Seen::new()).held,
            Held::No
        );
        let theirs = json!({"namespaces": "a:[2] b:[2] c:[2] net:[2] d:[2] e:[2]"});
        assert_eq!(
            namespaces_are_not_ours(&theirs, &ours, &Seen::new()).held,
            Held::Yes
        );
        assert_eq!(
            namespaces_are_not_ours(&json!({}), &ours, &Seen::new()).held,
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
