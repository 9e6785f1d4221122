//! Where runs wait, callers take turns.

use std::sync::Arc;

use executor_core::backend::SandboxBackend as _;
use executor_core::{ExecutionRequest, Executor, ExecutorSettings};
use executor_testkit::unconfined::UnconfinedBackend;
use futures_util::future::join_all;

/// Prints when it began, by the clock that all sandboxes of a machine share.
const PROGRAM: &str = "import time\nprint(time.monotonic_ns())\ntime.sleep(0.1)";

#[tokio::test]
async fn one_run_does_not_wait_for_all_of_another_caller() {
    let root = tempfile::tempdir().unwrap();
    let backend = UnconfinedBackend::danger_new(root.path().join("sandboxes"));
    let mut settings = ExecutorSettings::default();
    settings.concurrency = 1;
    settings.required = backend.capabilities();
    let executor = Executor::builder(Arc::new(backend))
        .settings(settings)
        .build()
        .unwrap();
    let run = |caller: &str| {
        let request = ExecutionRequest::new(PROGRAM).with_caller(caller);
        executor.execute(request).unwrap().outcome()
    };
    let mut runs: Vec<_> = (0..6).map(|_| run("busy")).collect();
    runs.push(run("other"));
    let begun: Vec<u64> = join_all(runs)
        .await
        .iter()
        .map(|outcome| {
            let text = String::from_utf8(outcome.stdout.to_bytes().to_vec()).unwrap();
            text.trim()
                .parse()
                .unwrap_or_else(|_| panic!("{outcome:?}"))
        })
        .collect();
    let before = begun.iter().filter(|began| **began < begun[6]).count();
    // One of them runs when it comes, and at most one more was next by then.
    assert!(before <= 2, "{before} runs of another caller came first");
    executor.shutdown().await;
}
