//! What loosens security is named exactly, or refused.

use executor_core::capabilities::Capability;

use super::Sources;

#[test]
fn gaps_are_accepted_by_their_names() {
    let sources = Sources {
        flags: "--danger-accept memory-limit,cpu-limit --danger-accept isolation",
        ..Sources::default()
    };
    let accepted = sources.settings().engine.accepted;
    let names = ["isolation", "memory-limit", "cpu-limit"];
    let found = Capability::ALL.into_iter().filter(|one| accepted.has(*one));
    assert_eq!(found.map(Capability::as_str).collect::<Vec<_>>(), names);
    for (flags, hint) in [
        ("--danger-accept memory", "did you mean `memory-limit`?"),
        ("--danger-accept xyz", "they are `isolation`, `no-network`"),
    ] {
        let sources = Sources {
            flags,
            ..Sources::default()
        };
        let mistakes = sources.mistakes();
        assert!(mistakes.contains(hint), "{mistakes}");
    }
}
