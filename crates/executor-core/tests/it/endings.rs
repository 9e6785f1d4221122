//! That nothing which a sandbox can do to its stream is taken for a success of its program, but the report of its process 1.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use executor_core::backend::{
    Progress, Sandbox, SandboxBackend, SandboxSpec, SandboxStatus, SandboxStream, StoreFacts,
    SweepReport,
};
use executor_core::capabilities::Capabilities;
use executor_core::id::SandboxId;
use executor_core::{Ending, ErrorKind, ExecutionRequest, Executor, SandboxError};
use executor_testkit::tap::{self, Frame, kind};
use executor_testkit::unconfined::UnconfinedBackend;

/// What the backend says of the sandbox when the stream did not.
type Say = fn() -> Result<SandboxStatus, SandboxError>;

/// What a frame of process 1 becomes on its way to the host.
type Lie = fn(Frame) -> Vec<Frame>;

#[derive(Debug)]
struct Liar {
    inner: UnconfinedBackend,
    lie: Lie,
    say: Say,
}

#[async_trait]
impl SandboxBackend for Liar {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    async fn prepare(&self, progress: &dyn Progress) -> Result<(), SandboxError> {
        self.inner.prepare(progress).await
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let mut inner = self.inner.start(spec).await?;
        let stream = inner.stream();
        let stream = stream.map(|it| tap::tap(it, tap::unchanged(), Box::new(self.lie)));
        Ok(Box::new(LyingSandbox {
            inner,
            stream: stream.into(),
            say: self.say,
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

#[derive(Debug)]
struct LyingSandbox {
    inner: Box<dyn Sandbox>,
    stream: std::sync::Mutex<Option<SandboxStream>>,
    say: Say,
}

#[async_trait]
impl Sandbox for LyingSandbox {
    fn id(&self) -> &SandboxId {
        self.inner.id()
    }

    fn stream(&mut self) -> Option<SandboxStream> {
        self.stream.get_mut().unwrap().take()
    }

    async fn inspect(&self) -> Result<SandboxStatus, SandboxError> {
        (self.say)()
    }

    async fn destroy(self: Box<Self>) -> Result<(), SandboxError> {
        self.inner.destroy().await
    }
}

/// A report that process 1 never made.
fn forged(payload: &str) -> Frame {
    Frame {
        kind: kind::DONE,
        payload: payload.as_bytes().to_vec(),
    }
}

async fn check(lie: Lie, say: Say, program: &'static str, expected: &str) {
    let root = tempfile::tempdir().unwrap();
    let backend = Liar {
        inner: UnconfinedBackend::danger_new(root.path().join("sandboxes")),
        lie,
        say,
    };
    let executor = Executor::builder(Arc::new(backend)).build().unwrap();
    let execution = executor.execute(ExecutionRequest::new(program));
    let ending = execution.unwrap().outcome().await.ending;
    assert!(!ending.is_success());
    let reason = ending.reason().unwrap_or("-");
    assert_eq!(format!("{} {reason}", ending.as_str()), expected);
    assert!(!matches!(ending, Ending::Exited(_)), "{ending}");
    executor.shutdown().await;
}

/// Says everything that went before, and `report` instead of the report.
fn instead(frame: Frame, report: &str) -> Vec<Frame> {
    match frame.kind {
        kind::DONE => vec![forged(report)],
        _ => vec![frame],
    }
}

fn runs() -> Result<SandboxStatus, SandboxError> {
    Ok(SandboxStatus::new(true, None, false))
}

#[tokio::test]
async fn a_forged_report_makes_no_success() {
    // Before anything was run.
    let early: Lie = |frame| match frame.kind {
        kind::DONE => Vec::new(),
        kind::READY => vec![frame, forged("{}")],
        _ => vec![frame],
    };
    check(early, runs, WELL, "failed protocol").await;
    // With other counts than arrived.
    let counts: Lie = |frame| {
        instead(
            frame,
            r#"{"cause":"exited","exit_code":0,"signal":null,"error":null,"duration_ms":1,"cpu_ms":1,
            "peak_memory_bytes":null,"oom_kills":null,"stdout_bytes":9,"stderr_bytes":0,"lost_bytes":0,
            "processes_killed":0,"tmp_free":null,"modules_free":null}"#,
        )
    };
    check(counts, runs, WELL, "failed protocol").await;
    // With a status and a cause that go against it: it was ended.
    let deadline: Lie = |frame| {
        instead(
            frame,
            r#"{"cause":"deadline","exit_code":0,"signal":null,"error":null,"duration_ms":1,"cpu_ms":1,
            "peak_memory_bytes":null,"oom_kills":null,"stdout_bytes":5,"stderr_bytes":0,"lost_bytes":0,
            "processes_killed":0,"tmp_free":null,"modules_free":null}"#,
        )
    };
    check(deadline, runs, WELL, "timed_out -").await;
    // With no status of the program at all.
    check(|frame| instead(frame, "{}"), runs, WELL, "failed protocol").await;
}

#[tokio::test]
async fn without_a_report_the_backend_is_asked_and_no_status_of_its_makes_a_success() {
    let cases: [(Say, &str); 7] = [
        (learns_late, "sandbox_died removed"),
        (runs, "sandbox_lost stream_cut"),
        (
            || Ok(SandboxStatus::new(false, Some(0), false)),
            "sandbox_lost stream_cut",
        ),
        (
            || Ok(SandboxStatus::new(false, Some(137), false)),
            "sandbox_died killed",
        ),
        (
            || Ok(SandboxStatus::new(false, Some(137), true)),
            "sandbox_died out_of_memory",
        ),
        (|| Ok(SandboxStatus::removed()), "sandbox_died removed"),
        (
            || {
                Err(SandboxError::new(
                    ErrorKind::EngineUnavailable,
                    "ask the engine",
                ))
            },
            "sandbox_lost engine_lost",
        ),
    ];
    for (say, expected) in cases {
        check(|frame| vec![frame], say, ENDS_PROCESS_1, expected).await;
    }
}

/// As an engine does whose word of an end comes after the end of the stream, and that of the removal still later.
fn learns_late() -> Result<SandboxStatus, SandboxError> {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    Ok(match ASKED.fetch_add(1, Ordering::Relaxed) {
        0 => SandboxStatus::new(true, None, false),
        1 => SandboxStatus::new(false, Some(137), false),
        _ => SandboxStatus::removed(),
    })
}

const WELL: &str = "print('well')";

/// Outside a sandbox a program can do so.
const ENDS_PROCESS_1: &str = "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(600)";
