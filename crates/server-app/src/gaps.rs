//! What an operator reads of a promise that this host does not keep: what is broken, what that
//! means, how to mend it, and the name to accept it by.

use std::fmt::Write as _;

use executor_core::capabilities::{Capabilities, Capability};
use executor_docker::{BrokenPromise, Gap};

/// What can happen while the promise is not kept: the end of "so ...".
pub(crate) const fn consequence(capability: Capability) -> &'static str {
    match capability {
        Capability::Isolation => "a program may see or change what is not its own",
        Capability::NoNetwork => {
            "a program reaches the network past every rule of this server, this host's own ports \
             included"
        }
        Capability::MemoryLimit => "one program can take all of this host's memory",
        Capability::CpuLimit => "one program can take all of this host's processors",
        Capability::ProcessLimit => {
            "one program can start processes until this host can start no more"
        }
        Capability::OpenFilesLimit => "one program can use up this host's open files",
        Capability::DiskLimit => "one program can fill this host's disk or memory with files",
        Capability::SyscallFilter => {
            "a program reaches the parts of the kernel where most escapes were found"
        }
        Capability::SeparateUsers => {
            "a program can change what is reported of it, and end its own supervisor"
        }
        _ => "what a sandbox promises does not hold",
    }
}

/// Why the server ends, for a person who looks at the end of its standard error.
pub(crate) fn refusal(program: &str, broken: &BrokenPromise) -> String {
    let mut text = String::new();
    if broken.gaps.is_empty() {
        let _ = writeln!(
            text,
            "error: no program is run on this engine: {}",
            broken.why
        );
        if let Some(remedy) = &broken.remedy {
            let _ = writeln!(text, "hint: {remedy}");
        }
        return text.trim_end().to_owned();
    }
    text.push_str(
        "error: no program is run on this host: it does not keep what a sandbox promises\n",
    );
    for gap in &broken.gaps {
        let name = gap.capability.as_str();
        let _ = writeln!(text, "  {name}: {}", gap.why);
        let _ = writeln!(text, "    so      {}", consequence(gap.capability));
        let _ = writeln!(text, "    mend    {}", gap.remedy);
        let _ = writeln!(
            text,
            "    accept  `--danger-accept {name}`, if you can live with that"
        );
    }
    let _ = write!(
        text,
        "`{program} doctor --prove` tries every promise and shows what holds."
    );
    text
}

/// What the log says at start of promises that are not kept and were accepted, and of names that
/// were accepted for nothing.
pub(crate) fn warnings(accepted: &Capabilities, gaps: &[Gap]) -> Vec<String> {
    let mut warnings = Vec::new();
    for gap in gaps {
        warnings.push(format!(
            "accepted by `danger.accept`: {} is not kept ({}), so {}",
            gap.capability.as_str(),
            gap.why,
            consequence(gap.capability)
        ));
    }
    for capability in Capability::ALL {
        let is_a_gap = gaps.iter().any(|gap| gap.capability == capability);
        if accepted.has(capability) && !is_a_gap {
            let name = capability.as_str();
            warnings.push(format!(
                "`danger.accept` names {name}, which this host keeps: take it out, so that it is \
                 refused if it breaks one day"
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn broken(gaps: Vec<Gap>) -> BrokenPromise {
        BrokenPromise::new(
            "the engine speaks API 1.40",
            Some("update the engine".to_owned()),
            gaps,
        )
    }

    #[test]
    fn a_refusal_says_what_it_means_and_what_to_do() {
        let gap = Gap::new(
            Capability::ProcessLimit,
            "the process limit is `max` and not `256`",
            "delegate the controllers",
        );
        expect![[r"
            error: no program is run on this host: it does not keep what a sandbox promises
              process-limit: the process limit is `max` and not `256`
                so      one program can start processes until this host can start no more
                mend    delegate the controllers
                accept  `--danger-accept process-limit`, if you can live with that
            `server doctor --prove` tries every promise and shows what holds."]]
        .assert_eq(&refusal("server", &broken(vec![gap])));
        expect![[r"
            error: no program is run on this engine: the engine speaks API 1.40
            hint: update the engine"]]
        .assert_eq(&refusal("server", &broken(Vec::new())));
    }

    #[test]
    fn a_name_that_is_no_gap_is_told() {
        let gap = Gap::new(Capability::CpuLimit, "no quota", "mend it");
        let accepted = Capabilities::of([Capability::CpuLimit, Capability::MemoryLimit]);
        let [first, second] = warnings(&accepted, &[gap]).try_into().unwrap();
        assert!(
            first.contains("cpu-limit is not kept (no quota)"),
            "{first}"
        );
        assert!(second.contains("names memory-limit"), "{second}");
    }
}
