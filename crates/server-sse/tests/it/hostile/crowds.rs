//! Many connections that want nothing, and a server that may not open many files.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::process::Process;
use crate::site::PATIENCE;

/// What a client of this kind sends, and then nothing more: nothing, half a head, half a body.
const OPENINGS: [&str; 3] = [
    "",
    "POST /mcp HTTP/1.1\r\nhost: loc",
    "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
];

/// Opens connections that go no further. Those that the machine does not take in time are left out.
async fn crowd(process: &Process, count: usize) -> Vec<TcpStream> {
    let mut opening = JoinSet::new();
    for (_, text) in (0..count).zip(OPENINGS.into_iter().cycle()) {
        let address = process.address;
        opening.spawn(async move {
            let connecting = timeout(Duration::from_secs(3), TcpStream::connect(address));
            let mut stream = connecting.await.ok()?.ok()?;
            stream.write_all(text.as_bytes()).await.ok()?;
            Some(stream)
        });
    }
    opening.join_all().await.into_iter().flatten().collect()
}

/// How many come in all.
const MANY: usize = 10_000;

/// How many of them at once, and how many such waves stay: the kernel takes so many without making them wait, and the
/// server has places for so many.
const WAVE: usize = 100;
const STAYING: usize = 5;

/// C12: whoever sends no whole request makes room for those who do, however many come at once or one after the other;
/// nobody waits for the timeouts of half a minute.
#[tokio::test]
async fn a_crowd_that_wants_nothing_keeps_nobody_out() {
    let process = Process::start(4096, &[]).await;
    assert!(process.is_healthy().await);
    let before = process.memory();
    let crowd = crowd(&process, 1400).await;
    assert!(crowd.len() > 600, "{}", crowd.len());
    let began = Instant::now();
    assert!(process.is_healthy().await, "{}", process.log());
    assert!(began.elapsed() < PATIENCE);
    let files = process.files();
    assert!(files < 512 + 64, "{files}");
    // 512 connections with their buffers.
    let grown = process.memory().saturating_sub(before);
    assert!(grown < 512 * 96 * 1024, "{grown}");
    let mut came = crowd.len();
    drop(crowd);
    assert!(process.is_healthy().await);
    let mut waves = VecDeque::new();
    while came < MANY {
        let wave = self::crowd(&process, WAVE.min(MANY - came)).await;
        assert!(!wave.is_empty(), "nobody is taken: {}", process.log());
        came += wave.len();
        waves.push_back(wave);
        if waves.len() > STAYING {
            waves.pop_front();
        }
        assert!(process.is_healthy().await, "after {came}");
        let files = process.files();
        assert!(files < 512 + 64, "{files} after {came}");
    }
    let grown = process.memory().saturating_sub(before);
    assert!(grown < 512 * 96 * 1024, "{grown} after {came}");
}

/// I19: connections take no more than half of the files that the process may open.
#[tokio::test]
async fn few_files_mean_few_connections() {
    let process = Process::start(96, &[]).await;
    let crowd = crowd(&process, 300).await;
    assert!(crowd.len() > 100, "{}", crowd.len());
    assert!(process.is_healthy().await, "{}", process.log());
    assert!(process.files() < 96 - 16, "{}", process.files());
    assert!(
        !process.log().contains("cannot be accepted"),
        "{}",
        process.log()
    );
}

/// I19: without a single free file the server waits, says so once, uses no processor time for it, and goes on when there
/// is one again.
#[tokio::test]
async fn no_files_are_waited_for() {
    let process = Process::start(4096, &[]).await;
    assert!(process.is_healthy().await);
    let limit = process.files() + 2;
    let pid = process.pid().to_string();
    let limited = Command::new("prlimit")
        .args(["--pid", &pid, &format!("--nofile={limit}:4096")])
        .status();
    assert!(limited.await.unwrap().success());
    let crowd = crowd(&process, 100).await;
    let told = async {
        while !process.log().contains("cannot be accepted") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, told).await.expect("it is told");
    let used = process.processor_time();
    sleep(Duration::from_secs(1)).await;
    let used = process.processor_time() - used;
    assert!(used < 50, "{used} hundredths of a second in one second");
    drop(crowd);
    process.recovers().await;
    let log = process.log();
    assert_eq!(log.matches("cannot be accepted").count(), 1, "{log}");
}
