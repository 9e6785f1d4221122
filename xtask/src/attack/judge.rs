//! How the host tells whether an attack succeeded. Each judge looks at the sandbox and at the weak
//! container in the same way.

use std::collections::BTreeMap;

use super::case::{Case, Finding};
use super::evidence::Evidence;
use super::watch::Process;

/// By the kernel's answer to the attempt. Where the attack leaves a trace on the host, another
/// judge is asked.
pub(super) fn answer(evidence: &Evidence, case: &Case) -> Finding {
    match evidence.answer(case.id) {
        None => Finding::Unknown("the program did not get to it".to_owned()),
        Some(word) if word.starts_with("done") || word.starts_with("reached") => match case.own {
            Some(why) if evidence.is_on_own_kernel() => contained(evidence, case, why),
            _ => Finding::Succeeded(word.to_owned()),
        },
        Some(word) if is_fault(word) => Finding::Unknown(word.to_owned()),
        Some(word) => Finding::Refused(word.to_owned()),
    }
}

/// What a kernel of the sandbox's own granted counts as kept inside only if the host saw no trace of it
/// and saw that kernel confined.
fn contained(evidence: &Evidence, case: &Case, why: &'static str) -> Finding {
    let has_come = evidence.arrived.contains(case.id);
    if has_come || !evidence.changed.is_empty() {
        return Finding::Succeeded("the host noticed it".to_owned());
    }
    if evidence.seen.kernel.is_empty() {
        return Finding::Unknown("the host did not see the sandbox's own kernel".to_owned());
    }
    match unconfined(&evidence.seen.kernel) {
        Some(how) => Finding::Succeeded(format!("of the sandbox's own kernel the host sees {how}")),
        None => Finding::Contained(why),
    }
}

/// In what a process that is a sandbox's own kernel is not confined by the host's, if it is not.
fn unconfined(kernel: &BTreeMap<String, Process>) -> Option<&'static str> {
    kernel.values().find_map(|process| match () {
        () if process.status("Seccomp") != "2" => Some("no filter"),
        () if process.status("NoNewPrivs") != "1" => Some("that new privileges can be had"),
        () if process.status("Uid") == "0" || process.status("Gid") == "0" => Some("root"),
        () if has_hosts_users(process) => Some("the host's own users"),
        () => None,
    })
}

/// Whether a process lives in the host's own user namespace, in which capabilities are the host's.
fn has_hosts_users(process: &Process) -> bool {
    let hosts = std::fs::read_link("/proc/self/ns/user").unwrap_or_default();
    let hosts = hosts.to_string_lossy();
    process
        .namespaces
        .get("user")
        .is_none_or(|user| *user == hosts)
}

/// A defect of the attack itself is no refusal.
fn is_fault(word: &str) -> bool {
    ["broken", "nothing was", "timeout"]
        .iter()
        .any(|fault| word.starts_with(fault))
        || word.is_empty()
}

/// By the kernel's answer, and by whether the host saw the process in another namespace than the
/// program's.
pub(super) fn namespace(evidence: &Evidence, case: &Case) -> Finding {
    let Some(tag) = evidence.tag(case.id) else {
        return Finding::Unknown("it was not tried".to_owned());
    };
    let moved = evidence.seen.moved(&tag);
    match (answer(evidence, case), moved) {
        (_, Some(kinds)) => Finding::Succeeded(format!("the host sees it in another {kinds}")),
        // It says so, and the host looked and did not see it: neither counts for much.
        (Finding::Succeeded(word), None) if evidence.seen.is_visible() => Finding::Unknown(
            format!("it said `{word}`, and the host saw no other namespace"),
        ),
        (finding, None) => finding,
    }
}

/// By the secret: only who reached the canary knows it.
pub(super) fn secret(evidence: &Evidence, case: &Case) -> Finding {
    let told = evidence
        .answer(case.id)
        .is_some_and(|word| word.contains(&evidence.secret));
    match answer(evidence, case) {
        _ if told => Finding::Succeeded("it knows the secret of the canary".to_owned()),
        Finding::Succeeded(word) => Finding::Refused(format!("it read something else: {word}")),
        other => other,
    }
}

/// By what arrived at a listener on the host.
pub(super) fn arrival(evidence: &Evidence, case: &Case) -> Finding {
    if evidence.arrived.contains(case.id) {
        return Finding::Succeeded("its call arrived at the host's listener".to_owned());
    }
    match answer(evidence, case) {
        Finding::Succeeded(word) => {
            Finding::Refused(format!("it said `{word}`, and nothing arrived"))
        }
        other => other,
    }
}

/// By what is changed on the host, named by the attack's id.
pub(super) fn change(evidence: &Evidence, case: &Case) -> Finding {
    if evidence.changed.iter().any(|id| id == case.id) {
        return Finding::Succeeded("the host is changed".to_owned());
    }
    match answer(evidence, case) {
        Finding::Succeeded(word) => {
            Finding::Refused(format!("it said `{word}`, and the host is as it was"))
        }
        other => other,
    }
}

/// By words of the host in what a program can read about where it is.
pub(super) fn fact(evidence: &Evidence, case: &Case) -> Finding {
    let Some(text) = evidence.answer("H11.text") else {
        return Finding::Unknown("the program did not say what it can read".to_owned());
    };
    let Some(facts) = evidence
        .facts
        .get(case.id)
        .filter(|facts| !facts.is_empty())
    else {
        return Finding::Unknown("absent: the host has no such word".to_owned());
    };
    match facts.iter().find(|fact| text.contains(&***fact)) {
        Some(_) => Finding::Succeeded("it can read it".to_owned()),
        None => Finding::Refused("not to be found".to_owned()),
    }
}

/// By a word of the host that is the whole answer; a short one is part of many others.
pub(super) fn same_fact(evidence: &Evidence, case: &Case) -> Finding {
    let told = evidence.answer(case.id);
    let fact = evidence.facts.get(case.id).and_then(|facts| facts.first());
    match (told, fact) {
        (Some(told), Some(fact)) if told == fact => Finding::Succeeded("it can read it".to_owned()),
        (Some(told), Some(_)) => Finding::Refused(format!("it reads `{told}`")),
        _ => Finding::Unknown("nothing to compare".to_owned()),
    }
}

/// By the capabilities that the host reads of the program's process.
pub(super) fn capabilities(evidence: &Evidence, _: &Case) -> Finding {
    process(evidence, |process| {
        // What gVisor itself has is good among users of its own only.
        if evidence.is_on_own_kernel() && !has_hosts_users(process) {
            return None;
        }
        let sets = ["CapEff", "CapPrm", "CapAmb"].map(|set| process.status(set));
        let has_some = sets
            .iter()
            .any(|set| !set.trim_start_matches('0').is_empty());
        has_some.then(|| format!("the host reads {}", sets.join(", ")))
    })
}

/// By the user that the host reads of the program's process.
pub(super) fn is_root(evidence: &Evidence, _: &Case) -> Finding {
    process(evidence, |process| {
        let is_root = ["Uid", "Gid"].iter().any(|id| process.status(id) == "0");
        is_root.then(|| "the host sees user or group 0".to_owned())
    })
}

/// By whether new privileges can still be had, as the host reads it.
pub(super) fn new_privileges(evidence: &Evidence, _: &Case) -> Finding {
    process(evidence, |process| {
        let can = process.status("NoNewPrivs") != "1";
        can.then(|| "the host reads that they can be had".to_owned())
    })
}

/// By whether the host reads a filter on the program's system calls.
pub(super) fn unfiltered(evidence: &Evidence, _: &Case) -> Finding {
    process(evidence, |process| {
        let is_open = process.status("Seccomp") != "2";
        is_open.then(|| "the host reads no filter".to_owned())
    })
}

/// By the network devices that the host sees in the program's namespace.
pub(super) fn devices(evidence: &Evidence, _: &Case) -> Finding {
    process(evidence, |process| {
        let others = process.devices.iter().filter(|device| *device != "lo");
        let others: Vec<_> = others.map(String::as_str).collect();
        (!others.is_empty()).then(|| format!("the host sees {}", others.join(", ")))
    })
}

/// By what the host reads of the program's own process, or of those that are its kernel.
fn process(evidence: &Evidence, weak: impl Fn(&Process) -> Option<String>) -> Finding {
    let own = &evidence.seen.kernel;
    let processes: Vec<&Process> = if evidence.is_on_own_kernel() {
        own.values().collect()
    } else {
        evidence.seen.main.iter().collect()
    };
    if processes.is_empty() {
        return Finding::Unknown("the host did not see the program's process".to_owned());
    }
    match processes.into_iter().find_map(weak) {
        Some(how) => Finding::Succeeded(how),
        None => Finding::Refused("the host sees none of it".to_owned()),
    }
}

/// By the finding of a scene that judges for itself.
pub(super) fn found(evidence: &Evidence, case: &Case) -> Finding {
    evidence
        .findings
        .get(case.id)
        .cloned()
        .unwrap_or_else(|| Finding::Unknown("the scene did not get to it".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::case::{Enforced, Weakness, case};
    use super::*;

    const CASE: Case = case(
        "E00.x",
        "tries",
        Enforced::Kernel,
        Weakness::new("weak", &[]),
    );

    fn said(word: &str) -> Evidence {
        let mut evidence = Evidence {
            tried: vec!["E00.x"],
            output: format!("@E00.x {word}\n"),
            secret: "s3cret".to_owned(),
            ..Evidence::default()
        };
        evidence.read_answers();
        evidence
    }

    #[test]
    fn the_kernels_answer_is_read() {
        let check = |word: &str, succeeded: bool| {
            let finding = answer(&said(word), &CASE);
            assert_eq!(
                matches!(finding, Finding::Succeeded(_)),
                succeeded,
                "{word}"
            );
            assert!(!matches!(finding, Finding::Unknown(_)), "{word}");
        };
        check("done", true);
        check("reached EINVAL", true);
        check("EPERM", false);
        check("killed by SIGSYS", false);
        for evidence in [said("broken: NameError"), Evidence::default()] {
            assert!(matches!(answer(&evidence, &CASE), Finding::Unknown(_)));
        }
    }

    /// A process that is gVisor, as the host reads it, with one line of its status changed.
    fn kernel(name: &str, value: &str) -> BTreeMap<String, Process> {
        let mut process = Process {
            namespaces: [("user".to_owned(), "user:[1]".to_owned())].into(),
            ..Process::default()
        };
        for (name, value) in [
            ("Seccomp", "2"),
            ("NoNewPrivs", "1"),
            ("Uid", "65534"),
            ("Gid", "65534"),
            ("CapEff", "240000"),
            (name, value),
        ] {
            process.status.insert(name.to_owned(), value.to_owned());
        }
        [("7".to_owned(), process)].into()
    }

    #[test]
    fn what_a_kernel_of_its_own_grants_is_kept_inside_if_the_host_saw_nothing() {
        const GRANTED: Case = CASE.granted("it is its own");
        let contained = |of: &Evidence| answer(of, &GRANTED) == Finding::Contained("it is its own");
        let mut evidence = said("done");
        evidence.own_kernel = true;
        evidence.seen.kernel = kernel("Seccomp", "2");
        // The weak container has the host's.
        assert!(!contained(&evidence));
        evidence.in_sandbox = true;
        assert!(contained(&evidence));
        // What the case does not name is an escape.
        assert!(matches!(answer(&evidence, &CASE), Finding::Succeeded(_)));
        for (name, value) in [("Seccomp", "0"), ("NoNewPrivs", "0"), ("Uid", "0")] {
            evidence.seen.kernel = kernel(name, value);
            assert!(!contained(&evidence), "{name}");
        }
        let refused = |finding| matches!(finding, Finding::Refused(_));
        evidence.seen.kernel = kernel("Seccomp", "2");
        assert!(refused(unfiltered(&evidence, &CASE)));
        assert!(refused(capabilities(&evidence, &CASE)));
        evidence.seen.kernel.clear();
        assert!(!contained(&evidence));
        assert!(!refused(capabilities(&evidence, &CASE)));
        evidence.seen.kernel = kernel("Seccomp", "2");
        evidence.changed.push("E16.host-write".to_owned());
        assert!(!contained(&evidence));
        evidence.changed.clear();
        evidence.arrived.insert("E00.x".to_owned());
        assert!(!contained(&evidence));
    }

    #[test]
    fn what_a_program_claims_is_not_what_the_host_sees() {
        let refused = |finding| assert!(matches!(finding, Finding::Refused(_)), "{finding:?}");
        let succeeded = |finding| assert!(matches!(finding, Finding::Succeeded(_)), "{finding:?}");
        refused(secret(&said("done something"), &CASE));
        succeeded(secret(&said("done s3cret"), &CASE));
        refused(arrival(&said("done"), &CASE));
        refused(change(&said("done"), &CASE));
        let mut evidence = said("EPERM");
        evidence.arrived.insert("E00.x".to_owned());
        evidence.changed.push("E00.x".to_owned());
        succeeded(arrival(&evidence, &CASE));
        succeeded(change(&evidence, &CASE));
    }

    #[test]
    fn a_namespace_counts_even_if_the_program_keeps_quiet() {
        let process = |user: &str| Process {
            namespaces: [("user".to_owned(), user.to_owned())].into(),
            ..Process::default()
        };
        let mut evidence = said("EPERM");
        evidence.seen.main = Some(process("1"));
        evidence
            .seen
            .tagged
            .insert("0".to_owned(), vec![process("1")]);
        assert!(matches!(namespace(&evidence, &CASE), Finding::Refused(_)));
        evidence
            .seen
            .tagged
            .insert("0".to_owned(), vec![process("2")]);
        assert!(matches!(namespace(&evidence, &CASE), Finding::Succeeded(_)));
    }
}
