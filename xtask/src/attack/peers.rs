//! Two programs at once, or one after the other: what one of them can do to the next.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde_json::json;

use super::case::{Finding, Weakness};
use super::evidence::Evidence;
use super::program::Program;
use super::scene::Side;
use super::servers::Kind;
use super::stage::Stage;
use super::subject::Subject;
use super::{stage, watch, weak};
use crate::process;

const FIRST: &str = include_str!("programs/hoard.py");
const SECOND: &str = include_str!("programs/victim.py");
/// How long the first program stays after it has everything; the second must be done by then.
const STAYS: u64 = 25;
/// How long the first may take until it has everything.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// The time of either.
const TIME: Duration = Duration::from_secs(40);

/// Both at once, in sandboxes of two servers.
pub(super) fn together(
    stage: &Stage<'_>,
    side: &mut Side<'_>,
    ids: &[&'static str],
) -> Result<Evidence> {
    let (first, second, _) = pair(ids, STAYS, timers(stage, side))?;
    match side {
        Side::Sandbox(servers) => {
            let mut other = servers.take(stage, Kind::Other)?;
            let own = servers.get(stage, Kind::Closed)?;
            let evidence = beside_sandbox(stage, &mut other, &first, || {
                second.in_sandbox(stage, own, TIME)
            })?;
            own.is_sound(stage, evidence.seen.container.as_deref())?;
            other.is_sound(stage, None)?;
            servers.put(Kind::Other, other);
            Ok(evidence)
        }
        Side::Weak(weakness) => {
            let _shared = Shared::make(stage, &first)?;
            beside_weak(stage, weakness, &first, || {
                in_weak(stage, weakness, &second)
            })
        }
    }
}

/// The first alone, which serves; the host calls it at each of its own addresses.
pub(super) fn inbound(
    stage: &Stage<'_>,
    side: &mut Side<'_>,
    ids: &[&'static str],
) -> Result<Evidence> {
    let (first, _, port) = pair(ids, STAYS, timers(stage, side))?;
    let word = first.told("peer_word");
    let call = || {
        let mut addresses = stage::own_addresses();
        addresses.extend(["127.0.0.1", "::1"].map(str::to_owned));
        let answered = addresses
            .iter()
            .any(|address| answers(address, port, &word));
        let finding = if answered {
            Finding::Succeeded("the host was served".to_owned())
        } else {
            Finding::Refused("nobody answers there".to_owned())
        };
        Ok(Evidence {
            findings: ids.iter().map(|id| (*id, finding.clone())).collect(),
            ..Evidence::default()
        })
    };
    match side {
        Side::Sandbox(servers) => {
            let own = servers.get(stage, Kind::Closed)?;
            let evidence = beside_sandbox(stage, own, &first, call);
            own.is_sound(stage, None)?;
            evidence
        }
        Side::Weak(weakness) => beside_weak(stage, weakness, &first, call),
    }
}

/// Does something while the first program stays in a weak container.
fn beside_weak(
    stage: &Stage<'_>,
    weakness: &Weakness,
    first: &Program,
    act: impl FnOnce() -> Result<Evidence>,
) -> Result<Evidence> {
    thread::scope(|scope| {
        let staying = scope.spawn(|| weak::run(stage, weakness, &first.source(stage), TIME));
        let evidence = while_ready(first, &Sign::default(), act);
        joined(staying)?;
        evidence
    })
}

/// Does something while the first program stays in a sandbox.
fn beside_sandbox(
    stage: &Stage<'_>,
    subject: &mut Subject,
    first: &Program,
    act: impl FnOnce() -> Result<Evidence>,
) -> Result<Evidence> {
    let sign = Sign {
        is_told: stage.has_own_kernel(),
        word: format!("@ready {}", first.mark),
        ..Sign::default()
    };
    thread::scope(|scope| {
        let staying = scope.spawn(|| {
            let hear = |line: &str| {
                if line.contains(&sign.word) {
                    sign.was_told.store(true, Ordering::Relaxed);
                }
            };
            let answer = subject.run_telling(&first.source(stage), TIME, hear);
            sign.is_over.store(true, Ordering::Relaxed);
            answer
        });
        let evidence = while_ready(first, &sign, act);
        joined(staying)?;
        evidence
    })
}

/// How the host knows that the first program has everything: by the name of a process, or, where it
/// sees none, by what the program prints.
#[derive(Debug, Default)]
struct Sign {
    is_told: bool,
    word: String,
    was_told: AtomicBool,
    is_over: AtomicBool,
}

/// Whether somebody serves the word there.
fn answers(address: &str, port: u16, word: &str) -> bool {
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let limit = Duration::from_secs(3);
    let Ok(mut caller) = TcpStream::connect_timeout(&SocketAddr::new(address, port), limit) else {
        return false;
    };
    let mut heard = vec![0; word.len()];
    caller.set_read_timeout(Some(limit)).is_ok()
        && caller.read_exact(&mut heard).is_ok()
        && heard == word.as_bytes()
}

/// One after the other, in sandboxes of one server.
pub(super) fn in_turn(
    stage: &Stage<'_>,
    side: &mut Side<'_>,
    ids: &[&'static str],
) -> Result<Evidence> {
    let (first, second, _) = pair(ids, 0, timers(stage, side))?;
    match side {
        Side::Sandbox(servers) => {
            let own = servers.get(stage, Kind::Closed)?;
            let left = first.in_sandbox(stage, own, TIME)?;
            if left.field("exit_code") != 0 {
                bail!("the first program failed: {}", left.text());
            }
            let evidence = second.in_sandbox(stage, own, TIME)?;
            own.is_sound(stage, evidence.seen.container.as_deref())?;
            Ok(evidence)
        }
        Side::Weak(weakness) => {
            let _shared = Shared::make(stage, &first)?;
            weak::run(stage, weakness, &first.source(stage), TIME)?;
            in_weak(stage, weakness, &second)
        }
    }
}

/// How many timers the first program asks for: more than the host's kernel gives one user. A kernel of
/// the sandbox's own gives them without end, until they are too many for the sandbox's memory.
fn timers(stage: &Stage<'_>, side: &Side<'_>) -> u32 {
    match side {
        Side::Sandbox(_) if stage.has_own_kernel() => 2000,
        Side::Sandbox(_) | Side::Weak(_) => 200_000,
    }
}

/// The two programs, with what they know of one another, and the port that the first serves.
fn pair(ids: &[&'static str], stays: u64, timers: u32) -> Result<(Program, Program, u16)> {
    let word = Stage::mark()?;
    let key = u32::from_str_radix(word.get(1..).unwrap_or("1"), 16).context("no key")?;
    let port = free_port();
    let told = |peer: &str| {
        json!({
            "stay": stays,
            "timers": timers,
            "peer_word": word,
            "peer_key": key,
            "peer_port": port,
            "peer_mark": peer,
        })
    };
    let first = Program::new(FIRST, ids, told(""))?;
    let second = Program::new(SECOND, ids, told(&first.mark))?;
    Ok((first, second, port))
}

fn joined<T>(running: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    running
        .join()
        .unwrap_or_else(|_| bail!("the thread of the first program panicked"))
}

/// Does something while the first program is known to have everything, and then ends that.
fn while_ready(
    first: &Program,
    sign: &Sign,
    act: impl FnOnce() -> Result<Evidence>,
) -> Result<Evidence> {
    let ready = || watch::find(&first.mark, "ready");
    let is_ready = || match sign.is_told {
        true => sign.was_told.load(Ordering::Relaxed),
        false => ready().is_some(),
    };
    let waited = Instant::now();
    while !is_ready() {
        if waited.elapsed() > READY_WITHIN {
            bail!("the first program is not ready");
        }
        process::pause(Duration::from_millis(20));
    }
    let evidence = act()?;
    match ready() {
        // It would end by itself, only later.
        Some(process) => {
            let _ = rustix::process::kill_process(process, Signal::KILL);
        }
        None if sign.is_told && !sign.is_over.load(Ordering::Relaxed) => {}
        None => bail!("the first program had gone before the second was done"),
    }
    Ok(evidence)
}

fn in_weak(stage: &Stage<'_>, weakness: &Weakness, program: &Program) -> Result<Evidence> {
    let ended = weak::run(stage, weakness, &program.source(stage), TIME)?;
    let mut evidence = Evidence {
        output: ended.output,
        ..Evidence::default()
    };
    evidence.read_answers();
    Ok(evidence)
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("0.0.0.0", 0))
        .and_then(|listener| listener.local_addr())
        .map_or(40_404, |address| address.port())
}

/// What weak containers share, for as long as they do: a directory, and the host's own places, from
/// which the second program takes away what the first has left.
#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    word: String,
    key: u64,
}

impl Shared {
    fn make(host: &Stage<'_>, first: &Program) -> Result<Self> {
        let directory = host.dir().join("shared");
        std::fs::create_dir_all(&directory).context("cannot make a directory to be shared")?;
        stage::open_to_all(&directory, 0o777)?;
        Ok(Self {
            directory,
            word: first.told("peer_word"),
            key: first.number("peer_key"),
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // It goes with the stage's directory at the latest.
        let _ = std::fs::remove_dir_all(&self.directory);
        // Should the second program not have come so far.
        let left = Path::new("/dev/shm/attack-peer");
        if std::fs::read_to_string(left).is_ok_and(|word| word == self.word) {
            let _ = std::fs::remove_file(left);
        }
        if stage::has_ipc("shm", self.key) {
            let key = format!("0x{:x}", self.key);
            let _ = process::read(Command::new("ipcrm").args(["-M", &key]));
        }
    }
}
