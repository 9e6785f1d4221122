//! A liar per law: a backend that breaks it, and the law that must notice.

mod backend;
mod events;

use std::sync::Arc;

use executor_testkit::laws::{Ground, Law, Verdict};
use executor_testkit::unconfined::UnconfinedBackend;

use self::backend::{Liar, Lie};

/// Holds the liar against the law; the breach must be the one that the lie is about.
async fn caught(law: &str, lie: Lie, how: &str) {
    let root = tempfile::tempdir().unwrap();
    let honest = UnconfinedBackend::danger_new(root.path());
    let liar = Liar::new(Arc::new(honest.clone()), lie);
    let ground = Ground::new(Arc::new(liar), Arc::new(honest));
    match Law::named(law)
        .expect("there is such a law")
        .judge(&ground)
        .await
    {
        Verdict::Broken(breach) => {
            assert!(
                breach.to_string().contains(how),
                "{law} is broken otherwise: {breach}"
            );
        }
        verdict => panic!("{law} did not notice {lie:?}: {verdict:?}"),
    }
}

macro_rules! liars {
    ($($law:ident: $lie:ident => $how:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                caught(stringify!($law), Lie::$lie, $how).await;
            }
        )*
    };
}

liars! {
    law_01_what_is_declared_is_enforced: DeclaresAll => "`isolation`";
    law_02_a_failed_start_leaves_nothing: LeavesFailedStarts => "sandboxes were left";
    law_03_sandboxes_cannot_see_one_another: DeclaresAll => "sees of another";
    law_04_ids_are_unique: GivesOneId => "6 sandboxes had 1 ids";
    law_07_streams_stay_apart_and_in_order: SwapsStreams => "stdout is not what was printed";
    law_08_bytes_pass_unchanged: KeepsOnlyAscii => "bytes on stdout were changed";
    law_09_exit_codes_arrive: SaysAllIsWell => "exit code 7";
    law_10_the_wall_limit_ends_as_timed_out: DeniesTheDeadline => "ended as `ended by signal 9`";
    law_12_the_output_limit_cuts_at_an_exact_byte: LoosensTheLimit => "is at byte 300001";
    law_13_a_cancel_ends_as_cancelled: DestroysLate => "were left after 2s";
    law_14_dropping_the_stream_is_a_cancel: DestroysLate => "were left after 2s";
    law_16_no_process_survives_its_run: LeavesAProcess => "processes of the run live";
    law_17_destroy_is_safe_during_a_run: HangsInDestroy => "destroy hangs";
    law_18_after_destroy_nothing_remains: DestroysLater => "is still there";
    law_19_a_dropped_sandbox_is_removed: KeepsTheDropped => "were left after 10s";
    law_20_sweep_removes_leftovers_and_only_those: SweepsNothing => "found 0 of 2";
    law_23_no_network_under_the_strict_policy: DeclaresAll => "the program reached";
    law_24_nothing_of_the_host_leaks: TellsASecret => "`HOST_SECRET=";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_15_a_slow_reader_slows_the_program() {
    // Credit that the host did not give: the host must not take what comes of it.
    caught(
        "law_15_a_slow_reader_slows_the_program",
        Lie::GrantsCredit,
        "the run ended as",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_20_sweep_spares_what_is_in_use() {
    caught(
        "law_20_sweep_removes_leftovers_and_only_those",
        Lie::SweepsAll,
        "that is in use",
    )
    .await;
}
