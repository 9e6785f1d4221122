//! One attack of the catalogue: what it tries, who refuses it, how the host tells, and the
//! weakness in which it must succeed.

use std::fmt;

use super::evidence::Evidence;
use super::judge;

/// An attack with a stable id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// `<row>` or `<row>.<what>`; rows have the letters of the catalogue's chapters.
    pub(super) id: &'static str,
    /// What it tries, as the end of "the program …".
    pub(super) tries: &'static str,
    pub(super) enforced: Enforced,
    pub(super) weakness: Weakness,
    /// Whether the attack succeeded, by what the host saw. The same look at the sandbox and at the
    /// weak container.
    pub(super) judge: Judge,
    /// What a machine may lack that the attack needs; where the weak container lacks it too, the
    /// attack is not applicable there.
    pub(super) needs: Option<&'static str>,
    /// Why it harms nobody that a sandbox's own kernel, where it has one, grants it. Without this a
    /// grant is an escape there too.
    pub(super) own: Option<&'static str>,
}

pub(super) type Judge = fn(&Evidence, &Case) -> Finding;

/// A case that is judged by the kernel's answer to what it tried.
pub(super) const fn case(
    id: &'static str,
    tries: &'static str,
    enforced: Enforced,
    weakness: Weakness,
) -> Case {
    Case {
        id,
        tries,
        enforced,
        weakness,
        judge: judge::answer,
        needs: None,
        own: None,
    }
}

impl Case {
    /// Judged by something else than the kernel's answer.
    pub(super) const fn by(self, judge: Judge) -> Self {
        Self { judge, ..self }
    }

    /// Whether this is the word of the filter, which no kernel says of what it lacks.
    fn is_filtered(&self, subject: &Finding) -> bool {
        let word = match subject {
            Finding::Refused(word) => word.as_str(),
            Finding::Succeeded(_) | Finding::Contained(_) | Finding::Unknown(_) => return false,
        };
        self.enforced == Enforced::Seccomp && matches!(word, "EPERM" | "killed by SIGSYS")
    }

    /// A kernel of the sandbox's own may grant it, for this reason; the host must be as it was, and
    /// see that kernel confined.
    pub(super) const fn granted(self, why: &'static str) -> Self {
        Self {
            own: Some(why),
            ..self
        }
    }

    /// Needs what not every machine has.
    pub(super) const fn needs(self, what: &'static str) -> Self {
        Self {
            needs: Some(what),
            ..self
        }
    }
}

/// Who refuses an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enforced {
    /// The filter on system calls that we give the engine.
    Seccomp,
    /// The kernel: users, capabilities, namespaces.
    Kernel,
    /// The kernel's control groups and limits, with our numbers.
    Limits,
    /// What the engine mounts, masks and leaves out.
    Engine,
    /// Process 1 of the sandbox.
    Runner,
    /// The host's end of the only way out.
    Gateway,
    /// The server, before or after the sandbox.
    Server,
}

impl fmt::Display for Enforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seccomp => "seccomp",
            Self::Kernel => "kernel",
            Self::Limits => "limits",
            Self::Engine => "engine",
            Self::Runner => "runner",
            Self::Gateway => "gateway",
            Self::Server => "server",
        })
    }
}

/// What makes a container weak enough for an attack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weakness {
    /// For the table, and to tell weaknesses apart.
    pub(super) name: &'static str,
    /// Options of `docker run`; `@DIR@` is the temporary directory of the canaries.
    pub(super) options: &'static [&'static str],
    /// A shell's line that runs before the program, as the container's user.
    pub(super) before: &'static str,
}

impl Weakness {
    pub(super) const fn new(name: &'static str, options: &'static [&'static str]) -> Self {
        Self {
            name,
            options,
            before: "",
        }
    }

    pub(super) const fn after(self, before: &'static str) -> Self {
        Self { before, ..self }
    }
}

/// What the host found out about one attack in one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It got what it tried to get.
    Succeeded(String),
    /// It was refused, in these words.
    Refused(String),
    /// The sandbox's own kernel granted it out of what is its own; why that harms nobody.
    Contained(&'static str),
    /// Nothing can be said, for this reason.
    Unknown(String),
}

/// What the catalogue says of one attack after both runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Refused in the sandbox, and it succeeded in the weak container.
    Held,
    /// Refused in the sandbox by the filter, before the kernel saw it; in the weak container the
    /// kernel saw it and lacks what it asks for.
    HeldAhead(&'static str),
    /// A kernel of the sandbox's own granted it out of what is its own, and the host saw nothing of
    /// it; from the host's kernel the weak container got it.
    Contained(&'static str),
    /// It succeeded in the sandbox.
    Escaped(String),
    /// It did not even succeed in the weak container, so its failure in the sandbox proves nothing.
    ControlFailed(String),
    /// Nobody could tell how it went.
    Unclear(String),
    /// This machine cannot try it.
    NotApplicable(String),
}

impl Verdict {
    /// From how the attack went in the sandbox and in the weak container.
    pub(super) fn of(case: &Case, subject: &Finding, control: &Finding) -> Self {
        match (subject, control) {
            (Finding::Succeeded(how), _) => Self::Escaped(how.clone()),
            (Finding::Unknown(why), _) => Self::Unclear(why.clone()),
            (_, Finding::Contained(_)) => Self::Unclear("the control has no kernel".to_owned()),
            (Finding::Refused(_), Finding::Succeeded(_)) => Self::Held,
            (Finding::Contained(why), Finding::Succeeded(_)) => Self::Contained(why),
            (
                Finding::Refused(_) | Finding::Contained(_),
                Finding::Refused(word) | Finding::Unknown(word),
            ) => match case.needs {
                Some(what) if is_lacking(word) && case.is_filtered(subject) => {
                    Self::HeldAhead(what)
                }
                Some(what) if is_lacking(word) => {
                    Self::NotApplicable(format!("this machine lacks {what}"))
                }
                _ => Self::ControlFailed(word.clone()),
            },
        }
    }

    /// Whether the promise stands, as far as this machine can tell.
    pub(super) fn is_good(&self) -> bool {
        matches!(
            self,
            Self::Held | Self::HeldAhead(_) | Self::Contained(_) | Self::NotApplicable(_)
        )
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => f.write_str("held"),
            Self::HeldAhead(what) => write!(f, "held ahead of a kernel without {what}"),
            Self::Contained(why) => write!(f, "held inside: {why}"),
            Self::Escaped(how) => write!(f, "ESCAPED: {how}"),
            Self::ControlFailed(word) => write!(f, "control failed: {word}"),
            Self::Unclear(why) => write!(f, "unclear: {why}"),
            Self::NotApplicable(why) => write!(f, "not applicable: {why}"),
        }
    }
}

/// Whether the kernel's word says that there is no such thing, rather than that it is forbidden.
fn is_lacking(word: &str) -> bool {
    const LACKING: &[&str] = &[
        "absent",
        "ENOENT",
        "ENOSYS",
        "ENODEV",
        "ENXIO",
        "ENOTSUP",
        "EOPNOTSUPP",
        "EAFNOSUPPORT",
        "EPROTONOSUPPORT",
        "ESOCKTNOSUPPORT",
        "EPROTOTYPE",
        "killed by SIGSEGV",
        "empty",
    ];
    LACKING.iter().any(|known| word.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Case = case(
        "E00.x",
        "tries",
        Enforced::Kernel,
        Weakness::new("weak", &[]),
    );

    #[test]
    fn a_verdict_needs_a_refusal_and_a_control_that_succeeded() {
        let succeeded = || Finding::Succeeded("done".to_owned());
        let refused = |word: &str| Finding::Refused(word.to_owned());
        let unknown = || Finding::Unknown("no answer".to_owned());
        let check = |of: &Case, subject: &Finding, control: &Finding, expected: &str| {
            let verdict = Verdict::of(of, subject, control);
            assert_eq!(verdict.to_string(), expected);
        };
        check(&PLAIN, &refused("EPERM"), &succeeded(), "held");
        check(&PLAIN, &succeeded(), &succeeded(), "ESCAPED: done");
        check(&PLAIN, &succeeded(), &refused("EPERM"), "ESCAPED: done");
        check(&PLAIN, &unknown(), &succeeded(), "unclear: no answer");
        let failed = "control failed: ENOENT";
        check(&PLAIN, &refused("EPERM"), &refused("ENOENT"), failed);
        let needing = PLAIN.needs("a thing");
        let lacking = "not applicable: this machine lacks a thing";
        check(&needing, &refused("EPERM"), &refused("ENOENT"), lacking);
        let failed = "control failed: EPERM";
        check(&needing, &refused("EPERM"), &refused("EPERM"), failed);
        let filtered = case(
            "E00.y",
            "tries",
            Enforced::Seccomp,
            Weakness::new("weak", &[]),
        )
        .needs("a thing");
        let ahead = "held ahead of a kernel without a thing";
        check(&filtered, &refused("EPERM"), &refused("ENOENT"), ahead);
        check(&filtered, &refused("ENOENT"), &refused("ENOENT"), lacking);
        check(&filtered, &refused("EPERM"), &refused("EPERM"), failed);
        // What a kernel of its own gave must be had from the host's, too, or nothing is shown.
        let contained = || Finding::Contained("it is its own");
        check(
            &PLAIN,
            &contained(),
            &succeeded(),
            "held inside: it is its own",
        );
        check(
            &PLAIN,
            &contained(),
            &refused("EPERM"),
            "control failed: EPERM",
        );
        check(&needing, &contained(), &refused("ENOENT"), lacking);
        // What the sandbox got counts, whatever the control says.
        check(&needing, &succeeded(), &refused("ENOENT"), "ESCAPED: done");
    }
}
