//! What a soak may leave on its machine: nothing. Others may work on the same engine meanwhile, so what
//! belongs to a container that is there is theirs, and the rest is compared with before.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::engine::Engine;
use crate::process;

/// Things of containers that are not there any more, by kind and name.
pub(super) type Orphans = BTreeSet<String>;

/// What is on the machine of containers that the engine does not know.
pub(super) fn orphans(engine: &Engine) -> Result<Orphans> {
    // Looked at first: what begins meanwhile is known to the list.
    let mut found = processes();
    groups(Path::new("/sys/fs/cgroup"), 0, &mut found);
    let table = read("/proc/self/mountinfo");
    found.extend(mounts(&table));
    let known = process::read(
        engine
            .docker()
            .args(["ps", "--all", "--quiet", "--no-trunc"]),
    )?;
    found.retain(|thing| !known.lines().any(|id| thing.ends_with(id)));
    // These bear names of their own; a container has one of each at most.
    for (what, count) in nameless(&table) {
        let beyond = known.lines().count()..count;
        found.extend(beyond.map(|number| format!("{what} beyond the containers, the {number}th")));
    }
    Ok(found)
}

/// The containers of the servers with these process ids.
pub(super) fn containers_of(engine: &Engine, servers: &BTreeSet<u32>) -> Result<Vec<String>> {
    let format = "{{.ID}} {{.Label \"mcp-pyexec.lease\"}}";
    let mut list = engine.docker();
    list.args(["ps", "--all", "--no-trunc"]).args([
        "--filter",
        "label=mcp-pyexec.lease",
        "--format",
        format,
    ]);
    Ok(process::read(&mut list)?
        .lines()
        .filter(|line| {
            let owner = line.split('/').nth(2).and_then(|pid| pid.parse().ok());
            owner.is_some_and(|owner: u32| servers.contains(&owner))
        })
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect())
}

/// The memory of the processes with one of these names, in KiB.
pub(super) fn memory_of(names: &[&str]) -> u32 {
    numbered()
        .into_iter()
        .filter(|pid| {
            let name = read(&format!("/proc/{pid}/comm"));
            names.contains(&name.trim())
        })
        .map(memory)
        .sum()
}

/// The memory that a process has taken for itself, in KiB; 0 where it is gone. Pages of its program, of which each new
/// thing that it does maps more, are not counted.
pub(super) fn memory(pid: u32) -> u32 {
    let status = read(&format!("/proc/{pid}/status"));
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// How many descriptors a process has.
pub(super) fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// The processes in groups of containers.
fn processes() -> Orphans {
    numbered()
        .into_iter()
        .filter_map(|pid| {
            let groups = read(&format!("/proc/{pid}/cgroup"));
            let id = groups.lines().find_map(id_in)?;
            Some(format!("process {pid} {id}"))
        })
        .collect()
}

/// The directories of control groups that bear a container's id.
fn groups(dir: &Path, depth: usize, found: &mut Orphans) {
    // Controller, slice, container: nothing of an engine lies deeper.
    const DEEPEST: usize = 4;
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        if let Some(id) = path.to_str().and_then(id_in) {
            found.insert(format!("control group {} {id}", dir.display()));
        } else if depth < DEEPEST {
            groups(&path, depth + 1, found);
        }
    }
}

/// The mounts that bear a container's id.
fn mounts(table: &str) -> Orphans {
    let places = table.lines().filter_map(|line| line.split(' ').nth(4));
    places
        .filter(|place| !place.contains(LAYERS))
        .filter_map(|place| Some(format!("mount {}", id_in(place)?)))
        .collect()
}

/// Mounts that bear no container's id, by kind: layers of images, and network namespaces.
fn nameless(table: &str) -> [(&'static str, usize); 2] {
    let count = |part: &str| table.lines().filter(|line| line.contains(part)).count();
    [
        ("a mounted image", count(LAYERS)),
        // The engine has one for itself.
        (
            "a network namespace",
            count("/netns/").saturating_sub(count("/netns/default ")),
        ),
    ]
}

/// Where an engine mounts its images, each under an id of its own.
const LAYERS: &str = "/overlay2/";

/// The first word of 64 hexadecimal digits.
fn id_in(text: &str) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase();
    text.split(|c| !is_digit(c))
        .find(|word| word.len() == 64)
        .map(str::to_owned)
}

fn numbered() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let id = "0123456789abcdef".repeat(4);
        for text in [
            format!("4:memory:/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/var/lib/docker/containers/{id}/mounts/shm"),
        ] {
            assert_eq!(id_in(&text).as_ref(), Some(&id), "{text}");
        }
        let mount = |place: &str| format!("58 42 0:43 / {place}/{id}/merged rw - overlay");
        assert_eq!(mounts(&mount("/var/lib/docker/overlay2")).len(), 0);
        assert_eq!(nameless(&mount("/var/lib/docker/overlay2"))[0].1, 1);
        assert_eq!(mounts(&mount("/var/lib/docker/containers")).len(), 1);
        let own = "47 27 0:4 net:[4026531833] /run/docker/netns/default rw - nsfs nsfs rw\n";
        let other = "48 27 0:4 net:[4026531834] /run/docker/netns/2a9afad294c2 rw - nsfs nsfs rw";
        assert_eq!(nameless(own)[1].1, 0);
        assert_eq!(nameless(&(own.to_owned() + other))[1].1, 1);
        assert_eq!(id_in("/docker/0123"), None);
        assert_eq!(id_in(&format!("{id}0")), None);
    }
}
