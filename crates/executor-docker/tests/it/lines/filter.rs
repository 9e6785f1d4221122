//! Each rule of the filter on system calls is held by a look that only the filter can satisfy.
//!
//! Without capabilities the kernel refuses many calls by itself, with the very error of the filter.
//! So the default is made to kill here: a call that ends its process was stopped by the filter, and
//! one that the kernel answers, however it does, reached the kernel.

use serde_json::{Value, json};

use super::look::{Found, Lab, Lie};
use super::table::host;

/// A weaker filter and the beginnings of the names of what must then reach the kernel.
struct Weaker {
    what: &'static str,
    lie: Lie,
    reach: &'static [&'static str],
}

const WEAKER: &[Weaker] = &[
    Weaker {
        what: "everything that no rule names",
        lie: |body| {
            lenient(body, |profile| {
                profile["defaultAction"] = json!("SCMP_ACT_ALLOW")
            })
        },
        reach: &[
            "ptrace",
            "mount",
            "keyctl",
            "io_uring_setup",
            "clone-",
            "mknod",
            "socket-alg",
        ],
    },
    Weaker {
        what: "rules on the clones of namespaces",
        lie: |body| lenient(body, |profile| without_arguments(profile, &["clone"])),
        reach: &["clone-"],
    },
    Weaker {
        what: "clone3",
        lie: |body| {
            lenient(body, |profile| {
                for rule in rules(profile) {
                    if rule["names"] == json!(["clone3"]) {
                        *rule = json!({ "names": ["clone3"], "action": "SCMP_ACT_ALLOW" });
                    }
                }
            });
        },
        reach: &["clone3"],
    },
    Weaker {
        what: "sendfile",
        lie: |body| {
            lenient(body, |profile| {
                for rule in rules(profile) {
                    if rule["names"] == json!(["sendfile"]) {
                        *rule = json!({ "names": ["sendfile"], "action": "SCMP_ACT_ALLOW" });
                    }
                }
            });
        },
        reach: &["sendfile"],
    },
    Weaker {
        what: "the types of nodes by name",
        lie: |body| lenient(body, |profile| without_arguments(profile, &["mknod"])),
        reach: &["mknod-"],
    },
    Weaker {
        what: "the types of nodes",
        lie: |body| lenient(body, |profile| without_arguments(profile, &["mknodat"])),
        reach: &["mknodat-"],
    },
    Weaker {
        what: "the families of sockets",
        lie: |body| {
            lenient(body, |profile| {
                without_arguments(profile, &["socket", "socketpair"]);
            });
        },
        reach: &["socket-", "socketpair-"],
    },
    Weaker {
        what: "the protocols of a family",
        lie: |body| {
            lenient(body, |profile| {
                for rule in rules(profile) {
                    if let Some(arguments) = rule["args"].as_array_mut() {
                        arguments.retain(|argument| argument["index"] != 2);
                    }
                }
            });
        },
        reach: &["socket-inet", "socket-netlink"],
    },
];

#[tokio::test]
async fn each_forbidden_call_is_stopped_by_the_filter() {
    let Some(lab) = Lab::open("forbidden calls").await else {
        return;
    };
    let script = script();
    let found = lab.calls(|body| lenient(body, |_| {}), &script).await;
    assert!(found.len() > 90, "{found:#?}");
    for (name, what) in &found {
        let expected = match name.as_str() {
            "start" => "done",
            // Told not to exist, and not to do for such files.
            "clone3" | "sendfile" => "absent",
            _ => "stopped",
        };
        assert_eq!(what, expected, "{name} in {found:#?}");
    }

    // The same look notices each of them when it is let through.
    let opened = lab.calls(open_all, &script).await;
    let closed: Vec<&String> = stopped(&opened)
        .filter(|name| found[*name] == "stopped")
        .filter(|name| !is_of_a_rule(name))
        .collect();
    assert_eq!(closed, Vec::<&String>::new(), "{opened:#?}");

    for weaker in WEAKER {
        let found = lab.calls(weaker.lie, &script).await;
        assert_eq!(found["start"], "done", "{}", weaker.what);
        let begins = |name: &str, with: &[&str]| with.iter().any(|start| name.starts_with(start));
        let missed: Vec<_> = found
            .iter()
            .filter(|(name, _)| begins(name, weaker.reach))
            .filter(|(_, what)| *what != "reached")
            .collect();
        assert!(missed.is_empty(), "{}: {missed:#?}", weaker.what);
        let reached = found.values().filter(|what| *what == "reached").count();
        println!("seccomp: {}: noticed by {reached} calls", weaker.what);
    }
    lab.close().await;
}

#[tokio::test]
async fn each_other_way_into_the_kernel_is_closed() {
    let Some(lab) = Lab::open("other ways into the kernel").await else {
        return;
    };
    let lie: Lie = |body| {
        lenient(body, |profile| {
            profile["archMap"][0]["subArchitectures"] = json!(["SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
        });
    };
    let found = lab.calls(lie, &script()).await;
    // Not every kernel has both doors; what is behind none is not stopped by the filter either.
    for name in ["int80-getpid", "x32-getpid"] {
        let what = found.get(name).map(String::as_str);
        assert_ne!(what, Some("stopped"), "{name} in {found:#?}");
    }
    lab.close().await;
}

/// Held by rules of their own, not by their absence.
fn is_of_a_rule(name: &str) -> bool {
    ["clone", "mknod", "socket", "x32", "int80"]
        .iter()
        .any(|start| name.starts_with(start))
}

fn stopped(found: &Found) -> impl Iterator<Item = &String> {
    found
        .iter()
        .filter(|(_, what)| *what == "stopped")
        .map(|(name, _)| name)
}

fn script() -> String {
    let numbers = include_str!("numbers.json");
    format!(
        "NUMBERS_TEXT = '''{numbers}'''\n{}",
        include_str!("calls.py")
    )
}

/// The filter that kills what it refuses, after `change`.
fn lenient(body: &mut Value, change: impl Fn(&mut Value)) {
    for option in host(body)["SecurityOpt"].as_array_mut().unwrap() {
        let Some(text) = option.as_str().unwrap().strip_prefix("seccomp=") else {
            continue;
        };
        let mut profile: Value = serde_json::from_str(text).unwrap();
        profile["defaultAction"] = json!("SCMP_ACT_TRAP");
        profile.as_object_mut().unwrap().remove("defaultErrnoRet");
        change(&mut profile);
        *option = json!(format!("seccomp={profile}"));
    }
}

/// Every call whose number is known may be made.
fn open_all(body: &mut Value) {
    lenient(body, |profile| {
        let numbers: Value = serde_json::from_str(include_str!("numbers.json")).unwrap();
        let names: Vec<&String> = numbers["x86_64"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| !is_of_a_rule(name))
            .collect();
        profile["syscalls"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "names": names, "action": "SCMP_ACT_ALLOW" }));
    });
}

fn rules(profile: &mut Value) -> &mut Vec<Value> {
    profile["syscalls"].as_array_mut().unwrap()
}

/// The rules on these calls hold whatever the arguments.
fn without_arguments(profile: &mut Value, names: &[&str]) {
    for rule in rules(profile) {
        let first = rule["names"][0].as_str().unwrap().to_owned();
        if names.contains(&first.as_str()) && rule["action"] == "SCMP_ACT_ALLOW" {
            rule.as_object_mut().unwrap().remove("args");
        }
    }
}
