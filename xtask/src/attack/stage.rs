//! The host as the attacks find it: canaries, listeners, a process, and the words that only the host
//! knows. All of it is made for the run and goes with it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::evidence::Evidence;
use super::listeners::Listeners;
use crate::engine::Engine;
use crate::places::Places;
use crate::process;

/// What is written into the file that nobody may change.
const TARGET: &str = "as it was\n";

/// The host's side of a run of the catalogue.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) places: &'a Places,
    pub(super) engine: &'a Engine,
    /// The runtime that the server is told to use, if it is told one.
    pub(super) runtime: Option<String>,
    /// A word that only this run has: its containers bear it.
    pub(super) token: String,
    /// The secret in the canary.
    pub(super) secret: String,
    /// The secret in the server's own environment.
    pub(super) own_secret: String,
    dir: TempDir,
    listeners: Listeners,
    bystander: Child,
    ipc_key: u32,
    host_name: String,
}

impl<'a> Stage<'a> {
    pub(super) fn set(
        places: &'a Places,
        engine: &'a Engine,
        runtime: Option<String>,
    ) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("attack-")
            .tempdir()
            .context("cannot make a directory for the canaries")?;
        // Nothing but the sandbox must stand between a program and the canary.
        open_to_all(dir.path(), 0o777)?;
        let (token, secret, own_secret) = (random()?, random()?, random()?);
        write(&dir.path().join("secret"), &secret)?;
        write(&dir.path().join("target"), TARGET)?;
        open_to_all(&dir.path().join("target"), 0o666)?;
        let name = format!("attack-{token}");
        let listeners = Listeners::start(&dir.path().join("socket"), &name)?;
        let bystander = Command::new("sh")
            .args(["-c", "read line", &format!("bystander-{token}")])
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start a process to be attacked")?;
        let key = u32::from_str_radix(token.get(..7).unwrap_or("1"), 16);
        Ok(Self {
            places,
            engine,
            runtime,
            ipc_key: key.context("a token is hexadecimal")?.max(1),
            host_name: host_name(),
            token,
            secret,
            own_secret,
            dir,
            listeners,
            bystander,
        })
    }

    /// Whether sandboxes have a kernel of their own. Unknown runtimes are taken for ones that have
    /// none: that judges them more strictly.
    pub(super) fn has_own_kernel(&self) -> bool {
        let runtime = self.runtime.as_deref().unwrap_or_default();
        runtime.starts_with("runsc") || runtime.starts_with("gvisor")
    }

    /// The directory of the canaries.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A mark for the processes of one run.
    pub(super) fn mark() -> Result<String> {
        Ok(format!("a{}", random()?.get(..6).unwrap_or_default()))
    }

    /// What programs are told about the host: an attacker who knows everything but the secrets.
    pub(super) fn parameters(&self, mark: &str, ids: &[&str]) -> Value {
        let path = |name: &str| self.dir().join(name).display().to_string();
        let disk = disk();
        json!({
            "mark": mark,
            "ids": ids,
            "watched": true,
            "canary": path("secret"),
            "target": path("target"),
            "socket": path("socket"),
            "abstract": format!("attack-{}", self.token),
            "port": self.listeners.port,
            "addresses": own_addresses(),
            "pid": self.bystander.id(),
            "process": format!("bystander-{}", self.token),
            "ipc_key": self.ipc_key,
            "open_files": 256,
            "oom_floor": super::weak::may_lower_oom_scores(),
            "disk": disk.map_or((259, 0), |(numbers, _)| numbers),
            "disk_opens": disk.is_some_and(|(_, opens)| opens),
        })
    }

    /// Adds what the host saw since this was asked last, and puts right what was changed.
    pub(super) fn look(&self, evidence: &mut Evidence) -> Result<()> {
        evidence.arrived.extend(self.listeners.take());
        evidence.secret.clone_from(&self.secret);
        let target = self.dir().join("target");
        if std::fs::read_to_string(&target).ok().as_deref() != Some(TARGET) {
            evidence.changed.push("E16.host-write".to_owned());
            write(&target, TARGET)?;
        }
        for (table, option, id) in [
            ("shm", "-M", "S20.shared-memory"),
            ("msg", "-Q", "S20.message-queue"),
        ] {
            if has_ipc(table, self.ipc_key.into()) {
                evidence.changed.push(id.to_owned());
                let key = format!("0x{:x}", self.ipc_key);
                process::read(Command::new("ipcrm").args([option, &key]))?;
            }
        }
        if host_name() != self.host_name {
            evidence.changed.push("E09.sethostname".to_owned());
        }
        evidence.facts = self.facts();
        Ok(())
    }

    /// Words of the host, by the attack that looks for them.
    fn facts(&self) -> BTreeMap<&'static str, Vec<String>> {
        let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let hardware = hardware_addresses();
        BTreeMap::from([
            ("H05.environment", vec![self.own_secret.clone()]),
            ("H11.host-name", vec![self.host_name.clone()]),
            (
                "H11.machine-id",
                Some(machine.trim().to_owned())
                    .filter(|id| !id.is_empty())
                    .into_iter()
                    .collect(),
            ),
            ("H11.hardware-address", hardware),
        ])
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let _ = self.bystander.kill();
        let _ = self.bystander.wait();
        super::weak::remove_all(self.engine, &self.token);
    }
}

/// Sixteen hexadecimal digits that nobody can guess.
fn random() -> Result<String> {
    let mut bytes = [0_u8; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read random bytes")?;
    Ok(hex::encode(bytes))
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

pub(super) fn open_to_all(path: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot open `{}` to everybody", path.display()))
}

/// Whether the host itself has shared memory or a queue under this key.
pub(super) fn has_ipc(table: &str, key: u64) -> bool {
    let text = std::fs::read_to_string(format!("/proc/sysvipc/{table}")).unwrap_or_default();
    let key = key.to_string();
    let mut keys = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    keys.any(|found| found == key)
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// The numbers of the host's first disk, as the kernel lists it, and whether the host's own
/// administrator may open it: on some virtual machines nobody may.
fn disk() -> Option<((u32, u32), bool)> {
    let text = std::fs::read_to_string("/proc/partitions").ok()?;
    text.lines().skip(2).find_map(|line| {
        let mut words = line.split_whitespace();
        let numbers = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let name = words.nth(1)?;
        let is_disk = ["ram", "loop", "zram", "fd", "sr"]
            .iter()
            .all(|other| !name.starts_with(other));
        let opens = || std::fs::File::open(Path::new("/dev").join(name)).is_ok();
        is_disk.then(|| (numbers, opens()))
    })
}

fn interfaces() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/sys/class/net").into_iter().flatten();
    entries.flatten().map(|entry| entry.path()).collect()
}

fn hardware_addresses() -> Vec<String> {
    interfaces()
        .iter()
        .filter_map(|dir| std::fs::read_to_string(dir.join("address")).ok())
        .map(|address| address.trim().to_owned())
        .filter(|address| address.len() == 17 && address != "00:00:00:00:00:00")
        .collect()
}

/// The address by which others know this machine, if it has one.
pub(super) fn own_addresses() -> Vec<String> {
    let mut found = Vec::new();
    // Nothing is sent: this only asks for the route.
    for (local, remote) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
        let address = std::net::UdpSocket::bind(local).and_then(|socket| {
            socket.connect(remote)?;
            socket.local_addr()
        });
        if let Ok(address) = address
            && !address.ip().is_loopback()
        {
            found.push(address.ip().to_string());
        }
    }
    found
}
