//! What programs print, install and leave, and their browsers, where a test of its own holds it.

use super::super::super::held::Held;
use super::places::{
    AGAINST_PIP, BROWSER, ENDS, ENVIRONMENTS, EXCERPT, KEPT, MODULES, OUTPUT, PROGRAMS, RESULTS,
};

/// Rows of the chapters S, O, P and B.
pub(super) const CHAPTERS: &[Held] = &[
    Held::new(
        "O03.bytes",
        "a program prints every byte there is",
        OUTPUT,
        "every_byte_passes_both_ways",
    ),
    Held::new(
        "O03.no-text",
        "a program prints what is no text",
        EXCERPT,
        "bytes_that_are_no_text",
    ),
    Held::new(
        "O13.statuses",
        "a program ends with every kind of status and signal",
        PROGRAMS,
        "all_statuses_arrive",
    ),
    Held::new(
        "O13.pythons-ends",
        "a program ends in each way that Python has",
        PROGRAMS,
        "programs_behave_as_under_the_plain_interpreter",
    ),
    Held::new(
        "O14.values",
        "a program's value is endless, contains itself, or ends who looks at it",
        RESULTS,
        "what_is_too_much_is_answered_and_told",
    ),
    Held::new(
        "O15.length",
        "a program prints more than is kept",
        KEPT,
        "head_and_tail_are_the_ends_of_what_came",
    ),
    Held::new(
        "S19.processor-time",
        "a program's time is taken for its processor time",
        ENDS,
        "the_use_of_a_run_is_reported",
    ),
    Held::new(
        "P08.projects",
        "a caller names a project that the operator does not allow",
        ENVIRONMENTS,
        "what_may_not_be_installed_is_refused_by_name",
    ),
    Held::new(
        "P08.absent",
        "a caller names a project or version that is not there",
        AGAINST_PIP,
        "installs_and_failures",
    ),
    Held::new(
        "P13.native",
        "a package brings code for the processor",
        MODULES,
        "requirements_with_commas_are_installed",
    ),
    Held::new(
        "B02.killed",
        "a browser or its driver is killed before it is used",
        BROWSER,
        "what_died_while_it_waited_is_not_missed",
    ),
    Held::new(
        "B02.left-open",
        "a program leaves its browser open",
        BROWSER,
        "who_does_not_use_it_does_not_notice",
    ),
    Held::new(
        "B03.left",
        "a page looks for what another program's browser has left",
        BROWSER,
        "no_run_finds_anything_of_another",
    ),
    Held::new(
        "B04.closed",
        "a page is opened where there is no way out",
        BROWSER,
        "no_run_finds_anything_of_another",
    ),
];
