//! Medians and percentiles, and nothing cleverer.

use std::time::Duration;

/// How long single things took.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies(Vec<f64>);

impl Latencies {
    /// Notes one.
    pub(super) fn note(&mut self, latency: Duration) {
        self.0.push(latency.as_secs_f64());
    }

    /// All of them, in seconds, as they were noted.
    pub(super) fn seconds(&self) -> &[f64] {
        &self.0
    }

    /// How many were noted.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The values below which so many of a thousand lie, in seconds; none of nothing.
    pub(super) fn per_mille<const N: usize>(mut self, ranks: [usize; N]) -> Option<[f64; N]> {
        self.0.sort_by(f64::total_cmp);
        let mut found = [0.0; N];
        for (value, rank) in found.iter_mut().zip(ranks) {
            *value = *self.0.get(nearest_rank(self.0.len(), rank))?;
        }
        Some(found)
    }
}

/// The place of a percentile by nearest rank, counted from zero.
fn nearest_rank(count: usize, per_mille: usize) -> usize {
    (count * per_mille).div_ceil(1000).saturating_sub(1)
}

/// The value in the middle; none of nothing.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_between_two_when_their_number_is_even() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let mut latencies = Latencies::default();
        for millis in (1..=200).rev() {
            latencies.note(Duration::from_millis(millis));
        }
        assert_eq!(latencies.count(), 200);
        let seen = latencies.per_mille([500, 950, 990, 1000]);
        assert_eq!(seen, Some([0.1, 0.19, 0.198, 0.2]));
        assert_eq!(Latencies::default().per_mille([500]), None);
    }
}
