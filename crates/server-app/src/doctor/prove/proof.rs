//! One promise tried: what it is, whether it held, who keeps it, and who says so.

use executor_core::capabilities::{Capabilities, Capability};

use super::remedy;

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

/// By whose word it is known whether it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// This server, by what it saw outside of the sandbox.
    Host,
    /// The engine.
    Engine,
    /// A program in the sandbox, or process 1 there. It is our own program, on a system that may be anybody's.
    Inside,
}

/// Whether it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Yes,
    No,
    /// This host does not show it.
    Unknown,
    /// It is not promised on such an engine or runtime; what was seen says why.
    NotPromised,
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
    pub(crate) judge: Judge,
    pub(crate) held: Held,
    /// What was seen.
    pub(crate) seen: String,
}

impl Keeper {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Engine => "engine",
            Self::Us => "us",
        }
    }
}

impl Judge {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Engine => "engine",
            Self::Inside => "inside",
        }
    }
}

impl Held {
    pub(crate) const fn from(held: bool) -> Self {
        if held { Self::Yes } else { Self::No }
    }
}

impl Proof {
    pub(super) fn group(&self) -> &str {
        self.id.split('.').next().unwrap_or(&self.id)
    }

    /// What to do about one that did not hold, or that could not be judged.
    pub(super) fn remedy(&self) -> Option<String> {
        match self.held {
            Held::Yes | Held::NotPromised => None,
            Held::Unknown => Some(remedy::of_unknown(&self.id).to_owned()),
            Held::No => Some(format!(
                "{}; or accept it by `--danger-accept {}`; until then run nothing of others here",
                remedy::of_broken(&self.id, self.keeper),
                self.capability.as_str()
            )),
        }
    }

    /// In words, for an operator who accepted these gaps.
    pub(super) fn verdict(&self, accepted: &Capabilities) -> &'static str {
        match self.held {
            Held::Yes => "held",
            Held::No if accepted.has(self.capability) => "accepted",
            Held::No => "NOT held",
            Held::Unknown => "cannot be judged here",
            Held::NotPromised => "not promised here",
        }
    }
}

/// Whether one was broken that nobody accepted.
pub(crate) fn broken(proofs: &[Proof], accepted: &Capabilities) -> bool {
    proofs
        .iter()
        .any(|proof| proof.held == Held::No && !accepted.has(proof.capability))
}

/// One that nothing can be said of, and why.
pub(super) fn unknown(
    id: &str,
    what: &str,
    capability: Capability,
    keeper: Keeper,
    why: &str,
) -> Proof {
    Proof {
        id: id.to_owned(),
        what: what.to_owned(),
        capability,
        keeper,
        judge: Judge::Inside,
        held: Held::Unknown,
        seen: super::shown(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_one_is_broken_unless_it_was_accepted() {
        let proof = |held| Proof {
            id: "socket.alg".to_owned(),
            what: String::new(),
            capability: Capability::SyscallFilter,
            keeper: Keeper::Kernel,
            judge: Judge::Inside,
            held,
            seen: String::new(),
        };
        let accepted = Capabilities::of([Capability::SyscallFilter]);
        let none = Capabilities::default();
        assert!(broken(&[proof(Held::No)], &none));
        assert!(!broken(&[proof(Held::No)], &accepted));
        assert_eq!(proof(Held::No).verdict(&accepted), "accepted");
        for held in [Held::Unknown, Held::NotPromised, Held::Yes] {
            assert!(!broken(&[proof(held)], &none), "{held:?}");
        }
    }
}
