//! `Last-Event-ID`: after which event a stream is taken up.

use mcp_server::EventId;

use crate::target::{Breach, Tally, hold};

pub(super) const WORDS: &[&[u8]] = &[
    b"-",
    b"0",
    b"1",
    b"18446744073709551615",
    b"18446744073709551616",
    b"+1",
    b" ",
];

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [
        "0-0",
        "1-0",
        "17-4",
        "18446744073709551615-18446744073709551615",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

/// What is taken names one event, and its name is taken again.
pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    let Some(id) = std::str::from_utf8(input).ok().and_then(EventId::parse) else {
        return Ok(Tally::one(false));
    };
    hold(EventId::parse(&id.to_string()) == Some(id), || {
        format!("{id} is not taken again")
    })?;
    hold(id.to_string().as_bytes() == input, || {
        format!("{:?} was read as {id}", String::from_utf8_lossy(input))
    })?;
    Ok(Tally::one(true))
}
