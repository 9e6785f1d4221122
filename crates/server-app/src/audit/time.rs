//! Moments as RFC 3339 writes them, in UTC and to the millisecond.

use std::time::SystemTime;

use jiff::Timestamp;

/// `2026-11-22T21:43:04.120Z`. What no calendar has is told as the first moment of 1970.
pub(super) fn rfc_3339(moment: SystemTime) -> String {
    let moment = Timestamp::try_from(moment).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_are_written_to_the_millisecond() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_383_784_007);
        assert_eq!(rfc_3339(moment), "2026-11-22T21:43:04.007Z");
        assert_eq!(rfc_3339(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }
}
