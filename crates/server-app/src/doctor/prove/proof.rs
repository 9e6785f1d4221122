//! One promise tried: what it is, whether it held, who keeps it; all of them as a table for people
//! and as JSON for scripts.

use std::fmt::Write as _;

use executor_core::capabilities::{Capabilities, Capability};
use serde_json::{Value, json};

/// Who keeps a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The kernel of the engine's host, once the engine has asked it to.
    Kernel,
    /// The engine and its runtime, by what they put together.
    Engine,
    /// This server.
    Us,
}

/// Whether it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Yes,
    No,
    /// This host does not show it.
    Unknown,
}

/// One promise that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Its stable name: a group, a dot, and what in it.
    pub(crate) id: String,
    pub(crate) what: String,
    /// The capability that it belongs to, by whose name a gap is accepted.
    pub(crate) capability: Capability,
    pub(crate) keeper: Keeper,
    pub(crate) held: Held,
    /// What was seen.
    pub(crate) seen: String,
}

impl Keeper {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Engine => "engine",
            Self::Us => "us",
        }
    }
}

impl Held {
    pub(crate) const fn from(held: bool) -> Self {
        if held { Self::Yes } else { Self::No }
    }
}

impl Proof {
    fn group(&self) -> &str {
        self.id.split('.').next().unwrap_or(&self.id)
    }

    fn remedy(&self) -> Option<String> {
        let name = self.capability.as_str();
        (self.held == Held::No).then(|| {
            format!(
                "another engine, runtime or kernel, or accept it by `--danger-accept {name}`; until \
                 then run nothing of others here"
            )
        })
    }

    fn verdict(&self, accepted: &Capabilities) -> &'static str {
        match self.held {
            Held::Yes => "held",
            Held::No if accepted.has(self.capability) => "accepted",
            Held::No => "NOT held",
            Held::Unknown => "cannot be judged here",
        }
    }
}

/// Whether one was broken that nobody accepted.
pub(crate) fn broken(proofs: &[Proof], accepted: &Capabilities) -> bool {
    proofs
        .iter()
        .any(|proof| proof.held == Held::No && !accepted.has(proof.capability))
}

/// The table. A long group of which all held is one line.
pub(crate) fn table(proofs: &[Proof], accepted: &Capabilities) -> String {
    const LONG: usize = 12;
    let mut text = String::from("\nWhat was tried in sandboxes, judged from outside\n");
    let mut line = |verdict: &str, id: &str, keeper: Keeper, what: &str, seen: &str| {
        let seen = if seen.is_empty() {
            String::new()
        } else {
            format!(" ({seen})")
        };
        let keeper = keeper.as_str();
        let _ = writeln!(text, "  {verdict:9} {keeper:7} {id:30} {what}{seen}");
    };
    for group in proofs.chunk_by(|a, b| a.group() == b.group()) {
        let all = group.iter().all(|proof| proof.held == Held::Yes);
        if let (true, LONG.., Some(first)) = (all, group.len(), group.first()) {
            let id = format!("{}.*", first.group());
            let what = format!("all {} that were tried held", group.len());
            line("held", &id, first.keeper, &what, "");
            continue;
        }
        for proof in group {
            let verdict = match proof.held {
                Held::Unknown => "?",
                Held::Yes | Held::No => proof.verdict(accepted),
            };
            line(verdict, &proof.id, proof.keeper, &proof.what, &proof.seen);
        }
    }
    let count = |held| proofs.iter().filter(|proof| proof.held == held).count();
    let _ = writeln!(
        text,
        "\n{} promises tried: {} held, {} NOT held, {} cannot be judged here (?).",
        proofs.len(),
        count(Held::Yes),
        count(Held::No),
        count(Held::Unknown)
    );
    let mut remedies: Vec<_> = proofs.iter().filter_map(Proof::remedy).collect();
    remedies.sort();
    remedies.dedup();
    for remedy in remedies {
        let _ = writeln!(text, "  -> {remedy}");
    }
    text
}

/// Each of them.
pub(crate) fn json(proofs: &[Proof], accepted: &Capabilities) -> Vec<Value> {
    proofs
        .iter()
        .map(|proof| {
            json!({
                "id": proof.id,
                "what": proof.what,
                "verdict": proof.verdict(accepted).to_ascii_lowercase(),
                "capability": proof.capability.as_str(),
                "enforced_by": proof.keeper.as_str(),
                "seen": proof.seen,
                "remedy": proof.remedy(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn proof(id: &str, held: Held) -> Proof {
        Proof {
            id: id.to_owned(),
            what: "it stays closed".to_owned(),
            capability: Capability::SyscallFilter,
            keeper: Keeper::Kernel,
            held,
            seen: "refused: EPERM".to_owned(),
        }
    }

    #[test]
    fn the_table_is_short_where_all_is_well() {
        let mut proofs = vec![
            proof("limit.memory", Held::Yes),
            proof("limit.cpu", Held::Unknown),
            proof("socket.alg", Held::No),
        ];
        proofs.extend((0..20).map(|number| proof(&format!("syscall.{number}"), Held::Yes)));
        expect![[r"

            What was tried in sandboxes, judged from outside
              held      kernel  limit.memory                   it stays closed (refused: EPERM)
              ?         kernel  limit.cpu                      it stays closed (refused: EPERM)
              NOT held  kernel  socket.alg                     it stays closed (refused: EPERM)
              held      kernel  syscall.*                      all 20 that were tried held

            23 promises tried: 21 held, 1 NOT held, 1 cannot be judged here (?).
              -> another engine, runtime or kernel, or accept it by `--danger-accept syscall-filter`; until then run nothing of others here
        "]]
        .assert_eq(&table(&proofs, &Capabilities::default()));
    }

    #[test]
    fn a_broken_one_is_broken_unless_it_was_accepted() {
        let proofs = [proof("socket.alg", Held::No)];
        let accepted = Capabilities::of([Capability::SyscallFilter]);
        assert!(broken(&proofs, &Capabilities::default()));
        assert!(!broken(&proofs, &accepted));
        assert!(!broken(
            &[proof("a.b", Held::Unknown)],
            &Capabilities::default()
        ));
        let rows = json(&proofs, &accepted);
        assert_eq!(rows[0]["verdict"], "accepted");
        assert_eq!(rows[0]["id"], "socket.alg");
    }
}
