//! The laws of the contract, each a scenario that any backend must survive.
//!
//! Their numbers are stable. 21 (path escapes) and 22 (bounded reads) are kept for files that come
//! out of a sandbox, of which the contract does not speak yet. A backend's crate calls
//! [`law_tests!`](crate::law_tests) with a way to make a [`Ground`]; a law whose capabilities the
//! backend does not declare does not apply to it.

mod endings;
mod events;
mod ground;
mod lifecycle;
mod output;
mod permits;
mod promises;

use std::fmt;

use executor_core::backend::Silent;
use executor_core::capabilities::Capability;
use futures_util::future::BoxFuture;

pub use self::events::{check_ended_is_last, check_started_is_first};
pub use self::ground::{Breach, Ground};
pub use self::permits::most_at_once;

/// One law.
#[expect(
    clippy::exhaustive_structs,
    reason = "the table of laws is its only maker"
)]
pub struct Law {
    /// Its number, for ever.
    pub number: u8,
    /// Its name, `law_NN_…`.
    pub name: &'static str,
    /// What a backend must declare for the law to apply.
    pub needs: &'static [Capability],
    /// The scenario.
    pub check: for<'a> fn(&'a Ground) -> BoxFuture<'a, Result<(), Breach>>,
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a law says of a backend.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a law is kept, broken, or does not apply"
)]
pub enum Verdict {
    /// It holds.
    Kept,
    /// The backend does not declare these.
    DoesNotApply(Vec<Capability>),
    /// It does not hold, and this is how it showed.
    Broken(Breach),
}

impl Law {
    /// The law of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        LAWS.iter().find(|law| law.name == name)
    }

    /// Holds a backend against this law.
    pub async fn judge(&self, ground: &Ground) -> Verdict {
        // What a backend enforces is known once it has looked at its engine.
        if let Err(error) = ground.backend().prepare(&Silent).await {
            return Verdict::Broken(error.into());
        }
        let declared = ground.backend().capabilities();
        let lacking: Vec<_> = self
            .needs
            .iter()
            .copied()
            .filter(|capability| !declared.has(*capability))
            .collect();
        if !lacking.is_empty() {
            return Verdict::DoesNotApply(lacking);
        }
        match (self.check)(ground).await {
            Ok(()) => Verdict::Kept,
            Err(breach) => Verdict::Broken(breach),
        }
    }
}

macro_rules! laws {
    ($($number:literal $module:ident::$name:ident [$($needs:ident),*])*) => {
        /// All laws, in their order.
        pub const LAWS: &[Law] = &[$(Law {
            number: $number,
            name: stringify!($name),
            needs: &[$(Capability::$needs),*],
            check: |ground| Box::pin($module::$name(ground)),
        }),*];
    };
}

laws! {
    1 promises::law_01_what_is_declared_is_enforced []
    2 lifecycle::law_02_a_failed_start_leaves_nothing []
    3 promises::law_03_sandboxes_cannot_see_one_another [Isolation]
    4 lifecycle::law_04_ids_are_unique []
    5 events::law_05_started_comes_first_once []
    6 events::law_06_ended_comes_last_once []
    7 output::law_07_streams_stay_apart_and_in_order []
    8 output::law_08_bytes_pass_unchanged []
    9 endings::law_09_exit_codes_arrive []
    10 endings::law_10_the_wall_limit_ends_as_timed_out []
    11 endings::law_11_the_memory_limit_ends_as_out_of_memory [MemoryLimit]
    12 output::law_12_the_output_limit_cuts_at_an_exact_byte []
    13 endings::law_13_a_cancel_ends_as_cancelled []
    14 endings::law_14_dropping_the_stream_is_a_cancel []
    15 output::law_15_a_slow_reader_slows_the_program []
    16 endings::law_16_no_process_survives_its_run []
    17 lifecycle::law_17_destroy_is_safe_during_a_run []
    18 lifecycle::law_18_after_destroy_nothing_remains []
    19 lifecycle::law_19_a_dropped_sandbox_is_removed []
    20 lifecycle::law_20_sweep_removes_leftovers_and_only_those []
    23 promises::law_23_no_network_under_the_strict_policy [NoNetwork]
    24 promises::law_24_nothing_of_the_host_leaks []
    25 permits::law_25_concurrent_runs_respect_permits []
}

/// Writes one test per law. `$ground` is an async function that gives `Option<Ground>`, `None`
/// after it has told why the tests are skipped. Behind `without` stand the capabilities that the
/// backend is known to lack: only a law that needs one of those may fail to apply.
#[macro_export]
macro_rules! law_tests {
    ($ground:path $(, without $($lacking:ident)+)?) => {
        const LACKING: &[executor_core::capabilities::Capability] =
            &[$($(executor_core::capabilities::Capability::$lacking),+)?];

        $crate::law_tests! { @each $ground:
            law_01_what_is_declared_is_enforced
            law_02_a_failed_start_leaves_nothing
            law_03_sandboxes_cannot_see_one_another
            law_04_ids_are_unique
            law_05_started_comes_first_once
            law_06_ended_comes_last_once
            law_07_streams_stay_apart_and_in_order
            law_08_bytes_pass_unchanged
            law_09_exit_codes_arrive
            law_10_the_wall_limit_ends_as_timed_out
            law_11_the_memory_limit_ends_as_out_of_memory
            law_12_the_output_limit_cuts_at_an_exact_byte
            law_13_a_cancel_ends_as_cancelled
            law_14_dropping_the_stream_is_a_cancel
            law_15_a_slow_reader_slows_the_program
            law_16_no_process_survives_its_run
            law_17_destroy_is_safe_during_a_run
            law_18_after_destroy_nothing_remains
            law_19_a_dropped_sandbox_is_removed
            law_20_sweep_removes_leftovers_and_only_those
            law_23_no_network_under_the_strict_policy
            law_24_nothing_of_the_host_leaks
            law_25_concurrent_runs_respect_permits
        }

        #[test]
        fn every_law_is_tested() {
            assert_eq!($crate::laws::LAWS.len(), 23, "the list in `law_tests!` is short of laws");
        }
    };
    (@each $ground:path: $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(ground) = $ground(stringify!($name)).await else { return };
                let law = $crate::laws::Law::named(stringify!($name)).expect("the law is in the table");
                match law.judge(&ground).await {
                    $crate::laws::Verdict::Kept => {}
                    $crate::laws::Verdict::DoesNotApply(lacking) => assert!(
                        lacking.iter().all(|capability| LACKING.contains(capability)),
                        "{}: the backend does not declare {lacking:?}",
                        law.name
                    ),
                    $crate::laws::Verdict::Broken(breach) => panic!("{}: {breach}", law.name),
                }
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        for law in LAWS {
            assert!(
                law.name.starts_with(&format!("law_{:02}_", law.number)),
                "{law:?}"
            );
        }
        assert!(LAWS.is_sorted_by_key(|law| law.number));
    }
}
