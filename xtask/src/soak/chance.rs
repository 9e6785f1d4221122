//! Chance that can be had again: numbers from a printed seed.

/// A generator of numbers (`SplitMix64`): small, even enough, and the same everywhere.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// Whether something that happens so often in a thousand happens now.
    pub(super) fn per_mille(&mut self, often: u64) -> bool {
        self.below(1000) < often
    }

    /// One of them.
    pub(super) fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let length = u64::try_from(all.len()).unwrap_or(1);
        all.get(usize::try_from(self.below(length)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let mut one = Chance::new(7);
        let mut two = Chance::new(7);
        let numbers: Vec<u64> = (0..8).map(|_| one.below(10)).collect();
        assert_eq!(numbers, (0..8).map(|_| two.below(10)).collect::<Vec<_>>());
        assert!(numbers.iter().any(|number| *number != numbers[0]));
    }
}
