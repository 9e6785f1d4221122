//! Parents that do not behave: they flood, do not read, do not listen, or go away. The real binary, without an engine,
//! watched from outside.
//!
//! The ids in the comments (C11, I21, …) are the rows of the threat catalogue that a test stands for.

use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

const MIB: usize = 1024 * 1024;

const PING: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";

/// The binary and the other ends of its three streams. It is killed when this goes, or when its time is over, so that
/// whoever waits for it hears of its end.
struct Peer {
    child: Child,
    over: Sender<()>,
    input: Option<PipeWriter>,
    output: Option<BufReader<PipeReader>>,
    log: Option<PipeReader>,
    _home: TempDir,
}

impl Peer {
    fn start(log_level: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (stdin, input) = std::io::pipe().unwrap();
        let (output, stdout) = std::io::pipe().unwrap();
        let (log, stderr) = std::io::pipe().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_mcp-python-stdio"))
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin")
            .env(
                "DOCKER_HOST",
                format!("unix://{}/no.sock", home.path().display()),
            )
            .env("MCP_PYTHON_LOG_LEVEL", log_level)
            .current_dir(home.path())
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let pid = child.id().to_string();
        let (over, is_over) = channel();
        std::thread::spawn(move || {
            if is_over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-s", "KILL", &pid]).status();
            }
        });
        Self {
            child,
            over,
            input: Some(input),
            output: Some(BufReader::new(output)),
            log: Some(log),
            _home: home,
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn message(&mut self) -> Value {
        let mut line = String::new();
        self.output.as_mut().unwrap().read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn is_healthy(&mut self) -> bool {
        self.send(b"{\"jsonrpc\":\"2.0\",\"id\":\"well?\",\"method\":\"ping\"}\n");
        self.message() == json!({"jsonrpc": "2.0", "id": "well?", "result": {}})
    }

    /// Writes pieces in a thread of their own, until all are written or nobody takes them.
    fn pour(&mut self, piece: Vec<u8>, count: usize) -> std::thread::JoinHandle<PipeWriter> {
        let mut input = self.input.take().unwrap();
        std::thread::spawn(move || {
            for _ in 0..count {
                if input.write_all(&piece).is_err() {
                    break;
                }
            }
            input
        })
    }

    /// The memory that it has in use, in bytes.
    fn memory(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<usize>().unwrap() * 1024
    }

    /// Processor time that it has used, in hundredths of a second.
    fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Waits until it does nothing more: nobody takes what it would write.
    fn wait_until_stuck(&self) {
        let end = Instant::now() + PATIENCE;
        let mut quiet = 0;
        let mut last = self.processor_time();
        while quiet < 5 {
            assert!(Instant::now() < end, "it does not come to rest");
            // There is no event for doing nothing.
            std::thread::park_timeout(Duration::from_millis(100));
            let now = self.processor_time();
            quiet = if now == last { quiet + 1 } else { 0 };
            last = now;
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; gives the exit code and how long it took.
    fn ends(&mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), began.elapsed());
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            // The standard library has no wait with a limit.
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.over.send(());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// C09, C27: a hundred thousand cancels and as many pings without waiting for an answer. Each ping is answered, no cancel
/// is, and the memory stays where it was.
#[test]
fn floods_of_cancels_and_pings() {
    const EACH: usize = 100_000;
    let mut peer = Peer::start("info");
    assert!(peer.is_healthy());
    let before = peer.memory();
    let mut piece = PING.to_vec();
    let cancel =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    piece.extend_from_slice(format!("{cancel}\n").as_bytes());
    let pouring = peer.pour(piece.repeat(100), EACH / 100);
    let output = peer.output.as_mut().unwrap();
    let mut line = String::new();
    for _ in 0..EACH {
        line.clear();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{}}\n");
    }
    peer.input = Some(pouring.join().unwrap());
    assert!(peer.is_healthy());
    let grown = peer.memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{grown}");
}

/// C11: a parent that writes and never reads is not read either, so it fills pipes and not memory; a signal ends the
/// server all the same (I13), within its drain.
#[test]
fn a_parent_that_never_reads() {
    let mut peer = Peer::start("info");
    assert!(peer.is_healthy());
    let before = peer.memory();
    let pouring = peer.pour(PING.repeat(1000), 1000);
    peer.wait_until_stuck();
    assert!(
        !pouring.is_finished(),
        "the server takes whatever it is sent"
    );
    let grown = peer.memory().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown}");
    peer.signal("TERM");
    let (code, time) = peer.ends();
    assert_eq!(code, Some(0));
    assert!(time < Duration::from_secs(25), "{time:?}");
}

/// I13: a second signal does not wait for the drain.
#[test]
fn a_second_signal_ends_at_once() {
    let mut peer = Peer::start("info");
    assert!(peer.is_healthy());
    let _pouring = peer.pour(PING.repeat(1000), 1000);
    peer.wait_until_stuck();
    peer.signal("INT");
    // The first one is taken before the second is sent: the log says so.
    let mut log = BufReader::new(peer.log.take().unwrap());
    let mut line = String::new();
    while !line.contains("shutting down") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
    }
    peer.signal("INT");
    let (code, time) = peer.ends();
    assert_eq!(code, Some(130));
    assert!(time < Duration::from_secs(8), "{time:?}");
}

/// C03: a line without an end is thrown away while it comes, and what follows it is read.
#[test]
fn a_line_without_an_end() {
    let mut peer = Peer::start("info");
    assert!(peer.is_healthy());
    let before = peer.memory();
    let pouring = peer.pour(vec![b'x'; MIB], 512);
    // The refusal comes when the bound is passed, and not when the line ends.
    let refusal = peer.message();
    assert_eq!(refusal["error"]["code"], -32600, "{refusal}");
    peer.input = Some(pouring.join().unwrap());
    let grown = peer.memory().saturating_sub(before);
    assert!(grown < 32 * MIB, "{grown}");
    peer.send(b"\n");
    assert!(peer.is_healthy());
}

/// C30: a parent that closes both its ends, or stops listening and goes on to speak, is the end of the server, which says
/// nothing more and has not failed.
#[test]
fn a_parent_that_goes_away() {
    for closes_input in [true, false] {
        let mut peer = Peer::start("info");
        assert!(peer.is_healthy());
        peer.output = None;
        if closes_input {
            peer.input = None;
        } else {
            let _ = peer.input.as_mut().unwrap().write_all(PING);
        }
        let (code, time) = peer.ends();
        assert_eq!(code, Some(0), "{closes_input}");
        assert!(time < Duration::from_secs(10), "{time:?}");
    }
}

/// I21: a log that nobody reads, or whose reader is gone, holds nothing up. At this level every message is logged.
#[test]
fn a_parent_that_does_not_want_the_log() {
    for closes_log in [true, false] {
        let mut peer = Peer::start("debug");
        if closes_log {
            peer.log = None;
        }
        assert!(peer.is_healthy());
        let before = peer.memory();
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
        // Each is worth a line of some hundred bytes, so this is many times what a pipe holds.
        let pouring = peer.pour(format!("{cancel}\n").repeat(100).into_bytes(), 300);
        peer.input = Some(pouring.join().unwrap());
        assert!(peer.is_healthy());
        let grown = peer.memory().saturating_sub(before);
        assert!(grown < 16 * MIB, "{grown}");
        peer.input = None;
        let (code, time) = peer.ends();
        assert_eq!(code, Some(0));
        assert!(time < Duration::from_secs(10), "{time:?}");
    }
}

/// C31: whatever comes in, what goes out is messages and nothing else.
#[test]
fn rubbish_in_and_messages_out() {
    let mut peer = Peer::start("trace");
    let log = peer.log.take().unwrap();
    let draining = std::thread::spawn(move || {
        let mut log = log;
        std::io::copy(&mut log, &mut std::io::sink())
    });
    for line in [
        "",
        "{",
        "\u{feff}{}",
        "[]",
        "null",
        "\0\0",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":1}",
    ] {
        peer.send(format!("{line}\n").as_bytes());
    }
    peer.send(&[0xff, 0xfe, b'\n']);
    peer.input = None;
    let mut text = String::new();
    peer.output
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.lines().count(), 7, "{text}");
    for line in text.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        assert!(message["error"].is_object(), "{line}");
    }
    assert_eq!(peer.ends().0, Some(0));
    draining.join().unwrap().unwrap();
}
