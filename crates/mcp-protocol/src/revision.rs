//! The protocol revisions and how a handshake chooses one. What each revision contains is `wire`'s knowledge.

use std::fmt;

/// A published revision of the protocol. Later revisions compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// The first release: HTTP+SSE transport, no tool annotations.
    V2024_11_05,
    /// Streamable HTTP, batches, audio.
    V2025_03_26,
    /// Structured results, resource links, the version header.
    V2025_06_18,
    /// Icons, the newest revision that is opened by a handshake.
    V2025_11_25,
    /// Stateless: every request describes itself.
    V2026_07_28,
}

impl Revision {
    /// Every revision that is served, newest first, as it is told to clients.
    pub const ALL: [Self; 5] = [
        Self::V2026_07_28,
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
        Self::V2024_11_05,
    ];

    /// What a handshake offers to a client that asked for a revision not served by handshake.
    pub const NEWEST_LEGACY: Self = Self::V2025_11_25;

    /// The revision that a client without a version header is assumed to speak (2025-06-18, transports,
    /// "protocol version header": assume 2025-03-26).
    pub const ASSUMED_WITHOUT_HEADER: Self = Self::V2025_03_26;

    /// The date that names the revision on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Reads the exact wire name; anything else is a revision that is not served.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Whether requests of this revision describe themselves instead of relying on a handshake.
    #[must_use]
    pub const fn is_modern(self) -> bool {
        matches!(self, Self::V2026_07_28)
    }

    /// The revision that answers an `initialize` asking for `requested`.
    ///
    /// 2025-11-25, lifecycle, "version negotiation": the same one where it is served, else another one, which should
    /// be the newest. The modern revision is never negotiated by handshake.
    #[must_use]
    pub fn negotiate(requested: &str) -> Self {
        match Self::parse(requested) {
            Some(revision) if !revision.is_modern() => revision,
            _ => Self::NEWEST_LEGACY,
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_gets_what_it_asked_for_or_the_newest_legacy_one() {
        let check = |requested: &str, expected: Revision| {
            assert_eq!(Revision::negotiate(requested), expected, "{requested}");
        };
        check("2024-11-05", Revision::V2024_11_05);
        check("2025-03-26", Revision::V2025_03_26);
        check("2025-06-18", Revision::V2025_06_18);
        check("2025-11-25", Revision::V2025_11_25);
        check("2026-07-28", Revision::V2025_11_25);
        check("2031-01-01", Revision::V2025_11_25);
        check("", Revision::V2025_11_25);
    }

    #[test]
    fn names_round_trip_and_later_compares_greater() {
        for pair in Revision::ALL.windows(2) {
            assert!(pair[0] > pair[1]);
            assert!(pair[0].as_str() > pair[1].as_str());
        }
        for revision in Revision::ALL {
            assert_eq!(Revision::parse(revision.as_str()), Some(revision));
        }
        assert_eq!(Revision::parse("2025-11-25 "), None);
    }
}
