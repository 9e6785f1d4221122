//! The record of executions: one each, whatever becomes of them, and nothing in it that is the caller's own.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use executor_core::audit::{ExecutionAudit, ExecutionRecord};
use executor_core::backend::{
    Progress, Sandbox, SandboxBackend, SandboxSpec, StoreFacts, SweepReport,
};
use executor_core::capabilities::Capabilities;
use executor_core::{Ending, Event, ExecutionRequest, Executor, ExecutorSettings, SandboxError};
use executor_testkit::unconfined::UnconfinedBackend;

#[derive(Debug, Default)]
struct Written(Mutex<Vec<ExecutionRecord>>);

impl ExecutionAudit for Written {
    fn ended(&self, record: &ExecutionRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

/// Every third start of a sandbox panics, as a backend with a defect would.
#[derive(Debug)]
struct Panicky {
    inner: UnconfinedBackend,
    starts: AtomicUsize,
}

#[async_trait]
impl SandboxBackend for Panicky {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    async fn prepare(&self, progress: &dyn Progress) -> Result<(), SandboxError> {
        self.inner.prepare(progress).await
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        assert!(number % 3 != 2, "a defect of the backend");
        self.inner.start(spec).await
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

fn executor(root: &tempfile::TempDir, panics: bool) -> (Executor, Arc<Written>) {
    let inner = UnconfinedBackend::danger_new(root.path().join("sandboxes"));
    let backend: Arc<dyn SandboxBackend> = match panics {
        true => Arc::new(Panicky {
            inner,
            starts: AtomicUsize::new(0),
        }),
        false => Arc::new(Everything(inner)),
    };
    let written = Arc::new(Written::default());
    let mut settings = ExecutorSettings::default();
    settings.concurrency = 4;
    let executor = Executor::builder(backend)
        .settings(settings)
        .audit(Arc::clone(&written) as Arc<_>)
        .build()
        .unwrap();
    (executor, written)
}

/// Promises what the executor asks for; the programs here do not test it.
#[derive(Debug)]
struct Everything(UnconfinedBackend);

#[async_trait]
impl SandboxBackend for Everything {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    async fn prepare(&self, progress: &dyn Progress) -> Result<(), SandboxError> {
        self.0.prepare(progress).await
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        self.0.start(spec).await
    }

    async fn sweep(&self) -> Result<SweepReport, SandboxError> {
        self.0.sweep().await
    }

    fn store(&self) -> Option<StoreFacts> {
        self.0.store()
    }

    async fn settle(&self) {
        self.0.settle().await;
    }
}

const ROUNDS: usize = 10;
const A_ROUND: usize = 100;

/// What its caller does with the execution of that number.
async fn live(executor: Executor, number: usize) {
    let program = match number % 10 {
        5 => "#".repeat(2 << 20),
        _ => "print('here')".to_owned(),
    };
    let Ok(mut execution) = executor.execute(ExecutionRequest::new(program)) else {
        assert_eq!(number % 10, 5);
        return;
    };
    match number % 10 {
        6 => drop(execution.outcome().await),
        // Dropped once it has a sandbox, or has ended without one.
        7 => while !matches!(execution.next().await, Some(Event::Started(_)) | None) {},
        8 | 9 => {
            execution.cancel();
            drop(execution.outcome().await);
        }
        _ => drop(execution),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_a_thousand_is_written_down_once() {
    let root = tempfile::tempdir().unwrap();
    let (executor, written) = executor(&root, true);
    for round in 0..ROUNDS {
        let numbers = (0..A_ROUND).map(|number| round * A_ROUND + number);
        let lives = numbers.map(|number| live(executor.clone(), number));
        futures_util::future::join_all(lives).await;
    }
    executor.shutdown().await;
    let written = written.0.lock().unwrap();
    let ids: BTreeSet<_> = written.iter().map(|record| record.id.clone()).collect();
    assert_eq!((written.len(), ids.len()), (1000, 1000));
    let mut endings = BTreeMap::<_, usize>::new();
    for record in &*written {
        let reason = record.ending.reason().unwrap_or("-");
        *endings.entry((record.ending.as_str(), reason)).or_default() += 1;
    }
    assert_eq!(endings[&("failed", "invalid_request")], 100, "{endings:?}");
    // Those of the panics, which callers see as this too.
    assert!(endings[&("failed", "internal")] > 10, "{endings:?}");
    assert!(endings[&("exited", "-")] > 10, "{endings:?}");
    assert!(endings[&("cancelled", "-")] > 100, "{endings:?}");
    assert_eq!(endings.len(), 4, "{endings:?}");
}

#[tokio::test]
async fn a_record_says_what_was_run_by_its_digest_and_how_it_ended() {
    let root = tempfile::tempdir().unwrap();
    let (executor, written) = executor(&root, false);
    let program = "import sys\nprint('a word', sys.stdin.read())\nsys.exit(3)";
    let request = ExecutionRequest::new(program)
        .with_stdin("another")
        .with_caller("somebody");
    let outcome = executor.execute(request).unwrap().outcome().await;
    executor.shutdown().await;
    let written = written.0.lock().unwrap();
    let [record] = &written[..] else {
        panic!("one record: {written:?}");
    };
    assert!(matches!(record.ending, Ending::Exited(3)), "{outcome:?}");
    assert_eq!(record.caller.as_deref(), Some("somebody"));
    assert!(record.sandbox.is_some());
    assert_eq!(
        (record.program_bytes, record.stdin_bytes),
        (program.len(), 7)
    );
    assert_eq!(
        record.program_sha256.as_deref(),
        Some("45dbe4c29abc2d780984a9a6d297847c683a3d12f60abcbd37256c8674a5c61a")
    );
    assert_eq!((record.stdout_bytes, record.stderr_bytes), (15, 0));
    assert_eq!(record.connections.len(), 1);
    assert!(record.took >= record.timings.program);
    let all = format!("{record:?}");
    assert!(!all.contains("a word") && !all.contains("another"), "{all}");
}
