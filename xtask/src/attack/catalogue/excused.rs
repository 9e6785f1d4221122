//! Rows of the source catalogue that have no attack and no test, each with the reason; and that no other row is forgotten.

/// One such row.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Excused {
    pub(in super::super) id: &'static str,
    pub(in super::super) what: &'static str,
    /// Why there is none.
    pub(in super::super) why: &'static str,
}

const fn excused(id: &'static str, what: &'static str, why: &'static str) -> Excused {
    Excused { id, what, why }
}

/// All of them.
pub(in super::super) const EXCUSED: &[Excused] = &[
    excused(
        "B06",
        "pictures, documents and films of a browser that are far too large",
        "what a browser writes is a file of the program's, bounded as any (H14), and told for what it is (H17)",
    ),
    excused(
        "B07",
        "a browser under gVisor",
        "that something works is no attack",
    ),
    excused(
        "E23",
        "the scanners of others for containers",
        "they are downloaded programs; what they look for is tried one by one under E11 to E16, E22, H11 and N02",
    ),
    excused(
        "H10",
        "learning by time that others run",
        "not promised: it stands in threat-model.md under what remains",
    ),
    excused(
        "I28",
        "the engine's bridge goes away",
        "sandboxes have no network device, so nothing of theirs is on it (N01, N10)",
    ),
    excused(
        "I29",
        "three days with a fault a minute",
        "as long as anybody likes: `cargo xtask soak --runs N --minutes M`",
    ),
    excused(
        "I30",
        "another version takes over while programs run",
        "the old one ends as it does when it is told to (I13), the new one is a server beside it (I12)",
    ),
    excused(
        "P09",
        "a resolution of versions that takes for ever",
        "it has the time of the install, whatever it does with it (P10)",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{HELD, SCENES};
    use super::EXCUSED;

    /// The rows of the catalogue that this one was made from.
    const SOURCE: &str = "\
        B01 B02 B03 B04 B05 B06 B07 \
        C01 C02 C03 C04 C05 C07 C08 C09 C10 C11 C12 C14 C15 C16 C17 C18 C19 C21 C22 C23 C24 C26 C27 C28 C30 C31 C32 C33 C34 \
        E01 E02 E03 E04 E05 E06 E07 E08 E09 E11 E12 E13 E14 E15 E16 E17 E19 E21 E22 E23 \
        H01 H02 H03 H04 H05 H06 H07 H08 H10 H11 H12 H14 H16 H17 \
        I01 I03 I04 I05 I06 I07 I08 I09 I11 I12 I13 I14 I15 I18 I19 I20 I21 I22 I23 I24 I25 I27 I28 I29 I30 \
        N01 N02 N03 N04 N05 N06 N07 N09 N10 N11 N12 N14 \
        O01 O02 O03 O05 O06 O07 O10 O11 O13 O14 O15 \
        P01 P02 P03 P04 P06 P07 P08 P09 P10 P12 P13 \
        S01 S02 S03 S05 S06 S07 S08 S10 S12 S13 S14 S15 S16 S17 S18 S19 S20 S23";

    #[test]
    fn every_row_of_the_source_is_tried_held_or_excused() {
        let tried = SCENES.iter().flat_map(|scene| scene.cases);
        let held = HELD.iter().copied().flatten();
        let covered: BTreeSet<&str> = tried
            .map(|case| case.id)
            .chain(held.map(|held| held.id))
            .filter_map(|id| id.split('.').next())
            .collect();
        let source: BTreeSet<&str> = SOURCE.split_whitespace().collect();
        let excused: BTreeSet<&str> = EXCUSED.iter().map(|row| row.id).collect();
        assert_eq!(source.len(), 147);
        let both: Vec<_> = covered.intersection(&excused).collect();
        assert!(
            both.is_empty(),
            "excused and covered all the same: {both:?}"
        );
        let known: BTreeSet<&str> = covered.union(&excused).copied().collect();
        let forgotten: Vec<_> = source.difference(&known).collect();
        assert!(forgotten.is_empty(), "{forgotten:?}");
        let unknown: Vec<_> = known.difference(&source).collect();
        assert!(unknown.is_empty(), "of no row of the source: {unknown:?}");
    }
}
