//! Attacks of clients, of the engine and on the stream: a test of their own holds each, because what
//! they need is no program in a sandbox.

mod clients;
mod machine;
mod places;
mod programs;

use self::clients::CLIENTS;
use self::places::{
    BROKEN, CROWD, DISPLAY, DOCKER_ENDINGS, ENDINGS, GATEWAY_LIMITS, HTTP, LEFTOVERS, LIES,
    MODULES, POLICY, RESULTS, RESULTS_BOUNDS, STREAM, STREAM_RESULT_FRAMES, STREAM_RESULTS, TUNNEL,
    UNREACHABLE,
};
use super::super::held::Held;

/// Every row: id, what is tried, and where the test stands.
pub(in super::super) const HELD: &[&[Held]] =
    &[CLIENTS, OTHERS, programs::CHAPTERS, machine::MACHINE];

/// The rows of programs, the network, packages and the engine.
const OTHERS: &[Held] = &[
    Held::new(
        "H03.python",
        "a program changes Python's own modules",
        RESULTS_BOUNDS,
        "a_program_that_changes_python_changes_nothing_of_what_is_reported",
    ),
    Held::new(
        "H04.announcements",
        "a program says that it has shown a thousand things",
        STREAM_RESULTS,
        "forged_announcements_are_few_and_short_and_change_nothing",
    ),
    Held::new(
        "H04.report",
        "a sandbox reports an invented success",
        ENDINGS,
        "a_forged_report_makes_no_success",
    ),
    Held::new(
        "H04.stream",
        "a sandbox breaks the rules of the stream",
        STREAM,
        "breaches_are_named",
    ),
    Held::new(
        "H08.crowd",
        "two hundred programs look for one another's things",
        CROWD,
        "two_hundred_calls_eight_at_a_time",
    ),
    Held::new(
        "H12.special",
        "a program leaves links, pipes, sockets and devices as its files",
        RESULTS_BOUNDS,
        "what_is_no_regular_file_is_named_and_never_opened",
    ),
    Held::new(
        "H12.laid-down",
        "a program lays down displays that are links and pipes",
        STREAM_RESULTS,
        "what_was_laid_down_by_hand_is_looked_at_with_care",
    ),
    Held::new(
        "H14.files",
        "a program leaves sparse files, archives of zeros and 100,000 names",
        RESULTS_BOUNDS,
        "bombs_of_files_are_counted_and_not_unpacked",
    ),
    Held::new(
        "H14.output",
        "a program prints a gigabyte, and more",
        RESULTS_BOUNDS,
        "a_gigabyte_of_output_is_counted_to_the_byte",
    ),
    Held::new(
        "H14.displays",
        "a program shows what is endless, or too much",
        RESULTS,
        "what_is_too_much_is_answered_and_told",
    ),
    Held::new(
        "H14.objects",
        "an object harms whoever looks at it",
        RESULTS_BOUNDS,
        "things_that_show_themselves_with_malice_harm_nobody",
    ),
    Held::new(
        "H16.swapped",
        "a program puts a link where its files are to be looked for",
        STREAM_RESULTS,
        "a_working_directory_that_leads_elsewhere_is_not_followed",
    ),
    Held::new(
        "H16.frames",
        "a sandbox lies about what its program left",
        STREAM_RESULT_FRAMES,
        "lies_are_named",
    ),
    Held::new(
        "H17.types",
        "a file is not what its name says",
        RESULTS_BOUNDS,
        "what_a_file_is_goes_by_what_stands_in_it",
    ),
    Held::new(
        "H17.heads",
        "a display is not what its head says",
        DISPLAY,
        "pictures_are_what_they_begin_with",
    ),
    Held::new(
        "N05.late-change",
        "a name changes between the check and its use",
        POLICY,
        "a_name_that_changes_its_mind_gains_nothing",
    ),
    Held::new(
        "N09.smuggling",
        "a program sends a length beside a coding",
        HTTP,
        "a_length_beside_a_coding_does_not_reach_the_server",
    ),
    Held::new(
        "N09.second-request",
        "a second request on a connection goes elsewhere",
        HTTP,
        "a_second_request_is_judged_by_itself",
    ),
    Held::new(
        "N09.other-name",
        "a tunnel speaks TLS for another name",
        TUNNEL,
        "tls_for_another_name_is_refused",
    ),
    Held::new(
        "N11.total",
        "a program connects without an end",
        GATEWAY_LIMITS,
        "connections_in_all_are_counted",
    ),
    Held::new(
        "N11.bytes",
        "a program sends without an end",
        GATEWAY_LIMITS,
        "bytes_are_counted_over_all_connections",
    ),
    Held::new(
        "P04.names",
        "a caller writes names of other alphabets",
        MODULES,
        "what_is_no_requirement_is_refused_by_name",
    ),
    Held::new(
        "I03.silence",
        "the engine does not answer",
        UNREACHABLE,
        "a_silent_engine_is_given_up",
    ),
    Held::new(
        "I11.break",
        "the connection to a running sandbox breaks",
        DOCKER_ENDINGS,
        "a_connection_that_breaks_while_the_engine_goes_on",
    ),
    Held::new(
        "I11.killed",
        "somebody else kills a sandbox",
        DOCKER_ENDINGS,
        "a_sandbox_that_somebody_kills",
    ),
    Held::new(
        "I11.removed",
        "somebody else removes a sandbox",
        DOCKER_ENDINGS,
        "a_sandbox_that_somebody_removes",
    ),
    Held::new(
        "I11.paused",
        "somebody else pauses a sandbox",
        DOCKER_ENDINGS,
        "a_sandbox_that_somebody_pauses",
    ),
    Held::new(
        "I12.server-killed",
        "the server is killed",
        CROWD,
        "after_kill_9_the_next_start_cleans_up_and_touches_nobody_else",
    ),
    Held::new(
        "I12.look-alikes",
        "containers look like the server's",
        LEFTOVERS,
        "a_sweep_takes_leftovers_and_only_ours",
    ),
    Held::new(
        "I24.lying-engine",
        "the engine does not do what it was told",
        LIES,
        "walls_that_are_missing",
    ),
    Held::new(
        "I24.refusal",
        "the host cannot keep a promise",
        BROKEN,
        "a_broken_promise_is_answered_by_name_and_ends_the_server",
    ),
];
