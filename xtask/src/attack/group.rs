//! The control group of a container: whose it is, and what the kernel counted and bounds there, in
//! either version.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Figures of a control group, each the highest that was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) processes: u64,
    pub(super) memory_bytes: u64,
    /// Of memory and swap together; equal to memory's limit where there is no swap to be had.
    pub(super) swap_bytes: Option<u64>,
    /// Thousandths of a processor; none without a bound.
    pub(super) cpu_millis: Option<u64>,
}

impl Group {
    /// The higher of each figure; of the bounds, the later one.
    pub(super) fn highest(self, later: Self) -> Self {
        Self {
            processes: self.processes.max(later.processes),
            memory_bytes: self.memory_bytes.max(later.memory_bytes),
            swap_bytes: later.swap_bytes.or(self.swap_bytes),
            cpu_millis: later.cpu_millis.or(self.cpu_millis),
        }
    }
}

/// The process's control groups: controller to path, with an empty controller for version 2.
pub(super) fn of_process(dir: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(dir.join("cgroup")).unwrap_or_default();
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        if let (Some(controllers), Some(path)) = (parts.next(), parts.next()) {
            for controller in controllers.split(',') {
                found.insert(controller.to_owned(), path.to_owned());
            }
        }
    }
    found
}

/// The id of a container in the path of its control group, as Docker and Podman write it.
pub(super) fn container_in(path: &str) -> Option<String> {
    path.split('/').rev().find_map(|part| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let id = part.rsplit('-').next().unwrap_or(part);
        let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| id.to_owned())
    })
}

/// The figures of these groups: controller to path.
pub(super) fn figures(groups: &BTreeMap<String, String>) -> Group {
    let place = |controller: &str| -> Option<PathBuf> {
        let path = groups.get(controller)?.trim_start_matches('/');
        Some(Path::new("/sys/fs/cgroup").join(controller).join(path))
    };
    let unified = groups
        .get("")
        .map(|path| Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/')));
    // Version 1 has a directory a controller, version 2 one for all.
    let first = |places: &[(&str, &str)]| {
        places
            .iter()
            .find_map(|(controller, file)| match *controller {
                "" => number(&unified.as_ref()?.join(file)),
                controller => number(&place(controller)?.join(file)),
            })
    };
    let quota_v1 = || {
        let quota = first(&[("cpu", "cpu.cfs_quota_us")])?;
        Some(quota.saturating_mul(1000) / first(&[("cpu", "cpu.cfs_period_us")])?.max(1))
    };
    let quota_v2 = || {
        let text = std::fs::read_to_string(unified.as_ref()?.join("cpu.max")).ok()?;
        let mut words = text.split_whitespace().map(str::parse::<u64>);
        let (quota, period) = (words.next()?.ok()?, words.next()?.ok()?);
        Some(quota.saturating_mul(1000) / period.max(1))
    };
    Group {
        processes: first(&[("pids", "pids.current"), ("", "pids.current")]).unwrap_or(0),
        memory_bytes: first(&[
            ("memory", "memory.max_usage_in_bytes"),
            ("", "memory.peak"),
            ("", "memory.current"),
        ])
        .unwrap_or(0),
        swap_bytes: first(&[
            ("memory", "memory.memsw.limit_in_bytes"),
            ("", "memory.swap.max"),
        ]),
        cpu_millis: quota_v1().or_else(quota_v2),
    }
}

/// A figure of a control group; `max` is the largest number, and less than none is none.
fn number(path: &Path) -> Option<u64> {
    match std::fs::read_to_string(path).ok()?.trim() {
        "max" => Some(u64::MAX),
        text => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_control_group() {
        let id = "0123456789abcdef".repeat(4);
        let check = |path: String, expected: bool| {
            assert_eq!(container_in(&path).is_some(), expected, "{path}");
        };
        check(format!("/docker/{id}"), true);
        check(format!("/system.slice/docker-{id}.scope"), true);
        check(format!("/machine.slice/libpod-{id}.scope/container"), true);
        check("/user.slice/session-1.scope".to_owned(), false);
    }
}
