//! What cargo's test output says: how many passed, failed, and were skipped, and why.
//!
//! A test that cannot run prints a line `SKIPPED: <what>: <why>` and returns. The test harness
//! shows what a passing test printed only when asked, in a section of its own; that section is
//! read here and kept from the person.

/// What starts the line of a test that could not run.
pub(crate) const SKIP_MARK: &str = "SKIPPED: ";

/// The tests of a whole run, added up as their output comes in.
#[derive(Debug, Default)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
    ignored: usize,
    skips: Vec<String>,
    section: Section,
    /// Whether a test binary has begun and not yet said how it ended.
    unfinished: bool,
}

/// Which part of a test binary's output the next line belongs to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Section {
    #[default]
    Progress,
    Successes,
    Failures,
}

/// The numbers of a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Report {
    /// Takes the next line of the output; true if a person wants to see it.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        if let Some(skip) = line.trim_start().strip_prefix(SKIP_MARK)
            && self.section == Section::Successes
        {
            self.skips.push(skip.trim_end().to_owned());
            return false;
        }
        if is_start(line) {
            self.close_binary();
            self.unfinished = true;
        } else if line == "successes:" {
            self.section = Section::Successes;
        } else if line == "failures:" {
            self.section = Section::Failures;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count(result, "passed");
            self.failed += count(result, "failed");
            self.ignored += count(result, "ignored");
            self.unfinished = false;
            self.section = Section::Progress;
        }
        self.section != Section::Successes
    }

    /// The reasons of the tests that could not run.
    pub(crate) fn skips(&self) -> &[String] {
        &self.skips
    }

    /// The numbers, when the output has ended.
    pub(crate) fn totals(mut self) -> Totals {
        self.close_binary();
        Totals {
            // A test that skipped itself has passed in the harness's eyes only.
            passed: self.passed.saturating_sub(self.skips.len()),
            failed: self.failed,
            skipped: self.skips.len() + self.ignored,
        }
    }

    /// A binary that never said how it ended has crashed, and that is a failure.
    fn close_binary(&mut self) {
        if self.unfinished {
            self.failed += 1;
        }
        self.unfinished = false;
        self.section = Section::Progress;
    }
}

/// Whether this is the harness's `running 3 tests`.
fn is_start(line: &str) -> bool {
    line.strip_prefix("running ")
        .and_then(|rest| {
            rest.strip_suffix(" tests")
                .or_else(|| rest.strip_suffix(" test"))
        })
        .is_some_and(|number| number.parse::<usize>().is_ok())
}

/// The number before a word, as in `3 passed;`.
fn count(result: &str, word: &str) -> usize {
    result
        .split([';', '.'])
        .filter_map(|part| part.trim().split_once(' '))
        .find(|(_, what)| *what == word)
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, (passed, failed, skipped): (usize, usize, usize), shown: &[&str]) {
        let mut report = Report::default();
        let seen: Vec<&str> = output.lines().filter(|line| report.line(line)).collect();
        assert_eq!(seen, shown);
        let expected = Totals {
            passed,
            failed,
            skipped,
        };
        assert_eq!(report.totals(), expected, "{output}");
    }

    #[test]
    fn skips_are_found_among_the_successes() {
        let output = "running 2 tests\n\
            test a ... ok\n\
            test b ... ok\n\
            successes:\n\
            ---- b stdout ----\n\
            SKIPPED: b: no engine\n\
            chatter\n\
            successes:\n    a\n    b\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        check(
            output,
            (1, 0, 1),
            &[
                "running 2 tests",
                "test a ... ok",
                "test b ... ok",
                "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            ],
        );
    }

    #[test]
    fn failures_are_shown_and_a_crash_counts() {
        let failed = "test result: FAILED. 1 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out; finished in 1.50s";
        let output = format!("running 1 test\nrunning 6 tests\nfailures:\nwhy\n{failed}");
        check(
            &output,
            (1, 3, 3),
            &[
                "running 1 test",
                "running 6 tests",
                "failures:",
                "why",
                failed,
            ],
        );
    }
}
