//! The frames of a runner, which a sandbox may forge at will. The stream's parts are private to their crate; what must
//! hold of them is said there.

use crate::target::{Breach, Tally};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    executor_core::fuzzing::stream_seeds()
}

pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    executor_core::fuzzing::stream(input)
        .map(Tally::one)
        .map_err(Breach)
}
