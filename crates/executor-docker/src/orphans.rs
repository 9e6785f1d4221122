//! What a start that gVisor failed may leave beside the engine: its processes, for a container that
//! the engine has removed and knows no more.
//!
//! They are seen only where the engine shares our host, and ended only where we may. A process is
//! one of them if its program is a runtime's or a shim's and its command line names that very
//! container, whose id nobody else has.

use std::path::Path;
use std::time::{Duration, Instant};

/// So long they may take to end by themselves, as those of other runtimes do.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked whether they have.
const EVERY: Duration = Duration::from_millis(50);
/// The beginnings of the names of their programs.
const PROGRAMS: [&str; 2] = ["runsc", "containerd-shim"];
/// An engine's ids have 64 digits; a shorter word might be in anybody's command line.
const ID_LENGTH: usize = 64;

/// Ends what is left for `container`, which the engine has removed. Returns at once where there is
/// nothing; dropping it leaves what it has not ended yet.
pub(crate) async fn end(container: &str) {
    let begun = Instant::now();
    loop {
        let left = find(Path::new("/proc"), container);
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

/// The numbers of the processes, below `proc`.
fn find(proc: &Path, container: &str) -> Vec<u32> {
    if container.len() < ID_LENGTH {
        return Vec::new();
    }
    std::fs::read_dir(proc)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            let line = std::fs::read(proc.join(pid.to_string()).join("cmdline"));
            line.is_ok_and(|line| names(&line, container))
        })
        .collect()
}

/// Whether a command line, whose words end with a zero byte each, is of such a program and names
/// the container.
fn names(line: &[u8], container: &str) -> bool {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split('\0');
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    PROGRAMS.iter().any(|known| program.starts_with(known))
        && words.any(|word| word.contains(container))
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
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    names(&line, container) && pidfd_send_signal(held, Signal::KILL).is_ok()
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
            assert_eq!(names(line.as_bytes(), &id), expected, "{words:?}");
        };
        check(&["/usr/bin/containerd-shim-runc-v2", "-id", "ID"], true);
        check(&["runsc-gofer", "--log=/run/ID/log.json", "gofer"], true);
        check(&["/usr/bin/runsc", "wait"], false);
        check(&["docker", "logs", "ID"], false);
        check(&["ID"], false);
        check(&[], false);
        assert_eq!(find(Path::new("/proc"), ""), Vec::<u32>::new());
    }
}
