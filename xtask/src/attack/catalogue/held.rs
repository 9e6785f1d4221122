//! Attacks of clients, of the engine and on the stream: a test of their own holds each, because what
//! they need is no program in a sandbox.

use super::super::held::Held;

/// Every row: id, what is tried, and where the test stands.
pub(in super::super) const HELD: &[Held] = &[
    Held::new(
        "C01.garbage",
        "a client sends lines that are no messages",
        SHAPES,
        "a_line_that_cannot_be_read_is_refused_alone",
    ),
    Held::new(
        "C01.cut",
        "a client ends within a line",
        SHAPES,
        "the_end_of_the_input_within_a_line_is_an_end",
    ),
    Held::new(
        "C02.depth",
        "a client sends deep, wide and odd values",
        SHAPES,
        "deep_wide_and_odd_values_are_bounded",
    ),
    Held::new(
        "C03.endless-line",
        "a client sends a line without an end",
        SIZES,
        "a_line_without_end_takes_no_memory",
    ),
    Held::new(
        "C04.body",
        "a client lies about the length of a body",
        BODIES,
        "a_body_is_bounded_whatever_it_claims",
    ),
    Held::new(
        "C04.bodies",
        "many clients send long bodies at once",
        BODIES,
        "all_bodies_together_are_bounded",
    ),
    Held::new(
        "C04.smuggling",
        "a client sends a length beside chunks",
        WIRE,
        "a_length_beside_chunks_smuggles_nothing",
    ),
    Held::new(
        "C04.head",
        "a client sends a head that makes no sense",
        WIRE,
        "a_head_that_makes_no_sense_is_refused",
    ),
    Held::new(
        "C05.batch",
        "a client sends batches of every kind",
        SHAPES,
        "batches_are_taken_by_one_revision_and_refused_by_the_others",
    ),
    Held::new(
        "C07.members",
        "a client spells or types members wrongly",
        SHAPES,
        "members_have_one_spelling_and_one_type",
    ),
    Held::new(
        "C08.order",
        "a client calls before the handshake, or shakes hands twice",
        SHAPES,
        "the_order_of_a_handshake_is_kept",
    ),
    Held::new(
        "C09.stages",
        "a client cancels at every stage of a call",
        CANCELS,
        "a_cancel_at_any_stage_leaves_nothing",
    ),
    Held::new(
        "C09.unknown",
        "a client cancels what there is not",
        CANCELS,
        "cancels_of_nothing_are_passed_over",
    ),
    Held::new(
        "C09.flood",
        "a client cancels without an end",
        FLOODS,
        "a_flood_of_cancels_does_what_one_does",
    ),
    Held::new(
        "C10.stateless",
        "a client closes a response",
        SSE_CANCEL,
        "a_closed_response_ends_a_stateless_call",
    ),
    Held::new(
        "C10.old-stream",
        "a client closes the stream of the old transport",
        SSE_CANCEL,
        "the_end_of_an_old_stream_ends_its_runs",
    ),
    Held::new(
        "C10.input",
        "a client closes the server's input",
        STDIO_CANCEL,
        "the_end_of_stdin_ends_the_container_and_the_server",
    ),
    Held::new(
        "C11.pipe",
        "a client does not read its pipe",
        PIPES,
        "a_client_that_does_not_read_is_not_read_either",
    ),
    Held::new(
        "C11.answers",
        "a client leaves its answers unread",
        PIPES,
        "answers_that_nobody_reads_are_bounded_by_bytes_and_each_call_has_one",
    ),
    Held::new(
        "C11.connection",
        "a client does not read its connection",
        CONNECTIONS,
        "who_does_not_read_is_cut_off_and_the_rest_goes_on",
    ),
    Held::new(
        "C11.deadline",
        "nobody reads what an endless program prints",
        OUTPUT,
        "nobody_reads_and_the_deadline_still_ends_it",
    ),
    Held::new(
        "C12.head",
        "a client sends a head slowly",
        CONNECTIONS,
        "who_does_not_finish_a_head_is_cut_off",
    ),
    Held::new(
        "C12.body",
        "a client sends a body slowly",
        CONNECTIONS,
        "who_does_not_finish_a_body_is_told",
    ),
    Held::new(
        "C12.idle",
        "ten thousand clients connect and say nothing",
        CROWDS,
        "a_crowd_that_wants_nothing_keeps_nobody_out",
    ),
    Held::new(
        "C12.files",
        "clients take all of the server's files",
        CROWDS,
        "no_files_are_waited_for",
    ),
    Held::new(
        "C14.sessions",
        "clients open ten thousand sessions",
        HOARDS,
        "ten_thousand_sessions_are_opened_and_abandoned",
    ),
    Held::new(
        "C14.streams",
        "clients open more than a thousand streams",
        HOARDS,
        "more_than_a_thousand_streams_are_opened_and_abandoned",
    ),
    Held::new(
        "C15.session",
        "a client names the session of another",
        THEFT,
        "a_session_by_header",
    ),
    Held::new(
        "C15.old-session",
        "a client names another's session of the old transport",
        THEFT,
        "a_session_of_the_old_transport",
    ),
    Held::new(
        "C15.task",
        "a client names the task of another",
        THEFT,
        "a_task",
    ),
    Held::new(
        "C16.host",
        "a page of another host calls",
        GUARDS,
        "a_foreign_host_or_origin_is_refused_before_the_body",
    ),
    Held::new(
        "C16.line",
        "a request line names another host",
        GUARDS,
        "a_request_line_may_not_name_a_foreign_host_either",
    ),
    Held::new(
        "C19.token",
        "a client has no token, or a wrong one",
        GUARDS,
        "a_token_is_asked_for_on_every_route_but_one",
    ),
    Held::new(
        "C19.log",
        "a token is looked for in the log",
        SSE_CLI,
        "the_token_is_asked_for_and_never_logged",
    ),
    Held::new(
        "C19.place",
        "a client bears a token elsewhere than in its header",
        TOKENS,
        "a_token_is_borne_in_one_header_and_nowhere_else",
    ),
    Held::new(
        "C19.signature",
        "a client signs tokens itself",
        TOKENS,
        "every_kind_of_signature_is_checked",
    ),
    Held::new(
        "C19.algorithm",
        "a client chooses how its token is signed",
        TOKENS,
        "an_algorithm_is_chosen_by_us_and_not_by_the_token",
    ),
    Held::new(
        "C19.claims",
        "a client bears a token for somebody else",
        TOKENS,
        "what_a_token_says_must_all_be_right",
    ),
    Held::new(
        "C21.records",
        "a client writes records into the log",
        CALLS,
        "texts_of_clients_forge_no_record",
    ),
    Held::new(
        "C21.name",
        "a client's name floods the log",
        STDIO_CLI,
        "what_a_client_says_of_itself_neither_floods_nor_forges_the_log",
    ),
    Held::new(
        "C22.paths",
        "a client names paths, images and networks",
        CALLS,
        "no_argument_is_a_path_or_chooses_the_sandbox",
    ),
    Held::new(
        "C23.times",
        "a client asks for times that there are not",
        CALLS,
        "times_out_of_bounds_are_refused_with_the_bounds",
    ),
    Held::new(
        "C24.programs",
        "a client sends odd programs",
        CALLS,
        "odd_programs_run_or_are_told_why_not",
    ),
    Held::new(
        "C27.session",
        "a client calls a thousand times at once",
        FLOODS,
        "a_thousand_calls_on_one_session_leave_room_for_a_ping",
    ),
    Held::new(
        "C27.queue",
        "clients fill the queue",
        CROWD,
        "a_full_queue_is_told_at_once_and_pings_are_answered",
    ),
    Held::new(
        "C28.unknown",
        "a client calls what there is not, at length",
        SIZES,
        "unknown_names_and_giant_texts_are_refused_briefly",
    ),
    Held::new(
        "C32.resumption",
        "a client takes up streams that it never had",
        RESUMPTION,
        "what_is_not_kept_is_refused_by_name",
    ),
    Held::new(
        "C33.open",
        "a server listens to all without a token",
        SSE_CLI,
        "beyond_loopback_it_does_not_start_without_a_token",
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

const SHAPES: &str = "server-stdio/tests/it/hostile_messages/shapes.rs";
const SIZES: &str = "server-stdio/tests/it/hostile_messages/sizes.rs";
const CALLS: &str = "server-stdio/tests/it/hostile_messages/calls.rs";
const CANCELS: &str = "server-stdio/tests/it/hostile_messages/cancels.rs";
const STDIO_CANCEL: &str = "server-stdio/tests/it/whole/cancel.rs";
const STDIO_CLI: &str = "server-stdio/tests/it/cli.rs";
const CROWD: &str = "server-stdio/tests/it/whole/crowd.rs";
const MODULES: &str = "server-stdio/tests/it/whole/modules.rs";
const BROKEN: &str = "server-stdio/tests/it/broken.rs";
const BODIES: &str = "server-sse/tests/it/bodies.rs";
const WIRE: &str = "server-sse/tests/it/hostile/wire.rs";
const FLOODS: &str = "server-sse/tests/it/hostile/floods.rs";
const CROWDS: &str = "server-sse/tests/it/hostile/crowds.rs";
const HOARDS: &str = "server-sse/tests/it/hostile/hoards.rs";
const SSE_CANCEL: &str = "server-sse/tests/it/whole/cancel.rs";
const SSE_CLI: &str = "server-sse/tests/it/cli.rs";
const CONNECTIONS: &str = "server-sse/tests/it/connections.rs";
const RESUMPTION: &str = "server-sse/tests/it/resumption.rs";
const GUARDS: &str = "server-sse/tests/it/guards.rs";
const THEFT: &str = "server-sse/tests/it/oauth/theft.rs";
const TOKENS: &str = "server-sse/tests/it/oauth/tokens.rs";
const PIPES: &str = "mcp-server/tests/it/pipes.rs";
const OUTPUT: &str = "executor-core/src/stream/tests/output.rs";
const STREAM: &str = "executor-core/src/stream/tests/hostile.rs";
const ENDINGS: &str = "executor-core/tests/it/endings.rs";
const POLICY: &str = "executor-core/src/gateway/tests/policy.rs";
const HTTP: &str = "executor-core/src/gateway/tests/http.rs";
const TUNNEL: &str = "executor-core/src/gateway/tests/tunnel.rs";
const GATEWAY_LIMITS: &str = "executor-core/src/gateway/tests/limits.rs";
const UNREACHABLE: &str = "executor-docker/tests/it/unreachable.rs";
const DOCKER_ENDINGS: &str = "executor-docker/tests/it/endings.rs";
const LEFTOVERS: &str = "executor-docker/tests/it/leftovers.rs";
const LIES: &str = "executor-docker/tests/it/lies.rs";
