//! Faults of the engine and of the machine, each held by a test of its own.

use super::super::super::held::Held;
use super::places::{
    AUDIT_FILE, CONNECTIONS, CROWDS, FAULT_AWAY, FAULT_CALLS, FAULT_CLOCK, FAULT_SLOW, FAULTS,
    HOARDS, HOSTILE_WHEELS, IMAGES, LOG_QUEUE, PIPES, RUN_AUDIT, RUNNER, RUNSC, SACRIFICE, SERVE,
    SETTINGS, STDIO_ENVIRONMENTS, UNREACHABLE,
};

/// Rows of chapter I.
pub(super) const MACHINE: &[Held] = &[
    Held::new(
        "I01.killed",
        "the engine is killed or restarted",
        SACRIFICE,
        "an_engine_that_is_killed_or_restarted",
    ),
    Held::new(
        "I03.stopped",
        "the engine is stopped for a while",
        SACRIFICE,
        "an_engine_that_is_stopped_for_a_while",
    ),
    Held::new(
        "I04.calls",
        "a call of the engine fails, in each way",
        FAULT_CALLS,
        "each_call_of_the_engine_fails_in_each_way",
    ),
    Held::new(
        "I04.slow",
        "the engine is slow",
        FAULT_SLOW,
        "a_slow_engine_is_waited_for",
    ),
    Held::new(
        "I05.helpers",
        "the engine's helpers are killed",
        SACRIFICE,
        "an_engine_whose_helpers_are_killed",
    ),
    Held::new(
        "I05.runtime",
        "the engine does not know the runtime",
        RUNSC,
        "a_runtime_that_the_engine_does_not_know_is_refused_for_good",
    ),
    Held::new(
        "I06.start",
        "a start does not come to its end",
        FAULT_SLOW,
        "an_engine_that_never_answers_is_given_up",
    ),
    Held::new(
        "I07.failed-start",
        "a runtime fails to start a sandbox",
        RUNSC,
        "a_start_that_gvisor_fails_names_it_and_leaves_nothing",
    ),
    Held::new(
        "I08.missing",
        "the image is missing",
        IMAGES,
        "a_missing_image_is_named_with_the_ways_to_get_it",
    ),
    Held::new(
        "I08.pull",
        "the image cannot be pulled",
        IMAGES,
        "an_image_that_cannot_be_pulled_says_so",
    ),
    Held::new(
        "I08.gone",
        "the image goes while sandboxes wait",
        FAULT_AWAY,
        "an_image_that_goes_while_sandboxes_wait",
    ),
    Held::new(
        "I09.engine",
        "the engine's disk is full",
        SACRIFICE,
        "an_engine_whose_disk_is_full",
    ),
    Held::new(
        "I09.log",
        "the disk of the log is full",
        LOG_QUEUE,
        "what_cannot_be_written_is_told_once_something_can",
    ),
    Held::new(
        "I12.stages",
        "the server is killed at each stage of a sandbox's life",
        FAULTS,
        "after_a_kill_at_any_stage_the_next_server_removes_what_was_left",
    ),
    Held::new(
        "I13.signal",
        "the server is told to end",
        SERVE,
        "a_signal_ends_it_though_standard_input_stays_open",
    ),
    Held::new(
        "I13.drain",
        "what runs outlasts the server's patience at its end",
        CONNECTIONS,
        "what_outlasts_the_drain_is_cancelled_and_told_so",
    ),
    Held::new(
        "I14.tool",
        "a call panics",
        PIPES,
        "a_tool_that_breaks_is_answered_with_a_reference_and_the_server_lives_on",
    ),
    Held::new(
        "I14.run",
        "the task of a run panics",
        RUN_AUDIT,
        "each_of_a_thousand_is_written_down_once",
    ),
    Held::new(
        "I15.messages",
        "messages swell in memory",
        HOARDS,
        "messages_that_swell_stay_within_their_budget",
    ),
    Held::new(
        "I18.clock",
        "the engine's clock is set",
        FAULT_CLOCK,
        "a_clock_that_is_set_takes_nobody_a_sandbox",
    ),
    Held::new(
        "I19.few-files",
        "the server may open few files",
        CROWDS,
        "few_files_mean_few_connections",
    ),
    Held::new(
        "I20.index",
        "the package index is gone",
        HOSTILE_WHEELS,
        "an_old_answer_serves_when_the_index_is_gone",
    ),
    Held::new(
        "I21.reader",
        "nobody reads the log",
        LOG_QUEUE,
        "a_log_that_nobody_reads_holds_nobody_up_and_the_loss_is_told",
    ),
    Held::new(
        "I21.rotated",
        "the audit's file is renamed or removed",
        AUDIT_FILE,
        "a_file_is_appended_to_for_its_owner_alone_and_made_again_when_it_is_rotated",
    ),
    Held::new(
        "I22.versions",
        "the engine is too old or too new",
        UNREACHABLE,
        "versions_too_far_apart_are_refused",
    ),
    Held::new(
        "I23.limits",
        "the engine can hold no limit",
        UNREACHABLE,
        "what_the_engine_cannot_enforce_is_refused",
    ),
    Held::new(
        "I23.counters",
        "control groups are of either version",
        RUNNER,
        "counters_are_read_from_control_groups_of_both_versions",
    ),
    Held::new(
        "I25.stale",
        "a server has died while it built a set",
        STDIO_ENVIRONMENTS,
        "a_server_that_dies_while_it_builds_leaves_nothing_half",
    ),
    Held::new(
        "I27.settings",
        "the file of the settings is broken",
        SETTINGS,
        "a_file_that_is_no_toml_is_told_with_its_line",
    ),
];
