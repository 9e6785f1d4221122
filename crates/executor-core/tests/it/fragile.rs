//! A backend that counts its starts and whose sandboxes can be made to die.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use executor_core::SandboxError;
use executor_core::backend::{
    Progress, Sandbox, SandboxBackend, SandboxSpec, SandboxStatus, SandboxStream, StoreFacts,
    SweepReport,
};
use executor_core::capabilities::Capabilities;
use executor_core::id::SandboxId;
use executor_testkit::tap::{self, kind};
use executor_testkit::unconfined::UnconfinedBackend;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// When a sandbox's stream ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dies {
    Never,
    /// When it is told what to run, which it then does not hear.
    OnItsOrder,
    /// When its program has printed something.
    OnItsFirstOutput,
}

#[derive(Debug)]
pub(super) struct Fragile {
    inner: UnconfinedBackend,
    delay: Duration,
    first: Dies,
    started: watch::Sender<Vec<SandboxId>>,
    ends: Mutex<Vec<CancellationToken>>,
    root: tempfile::TempDir,
}

impl Fragile {
    /// Its first sandbox dies so; every start takes `delay` longer.
    pub(super) fn new(first: Dies, delay: Duration) -> Arc<Self> {
        let root = tempfile::tempdir().unwrap();
        Arc::new(Self {
            inner: UnconfinedBackend::danger_new(root.path().join("sandboxes")),
            delay,
            first,
            started: watch::Sender::default(),
            ends: Mutex::default(),
            root,
        })
    }

    /// None dies; they are those of another backend.
    pub(super) fn around(inner: UnconfinedBackend) -> Arc<Self> {
        Arc::new(Self {
            inner,
            delay: Duration::ZERO,
            first: Dies::Never,
            started: watch::Sender::default(),
            ends: Mutex::default(),
            root: tempfile::tempdir().unwrap(),
        })
    }

    pub(super) fn started(&self) -> Vec<SandboxId> {
        self.started.borrow().clone()
    }

    /// Waits until so many were started.
    pub(super) async fn until_started(&self, count: usize) {
        let mut started = self.started.subscribe();
        let reached = started.wait_for(|ids| ids.len() >= count);
        tokio::time::timeout(Duration::from_secs(30), reached)
            .await
            .expect("they are started in time")
            .unwrap();
    }

    /// How many sandboxes there are still.
    pub(super) fn left(&self) -> usize {
        std::fs::read_dir(self.root.path().join("sandboxes")).map_or(0, Iterator::count)
    }

    /// Ends the stream of every sandbox that was started.
    pub(super) fn kill_all(&self) {
        for end in &*self.ends.lock().unwrap() {
            end.cancel();
        }
    }
}

#[async_trait]
impl SandboxBackend for Fragile {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    async fn prepare(&self, progress: &dyn Progress) -> Result<(), SandboxError> {
        self.inner.prepare(progress).await
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        tokio::time::sleep(self.delay).await;
        let mut inner = self.inner.start(spec).await?;
        let dies = match self.started.borrow().is_empty() {
            true => self.first,
            false => Dies::Never,
        };
        let end = CancellationToken::new();
        self.ends.lock().unwrap().push(end.clone());
        let stream = inner.stream().map(|stream| fragile(stream, dies, &end));
        self.started.send_modify(|ids| ids.push(inner.id().clone()));
        Ok(Box::new(FragileSandbox {
            inner,
            stream: Mutex::new(stream),
        }))
    }

    async fn sweep(&self) -> Result<SweepReport, SandboxError> {
        self.inner.sweep().await
    }

    fn store(&self) -> Option<StoreFacts> {
        self.inner.store()
    }

    async fn settle(&self) {
        self.inner.settle().await;
    }
}

fn fragile(stream: SandboxStream, dies: Dies, end: &CancellationToken) -> SandboxStream {
    let (on_order, on_output) = (end.clone(), end.clone());
    let tapped = tap::tap(
        stream,
        Box::new(move |frame| {
            if frame.kind == kind::RUN && dies == Dies::OnItsOrder {
                on_order.cancel();
                return Vec::new();
            }
            vec![frame]
        }),
        Box::new(move |frame| {
            if frame.kind == kind::DATA && dies == Dies::OnItsFirstOutput {
                on_output.cancel();
            }
            vec![frame]
        }),
    );
    let reader = Cut {
        inner: tapped.reader,
        end: Box::pin(end.clone().cancelled_owned()),
    };
    SandboxStream::new(reader, tapped.writer)
}

/// Reads until somebody says that it is over.
struct Cut {
    inner: Box<dyn AsyncRead + Send + Unpin>,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        // What has come is read first, as from a socket whose other end died.
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if read.is_pending() && self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        read
    }
}

struct FragileSandbox {
    inner: Box<dyn Sandbox>,
    stream: Mutex<Option<SandboxStream>>,
}

impl std::fmt::Debug for FragileSandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Sandbox for FragileSandbox {
    fn id(&self) -> &SandboxId {
        self.inner.id()
    }

    fn stream(&mut self) -> Option<SandboxStream> {
        self.stream.get_mut().unwrap().take()
    }

    async fn inspect(&self) -> Result<SandboxStatus, SandboxError> {
        self.inner.inspect().await
    }

    async fn destroy(self: Box<Self>) -> Result<(), SandboxError> {
        self.inner.destroy().await
    }
}
