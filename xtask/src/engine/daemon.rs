//! Starting and stopping one `dockerd` whose every file lies in directories of its own.
//!
//! It decides nothing about who may do so; that is `private`'s part.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::runtimes;
use crate::places::make_dir;
use crate::process;

/// How long a daemon may take until it answers; a cold disk takes a few seconds.
const START_WITHIN: Duration = Duration::from_secs(60);
/// How long a daemon may take to end; it gives running containers five seconds.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How long one ping may take.
const PING_WITHIN: Duration = Duration::from_secs(5);
/// How often a starting daemon is asked whether it is there.
const PING_EVERY: Duration = Duration::from_millis(100);
/// The bridge of another engine in this network namespace, if there is one.
const DEFAULT_BRIDGE: &str = "/sys/class/net/docker0";

/// The files of one private daemon.
#[derive(Debug, Clone)]
pub(super) struct Daemon {
    data_root: PathBuf,
    log: PathBuf,
    exec_root: PathBuf,
    pid_file: PathBuf,
    settings: PathBuf,
    socket: PathBuf,
}

impl Daemon {
    pub(super) fn new(state: &Path, run: &Path) -> Self {
        Self {
            data_root: state.join("data"),
            log: state.join("dockerd.log"),
            exec_root: run.join("exec"),
            pid_file: run.join("dockerd.pid"),
            settings: run.join("daemon.json"),
            socket: run.join("docker.sock"),
        }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Starts the daemon in a session of its own and returns its version when it answers.
    pub(super) fn start(&self) -> Result<String> {
        if let Some(dir) = self.log.parent() {
            make_dir(dir)?;
        }
        let log = File::create(&self.log)
            .with_context(|| format!("cannot write `{}`", self.log.display()))?;
        let also = log.try_clone().context("cannot share the daemon's log")?;
        let dockerd = process::find("dockerd").context("there is no `dockerd` on this machine")?;
        runtimes::write(&self.settings, &runtimes::settings())?;

        // A session of its own outlives this chore and its terminal.
        let mut command = Command::new("setsid");
        command
            .arg(dockerd)
            .args([Path::new("--data-root"), &self.data_root])
            .args([Path::new("--exec-root"), &self.exec_root])
            .args([Path::new("--pidfile"), &self.pid_file])
            // Its own, or it would read those of the machine's engine.
            .args([Path::new("--config-file"), &self.settings])
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()))
            // Sandboxes have no network device, so the host's packet filter stays as it is.
            .args([
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
            ])
            .args(["--shutdown-timeout", "5"])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(also);
        // Told to have no bridge, a daemon deletes the default one, even another engine's.
        if !Path::new(DEFAULT_BRIDGE).exists() {
            command.arg("--bridge=none");
        }
        let mut child = command.spawn().context("cannot start `dockerd`")?;

        let started = Instant::now();
        while started.elapsed() < START_WITHIN {
            if let Some(version) = ask_version(&self.socket) {
                return Ok(version);
            }
            if let Some(status) = child.try_wait().context("cannot watch `dockerd`")? {
                bail!("`dockerd` ended with {status}; {}", self.log_end());
            }
            process::pause(PING_EVERY);
        }
        // Not left half alive: the next attempt could not bind its socket.
        let _ = child.kill();
        let _ = child.wait();
        bail!(
            "`dockerd` did not answer within {} s; {}",
            START_WITHIN.as_secs(),
            self.log_end()
        );
    }

    /// Tells a daemon that runs about runtimes which have come or gone since it read its settings. What runs in
    /// containers is not touched.
    pub(super) fn refresh(&self) -> Result<()> {
        if !runtimes::write(&self.settings, &runtimes::settings())? {
            return Ok(());
        }
        if let Some(dockerd) = Running::find(&self.pid_file, &self.pid_file)? {
            rustix::process::pidfd_send_signal(&dockerd.process, Signal::HUP)
                .context("cannot tell `dockerd` to read its settings again")?;
        }
        Ok(())
    }

    /// Ends the daemon and its containerd, and waits for both. False when none ran.
    pub(super) fn stop(&self) -> Result<bool> {
        let containerd_dir = self.exec_root.join("containerd");
        let containerd = Running::find(&containerd_dir.join("containerd.pid"), &containerd_dir)?;
        let dockerd = Running::find(&self.pid_file, &self.pid_file)?;
        let ran = dockerd.is_some() || containerd.is_some();
        for (name, process) in [("dockerd", dockerd), ("containerd", containerd)] {
            if let Some(process) = process {
                process
                    .end()
                    .with_context(|| format!("cannot end `{name}`"))?;
            }
        }
        Ok(ran)
    }

    fn log_end(&self) -> String {
        format!(
            "the end of `{}` is:\n{}",
            self.log.display(),
            process::tail(&self.log)
        )
    }
}

/// Whether an engine answers at a socket.
pub(super) fn answers(socket: &Path) -> bool {
    ask_version(socket).is_some()
}

/// Asks the engine at a socket for its version; none when nothing sensible answers in time.
fn ask_version(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PING_WITHIN)).ok()?;
    stream.set_write_timeout(Some(PING_WITHIN)).ok()?;
    stream
        .write_all(b"GET /version HTTP/1.0\r\nHost: engine\r\n\r\n")
        .ok()?;
    let mut answer = Vec::new();
    // The answer has a few kilobytes; more would be no engine.
    stream.take(64 * 1024).read_to_end(&mut answer).ok()?;
    version_in(&String::from_utf8_lossy(&answer))
}

fn version_in(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.split_whitespace().nth(1) != Some("200") {
        return None;
    }
    let json: serde_json::Value = serde_json::from_str(body.trim()).ok()?;
    Some(json.get("Version")?.as_str()?.to_owned())
}

/// A process of ours, held by a descriptor so that its number cannot come to mean another.
#[derive(Debug)]
struct Running {
    process: OwnedFd,
}

impl Running {
    /// Finds the process that a pid file names, if its command line names `mark`, as only ours does.
    fn find(pid_file: &Path, mark: &Path) -> Result<Option<Self>> {
        let Ok(text) = std::fs::read_to_string(pid_file) else {
            return Ok(None);
        };
        let Some(pid) = text.trim().parse().ok().and_then(Pid::from_raw) else {
            bail!("`{}` holds no process number", pid_file.display());
        };
        // The descriptor first: the command line read afterwards is then surely this process's.
        let Ok(process) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
            return Ok(None);
        };
        let command_line =
            std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        let ours = String::from_utf8_lossy(&command_line).contains(&*mark.to_string_lossy());
        Ok(ours.then_some(Self { process }))
    }

    /// Asks the process to end, insists after a while, and returns when it is gone.
    fn end(&self) -> Result<()> {
        for signal in [Signal::TERM, Signal::KILL] {
            match rustix::process::pidfd_send_signal(&self.process, signal) {
                Err(rustix::io::Errno::SRCH) => return Ok(()),
                sent => sent.context("cannot send a signal")?,
            }
            if self.gone_within(STOP_WITHIN)? {
                return Ok(());
            }
        }
        bail!(
            "it is still there {} s after SIGKILL",
            STOP_WITHIN.as_secs()
        )
    }

    fn gone_within(&self, time: Duration) -> Result<bool> {
        let time = Timespec::try_from(time).context("the time is too long")?;
        // The descriptor becomes readable when the process ends.
        let mut fds = [PollFd::new(&self.process, PollFlags::IN)];
        let ready = rustix::event::poll(&mut fds, Some(&time)).context("cannot wait for it")?;
        Ok(ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_only_from_a_good_answer() {
        let check = |answer: &str, expected: Option<&str>| {
            assert_eq!(version_in(answer).as_deref(), expected, "{answer:?}");
        };
        check(
            "HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"Version\":\"20.10\"}\n",
            Some("20.10"),
        );
        check("HTTP/1.0 500 No\r\n\r\n{\"Version\":\"20.10\"}", None);
        check("HTTP/1.0 200 OK\r\n\r\n<html>", None);
        check("", None);
    }

    #[test]
    fn a_process_is_ours_only_by_its_command_line() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        assert!(
            Running::find(&pid_file, dir.path()).unwrap().is_none(),
            "no pid file"
        );

        // Its last argument is what a daemon's own pid file is: a word that only ours has.
        let mark = dir.path().join("mark");
        let child = Command::new("sh")
            .args(["-c", "echo ready; read line"])
            .arg(&mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = Killed(child.unwrap());
        // Until it speaks, its command line may not be in place.
        let mut ready = [0_u8; 6];
        child
            .0
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        std::fs::write(&pid_file, child.0.id().to_string()).unwrap();
        let stranger = Running::find(&pid_file, Path::new("/elsewhere")).unwrap();
        assert!(stranger.is_none(), "a stranger");

        let ours = Running::find(&pid_file, &mark).unwrap().unwrap();
        ours.end().unwrap();
        assert!(!child.0.wait().unwrap().success());
        let gone = Running::find(&pid_file, &mark).unwrap();
        assert!(gone.is_none(), "gone");
    }

    /// A child that does not outlive its test, however that ends.
    struct Killed(std::process::Child);

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
