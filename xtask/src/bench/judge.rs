//! From the readings of all rounds to verdicts: medians, ratios, bounds.

use super::scenario::{Bound, Readings, Row, Unit};
use super::stats::median;

/// A scenario, and what was read of each subject, round by round.
#[derive(Debug)]
pub(super) struct Measured {
    /// The scenario.
    pub(super) name: String,
    /// The subjects, ours first.
    pub(super) subjects: Vec<(&'static str, Vec<Readings>)>,
    /// The readings that are judged.
    pub(super) rows: Vec<Judged>,
    /// Why rounds have no readings.
    pub(super) errors: Vec<String>,
}

/// A row with its verdict.
#[derive(Debug)]
pub(super) struct Judged {
    /// What was to be judged.
    pub(super) row: Row,
    /// The median of ours.
    pub(super) ours: Option<f64>,
    /// The median of what it is held against.
    pub(super) anchor: Option<f64>,
    /// How many times the anchor ours is; below one is better, for rates as well.
    pub(super) ratio: Option<f64>,
    /// What comes of it.
    pub(super) verdict: Verdict,
}

/// What comes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It keeps its bound, and its aim if it has one.
    Passed,
    /// It keeps its bound and misses its aim.
    ShortOfAim,
    /// It passes its bound, or something was answered wrongly.
    Failed,
    /// There is nothing to judge by.
    Missing,
}

impl Verdict {
    /// As the table says it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::ShortOfAim => "pass, short of the aim",
            Self::Failed => "FAIL",
            Self::Missing => "MISSING",
        }
    }

    /// Whether the bench may end well with it.
    pub(super) const fn is_good(self) -> bool {
        matches!(self, Self::Passed | Self::ShortOfAim)
    }
}

impl Measured {
    /// Judges the rows of a scenario.
    pub(super) fn judge(
        name: String,
        subjects: Vec<(&'static str, Vec<Readings>)>,
        rows: Vec<Row>,
        errors: Vec<String>,
    ) -> Self {
        let mut measured = Self {
            name,
            subjects,
            rows: Vec::new(),
            errors,
        };
        measured.rows = rows.into_iter().map(|row| measured.judged(row)).collect();
        measured
    }

    /// Answers that were wrong, of all subjects in all rounds, and the first of them.
    pub(super) fn failures(&self) -> (usize, Option<&str>) {
        let all = || self.subjects.iter().flat_map(|(_, rounds)| rounds);
        let count = all().map(|readings| readings.failures).sum();
        let first = all().find_map(|readings| readings.failure.as_deref());
        (count, first)
    }

    fn judged(&self, row: Row) -> Judged {
        let ours = self
            .subjects
            .first()
            .and_then(|(name, _)| self.median(name, &row.reading));
        let anchor = row
            .anchor
            .and_then(|anchor| self.median(anchor, &row.reading));
        let ratio = ours.zip(anchor).map(|(ours, anchor)| {
            let (more, less) = match row.unit {
                Unit::PerSecond => (anchor, ours),
                Unit::Seconds | Unit::Bytes | Unit::Count => (ours, anchor),
            };
            // Nothing against nothing is a draw; something against nothing is lost.
            match (more > 0.0, less > 0.0) {
                (_, true) => more / less,
                (true, false) => f64::INFINITY,
                (false, false) => 1.0,
            }
        });
        let keeps = |bound: Bound| match bound {
            Bound::Ratio(most) => ratio.map(|ratio| ratio <= most),
            Bound::AtMost(most) => ours.map(|ours| ours <= most),
            Bound::None => ours.map(|_| true),
        };
        let clean = self.errors.is_empty() && self.failures().0 == 0;
        let verdict = match (keeps(row.bound), row.aim.and_then(keeps)) {
            (None, _) => Verdict::Missing,
            (Some(true), Some(false)) if clean => Verdict::ShortOfAim,
            (Some(true), _) if clean => Verdict::Passed,
            (Some(_), _) => Verdict::Failed,
        };
        Judged {
            row,
            ours,
            anchor,
            ratio,
            verdict,
        }
    }

    fn median(&self, subject: &str, reading: &str) -> Option<f64> {
        let (_, rounds) = self.subjects.iter().find(|(name, _)| *name == subject)?;
        let values: Vec<f64> = rounds
            .iter()
            .filter_map(|readings| readings.get(reading))
            .collect();
        median(&values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(unit: Unit, bound: Bound, aim: Option<Bound>, wrong: usize) -> Judged {
        let rounds = |values: [f64; 3], failures| {
            values
                .map(|value| {
                    let mut readings = Readings::default();
                    readings.note("thing", value);
                    readings.failures = failures;
                    readings
                })
                .to_vec()
        };
        let row = Row {
            reading: "thing".to_owned(),
            unit,
            anchor: Some("theirs"),
            bound,
            aim,
        };
        let subjects = vec![
            ("ours", rounds([12.0, 10.0, 99.0], wrong)),
            ("theirs", rounds([10.0, 1.0, 10.0], 0)),
        ];
        let measured = Measured::judge("x".to_owned(), subjects, vec![row], Vec::new());
        measured.rows.into_iter().next().unwrap()
    }

    #[test]
    fn medians_are_held_against_each_other() {
        let check = |unit, bound, aim, wrong, expected: Verdict| {
            let judged = judge(unit, bound, aim, wrong);
            assert_eq!(judged.verdict, expected, "{judged:?}");
        };
        let (wide, tight) = (Bound::Ratio(1.2), Bound::Ratio(1.1));
        check(Unit::Seconds, wide, None, 0, Verdict::Passed);
        check(Unit::Seconds, tight, None, 0, Verdict::Failed);
        check(Unit::Seconds, wide, Some(tight), 0, Verdict::ShortOfAim);
        check(Unit::Seconds, wide, None, 1, Verdict::Failed);
        // A higher rate is better: 12 to 10 is 0.83 of the anchor's cost.
        check(Unit::PerSecond, tight, None, 0, Verdict::Passed);
        check(Unit::Bytes, Bound::AtMost(12.0), None, 0, Verdict::Passed);
        check(Unit::Bytes, Bound::AtMost(11.0), None, 0, Verdict::Failed);
    }

    #[test]
    fn nothing_against_nothing_is_a_draw() {
        let ratio = |ours: f64, theirs: f64| {
            let read = |value| {
                let mut readings = Readings::default();
                readings.note("thing", value);
                vec![readings]
            };
            let row = Row {
                reading: "thing".to_owned(),
                unit: Unit::Seconds,
                anchor: Some("theirs"),
                bound: Bound::Ratio(1.1),
                aim: None,
            };
            let subjects = vec![("ours", read(ours)), ("theirs", read(theirs))];
            Measured::judge("x".to_owned(), subjects, vec![row], Vec::new()).rows[0].ratio
        };
        assert_eq!(ratio(0.0, 0.0), Some(1.0));
        assert_eq!(ratio(1.0, 0.0), Some(f64::INFINITY));
        assert_eq!(ratio(0.0, 1.0), Some(0.0));
    }

    #[test]
    fn what_was_not_read_is_missing() {
        let row = Row {
            reading: "thing".to_owned(),
            unit: Unit::Seconds,
            anchor: None,
            bound: Bound::AtMost(1.0),
            aim: None,
        };
        let subjects = vec![("ours", Vec::new())];
        let measured = Measured::judge("x".to_owned(), subjects, vec![row], Vec::new());
        assert_eq!(measured.rows[0].verdict, Verdict::Missing);
        assert!(!Verdict::Missing.is_good());
    }
}
