//! Ends a process of ours with all its descendants, and nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How often descendants are looked for again, while they go on forking.
const ROUNDS: u32 = 200;

/// Kills the descendants of `root` until there are none, then `root` itself.
///
/// The runner is a subreaper, so whatever its program started stays below it for as long as it
/// lives itself: therefore it goes last.
pub(super) async fn end_tree(root: u32) {
    for _ in 0..ROUNDS {
        let descendants = living_descendants(root);
        if descendants.is_empty() {
            break;
        }
        descendants.into_iter().for_each(kill);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kill(root);
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // 0 and 1 are nobody's descendants; the check costs nothing and a mistake would cost much.
    if let Some(pid) = pid.filter(|pid| pid.as_raw_nonzero().get() > 1) {
        // Gone already is as good.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Children, their children, and so on, that still run.
fn living_descendants(root: u32) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<(u32, bool)>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if let Some((parent, running)) = parent_of(pid) {
            children.entry(parent).or_default().push((pid, running));
        }
    }
    let mut found = BTreeSet::new();
    let mut ahead = vec![root];
    while let Some(parent) = ahead.pop() {
        for (pid, running) in children.remove(&parent).into_iter().flatten() {
            ahead.push(pid);
            if running {
                found.insert(pid);
            }
        }
    }
    found
}

/// The parent of a process, and whether it is more than a zombie.
fn parent_of(pid: u32) -> Option<(u32, bool)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    Some((parent, !matches!(state, "Z" | "X")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tree_ends_with_its_grandchildren() {
        let mut child = tokio::process::Command::new("sh")
            .args(["-c", "sh -c 'sleep 1000 & sleep 1000' & wait"])
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid = child.id().unwrap();
        while living_descendants(pid).len() < 3 {
            tokio::task::yield_now().await;
        }
        let descendants = living_descendants(pid);
        end_tree(pid).await;
        child.wait().await.unwrap();
        for descendant in descendants {
            assert!(
                !parent_of(descendant).is_some_and(|(_, running)| running),
                "{descendant}"
            );
        }
    }
}
