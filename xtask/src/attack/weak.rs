//! Deliberately weak containers, in which the attacks must succeed. Plain `docker run` with the one
//! weakness that an attack needs, bounded in everything else, and removed whatever happens.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::case::Weakness;
use super::stage::Stage;
use crate::engine::Engine;
use crate::{image, process};

/// The label of every weak container; its value is the run's token.
const LABEL: &str = "mcp-python-executor.attack";
/// The log of what the weak containers say on standard error.
const LOG: &str = "attack-weak";
/// The most of a container's output that is kept.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;
/// How often an end is looked for.
const POLL: Duration = Duration::from_millis(10);

/// How a weak container ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What it printed.
    pub(super) output: String,
    /// Whether it was ended from outside, after its time.
    pub(super) overran: bool,
}

/// Bounds for every weak container that does not ask for others. Options given later win.
const BOUNDS: &[&str] = &[
    "--pids-limit",
    "1024",
    "--memory",
    "1g",
    "--memory-swap",
    "1g",
    "--cpus",
    "2",
    "--log-driver",
    "none",
    "--workdir",
    "/tmp",
    "--env",
    "HOME=/tmp",
];

/// Runs a program in a container with this weakness, and gives what it printed. After its time it is
/// ended, which is no error: some attacks go on for ever.
pub(super) fn run(
    stage: &Stage<'_>,
    weakness: &Weakness,
    program: &str,
    time: Duration,
) -> Result<Ended> {
    run_in(stage, weakness, None, program, time)
}

/// The same in a network of the engine's, or of another container.
pub(super) fn run_in(
    stage: &Stage<'_>,
    weakness: &Weakness,
    network: Option<&str>,
    program: &str,
    time: Duration,
) -> Result<Ended> {
    let name = format!("attack-{}", Stage::mark()?);
    let mut child = start(stage, weakness, network, &name)?;
    let input = child.stdin.take();
    let output = child.stdout.take().context("no output")?;
    let text = program.to_owned();
    let outcome = thread::scope(|scope| {
        scope.spawn(move || {
            // A container that is gone already says so by its status.
            let _ = input.map(|mut input| input.write_all(text.as_bytes()));
        });
        let reading = scope.spawn(move || {
            let mut bytes = Vec::new();
            let _ = output.take(MAX_OUTPUT).read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let status = wait(&mut child, time);
        if !matches!(status, Ok(Some(_))) {
            remove(stage.engine, &name);
            let _ = child.wait();
        }
        let output = reading.join().unwrap_or_default();
        let Some(status) = status? else {
            return Ok(Ended {
                output,
                overran: true,
            });
        };
        // The command's own failures, as against the program's.
        if status.code() == Some(125) {
            let log = stage.places.log(LOG)?;
            bail!(
                "the container did not start; {}",
                process::tail(&log).trim()
            );
        }
        Ok(Ended {
            output,
            overran: false,
        })
    });
    remove(stage.engine, &name);
    outcome
}

/// Starts a container that reads its program from standard input.
pub(super) fn start(
    stage: &Stage<'_>,
    weakness: &Weakness,
    network: Option<&str>,
    name: &str,
) -> Result<Child> {
    let log = stage.places.log(LOG)?;
    let errors = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("cannot write `{}`", log.display()))?;
    let mut command = stage.engine.docker();
    command
        .args(["run", "--rm", "--interactive", "--name", name])
        .arg("--label")
        .arg(format!("{LABEL}={}", stage.token))
        .args(BOUNDS);
    if !weakness.options.contains(&"--network") {
        command.args(["--network", network.unwrap_or("none")]);
    }
    let dir = stage.dir().display().to_string();
    for option in weakness.options {
        match *option {
            "@CAPABILITIES@" => command.args(capabilities()),
            "@DEVICES@" => command.args(devices()),
            option => command.arg(
                option
                    .replace("@DIR@", &dir)
                    .replace("@SECRET@", &stage.own_secret),
            ),
        };
    }
    command.arg(image::IMAGE);
    if weakness.before.is_empty() {
        command.args(["python3", "-"]);
    } else {
        let line = weakness.before.replace("@DIR@", &dir);
        command.args(["sh", "-c", &line]);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .context("cannot start a weak container")
}

/// Whether this machine has the capability by which an engine keeps a program from lowering its score.
pub(super) fn may_lower_oom_scores() -> bool {
    const SYS_RESOURCE: u32 = 24;
    bounding() & (1 << SYS_RESOURCE) != 0
}

/// The capabilities that this machine has to give.
fn bounding() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let digits = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    digits
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(0)
}

/// Options for every capability that this machine has to give, by the kernel's numbers.
fn capabilities() -> Vec<String> {
    let bounding = bounding();
    CAPABILITIES
        .split_whitespace()
        .enumerate()
        .filter(|(number, _)| bounding & (1 << number) != 0)
        .flat_map(|(_, name)| ["--cap-add".to_owned(), name.to_owned()])
        .collect()
}

/// The capabilities in the order of `linux/capability.h`.
const CAPABILITIES: &str = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP \
     LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO \
     SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE \
     AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ";

/// Options for the devices that the attacks look for, as far as the machine has them.
fn devices() -> Vec<String> {
    const LOOKED_FOR: &[&str] = &[
        "mem",
        "port",
        "kmsg",
        "vda",
        "sda",
        "nvme0n1",
        "xvda",
        "kvm",
        "fuse",
        "net/tun",
        "loop-control",
        "userfaultfd",
        "vsock",
        "vhost-vsock",
        "console",
        "tty0",
        "ttyS0",
        "input/event0",
        "uinput",
    ];
    LOOKED_FOR
        .iter()
        .map(|name| format!("/dev/{name}"))
        .filter(|path| may_open(Path::new(path)))
        .flat_map(|path| ["--device".to_owned(), path])
        .collect()
}

/// Whether a device is there. A disk that the machine's own administrator cannot open is as good as
/// absent; other devices are not touched.
fn may_open(path: &Path) -> bool {
    let is_block = std::fs::metadata(path).map(|found| found.file_type().is_block_device());
    is_block.is_ok_and(|is_block| !is_block || File::open(path).is_ok())
}

/// Waits for a container; none after its time.
fn wait(child: &mut Child, time: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < time {
        if let Some(status) = child.try_wait().context("cannot watch a container")? {
            return Ok(Some(status));
        }
        process::pause(POLL);
    }
    Ok(None)
}

/// Removes one container, running or not.
pub(super) fn remove(engine: &Engine, name: &str) {
    // Gone already, nearly always.
    let _ = process::read(engine.docker().args(["rm", "--force", name]));
}

/// Removes every weak container of a run.
pub(super) fn remove_all(engine: &Engine, token: &str) {
    let filter = format!("label={LABEL}={token}");
    let list = ["ps", "--all", "--quiet", "--filter", &filter];
    for id in process::read(engine.docker().args(list))
        .unwrap_or_default()
        .lines()
    {
        remove(engine, id);
    }
}

/// The process of a running container as the host numbers it.
pub(super) fn process_of(engine: &Engine, name: &str) -> Result<u32> {
    let started = Instant::now();
    let limit = Duration::from_secs(20);
    while started.elapsed() < limit {
        let format = "{{.State.Running}} {{.State.Pid}}";
        let told = process::read(engine.docker().args(["inspect", "--format", format, name]));
        if let Some(pid) = told
            .ok()
            .as_deref()
            .and_then(|told| told.strip_prefix("true "))
        {
            return pid.parse().context("the engine names no process");
        }
        process::pause(POLL);
    }
    bail!(
        "the container `{name}` does not run after {} s",
        limit.as_secs()
    )
}
