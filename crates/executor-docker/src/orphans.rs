//! What a start that gVisor failed may leave beside the engine: its processes, which go on when the
//! engine has removed the container and knows no more of it.
//!
//! They are seen only where the engine shares our host, and ended only where we may. A process is
//! one of them if its program is a runtime's or a shim's and its command line names that very
//! container, whose id nobody else has.
//!
//! The container goes first: an engine whose runtime is ended under it may never come to the end of a
//! removal (Docker 20.10). A server that dies in between leaves them without a container;
//! [`forgotten`](crate::forgotten) tells how they are known again.

use std::time::{Duration, Instant};

/// So long they may take to end by themselves, as those of other runtimes do.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked whether they have.
const EVERY: Duration = Duration::from_millis(50);
/// The beginnings of the names of their programs.
const PROGRAMS: [(&str, Kind); 2] = [("runsc", Kind::GVisor), ("containerd-shim", Kind::Shim)];
/// An engine's ids have 64 digits; a shorter word might be in anybody's command line.
const ID_LENGTH: usize = 64;

/// What a process is to its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A part of gVisor: the sandbox or its helper.
    GVisor,
    /// What stands between the engine and the runtime, whichever that is.
    Shim,
}

/// Ends what is left for `container`, which the engine has removed. Returns at once where there is nothing; dropping it leaves what it has not ended yet.
pub(crate) async fn end(container: &str) {
    let begun = Instant::now();
    loop {
        let left = find(container);
        if left.is_empty() {
            return;
        }
        if begun.elapsed() >= GRACE {
            let ended = left.iter().filter(|pid| kill(**pid, container)).count();
            tracing::warn!(
                container,
                ended,
                left = left.len().saturating_sub(ended),
                "a failed start left processes of the runtime beside the engine"
            );
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// What it is that has this command line, if it is one of them.
pub(crate) fn kind(line: &str) -> Option<Kind> {
    let path = line.split('\0').next().unwrap_or_default();
    let program = path.rsplit('/').next().unwrap_or_default();
    let mut known = PROGRAMS.iter();
    known
        .find(|(begins, _)| program.starts_with(begins))
        .map(|(_, kind)| *kind)
}

/// The numbers and command lines of all processes that can be seen. Words end with a zero byte each.
pub(crate) fn command_lines() -> impl Iterator<Item = (u32, String)> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, command_line(pid)))
        })
}

/// Empty where there is no such process any more.
fn command_line(pid: u32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).into_owned()
}

/// The numbers of the processes of `container`.
fn find(container: &str) -> Vec<u32> {
    if container.len() < ID_LENGTH {
        return Vec::new();
    }
    command_lines()
        .filter(|(_, line)| names(line, container))
        .map(|(pid, _)| pid)
        .collect()
}

/// Whether a command line is of such a program and names the container.
fn names(line: &str, container: &str) -> bool {
    kind(line).is_some()
        && line
            .split('\0')
            .skip(1)
            .any(|word| word.contains(container))
}

/// Whether it was ended. Held by a descriptor before it is looked at once more, so that its number
/// cannot come to mean another.
#[cfg(target_os = "linux")]
fn kill(pid: u32, container: &str) -> bool {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    let Some(known) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    let Ok(held) = pidfd_open(known, PidfdFlags::empty()) else {
        return false;
    };
    names(&command_line(pid), container) && pidfd_send_signal(held, Signal::KILL).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn kill(_pid: u32, _container: &str) -> bool {
    false
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process of such a name that waits, with the id in its command line.
    fn process(name: &str, id: &str) -> Child {
        Command::new("sh")
            .arg0(name)
            .args(["-c", "read line", "--", &format!("/run/task/{id}/log")])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[tokio::test]
    async fn only_a_runtimes_process_of_that_container_is_ended() {
        let ours = hex::encode([uuid::Uuid::new_v4().into_bytes(); 2].concat());
        let others = hex::encode([uuid::Uuid::new_v4().into_bytes(); 2].concat());
        let mut gone = process("runsc-sandbox", &ours);
        let mut stay = [process("runsc-sandbox", &others), process("docker", &ours)];
        end(&ours).await;
        assert!(!gone.wait().unwrap().success());
        for child in &mut stay {
            assert!(child.try_wait().unwrap().is_none(), "{child:?}");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_command_line_is_read_word_by_word() {
        let id = "0123456789abcdef".repeat(4);
        let check = |words: &[&str], expected: bool| {
            let line = words.join("\0").replace("ID", &id) + "\0";
            assert_eq!(names(&line, &id), expected, "{words:?}");
        };
        check(&["/usr/bin/containerd-shim-runc-v2", "-id", "ID"], true);
        check(&["runsc-gofer", "--log=/run/ID/log.json", "gofer"], true);
        check(&["/usr/bin/runsc", "wait"], false);
        check(&["docker", "logs", "ID"], false);
        check(&["ID"], false);
        check(&[], false);
        assert_eq!(find(""), Vec::<u32>::new());
    }
}
