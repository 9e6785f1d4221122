//! What holds between runs, on a backend that only waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::backend::{Sandbox, SandboxSpec, StoreFacts};

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
