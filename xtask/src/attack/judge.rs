//! How the host tells whether an attack succeeded. Each judge looks at the sandbox and at the weak
//! container in the same way.

use super::case::{Case, Enforced, Finding};
use super::evidence::Evidence;
use super::watch::Process;

/// By the kernel's answer to the attempt. Where the attack leaves a trace on the host, another
/// judge is asked.
pub(super) fn answer(evidence: &Evidence, case: &Case) -> Finding {
    match evidence.answer(case.id) {
        None => Finding::Unknown("the program did not get to it".to_owned()),
        Some(word) if word.starts_with("done") || word.starts_with("reached") => {
            let is_kernels = matches!(case.enforced, Enforced::Seccomp | Enforced::Kernel);
            if evidence.in_sandbox && evidence.own_kernel && is_kernels {
                return Finding::Refused(format!("`{word}`, inside the runtime's own kernel"));
            }
            Finding::Succeeded(word.to_owned())
        }
        Some(word) if is_fault(word) => Finding::Unknown(word.to_owned()),
        Some(word) => Finding::Refused(word.to_owned()),
    }
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

/// By what the host reads of the program's own process.
fn process(evidence: &Evidence, weak: impl Fn(&Process) -> Option<String>) -> Finding {
    match &evidence.seen.main {
        None => evidence.hidden().unwrap_or_else(|| {
            Finding::Unknown("the host did not see the program's process".to_owned())
        }),
        Some(process) => match weak(process) {
            Some(how) => Finding::Succeeded(how),
            None => Finding::Refused("the host sees none of it".to_owned()),
        },
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
    use super::super::case::{Weakness, case};
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

    #[test]
    fn what_another_kernel_grants_is_not_granted_by_the_hosts() {
        let mut evidence = said("done");
        evidence.own_kernel = true;
        let succeeded = |of: &Evidence| matches!(answer(of, &CASE), Finding::Succeeded(_));
        // The weak container has the host's.
        assert!(succeeded(&evidence));
        evidence.in_sandbox = true;
        assert!(!succeeded(&evidence));
        let finding = capabilities(&evidence, &CASE);
        assert_eq!(Some(finding), evidence.hidden());
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
