//! What holds between runs, on backends that wait, or only say what they were asked for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use super::*;
use crate::backend::{Sandbox, SandboxSpec, SandboxStatus, SandboxStream, StoreFacts};
use crate::id::SandboxId;

/// Starts nothing, slowly, and counts how many starts are under way.
#[derive(Debug, Default)]
struct Slow {
    starting: AtomicUsize,
    most: AtomicUsize,
    begun: tokio::sync::Notify,
}

#[async_trait]
impl SandboxBackend for Slow {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    async fn prepare(&self, _progress: &dyn Progress) -> Result<()> {
        Ok(())
    }

    async fn start(&self, _spec: &SandboxSpec) -> Result<Box<dyn Sandbox>> {
        let now = self.starting.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        self.begun.notify_one();
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.starting.fetch_sub(1, Ordering::Relaxed);
        Err(SandboxError::new(
            ErrorKind::StartFailed,
            "start the sandbox",
        ))
    }

    async fn sweep(&self) -> Result<SweepReport> {
        Ok(SweepReport::default())
    }

    fn store(&self) -> Option<StoreFacts> {
        None
    }

    async fn settle(&self) {}
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_cancelled_at_once_do_not_pile_starts_up() {
    let backend = Arc::new(Slow::default());
    let settings = ExecutorSettings {
        concurrency: 2,
        ..ExecutorSettings::default()
    };
    let executor = Executor::builder(Arc::clone(&backend) as Arc<dyn SandboxBackend>)
        .settings(settings)
        .build()
        .unwrap();
    for _ in 0..20 {
        let execution = executor.execute(ExecutionRequest::new("")).unwrap();
        backend.begun.notified().await;
        drop(execution);
    }
    executor.shutdown().await;
    assert_eq!(backend.starting.load(Ordering::Relaxed), 0);
    // Twice as many bodies as places.
    assert_eq!(backend.most.load(Ordering::Relaxed), 4);
}

/// Its process 1 takes the runner and ends without a word, like one that cannot do with it. What was sent is kept.
#[derive(Debug, Default)]
struct Mute {
    heard: Arc<Mutex<Vec<Bytes>>>,
}

#[derive(Debug)]
struct MuteSandbox {
    id: SandboxId,
    stream: Mutex<Option<SandboxStream>>,
}

#[async_trait]
impl Sandbox for MuteSandbox {
    fn id(&self) -> &SandboxId {
        &self.id
    }

    fn stream(&mut self) -> Option<SandboxStream> {
        self.stream.get_mut().unwrap().take()
    }

    async fn inspect(&self) -> Result<SandboxStatus> {
        Err(SandboxError::new(ErrorKind::Internal, "inspect"))
    }

    async fn destroy(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl SandboxBackend for Mute {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    async fn prepare(&self, _progress: &dyn Progress) -> Result<()> {
        Ok(())
    }

    async fn start(&self, _spec: &SandboxSpec) -> Result<Box<dyn Sandbox>> {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let heard = Arc::clone(&self.heard);
        let listen = async move {
            let length = far.read_u32().await.unwrap();
            let mut runner = vec![0; usize::try_from(length).unwrap()];
            far.read_exact(&mut runner).await.unwrap();
            heard.lock().unwrap().push(runner.into());
        };
        #[expect(clippy::disallowed_methods, reason = "ends with what it listens to")]
        tokio::spawn(listen);
        let (reader, writer) = tokio::io::split(near);
        let stream = SandboxStream::new(reader, writer);
        Ok(Box::new(MuteSandbox {
            id: SandboxId::random().unwrap(),
            stream: Mutex::new(Some(stream)),
        }))
    }

    async fn sweep(&self) -> Result<SweepReport> {
        Ok(SweepReport::default())
    }

    fn store(&self) -> Option<StoreFacts> {
        None
    }

    async fn settle(&self) {}
}

#[tokio::test]
async fn a_runner_that_no_interpreter_takes_is_sent_as_text_again() {
    let backend = Arc::new(Mute::default());
    let executor = Executor::builder(Arc::clone(&backend) as Arc<dyn SandboxBackend>)
        .build()
        .unwrap();
    executor
        .shared
        .runner
        .learn(Bytes::from_static(b"of another"));
    let run = async || {
        let execution = executor.execute(ExecutionRequest::new("")).unwrap();
        execution.outcome().await
    };
    let outcome = run().await;
    assert!(
        format!("{outcome:?}").contains("StartFailed"),
        "{outcome:?}"
    );
    run().await;
    executor.shutdown().await;
    let text = Runner::default().code();
    let heard = backend.heard.lock().unwrap();
    let heard: Vec<&[u8]> = heard.iter().map(AsRef::as_ref).collect();
    assert_eq!(heard.len(), 3);
    assert_eq!(heard, [b"of another", text.as_ref(), text.as_ref()]);
}
