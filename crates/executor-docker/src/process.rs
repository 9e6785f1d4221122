//! Which process of which host owns a container, so that its death is known at once.
//!
//! A server that is killed may leave containers that were made and never started; nothing about
//! them tells that nobody will. So a server writes down who it is, and another one on the same
//! host looks whether that process is still there. Servers on other hosts, or in other process
//! namespaces, cannot look and go by time.

use std::fmt;
use std::str::FromStr;

/// One process for all time: no later process bears the same four.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessMark {
    /// This boot of this host, as the kernel names it.
    boot: String,
    /// The process namespace in which the number is valid.
    namespace: u64,
    pid: u32,
    /// When it started, in the kernel's ticks since boot: numbers are used again.
    started: u64,
}

impl ProcessMark {
    /// The mark of this process, where the kernel tells what is needed (Linux).
    pub(crate) fn current() -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let pid = std::process::id();
        Some(Self {
            boot: boot.trim().to_owned(),
            namespace: own_namespace()?,
            pid,
            started: started(pid)?,
        })
    }

    /// What can be seen from `here` of this process.
    pub(crate) fn fate(&self, here: &Self) -> Fate {
        if self.boot != here.boot || self.namespace != here.namespace {
            return Fate::Unknown;
        }
        match started(self.pid) {
            Some(started) if started == self.started => Fate::Alive,
            Some(_another) => Fate::Gone,
            // Not to be seen may mean that `/proc` hides it from us; the kernel itself does not.
            None if does_not_exist(self.pid) => Fate::Gone,
            None => Fate::Unknown,
        }
    }
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is there.
    Alive,
    /// It is certainly no more.
    Gone,
    /// It cannot be seen from here.
    Unknown,
}

#[cfg(unix)]
fn own_namespace() -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Some(std::fs::metadata("/proc/self/ns/pid").ok()?.ino())
}

#[cfg(not(unix))]
fn own_namespace() -> Option<u64> {
    None
}

#[cfg(unix)]
fn does_not_exist(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn does_not_exist(_pid: u32) -> bool {
    false
}

/// The start time of a process: field 22 of its `stat`, counted behind the command's name, which
/// may hold anything.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

impl fmt::Display for ProcessMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            boot,
            namespace,
            pid,
            started,
        } = self;
        write!(f, "{boot}/{namespace}/{pid}/{started}")
    }
}

/// A text that is no mark of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAMark;

impl FromStr for ProcessMark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, NotAMark> {
        let mut parts = text.splitn(4, '/');
        let mut part = || parts.next().ok_or(NotAMark);
        let boot = part()?.to_owned();
        let namespace = part()?.parse().map_err(|_| NotAMark)?;
        let pid = part()?.parse().map_err(|_| NotAMark)?;
        let started = part()?.parse().map_err(|_| NotAMark)?;
        Ok(Self {
            boot,
            namespace,
            pid,
            started,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_being_written() {
        let mark = ProcessMark {
            boot: "b".to_owned(),
            namespace: 4,
            pid: 7,
            started: 9,
        };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for text in ["", "b/4/7", "b/4/7/x", "b/-4/7/9", "b/4/7/9/1"] {
            assert_eq!(text.parse::<ProcessMark>(), Err(NotAMark), "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_a_process_of_here_that_has_ended_is_gone() {
        let here = ProcessMark::current().unwrap();
        assert_eq!(here.fate(&here), Fate::Alive);

        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let pid = child.id();
        let theirs = ProcessMark {
            pid,
            started: started(pid).unwrap(),
            ..here.clone()
        };
        assert_eq!(theirs.fate(&here), Fate::Alive);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(theirs.fate(&here), Fate::Gone);

        let elsewhere = ProcessMark {
            boot: "another".to_owned(),
            ..theirs.clone()
        };
        assert_eq!(elsewhere.fate(&here), Fate::Unknown);
        let hidden = ProcessMark {
            namespace: 1,
            ..theirs
        };
        assert_eq!(hidden.fate(&here), Fate::Unknown);
        let reused = ProcessMark {
            started: here.started + 1,
            ..here.clone()
        };
        assert_eq!(reused.fate(&here), Fate::Gone);
    }
}
