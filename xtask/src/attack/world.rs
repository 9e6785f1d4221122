//! A world for a server under attack: two network namespaces with a cable between them, in which every
//! address that no program may reach is there and listens.
//!
//! The server runs in the namespace `inside`, as on a machine of its own; a weak container joins it there.
//! Nothing of it touches the network of this machine.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::case::Weakness;
use super::program::Program;
use super::stage::Stage;
use super::weak;
use crate::engine::Engine;
use crate::process;

/// What both parts run.
const PROGRAM: &str = concat!(
    include_str!("programs/index.py"),
    "\n",
    include_str!("programs/outside.py")
);
/// An address that programs may reach.
pub(super) const PUBLIC: &str = "93.184.215.14";
/// The addresses of the server's machine; no private ones, so that only their being its own
/// protects them.
pub(super) const OWN: &str = "51.15.0.2";
pub(super) const OWN_6: &str = "2a01:4f8:0:1::2";
/// The other end of its cable, which is its name server.
pub(super) const NEIGHBOUR: &str = "51.15.0.1";
const NEIGHBOUR_6: &str = "2a01:4f8:0:1::1";
/// How long a part may take until it is there.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a part stays, should nobody end it.
const STAYS: u64 = 300;

/// Addresses of the outside, besides its end of the cable.
const OUTSIDE: &[&str] = &[
    PUBLIC,
    "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "10.1.2.3",
    "172.16.5.4",
    "172.17.0.1",
    "192.168.1.1",
    "100.64.1.1",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.1",
    "192.88.99.1",
    "240.0.0.1",
    "fd00:ec2::254",
    "fd12:3456::1",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:db8::1",
    "fec0::1",
    "2001:0:1:2::3",
    "5f00::1",
];

/// A namespace's administrator, with the programs of the image.
const ADMINISTRATOR: Weakness = Weakness::new(
    "a network of its own to administer",
    &[
        "--cap-add",
        "NET_ADMIN",
        "--sysctl",
        "net.ipv6.conf.all.disable_ipv6=0",
        "--sysctl",
        "net.ipv6.conf.default.disable_ipv6=0",
        "--dns",
        NEIGHBOUR,
    ],
);

/// The world, for as long as this value lives.
#[derive(Debug)]
pub(super) struct World<'a> {
    engine: &'a Engine,
    outside: Part,
    inside: Part,
    resolv_conf: PathBuf,
}

/// One namespace and who listens in it.
#[derive(Debug)]
struct Part {
    container: String,
    child: Child,
    process: u32,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    ready: bool,
    arrived: BTreeSet<String>,
    most: usize,
}

impl<'a> World<'a> {
    /// What this machine lacks for it, if it lacks something.
    pub(super) fn lacks() -> Option<&'static str> {
        let is_root = rustix::process::geteuid().is_root();
        let has = |program| process::find(program).is_some();
        match () {
            () if !is_root => Some("root"),
            () if !has("ip") => Some("the command `ip`"),
            () if !has("nsenter") || !has("unshare") => Some("`nsenter` and `unshare`"),
            () => None,
        }
    }

    /// Builds it.
    pub(super) fn build(stage: &Stage<'a>) -> Result<Self> {
        let outside = Part::start(
            stage,
            "outside",
            &[22, 25, 53, 80, 443, 853, 2375, 6379, 8080],
        )?;
        let inside = Part::start(stage, "inside", &[80, 2375, 8080])?;
        let resolv_conf = stage.dir().join("resolv.conf");
        std::fs::write(&resolv_conf, format!("nameserver {NEIGHBOUR}\n"))
            .context("cannot write `resolv.conf`")?;
        let world = Self {
            engine: stage.engine,
            outside,
            inside,
            resolv_conf,
        };
        world.wire()?;
        world.outside.wait()?;
        world.inside.wait()?;
        Ok(world)
    }

    /// Lays the cable and gives the addresses.
    fn wire(&self) -> Result<()> {
        let [outside, inside] = [self.outside.process, self.inside.process];
        // Addresses first: who sees the device expects to find them.
        for address in OUTSIDE {
            ip(outside, &format!("addr add {address} dev lo"))?;
        }
        ip(
            outside,
            &format!("link add name cable type veth peer name cable netns {inside}"),
        )?;
        for (process, own, other, own_6, other_6) in [
            (outside, NEIGHBOUR, OWN, NEIGHBOUR_6, OWN_6),
            (inside, OWN, NEIGHBOUR, OWN_6, NEIGHBOUR_6),
        ] {
            ip(process, "link set lo up")?;
            ip(process, "link set cable up")?;
            ip(process, &format!("addr add {own}/24 dev cable"))?;
            ip(process, &format!("addr add {own_6}/64 dev cable nodad"))?;
            ip(process, &format!("route add default via {other}"))?;
            ip(process, &format!("-6 route add default via {other_6}"))?;
        }
        ip(outside, "addr add fe80::a9fe/64 dev cable nodad")
    }

    /// A command that runs `program` on the server's machine: in its namespace, with its name server.
    pub(super) fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.inside.process))
            .args(["unshare", "--mount", "--propagation", "private"])
            .args([
                "sh",
                "-c",
                "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"",
            ])
            .arg(&self.resolv_conf)
            .arg(program);
        command
    }

    /// The option of `docker run` by which a container joins the server's machine.
    pub(super) fn network(&self) -> String {
        format!("container:{}", self.inside.container)
    }

    /// The attacks that were heard of, and the most connections at once.
    pub(super) fn heard(&self) -> (BTreeSet<String>, usize) {
        let mut arrived = BTreeSet::new();
        let mut most = 0;
        for part in [&self.outside, &self.inside] {
            let heard = part.heard.lock().unwrap_or_else(PoisonError::into_inner);
            arrived.extend(heard.arrived.iter().cloned());
            most = most.max(heard.most);
        }
        (arrived, most)
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        for part in [&mut self.inside, &mut self.outside] {
            weak::remove(self.engine, &part.container);
            let _ = part.child.wait();
        }
    }
}

impl Part {
    fn start(stage: &Stage<'_>, name: &str, ports: &[u16]) -> Result<Self> {
        let told = json!({
            "part": name,
            "ports": ports,
            "public": PUBLIC,
            "own": OWN,
            "device": "cable",
            "stay": STAYS,
        });
        let program = Program::new(PROGRAM, &[], told)?;
        let container = format!("attack-{name}-{}", program.mark);
        let mut child = weak::start(stage, &ADMINISTRATOR, None, &container)?;
        if let Some(mut input) = child.stdin.take() {
            input
                .write_all(program.source(stage).as_bytes())
                .context("a part of the world does not read its program")?;
        }
        let output = child.stdout.take().context("no output")?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let noted = Arc::clone(&heard);
        // It ends with the container.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                note(&line, &noted);
            }
        });
        let process = weak::process_of(stage.engine, &container)?;
        Ok(Self {
            container,
            child,
            process,
            heard,
        })
    }

    fn wait(&self) -> Result<()> {
        let waited = Instant::now();
        loop {
            if self
                .heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .ready
            {
                return Ok(());
            }
            if waited.elapsed() > READY_WITHIN {
                bail!("`{}` is not ready", self.container);
            }
            process::pause(Duration::from_millis(10));
        }
    }
}

/// The most attacks that are remembered of a part.
const MAX_ARRIVED: usize = 4096;

fn note(line: &str, heard: &Arc<Mutex<Heard>>) {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    match line.split_once(' ') {
        None if line == "ready" => heard.ready = true,
        Some(("hit", id)) if heard.arrived.len() < MAX_ARRIVED => {
            heard.arrived.insert(id.to_owned());
        }
        Some(("most", number)) => {
            heard.most = heard.most.max(number.parse().unwrap_or(0));
        }
        _ => {}
    }
}

/// Runs `ip` in the network namespace of a process.
fn ip(process: u32, words: &str) -> Result<()> {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net=/proc/{process}/ns/net"))
        .arg(process::find("ip").context("there is no `ip`")?)
        .args(words.split(' '));
    process::read(&mut command).map(|_| ())
}
