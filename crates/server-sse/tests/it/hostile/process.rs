//! The real binary without an engine, watched from outside: its memory, its files, its log.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::site::PATIENCE;

/// The binary, serving. It is killed when this goes.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) address: SocketAddr,
    log: Arc<Mutex<String>>,
    _reading: JoinSet<()>,
    _home: TempDir,
}

impl Process {
    /// Starts it with at most so many open files.
    pub(super) async fn start(files: u32, arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--nofile={files}:{files}"))
            .arg(env!("CARGO_BIN_EXE_mcp-python-sse"))
            .args(["--bind", "127.0.0.1:0"])
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin")
            .env(
                "DOCKER_HOST",
                format!("unix://{}/no.sock", home.path().display()),
            )
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let address = loop {
            let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
            let line = line.expect("it ended");
            if let Some((_, url)) = line.split_once("listening on http://") {
                break url.split('/').next().unwrap().parse().unwrap();
            }
        };
        let mut reading = JoinSet::new();
        let kept = Arc::clone(&log);
        reading.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Self {
            child,
            address,
            log,
            _reading: reading,
            _home: home,
        }
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id().expect("it has not ended")
    }

    /// The memory that it has in use, in bytes.
    pub(super) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<usize>().unwrap() * 1024
    }

    /// The files that it has open.
    pub(super) fn files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .unwrap()
            .count()
    }

    /// Processor time that it has used, in hundredths of a second.
    pub(super) fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Whether a client that behaves is served in time.
    pub(super) async fn is_healthy(&self) -> bool {
        let asked = async {
            let mut stream = TcpStream::connect(self.address).await.ok()?;
            let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        };
        timeout(PATIENCE, asked)
            .await
            .is_ok_and(|served| served.is_some())
    }

    /// Asks again and again until it is served; gives how often it was not.
    pub(super) async fn recovers(&self) -> usize {
        for failed in 0..1000 {
            if self.is_healthy().await {
                return failed;
            }
            // There is no event for this.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it serves nobody any more; its log:\n{}", self.log());
    }
}
