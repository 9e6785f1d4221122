//! The tool as a server calls it, with programs that really run (unconfined: they are ours).

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests do"
)]

#[cfg(test)]
mod long;
#[cfg(test)]
mod much;
#[cfg(test)]
mod results;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use executor_core::capabilities::Capabilities;
use executor_core::{Executor, ExecutorSettings};
use executor_testkit::unconfined::UnconfinedBackend;
use executor_testkit::witness::Witness as _;
use executor_tools::ExecutePython;
use mcp_protocol::Revision;
use mcp_protocol::content::ContentBlock;
use mcp_protocol::tools::CallToolResult;
use mcp_server::{CallContext, Tool as _};
use serde_json::{Map, Value, json};

/// The tool, and what is under it.
struct Bench {
    tool: ExecutePython,
    executor: Executor,
    backend: UnconfinedBackend,
    _directory: tempfile::TempDir,
}

fn bench() -> Bench {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = UnconfinedBackend::danger_new(directory.path());
    let mut settings = ExecutorSettings::default();
    settings.required = Capabilities::default();
    let executor = Executor::builder(Arc::new(backend.clone()))
        .settings(settings)
        .build()
        .expect("an executor");
    Bench {
        tool: ExecutePython::new(executor.clone()),
        executor,
        backend,
        _directory: directory,
    }
}

impl Bench {
    async fn call(&self, arguments: Value) -> CallToolResult {
        self.call_in(arguments, CallContext::new(Revision::ALL[0]))
            .await
    }

    async fn call_in(&self, arguments: Value, context: CallContext) -> CallToolResult {
        let Value::Object(arguments) = arguments else {
            panic!("an object")
        };
        self.tool.call(arguments, context).await.expect("a result")
    }

    /// The tool once more, to be set otherwise.
    fn another(&self) -> ExecutePython {
        ExecutePython::new(self.executor.clone())
    }

    /// Waits until no sandbox is left.
    async fn until_empty(&self) {
        let gone = async {
            while self.backend.sandboxes("").await.expect("a count") > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(2), gone)
            .await
            .expect("gone within two seconds");
    }

    /// Ends what is left, so that the directory can be removed.
    async fn close(self) {
        self.executor.shutdown().await;
    }
}

/// What a run of `code` tells while it goes on.
async fn heard(tool: &ExecutePython, revision: Revision, code: &str) -> Vec<String> {
    let messages = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&messages);
    let context = CallContext::new(revision).with_progress(move |message| {
        sink.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message);
    });
    let arguments = Map::from_iter([("code".to_owned(), code.into())]);
    tool.call(arguments, context).await.expect("a result");
    let messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
    messages.clone()
}

fn text(result: &CallToolResult) -> &str {
    result
        .content
        .first()
        .and_then(ContentBlock::as_text)
        .expect("a text")
}

fn field<'a>(result: &'a CallToolResult, name: &str) -> &'a Value {
    result
        .structured_content
        .as_ref()
        .and_then(|form| form.get(name))
        .unwrap_or(&Value::Null)
}

#[tokio::test]
async fn programs_that_end_well() {
    let bench = bench();
    let result = bench
        .call(json!({"code": "print('hello')\nprint(2 + 2)"}))
        .await;
    assert_eq!((text(&result), result.is_error), ("hello\n4\n", false));
    assert_eq!(field(&result, "stdout"), "hello\n4\n");
    assert_eq!(
        (field(&result, "ending"), field(&result, "exit_code")),
        (&json!("exited"), &json!(0))
    );
    let noted = bench
        .call(json!({"code": "print(1)", "modules": "json, os"}))
        .await;
    assert_eq!(
        text(&noted),
        "1\nnote: `json` is part of Python: not fetched\nnote: `os` is part of Python: not fetched"
    );
    bench.close().await;
}

#[tokio::test]
async fn programs_that_fail() {
    let bench = bench();
    let failed = bench
        .call(json!({"code": "import sys\nprint('before')\n1 / 0"}))
        .await;
    assert!(failed.is_error);
    let shown = text(&failed);
    assert!(
        shown.starts_with("before\nstderr:\nTraceback (most recent call last):\n"),
        "{shown}"
    );
    assert!(
        shown.ends_with("ZeroDivisionError: division by zero\nexit code 1"),
        "{shown}"
    );
    let slow = bench.call(json!({"code": "import time\nprint('x', flush=True)\ntime.sleep(60)", "timeout_seconds": 0.5})).await;
    assert_eq!(
        text(&slow),
        "x\ntimed out after 0.5 s; raise timeout_seconds (up to 600)"
    );
    assert_eq!(field(&slow, "ending"), "timed_out");
    let killed = bench
        .call(json!({"code": "import os\nos.kill(os.getpid(), 11)"}))
        .await;
    assert_eq!(text(&killed), "(no output)\nkilled by signal 11 (SIGSEGV)");
    assert_eq!(field(&killed, "signal"), 11);
    bench.close().await;
}

#[tokio::test]
async fn arguments_that_are_refused() {
    let bench = bench();
    for (arguments, beginning) in [
        (json!({}), "`code` is missing"),
        (
            json!({"code": "print(1)", "modules": "x @ file:///etc"}),
            "module `x @ file:///etc` was refused",
        ),
        (
            json!({"code": "print(1)", "timeout_seconds": 601}),
            "`timeout_seconds` of 601 is out of bounds",
        ),
    ] {
        let result = bench.call(arguments).await;
        assert!(result.is_error && result.structured_content.is_none());
        assert!(text(&result).starts_with(beginning), "{}", text(&result));
    }
    bench.close().await;
}

#[tokio::test]
async fn progress_is_told_as_it_comes() {
    let bench = bench();
    let code = "print('first', flush=True)\nimport time\ntime.sleep(0.05)\nprint('second')";
    let messages = heard(&bench.tool, Revision::ALL[0], code).await;
    assert_eq!(messages, ["a fresh sandbox is up", "first", "second"]);
    bench.close().await;
}

#[tokio::test]
async fn dropping_the_call_ends_the_program() {
    let bench = bench();
    let (started, running) = tokio::sync::oneshot::channel();
    let started = Mutex::new(Some(started));
    let context = CallContext::new(Revision::ALL[0]).with_progress(move |message| {
        if message == "up" {
            started
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .map(|started| started.send(()));
        }
    });
    let call = bench.call_in(
        json!({"code": "print('up', flush=True)\nimport time\ntime.sleep(600)"}),
        context,
    );
    tokio::select! {
        result = call => panic!("ended with {result:?}"),
        up = running => up.expect("the program is up"),
    }
    // The call's future is dropped; what it started goes without being asked.
    bench.until_empty().await;
    bench.close().await;
}

#[tokio::test]
async fn promises_that_were_accepted_as_broken_are_told_with_every_result() {
    let bench = bench();
    for arguments in [json!({"code": "print(1)"}), json!({"cod": "print(1)"})] {
        let result = bench.call(arguments).await;
        let gaps = &result.meta["python-executor/accepted-gaps"];
        let names = gaps.as_array().expect("names");
        assert!(names.contains(&json!("memory-limit")), "{gaps}");
        if !result.is_error {
            assert_eq!(field(&result, "accepted_gaps"), gaps);
        }
    }
    bench.close().await;

    let directory = tempfile::tempdir().expect("a directory");
    let backend = UnconfinedBackend::danger_new(directory.path());
    let executor = Executor::builder(Arc::new(backend))
        .build()
        .expect("an executor");
    let tool = ExecutePython::new(executor.clone());
    let arguments = Map::from_iter([("code".to_owned(), "print(1)".into())]);
    let context = CallContext::new(Revision::ALL[0]);
    let result = tool.call(arguments, context).await.expect("a result");
    assert!(result.is_error, "nothing was accepted, so it is refused");
    assert!(result.meta.is_empty(), "{:?}", result.meta);
    executor.shutdown().await;
}
