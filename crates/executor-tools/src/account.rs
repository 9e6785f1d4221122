//! What is said of a run on a shell, beside what the program printed there: the same as in a result, with options in
//! place of parameters.

use executor_core::{Ending, ExecutorSettings, Outcome};

use crate::asker::Asker;
use crate::hints::hints;
use crate::left_out;
use crate::render::explain;
use crate::tool::facts;
use crate::visible;

/// How a run ended and what to do about it, in lines without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// How the program was ended and what to do about it, unless it exited by itself.
    pub ending: Option<String>,
    /// What to do about a program that failed for want of something that its sandbox lacks or limits.
    pub hints: Vec<String>,
    /// What could not be made of displays, what was not returned, and what there is to know besides.
    pub notes: Vec<String>,
}

/// The longest line.
const LONGEST: usize = 1000;

impl Account {
    /// Of a run of an executor with these settings.
    #[must_use]
    pub fn of(outcome: &Outcome, settings: &ExecutorSettings) -> Self {
        let facts = facts(settings);
        let ending = match &outcome.ending {
            Ending::Exited(_) => None,
            other => Some(visible::line(
                &explain(other, &facts, Asker::Shell),
                LONGEST,
            )),
        };
        let left = left_out::sentences(&outcome.left_out, outcome.left_out_more, &settings.results);
        let of_displays = outcome.displays.iter().flat_map(|display| &display.notes);
        let notes = of_displays.chain(&left).chain(&outcome.notes);
        let plain = |text: &String| visible::line(text, LONGEST);
        Self {
            ending,
            hints: hints(outcome, &facts, Asker::Shell)
                .iter()
                .map(plain)
                .collect(),
            notes: notes.map(plain).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use executor_core::files::{LeftOut, LeftOutReason};
    use executor_core::limits::{ByteSize, WallTime};
    use executor_core::{Captured, Display, DisplayKind};
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(outcome: &Outcome, expected: &Expect) {
        let account = Account::of(outcome, &ExecutorSettings::default());
        let hints = account.hints.iter().map(|hint| format!("hint: {hint}"));
        let notes = account.notes.iter().map(|note| format!("[{note}]"));
        let lines: Vec<String> = account
            .ending
            .into_iter()
            .chain(hints)
            .chain(notes)
            .collect();
        expected.assert_eq(&lines.join("\n"));
    }

    fn failed(stderr: &str) -> Outcome {
        let mut outcome = Outcome::of(Ending::Exited(1));
        outcome.stderr = Captured::from(stderr.as_bytes().to_vec());
        outcome
    }

    #[test]
    fn options_take_the_place_of_parameters() {
        check(&Outcome::of(Ending::Exited(0)), &expect![""]);
        check(
            &Outcome::of(Ending::TimedOut(WallTime::PROGRAM)),
            &expect!["timed out after 60 s; raise `--timeout` (up to 600 s)"],
        );
        check(
            &Outcome::of(Ending::OutOfMemory(ByteSize::gib(1))),
            &expect![
                "out of memory: the limit is 1 GiB, files in /tmp included; work on smaller pieces; or raise `--memory`"
            ],
        );
        check(
            &failed("ModuleNotFoundError: No module named 'cv2'"),
            &expect!["hint: `cv2` is not in this image: pass `--modules opencv-python-headless`"],
        );
        check(
            &failed("OSError: [Errno 28] No space left on device"),
            &expect![
                "hint: `/tmp` holds 512 MiB, and counts as memory, of which there is 1 GiB; write less, or remove what is done with; or raise `--tmp-size`, `--memory`"
            ],
        );
        check(
            &failed("EOFError: EOF when reading a line"),
            &expect![
                "hint: the program read more than it was given: `--stdin` passes on what stands on standard input"
            ],
        );
    }

    #[test]
    fn notes_of_all_kinds_are_told_without_what_moves_a_terminal() {
        let mut outcome = Outcome::of(Ending::Exited(0));
        let mut display = Display::of_text(DisplayKind::Display, "text");
        display.notes.push("of a display\u{1b}[2J".to_owned());
        outcome.displays.push(display);
        outcome
            .left_out
            .push(LeftOut::new("a", LeftOutReason::Link));
        outcome.notes.push("of the run".to_owned());
        check(
            &outcome,
            &expect![[r"
                [of a display\x1b[2J]
                [`a` was not returned: a symbolic link; copy what it leads to]
                [of the run]"]],
        );
    }
}
