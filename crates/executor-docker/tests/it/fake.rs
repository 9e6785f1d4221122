//! An engine that answers what the test says: HTTP over a socket of its own, one task.

use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// A sound answer to `/version`.
pub(crate) const VERSION: &str = r#"{"Version":"29.0.0","ApiVersion":"1.44","MinAPIVersion":"1.12",
    "Os":"linux","Arch":"amd64","Components":[{"Name":"runc","Version":"1.3.4"}]}"#;

/// A sound answer to `/info`.
pub(crate) const INFO: &str = r#"{"OSType":"linux","Architecture":"x86_64","MemoryLimit":true,
    "SwapLimit":true,"PidsLimit":true,"CpuCfsQuota":true,"CgroupVersion":"2",
    "CgroupDriver":"systemd","SecurityOptions":["name=seccomp,profile=builtin"],
    "SystemTime":"2026-11-22T17:48:44.5Z"}"#;

/// A running fake; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct FakeEngine {
    pub(crate) host: String,
    _directory: TempDir,
    _tasks: JoinSet<()>,
}

/// An engine with these answers by path. Whatever else is asked is never answered.
pub(crate) fn fake_engine(answers: &[(&str, u16, &str)]) -> FakeEngine {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let answers: Vec<_> = answers
        .iter()
        .map(|&(path, status, body)| (path.to_owned(), status, body.to_owned()))
        .collect();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((connection, _)) = listener.accept().await {
            connections.spawn(answer(connection, answers.clone()));
        }
    });
    let host = format!("unix://{}", socket.display());
    FakeEngine {
        host,
        _directory: directory,
        _tasks: tasks,
    }
}

async fn answer(mut connection: UnixStream, answers: Vec<(String, u16, String)>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = connection.read_u8().await else {
            return;
        };
        request.push(byte);
    }
    let request = String::from_utf8_lossy(&request);
    let target = request.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let found = answers.iter().find(|(known, _, _)| known == path);
    let Some((_, status, body)) = found else {
        // Silence, while the connection stays open.
        tokio::time::sleep(Duration::from_secs(100_000)).await;
        return;
    };
    let length = body.len();
    let response = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    let _gone = connection.write_all(response.as_bytes()).await;
}
