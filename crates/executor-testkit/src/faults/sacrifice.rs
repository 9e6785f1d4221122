//! An engine to be harmed: a daemon of our own in namespaces of its own, with a small image.
//!
//! All of it lives below one process that waits for its standard input to end, in a process namespace: when that goes,
//! with the test or before it, the kernel ends everything else, unmounts what was mounted and takes the network devices
//! away. So nothing has to be cleaned up by anybody who may have been killed, and no packet filter, bridge or mount of
//! the host is ever touched.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::engine::{Engine, required};
use crate::witness::WitnessError;

/// The image on it: the tested one's Python and nothing else.
const IMAGE: &str = "mcp-python-executor:small";

/// How long a daemon may take until it answers. A cold disk takes a few seconds.
const START_WITHIN: Duration = Duration::from_secs(60);

/// How long everything may take to end.
const END_WITHIN: Duration = Duration::from_secs(20);

/// How long the lower daemon may take to follow the upper one.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(3);

/// So many files fit on a small disk: four times what the image has, for to be filled it must have no file to spare.
const FILES: &str = "6000";

/// Holds the namespaces: says that it is there, reaps what is left to it, and ends with its standard input. Then it takes
/// away what the kernel would leave, for who started it may have been killed.
const HOLDER: &str = r#"
set -e
mkdir -p /run/containerd
mount -t tmpfs none /run/containerd
if [ -n "$1" ]; then mount -o loop "$1" "$2"; fi
echo up
exec 3<&0
cat <&3 >/dev/null &
while kill -0 $! 2>/dev/null; do wait $! || true; done
set +e
kill -9 -1
n=0
others() { c=0; for p in /proc/[0-9]*; do c=$((c + 1)); done; [ $c -gt 1 ]; }
while others && [ $n -lt 60 ]; do n=$((n + 1)); sleep 0.05; wait; done
tac /proc/mounts | while read -r _ at _; do case "$at" in "$3"/*) umount -l "$at" ;; esac; done
rm -rf --one-file-system "$3"
[ -n "$4" ] && find /sys/fs/cgroup -depth -type d -path "*/$4*" -exec rmdir {} ';'
exit 0
"#;

/// Makes the small image: what the interpreter needs, by its own account.
const PACK: &str = include_str!("pack.py");

/// A part of the engine that may be harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The daemon that answers.
    Daemon,
    /// The daemon below it, which keeps the containers' shims.
    Containerd,
    /// The shims of all containers.
    Shims,
}

/// What is done to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Harm {
    /// It ends at once and can prepare for nothing.
    Kill,
    /// It is asked to end.
    End,
    /// It does nothing any more, and is still there.
    Stop,
    /// It goes on after a [`Stop`](Self::Stop).
    GoOn,
}

/// The engine. It ends with everything on it when it is dropped, or when its test is killed.
#[derive(Debug)]
pub struct SacrificialEngine {
    holder: Child,
    entry: Option<Child>,
    control_group: String,
    place: TempDir,
    on_small_disk: bool,
}

impl SacrificialEngine {
    /// Starts one for the test `what`, with the Python of `model`'s image; or `None` after the skip was told. With a
    /// `disk` its data lies on a file system of so many MiB.
    ///
    /// # Errors
    ///
    /// When something that should work does not.
    ///
    /// # Panics
    ///
    /// Where an engine is required and none can be started.
    #[expect(
        clippy::panic,
        reason = "a required engine that cannot be started fails the test"
    )]
    #[expect(
        clippy::print_stdout,
        reason = "this line is how a test reports a skip"
    )]
    pub async fn start(
        what: &str,
        model: &Engine,
        disk: Option<u32>,
    ) -> Result<Option<Self>, WitnessError> {
        match missing() {
            Some(missing) if required() => panic!("`{what}` needs {missing}"),
            Some(missing) => {
                println!("SKIPPED: {what}: {missing}");
                return Ok(None);
            }
            None => {}
        }
        let engine = Self::hold(disk)?;
        engine.up_with_image(model).await.map(Some)
    }

    /// Its address, as for `DOCKER_HOST`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The engine as a witness sees it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine::at(self.host(), IMAGE.to_owned())
    }

    /// Starts the daemon, which must not be running, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not answer in time; with the end of its log.
    pub async fn up(&mut self) -> Result<(), WitnessError> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.place.path().join("log"))
            .map_err(WitnessError::new)?;
        let also = log.try_clone().map_err(WitnessError::new)?;
        let mut command = self.inside("dockerd");
        command
            .arg("--config-file")
            .arg(self.write("daemon.json", "{}")?)
            .arg("--data-root")
            .arg(self.data())
            .arg("--exec-root")
            .arg(self.place.path().join("x"))
            .arg("--pidfile")
            .arg(self.place.path().join("pid"))
            .args(["--host", &self.host()])
            .args(["--cgroup-parent", &format!("/{}", self.control_group)])
            .args([
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
            ])
            // Its network namespace is its own, so there is no bridge of anybody's to delete.
            .args(["--bridge=none", "--shutdown-timeout=5"])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(also);
        self.entry = Some(command.spawn().map_err(WitnessError::new)?);
        let begun = Instant::now();
        while self.engine().docker(&["version"]).await.is_err() {
            let ended = self.entry.as_mut().map(Child::try_wait);
            if begun.elapsed() > START_WITHIN || matches!(ended, Some(Ok(Some(_)))) {
                return Err(WitnessError::new(format!(
                    "the sacrificial engine does not answer: {}",
                    self.log_end()
                )));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Harms a part. One that is not there is left alone.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn harm(&self, part: Part, harm: Harm) -> Result<(), WitnessError> {
        let signal = match harm {
            Harm::Kill => Signal::KILL,
            Harm::End => Signal::TERM,
            Harm::Stop => Signal::STOP,
            Harm::GoOn => Signal::CONT,
        };
        let mut processes = self.processes(part);
        if harm == Harm::GoOn && part == Part::Daemon {
            // What waits for a process outside of its namespaces stops with it.
            let entry = self.entry.as_ref().map(Child::id);
            processes.extend(entry.and_then(|id| Pid::from_raw(id.try_into().ok()?)));
        }
        for pid in processes {
            match kill_process(pid, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(WitnessError::new(error)),
            }
        }
        Ok(())
    }

    /// Waits until the daemon has ended.
    ///
    /// # Errors
    ///
    /// When it has not after a while.
    pub async fn until_down(&mut self) -> Result<(), WitnessError> {
        let begun = Instant::now();
        while let Some(entry) = &mut self.entry {
            if entry.try_wait().map_err(WitnessError::new)?.is_some() {
                self.entry = None;
            } else if begun.elapsed() > END_WITHIN {
                return Err(WitnessError::new("the daemon does not end"));
            } else {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        // The daemon below it goes as well, told by the kernel; one that stays is taken over by the next.
        let begun = Instant::now();
        while !self.processes(Part::Containerd).is_empty() && begun.elapsed() < FOLLOWS_WITHIN {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Takes all room on its disk: no more bytes and no more files.
    ///
    /// # Errors
    ///
    /// When it has no small disk of its own, or cannot be filled.
    pub fn fill_disk(&self) -> Result<(), WitnessError> {
        let fill = r#"cd "$0" && mkdir fill && cd fill
            dd if=/dev/zero of=bytes bs=1M 2>/dev/null
            i=0; while true 2>/dev/null >file-$i; do i=$((i + 1)); done; true"#;
        self.on_disk(fill)
    }

    /// Gives the room back.
    ///
    /// # Errors
    ///
    /// Like [`fill_disk`](Self::fill_disk).
    pub fn free_disk(&self) -> Result<(), WitnessError> {
        self.on_disk(r#"cd "$0" && rm -r fill"#)
    }

    fn on_disk(&self, script: &str) -> Result<(), WitnessError> {
        if !self.on_small_disk {
            return Err(WitnessError::new("it has no small disk of its own"));
        }
        let mut command = self.inside("sh");
        command.args(["-c", script]).arg(self.data());
        let done = command.status().map_err(WitnessError::new)?;
        if done.success() {
            return Ok(());
        }
        Err(WitnessError::new("its disk cannot be filled or freed"))
    }

    fn hold(disk: Option<u32>) -> Result<Self, WitnessError> {
        let place = tempfile::Builder::new()
            .prefix("mpe-")
            .tempdir()
            .map_err(WitnessError::new)?;
        let data = place.path().join("data");
        std::fs::create_dir(&data).map_err(WitnessError::new)?;
        let image = match disk {
            Some(size) => make_disk(&place.path().join("disk"), size)?,
            None => PathBuf::new(),
        };
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child"])
            .args(["--mount-proc", "--", "sh", "-c", HOLDER, "holder"])
            .arg(image)
            .arg(data)
            .arg(place.path())
            .arg(place.path().file_name().unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut holder = command.spawn().map_err(WitnessError::new)?;
        let stdout = holder.stdout.take();
        let name = place.path().file_name().unwrap_or_default();
        let engine = Self {
            holder,
            entry: None,
            control_group: name.to_string_lossy().into_owned(),
            place,
            on_small_disk: disk.is_some(),
        };
        let mut line = String::new();
        if let Some(stdout) = stdout {
            let read = BufReader::new(stdout).read_line(&mut line);
            read.map_err(WitnessError::new)?;
        }
        if line == "up\n" {
            return Ok(engine);
        }
        Err(WitnessError::new("its namespaces cannot be made"))
    }

    async fn up_with_image(mut self, model: &Engine) -> Result<Self, WitnessError> {
        self.up().await?;
        let script = self.write("pack.py", PACK)?;
        let script = File::open(script).map_err(WitnessError::new)?;
        let archive = self.place.path().join("image.tar");
        let file = File::create(&archive).map_err(WitnessError::new)?;
        let mut pack = Command::new("docker");
        pack.args(["run", "--rm", "--interactive", "--network", "none"])
            .args(["--entrypoint", "python3", model.image(), "-I", "-"])
            .stdin(script)
            .stdout(file);
        if let Some(host) = model.host() {
            pack.env("DOCKER_HOST", host);
        }
        let packing = tokio::process::Command::from(pack).status().await;
        if !packing.map_err(WitnessError::new)?.success() {
            return Err(WitnessError::new("its image cannot be made"));
        }
        let path = "ENV PATH=/usr/local/bin:/usr/bin:/bin";
        let archive = archive.to_string_lossy().into_owned();
        let engine = self.engine();
        engine
            .docker(&[
                "import",
                "--change",
                path,
                "--change",
                "ENV LANG=C.UTF-8",
                &archive,
                IMAGE,
            ])
            .await?;
        std::fs::remove_file(archive).map_err(WitnessError::new)?;
        Ok(self)
    }

    /// A command in the namespaces of the engine.
    fn inside(&self, program: &str) -> Command {
        let namespaces = format!("/proc/{}/ns", self.holder.id());
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={namespaces}/net"))
            .arg(format!("--mount={namespaces}/mnt"))
            .arg(format!("--pid={namespaces}/pid_for_children"))
            .args(["--", program]);
        command
    }

    fn processes(&self, part: Part) -> Vec<Pid> {
        let (name, word) = match part {
            Part::Daemon => ("dockerd", "pid"),
            Part::Containerd => ("containerd", "x/containerd"),
            // The kernel keeps 15 bytes of a name.
            Part::Shims => ("containerd-shim", "x/containerd"),
        };
        let word = self.place.path().join(word);
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let comm = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let ours = String::from_utf8_lossy(&line).contains(&*word.to_string_lossy());
            (ours && comm.trim_end() == name).then_some(pid)
        })
        .collect()
    }

    /// A file beside its data.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf, WitnessError> {
        let path = self.place.path().join(name);
        std::fs::write(&path, text).map_err(WitnessError::new)?;
        Ok(path)
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("docker.sock")
    }

    fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    fn log_end(&self) -> String {
        let log = std::fs::read(self.place.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for SacrificialEngine {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let begun = Instant::now();
        while matches!(self.holder.try_wait(), Ok(None)) {
            if begun.elapsed() > END_WITHIN {
                let _ = self.holder.kill();
                let _ = self.holder.wait();
            }
            // The standard library has no wait with a limit.
            std::thread::park_timeout(Duration::from_millis(10));
        }
        if let Some(entry) = &mut self.entry {
            let _ = entry.kill();
            let _ = entry.wait();
        }
        for controller in std::fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten()
        {
            remove_groups(&controller.path().join(&self.control_group));
        }
        remove_groups(&Path::new("/sys/fs/cgroup").join(&self.control_group));
    }
}

/// What this machine lacks for such an engine, if anything.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("root, to start an engine that may be harmed".to_owned());
    }
    let lacks = |program: &&&str| {
        let mut places = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"].iter();
        !places.any(|place| Path::new(place).join(program).exists())
    };
    let mut needed = ["dockerd", "unshare", "nsenter", "mkfs.ext4"].iter();
    needed.find(lacks).map(|program| format!("`{program}`"))
}

/// A file system of so many MiB in a file, none of it kept for root.
fn make_disk(path: &Path, size: u32) -> Result<PathBuf, WitnessError> {
    let file = File::create(path).map_err(WitnessError::new)?;
    let bytes = u64::from(size).saturating_mul(1024 * 1024);
    file.set_len(bytes).map_err(WitnessError::new)?;
    let mut make = Command::new("mkfs.ext4");
    make.args(["-q", "-m", "0", "-N", FILES])
        .arg(path)
        .stdin(Stdio::null());
    if make.status().map_err(WitnessError::new)?.success() {
        return Ok(path.to_owned());
    }
    Err(WitnessError::new("no file system can be made"))
}

/// Control groups are removed from below, and only when they are empty.
fn remove_groups(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}
