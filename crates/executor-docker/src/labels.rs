//! The labels by which we know our own containers again, and which make a crash curable.
//!
//! All four must be there, sound, and fit the container's name: what carries half of them, or
//! somebody else's idea of them, is not ours and is never touched.

use std::collections::HashMap;

use executor_core::id::SandboxId;
use uuid::Uuid;

use crate::process::ProcessMark;

/// Which server started it: a random number made anew by every process.
pub(crate) const OWNER: &str = "mcp-pyexec.owner";
/// Which sandbox it is.
pub(crate) const RUN: &str = "mcp-pyexec.run";
/// When nobody can need it any more, in Unix seconds of the engine's clock.
pub(crate) const DEADLINE: &str = "mcp-pyexec.deadline";
/// How its owner's being alive is told.
pub(crate) const LEASE: &str = "mcp-pyexec.lease";

/// The one kind of lease there is: process 1 ends when its stream does, so a running container
/// has an owner and an exited one needs none. Behind it, after a space, stands the owner's process
/// where that is known. A container under a lease of a later version's making is left to that
/// version.
const STREAM_LEASE: &str = "stream-1";

/// What every container's name begins with; the sandbox's id follows.
const NAME_PREFIX: &str = "mcp-python-";

/// The labels of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) owner: Uuid,
    pub(crate) run: String,
    pub(crate) deadline: i64,
    /// The owner's process, if its host tells of it.
    pub(crate) process: Option<ProcessMark>,
}

impl Labels {
    /// As the engine takes them.
    pub(crate) fn to_map(&self) -> HashMap<String, String> {
        let lease = match &self.process {
            Some(process) => format!("{STREAM_LEASE} {process}"),
            None => STREAM_LEASE.to_owned(),
        };
        HashMap::from([
            (OWNER.to_owned(), self.owner.to_string()),
            (RUN.to_owned(), self.run.clone()),
            (DEADLINE.to_owned(), self.deadline.to_string()),
            (LEASE.to_owned(), lease),
        ])
    }

    /// The labels of a container called `name`, if it is one of ours in every respect.
    pub(crate) fn of_container(name: &str, labels: &HashMap<String, String>) -> Option<Self> {
        let run = labels.get(RUN)?;
        let is_id = run.len() == 32
            && run
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let lease = labels.get(LEASE)?.strip_prefix(STREAM_LEASE)?;
        let process = match lease.strip_prefix(' ') {
            Some(process) => Some(process.parse().ok()?),
            None if lease.is_empty() => None,
            None => return None,
        };
        let sound = is_id && name.strip_prefix(NAME_PREFIX) == Some(run.as_str());
        if !sound {
            return None;
        }
        let owner = labels.get(OWNER)?;
        let parsed = Uuid::try_parse(owner)
            .ok()
            .filter(|uuid| uuid.to_string() == *owner)?;
        Some(Self {
            owner: parsed,
            run: run.clone(),
            deadline: labels.get(DEADLINE)?.parse().ok()?,
            process,
        })
    }
}

/// The name of the container of sandbox `id`: by it a container is found whose creation we
/// asked for without hearing the answer.
pub(crate) fn container_name(id: &SandboxId) -> String {
    format!("{NAME_PREFIX}{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_known_again_and_look_alikes_are_not() {
        let id = SandboxId::random().unwrap();
        let name = container_name(&id);
        let labels = Labels {
            owner: Uuid::new_v4(),
            run: id.as_str().to_owned(),
            deadline: 1_700_000_000,
            process: None,
        };
        let map = labels.to_map();
        assert_eq!(Labels::of_container(&name, &map), Some(labels.clone()));
        let marked = Labels {
            process: "boot/1/2/3".parse().ok(),
            ..labels
        };
        let with_mark = marked.to_map();
        assert_eq!(with_mark[LEASE], "stream-1 boot/1/2/3");
        assert_eq!(Labels::of_container(&name, &with_mark), Some(marked));

        assert_eq!(Labels::of_container("other", &map), None);
        assert_eq!(Labels::of_container(&format!("/{name}"), &map), None);
        for key in [OWNER, RUN, DEADLINE, LEASE] {
            let mut less = map.clone();
            less.remove(key);
            assert_eq!(Labels::of_container(&name, &less), None, "without {key}");
            let mut other = map.clone();
            other.insert(key.to_owned(), "something".to_owned());
            assert_eq!(
                Labels::of_container(&name, &other),
                None,
                "with another {key}"
            );
        }
    }
}
