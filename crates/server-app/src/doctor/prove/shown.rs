//! The proofs as a table for people and as JSON for scripts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use executor_core::capabilities::Capabilities;
use serde_json::{Value, json};

use super::proof::{Held, Judge, Keeper, Proof};

/// A group of so many of the same kind is one line.
const LONG: usize = 12;

/// The table.
pub(crate) fn table(proofs: &[Proof], accepted: &Capabilities) -> String {
    let mut text = String::from(
        "\nWhat was tried in sandboxes: whether it held, who keeps it, who judged it\n",
    );
    let mut line = |verdict: &str, id: &str, keeper: Keeper, judge: &str, says: &str| {
        let keeper = keeper.as_str();
        let _ = writeln!(text, "  {verdict:9} {keeper:7} {judge:7} {id:30} {says}");
    };
    for group in proofs.chunk_by(|a, b| a.group() == b.group()) {
        if let Some((first, says)) = alike(group) {
            let id = format!("{}.*", first.group());
            line(
                short(first, accepted),
                &id,
                first.keeper,
                first.judge.as_str(),
                &says,
            );
            continue;
        }
        for proof in group {
            let says = match proof.seen.as_str() {
                "" => proof.what.clone(),
                seen => format!("{} ({seen})", proof.what),
            };
            let judge = proof.judge.as_str();
            line(
                short(proof, accepted),
                &proof.id,
                proof.keeper,
                judge,
                &says,
            );
        }
    }
    let count = |held| proofs.iter().filter(|proof| proof.held == held).count();
    let _ = writeln!(
        text,
        "\n{} promises tried: {} held, {} NOT held, {} cannot be judged here (?), {} not promised \
         here (-).",
        proofs.len(),
        count(Held::Yes),
        count(Held::No),
        count(Held::Unknown),
        count(Held::NotPromised)
    );
    let judged = |judge| proofs.iter().filter(|proof| proof.judge == judge).count();
    let _ = writeln!(
        text,
        "Judged by the host: {}, seen by this server from outside; by the engine: {}, its word; \
         inside: {}, told by our own program there.",
        judged(Judge::Host),
        judged(Judge::Engine),
        judged(Judge::Inside)
    );
    for (remedy, ids) in remedies(proofs) {
        let _ = writeln!(text, "  -> {}: {remedy}", named(&ids));
    }
    text
}

/// The first of a long group that is alike in everything the table shows, and what one line says of all.
fn alike(group: &[Proof]) -> Option<(&Proof, String)> {
    let first = group.first()?;
    let same = group.iter().all(|proof| {
        (proof.held, proof.keeper, proof.judge) == (first.held, first.keeper, first.judge)
    });
    let (LONG.., true) = (group.len(), same) else {
        return None;
    };
    match first.held {
        Held::Yes => Some((first, format!("all {} that were tried held", group.len()))),
        Held::NotPromised if group.iter().all(|proof| proof.seen == first.seen) => {
            Some((first, format!("{} ({})", first.what, first.seen)))
        }
        _ => None,
    }
}

/// A verdict in as little room as the table has for it.
fn short(proof: &Proof, accepted: &Capabilities) -> &'static str {
    match proof.held {
        Held::Unknown => "?",
        Held::NotPromised => "-",
        Held::Yes | Held::No => proof.verdict(accepted),
    }
}

/// What to do, each once, and for which of them.
fn remedies(proofs: &[Proof]) -> BTreeMap<String, Vec<&str>> {
    let mut remedies: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for proof in proofs {
        if let Some(remedy) = proof.remedy() {
            remedies.entry(remedy).or_default().push(&proof.id);
        }
    }
    remedies
}

/// The first few by name.
fn named(ids: &[&str]) -> String {
    const NAMED: usize = 4;
    let first: Vec<&str> = ids.iter().take(NAMED).copied().collect();
    match ids.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
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
                "judged_by": proof.judge.as_str(),
                "seen": proof.seen,
                "remedy": proof.remedy(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use executor_core::capabilities::Capability;
    use expect_test::expect;

    use super::*;

    fn proof(id: &str, held: Held, judge: Judge) -> Proof {
        Proof {
            id: id.to_owned(),
            what: "it stays closed".to_owned(),
            capability: Capability::SyscallFilter,
            keeper: Keeper::Kernel,
            judge,
            held,
            seen: "refused: EPERM".to_owned(),
        }
    }

    #[test]
    fn the_table_is_short_where_all_is_well() {
        let mut proofs = vec![
            proof("limit.memory", Held::Yes, Judge::Host),
            proof("limit.cpu", Held::Unknown, Judge::Inside),
            proof("write.modules", Held::NotPromised, Judge::Inside),
            proof("strain.memory", Held::Yes, Judge::Engine),
            proof("socket.alg", Held::No, Judge::Inside),
        ];
        let many = |group, held| {
            (0..20).map(move |number| proof(&format!("{group}.{number}"), held, Judge::Inside))
        };
        proofs.extend(many("syscall", Held::Yes));
        proofs.extend(many("gone", Held::NotPromised));
        expect![[r"

            What was tried in sandboxes: whether it held, who keeps it, who judged it
              held      kernel  host    limit.memory                   it stays closed (refused: EPERM)
              ?         kernel  inside  limit.cpu                      it stays closed (refused: EPERM)
              -         kernel  inside  write.modules                  it stays closed (refused: EPERM)
              held      kernel  engine  strain.memory                  it stays closed (refused: EPERM)
              NOT held  kernel  inside  socket.alg                     it stays closed (refused: EPERM)
              held      kernel  inside  syscall.*                      all 20 that were tried held
              -         kernel  inside  gone.*                         it stays closed (refused: EPERM)

            45 promises tried: 22 held, 1 NOT held, 1 cannot be judged here (?), 21 not promised here (-).
            Judged by the host: 1, seen by this server from outside; by the engine: 1, its word; inside: 43, told by our own program there.
              -> limit.cpu: its control groups show neither inside nor to this server: run it on the engine's own host, where `/sys/fs/cgroup` can be read
              -> socket.alg: use a kernel and an engine with seccomp, and see that no setting of the engine replaces a container's own profile; or accept it by `--danger-accept syscall-filter`; until then run nothing of others here
        "]]
        .assert_eq(&table(&proofs, &Capabilities::default()));
    }

    #[test]
    fn scripts_read_who_judged_each() {
        let rows = json(
            &[proof("socket.alg", Held::No, Judge::Host)],
            &Capabilities::of([Capability::SyscallFilter]),
        );
        assert_eq!(rows[0]["verdict"], "accepted");
        assert_eq!(rows[0]["id"], "socket.alg");
        assert_eq!(rows[0]["enforced_by"], "kernel");
        assert_eq!(rows[0]["judged_by"], "host");
    }
}
