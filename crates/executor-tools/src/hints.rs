//! What to do about a program that failed, where its own last words say why.
//!
//! Programs say many things; a hint is given only for what a sandbox is the reason of: what it lacks, and what it limits.

use executor_core::modules::Provider;
use executor_core::{Ending, Outcome};

use crate::asker::Asker;
use crate::facts::{Facts, Reach};

/// The end of what is looked through, in bytes: a traceback, and what a browser says in one.
const LOOKED_AT: usize = 16 * 1024;

/// The most hints for one program.
const MOST: usize = 2;

/// What a failure is told by, and what to do about it. `None` if it was something else after all.
struct Sign {
    /// Any of these, at the beginning of a line or anywhere in one.
    words: &'static [&'static str],
    hint: fn(&Failed<'_>) -> Option<String>,
}

/// A failed program.
struct Failed<'a> {
    /// What follows the words in their line.
    rest: &'a str,
    outcome: &'a Outcome,
    facts: &'a Facts,
    asker: Asker,
}

/// In the order in which they are looked for: the more particular come first.
const SIGNS: &[Sign] = &[
    Sign {
        words: &["ModuleNotFoundError: No module named '"],
        hint: missing_module,
    },
    Sign {
        words: &["BrowserType.launch: Executable doesn't exist at"],
        hint: |_| {
            Some("the image has the browsers of one Playwright version; name `playwright` without a version, or leave it out of `modules`".to_owned())
        },
    },
    Sign {
        words: &[
            "headed browser without having a XServer",
            "Missing X server or $DISPLAY",
        ],
        hint: |_| Some("there is no display: launch the browser with `headless=True`".to_owned()),
    },
    Sign {
        words: &["TclError: no display name"],
        hint: |_| {
            Some("there is no display: draw to a file or a figure instead of a window".to_owned())
        },
    },
    Sign {
        words: &["EOFError: EOF when reading a line"],
        hint: |failed| {
            let way = match failed.asker {
                Asker::Model => "pass what `input()` is to read as `stdin`",
                Asker::Shell => "`--stdin` passes on what stands on standard input",
            };
            Some(format!("the program read more than it was given: {way}"))
        },
    },
    Sign {
        words: &[
            "can't start new thread",
            "[Errno 11] Resource temporarily unavailable",
        ],
        hint: |failed| {
            let most = failed.facts.processes;
            let more = failed.asker.more("allow", "--processes");
            Some(format!(
                "a program may have {most} processes and threads at once; start fewer; {more}"
            ))
        },
    },
    Sign {
        words: &["[Errno 28] No space left on device"],
        hint: |failed| {
            let Facts { tmp, memory, .. } = failed.facts;
            let more = failed.asker.more("give", "--tmp-size`, `--memory");
            Some(format!(
                "`/tmp` holds {tmp}, and counts as memory, of which there is {memory}; write less, or remove what is done with; {more}"
            ))
        },
    },
    Sign {
        words: &[
            "[Errno 30] Read-only file system",
            "[Errno 13] Permission denied: '/",
        ],
        hint: |_| {
            Some("a program writes below `/tmp`, where it starts, and nowhere else".to_owned())
        },
    },
    Sign {
        words: &["MemoryError", "Unable to allocate "],
        hint: |failed| {
            let memory = failed.facts.memory;
            let more = failed.asker.more("give", "--memory");
            Some(format!(
                "the sandbox has {memory} of memory, files in `/tmp` included; work on smaller pieces; {more}"
            ))
        },
    },
    Sign {
        words: &[
            "Name or service not known",
            "Temporary failure in name resolution",
            "Network is unreachable",
            "Tunnel connection failed: 403",
            "403 Forbidden by the sandbox",
            "net::ERR_TUNNEL_CONNECTION_FAILED",
            "net::ERR_NAME_NOT_RESOLVED",
            "net::ERR_INTERNET_DISCONNECTED",
        ],
        hint: |failed| Some(network(&failed.facts.reach, failed.asker)),
    },
];

/// What to do about a program that ended with an exit code; nothing if it ended well or in another way.
pub(crate) fn hints(outcome: &Outcome, facts: &Facts, asker: Asker) -> Vec<String> {
    if !matches!(outcome.ending, Ending::Exited(1..)) {
        return Vec::new();
    }
    let said = outcome.stderr.to_bytes();
    let end = said.split_at_checked(said.len().saturating_sub(LOOKED_AT));
    let said = String::from_utf8_lossy(end.map_or(&said, |(_, end)| end));
    let mut hints = Vec::new();
    for sign in SIGNS {
        // The last words are those it ended with.
        let found = sign.words.iter().find_map(|words| {
            let (_, after) = said.rsplit_once(words)?;
            Some(after.lines().next().unwrap_or_default())
        });
        let hint = found.and_then(|rest| {
            let failed = Failed {
                rest,
                outcome,
                facts,
                asker,
            };
            (sign.hint)(&failed)
        });
        hints.extend(hint);
        if hints.len() == MOST {
            break;
        }
    }
    hints
}

fn missing_module(failed: &Failed<'_>) -> Option<String> {
    let name = failed.rest.split('\'').next()?;
    match Provider::of(name)? {
        Provider::Python => Some(format!(
            "`{name}` belongs to Python's standard library and is not in this image's Python; do without it"
        )),
        Provider::Project(project) => {
            // As pip writes it, `name-version`.
            let normal = |text: &str| text.to_ascii_lowercase().replace(['_', '.'], "-");
            let wanted = format!("{}-", normal(&project));
            let is_there = |one: &String| normal(one).starts_with(&wanted);
            if failed.outcome.installed.iter().any(is_there) {
                return Some(format!(
                    "`{project}` is installed, but has no module `{name}`; look at the version, or at the name"
                ));
            }
            Some(match failed.asker {
                Asker::Model => {
                    format!("`{name}` is not in this image: pass `\"modules\": [\"{project}\"]`")
                }
                Asker::Shell => {
                    format!("`{name}` is not in this image: pass `--modules {project}`")
                }
            })
        }
        _ => None,
    }
}

fn network(reach: &Reach, asker: Asker) -> String {
    match reach {
        Reach::Nothing => {
            let more = match asker {
                Asker::Model => "only the operator can change that (`--network`)",
                Asker::Shell => "`--network` changes that",
            };
            format!("programs reach nothing outside of their sandbox here; {more}")
        }
        Reach::Public => "programs reach public hosts over HTTP and HTTPS, through the proxy that `HTTPS_PROXY` names; what does not use it reaches nothing".to_owned(),
        Reach::Names(names) => format!("programs reach these hosts only, through the proxy that `HTTPS_PROXY` names: {names}"),
        Reach::Policy(policy) => format!("what programs reach is decided by the policy `{policy}`"),
    }
}

#[cfg(test)]
mod tests {
    use executor_core::Captured;
    use expect_test::{Expect, expect};

    use super::*;

    fn outcome(ending: Ending, stderr: &str) -> Outcome {
        let mut outcome = Outcome::of(ending);
        outcome.stderr = Captured::from(stderr.as_bytes().to_vec());
        outcome
    }

    #[track_caller]
    fn check(stderr: &str, expected: &Expect) {
        let hints = hints(
            &outcome(Ending::Exited(1), stderr),
            &Facts::sample(),
            Asker::Model,
        );
        expected.assert_eq(&hints.join("\n"));
    }

    #[test]
    fn what_is_missing_is_named_as_it_is_asked_for() {
        let missing = |name: &str| {
            format!(
                "Traceback (most recent call last):\n  File \"main.py\", line 1\nModuleNotFoundError: No module named '{name}'\n"
            )
        };
        check(
            &missing("cv2"),
            &expect![[
                r#"`cv2` is not in this image: pass `"modules": ["opencv-python-headless"]`"#
            ]],
        );
        check(
            &missing("pandas.core"),
            &expect![[r#"`pandas.core` is not in this image: pass `"modules": ["pandas"]`"#]],
        );
        check(
            &missing("tkinter"),
            &expect![
                "`tkinter` belongs to Python's standard library and is not in this image's Python; do without it"
            ],
        );
        check(&missing("no such\u{1b}[31m name"), &expect![""]);
    }

    #[test]
    fn what_was_installed_is_not_asked_for_again() {
        let stderr = "ModuleNotFoundError: No module named 'sklearn.magic'";
        let mut outcome = outcome(Ending::Exited(1), stderr);
        outcome.installed = vec!["numpy-2.3.0".to_owned(), "scikit_learn-1.7.0".to_owned()];
        expect!["`scikit-learn` is installed, but has no module `sklearn.magic`; look at the version, or at the name"]
            .assert_eq(&hints(&outcome, &Facts::sample(), Asker::Model).join("\n"));
    }

    #[test]
    fn limits_are_named_with_their_numbers() {
        check(
            "OSError: [Errno 28] No space left on device: '/tmp/x'",
            &expect![
                "`/tmp` holds 512 MiB, and counts as memory, of which there is 1 GiB; write less, or remove what is done with; only the operator can give more (`--tmp-size`, `--memory`)"
            ],
        );
        check(
            "RuntimeError: can't start new thread",
            &expect![
                "a program may have 256 processes and threads at once; start fewer; only the operator can allow more (`--processes`)"
            ],
        );
        check(
            "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB for an array",
            &expect![
                "the sandbox has 1 GiB of memory, files in `/tmp` included; work on smaller pieces; only the operator can give more (`--memory`)"
            ],
        );
        check(
            "PermissionError: [Errno 13] Permission denied: '/etc/x'",
            &expect!["a program writes below `/tmp`, where it starts, and nowhere else"],
        );
    }

    #[test]
    fn the_network_is_explained_by_the_policy_in_force() {
        let stderr =
            "urllib.error.URLError: <urlopen error Tunnel connection failed: 403 Forbidden>";
        let outcome = outcome(Ending::Exited(1), stderr);
        let said = |reach| {
            let facts = Facts {
                reach,
                ..Facts::sample()
            };
            hints(&outcome, &facts, Asker::Model).join("\n")
        };
        assert!(said(Reach::Nothing).contains("`--network`"));
        assert!(said(Reach::Names("example.org:443".to_owned())).ends_with(": example.org:443"));
        assert!(said(Reach::Public).contains("HTTPS_PROXY"));
    }

    #[test]
    fn only_what_a_failed_program_ended_with_counts() {
        let facts = Facts::sample();
        let missing = "ModuleNotFoundError: No module named 'cv2'";
        assert!(hints(&outcome(Ending::Exited(0), missing), &facts, Asker::Model).is_empty());
        assert!(hints(&outcome(Ending::Signaled(9), missing), &facts, Asker::Model).is_empty());
        let long_ago = format!("{missing}\n{}", "x".repeat(LOOKED_AT));
        check(&long_ago, &expect![""]);
        check("ValueError: invalid literal", &expect![""]);
        let everything = SIGNS.iter().map(|sign| format!("{}x\n", sign.words[0]));
        let everything = outcome(Ending::Exited(1), &everything.collect::<String>());
        assert_eq!(hints(&everything, &facts, Asker::Model).len(), MOST);
    }
}
