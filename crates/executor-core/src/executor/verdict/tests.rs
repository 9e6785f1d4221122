//! The truth table of endings: all evidence that there is, and what it amounts to.

use std::fmt::Write as _;

use expect_test::expect;

use super::*;

fn bounds(memory_is_limited: bool) -> Bounds {
    Bounds {
        timeout: WallTime::PROGRAM,
        printed: ByteSize::gib(1),
        memory: ByteSize::gib(1),
        memory_is_limited,
    }
}

/// Every report, by what made the runner end it, how the program went, and what the counter says.
fn reports() -> Vec<Heard> {
    let exits = [
        Exit::Code(0),
        Exit::Code(3),
        Exit::Signal(9),
        Exit::Signal(11),
    ];
    let mut all = Vec::new();
    for cause in [Cause::Exited, Cause::Deadline, Cause::OutputLimit] {
        for exit in exits {
            for oom_kills in [None, Some(0), Some(2)] {
                all.push(Heard::Report(cause, exit, oom_kills));
            }
        }
    }
    all
}

fn words() -> Vec<Word> {
    let mut all = vec![Word::None, Word::Running, Word::Paused, Word::Removed];
    for status in [None, Some(0), Some(70), Some(137), Some(143)] {
        for out_of_memory in [false, true] {
            all.push(Word::Ended {
                status,
                out_of_memory,
            });
        }
    }
    all
}

fn name(ending: &Ending) -> String {
    match ending {
        Ending::Exited(code) => format!("exited {code}"),
        Ending::Signaled(signal) => format!("signaled {signal}"),
        other => match other.reason() {
            Some(reason) => format!("{} ({reason})", other.as_str()),
            None => other.as_str().to_owned(),
        },
    }
}

#[test]
fn what_process_1_reported_is_what_counts() {
    let mut table = String::new();
    for heard in reports() {
        let Heard::Report(cause, exit, oom_kills) = heard else {
            panic!("a report");
        };
        let ending = judge(heard, Word::None, &bounds(true));
        let unlimited = judge(heard, Word::None, &bounds(false));
        let counter = oom_kills.map_or_else(|| "-".to_owned(), |kills| kills.to_string());
        let shown = format!("{cause:?}, {exit:?}, oom {counter}");
        let _ = write!(table, "{shown:<35} {}", name(&ending));
        if name(&ending) != name(&unlimited) {
            let _ = write!(table, "; without a limit {}", name(&unlimited));
        }
        table.push('\n');
        for word in words() {
            let other = judge(heard, word, &bounds(true));
            assert_eq!(name(&other), name(&ending), "{word:?} has no say");
        }
        // We ended it: however it went in the same instant, that is no success.
        assert!(cause == Cause::Exited || !ending.is_success());
    }
    expect![[r#"
        Exited, Code(0), oom -              exited 0
        Exited, Code(0), oom 0              exited 0
        Exited, Code(0), oom 2              exited 0
        Exited, Code(3), oom -              exited 3
        Exited, Code(3), oom 0              exited 3
        Exited, Code(3), oom 2              exited 3
        Exited, Signal(9), oom -            killed; without a limit signaled 9
        Exited, Signal(9), oom 0            signaled 9
        Exited, Signal(9), oom 2            out_of_memory
        Exited, Signal(11), oom -           signaled 11
        Exited, Signal(11), oom 0           signaled 11
        Exited, Signal(11), oom 2           signaled 11
        Deadline, Code(0), oom -            timed_out
        Deadline, Code(0), oom 0            timed_out
        Deadline, Code(0), oom 2            timed_out
        Deadline, Code(3), oom -            timed_out
        Deadline, Code(3), oom 0            timed_out
        Deadline, Code(3), oom 2            timed_out
        Deadline, Signal(9), oom -          timed_out
        Deadline, Signal(9), oom 0          timed_out
        Deadline, Signal(9), oom 2          timed_out
        Deadline, Signal(11), oom -         timed_out
        Deadline, Signal(11), oom 0         timed_out
        Deadline, Signal(11), oom 2         timed_out
        OutputLimit, Code(0), oom -         output_limit
        OutputLimit, Code(0), oom 0         output_limit
        OutputLimit, Code(0), oom 2         output_limit
        OutputLimit, Code(3), oom -         output_limit
        OutputLimit, Code(3), oom 0         output_limit
        OutputLimit, Code(3), oom 2         output_limit
        OutputLimit, Signal(9), oom -       output_limit
        OutputLimit, Signal(9), oom 0       output_limit
        OutputLimit, Signal(9), oom 2       output_limit
        OutputLimit, Signal(11), oom -      output_limit
        OutputLimit, Signal(11), oom 0      output_limit
        OutputLimit, Signal(11), oom 2      output_limit
    "#]]
    .assert_eq(&table);
}

#[test]
fn without_a_report_the_backend_says_what_became_of_it() {
    let mut table = String::new();
    for heard in [Heard::Cut, Heard::Silence] {
        for word in words() {
            let ending = judge(heard, word, &bounds(true));
            assert_eq!(name(&ending), name(&judge(heard, word, &bounds(false))));
            // Nobody waited for the program, so nobody knows that it went well.
            assert!(!ending.is_success(), "{heard:?} {word:?}");
            assert!(!matches!(ending, Ending::Exited(_) | Ending::Signaled(_)));
            let word = match word {
                Word::Ended {
                    status,
                    out_of_memory,
                } => {
                    let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
                    let oom = if out_of_memory { ", oom" } else { "" };
                    format!("ended {status}{oom}")
                }
                other => format!("{other:?}").to_lowercase(),
            };
            let heard = format!("{heard:?}");
            let _ = writeln!(table, "{heard:<8} {word:<15} {}", name(&ending));
        }
    }
    expect![[r#"
        Cut      none            sandbox_lost (engine_lost)
        Cut      running         sandbox_lost (stream_cut)
        Cut      paused          sandbox_lost (paused)
        Cut      removed         sandbox_died (removed)
        Cut      ended -         sandbox_died (ended)
        Cut      ended -, oom    sandbox_died (out_of_memory)
        Cut      ended 0         sandbox_lost (stream_cut)
        Cut      ended 0, oom    sandbox_lost (stream_cut)
        Cut      ended 70        sandbox_died (ended)
        Cut      ended 70, oom   sandbox_died (ended)
        Cut      ended 137       sandbox_died (killed)
        Cut      ended 137, oom  sandbox_died (out_of_memory)
        Cut      ended 143       sandbox_died (ended)
        Cut      ended 143, oom  sandbox_died (ended)
        Silence  none            timed_out
        Silence  running         timed_out
        Silence  paused          sandbox_lost (paused)
        Silence  removed         sandbox_died (removed)
        Silence  ended -         sandbox_died (ended)
        Silence  ended -, oom    sandbox_died (out_of_memory)
        Silence  ended 0         sandbox_lost (stream_cut)
        Silence  ended 0, oom    sandbox_lost (stream_cut)
        Silence  ended 70        sandbox_died (ended)
        Silence  ended 70, oom   sandbox_died (ended)
        Silence  ended 137       sandbox_died (killed)
        Silence  ended 137, oom  sandbox_died (out_of_memory)
        Silence  ended 143       sandbox_died (ended)
        Silence  ended 143, oom  sandbox_died (ended)
    "#]]
    .assert_eq(&table);
}
