//! Every target for a bounded number of inputs and of seconds, whichever ends first.

use std::time::Duration;

use fuzz_targets::run::{self, Until};
use fuzz_targets::targets::ALL;

/// The targets run side by side, so all of them together take a few seconds.
const SHORT: Until = Until {
    first: 0,
    inputs: 2_000,
    time: Duration::from_millis(1500),
};

fn check(name: &str) {
    let target = ALL.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    let taken: u64 = seeds
        .iter()
        .map(|seed| run::attempt(target, seed).unwrap().accepted)
        .sum();
    assert!(taken > 0, "no valid input is taken");
    let report = run::run(target, 1, SHORT, &|_| {}).unwrap();
    if let Some(failure) = report.failure {
        let input = run::shrink(target, &failure.input);
        panic!(
            "input {} breaks `{name}`: {}\n{}",
            failure.index,
            failure.breach,
            String::from_utf8_lossy(&input)
        );
    }
    assert!(report.inputs > 0);
    assert!(
        report.tally.accepted > 0 && report.tally.rejected > 0,
        "all was taken the same way: {report:?}"
    );
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn no_target_is_left_out() {
            let names: Vec<_> = ALL.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! {
    line batch envelope answer cursor state engine pipe http headers event
    stream program proxy rule modules installer settings quantity
}

/// What a client of each revision says first and then must be taken, or the corpus has grown old.
#[test]
fn the_messages_of_every_revision_are_taken() {
    let target = ALL.iter().find(|target| target.name == "line").unwrap();
    for seed in (target.seeds)() {
        let tally = run::attempt(target, &seed).unwrap();
        assert_eq!(tally.rejected, 0, "{}", String::from_utf8_lossy(&seed));
    }
}
