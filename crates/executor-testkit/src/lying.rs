//! A lying engine: a real one behind a proxy that changes what it is asked to create.
//!
//! The engine answers that all is well, as one does that takes a limit and does not apply it. Only
//! a look from inside a sandbox can tell.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// What becomes of the body of a call that creates a container.
pub type Lie = dyn Fn(&mut Value) + Send + Sync;

/// The longest body of a call: the seccomp profile in it is some 20 kB.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// The proxy. It and its connections end when it is dropped.
#[derive(Debug)]
pub struct LyingEngine {
    host: String,
    _directory: TempDir,
    _tasks: JoinSet<()>,
}

impl LyingEngine {
    /// Stands before the engine whose socket is `engine` and tells it `lie` instead of the truth.
    ///
    /// # Errors
    ///
    /// When no socket can be made.
    pub fn before(
        engine: impl Into<PathBuf>,
        lie: impl Fn(&mut Value) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("lying.sock");
        let listener = UnixListener::bind(&socket)?;
        let engine = engine.into();
        let lie: Arc<Lie> = Arc::new(lie);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (engine, lie) = (engine.clone(), Arc::clone(&lie));
                connections.spawn(async move {
                    // A connection that breaks is the caller's to notice.
                    let _ = relay(client, &engine, &*lie).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            host: format!("unix://{}", socket.display()),
            _directory: directory,
            _tasks: tasks,
        })
    }

    /// Its address, as for `DOCKER_HOST`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Answers go back as they come; calls go forward one by one.
async fn relay(client: UnixStream, engine: &PathBuf, lie: &Lie) -> std::io::Result<()> {
    let engine = UnixStream::connect(engine).await?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    let answers = async {
        let copied = tokio::io::copy(&mut from_engine, &mut to_client).await;
        to_client.shutdown().await?;
        copied.map(drop)
    };
    let calls = async {
        let passed = pass(from_client, &mut to_engine, lie).await;
        to_engine.shutdown().await?;
        passed
    };
    tokio::try_join!(answers, calls).map(drop)
}

async fn pass(from: OwnedReadHalf, to: &mut OwnedWriteHalf, lie: &Lie) -> std::io::Result<()> {
    let mut from = BufReader::new(from);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if from.read_until(b'\n', &mut head).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let length = header(&text, "content-length").and_then(|value| value.parse().ok());
        let mut body = vec![0; length.unwrap_or(0).min(MAX_BODY)];
        from.read_exact(&mut body).await?;
        let call = text.split('?').next().unwrap_or_default();
        if call.ends_with("/containers/create")
            && let Ok(mut told) = serde_json::from_slice(&body)
        {
            lie(&mut told);
            body = told.to_string().into_bytes();
            head = with_length(&text, body.len()).into_bytes();
        }
        to.write_all(&head).await?;
        to.write_all(&body).await?;
        if header(&text, "upgrade").is_some() {
            // From here on it is a stream of its own.
            return tokio::io::copy(&mut from, to).await.map(drop);
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn with_length(head: &str, length: usize) -> String {
    let mut lines: Vec<String> = head
        .lines()
        .filter(|line| !line.is_empty())
        .filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"))
        .map(str::to_owned)
        .collect();
    lines.push(format!("content-length: {length}"));
    lines.join("\r\n") + "\r\n\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_body_has_its_own_length() {
        let head = "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(header(head, "content-length"), Some("5"));
        assert_eq!(
            with_length(head, 7),
            "POST /containers/create HTTP/1.1\r\nHost: x\r\ncontent-length: 7\r\n\r\n"
        );
    }
}
