//! The audit as its readers find it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use executor_core::modules::ModuleSet;
use executor_core::{ExecutionRequest, Executor};
use executor_docker::{DockerBackend, DockerSettings};
use expect_test::{Expect, expect};
use serde_json::Value;

use super::*;

/// An executor that finds no engine, which is enough to have its calls recorded.
fn executor(audit: &Audit) -> Executor {
    let mut settings = DockerSettings::new("nothing".parse().unwrap());
    settings.host = Some("unix:///nowhere/engine.sock".to_owned());
    Executor::builder(Arc::new(DockerBackend::connect(settings).unwrap()))
        .audit(audit.of_executions().unwrap())
        .build()
        .unwrap()
}

/// The lines of the file, with what no two runs have in common taken out.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    let parse = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        for (name, value) in line.as_object_mut().unwrap() {
            let varies = ["time", "arrived", "id", "took_ms", "queued_ms"].contains(&name.as_str());
            if varies {
                assert!(value.is_string() || value.is_u64(), "{name} is {value}");
                *value = Value::Null;
            }
        }
        line
    };
    text.lines().map(parse).collect()
}

#[track_caller]
fn check(line: &Value, expected: &Expect) {
    expected.assert_eq(&serde_json::to_string_pretty(line).unwrap());
}

#[tokio::test]
async fn a_file_tells_of_executions_and_clients_and_of_nothing_that_is_theirs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let (audit, flushed) = Audit::start(&AuditTo::File(path.clone())).unwrap();
    let executor = executor(&audit);
    let request = ExecutionRequest::new("print('the secret')")
        .with_modules(ModuleSet::parse("six<2").unwrap())
        .with_stdin("the other secret")
        .with_caller("somebody\n{\"kind\":\"client\"}");
    let outcome = executor.execute(request).unwrap().outcome().await;
    assert_eq!(outcome.ending.as_str(), "failed");
    executor.shutdown().await;
    executor
        .execute(ExecutionRequest::new("too late"))
        .unwrap_err();
    let peer = SocketAddr::from(([192, 0, 2, 7], 4711));
    audit.client(&ClientRecord::new(
        "http",
        Some(peer),
        Duration::from_millis(12),
    ));
    drop(flushed);

    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        !text.contains("secret") && !text.contains("nowhere"),
        "{text}"
    );
    let lines = lines(&path);
    let [execution, late, client] = &lines[..] else {
        panic!("three lines: {text}");
    };
    check(
        execution,
        &expect![[r#"
        {
          "arrived": null,
          "caller": "somebody\n{\"kind\":\"client\"}",
          "connections": 0,
          "ending": "failed",
          "id": null,
          "install_ms": 0,
          "installed": [],
          "kind": "execution",
          "limit_cpu_millis": 1000,
          "limit_memory_bytes": 1073741824,
          "limit_open_files": 1024,
          "limit_processes": 256,
          "limit_time_ms": 60000,
          "limit_tmp_bytes": 536870912,
          "modules": [
            "six<2"
          ],
          "network": "public",
          "network_limits": [],
          "program_bytes": 19,
          "program_ms": 0,
          "program_sha256": "646c1a8cf16edf669177a4b69d5beb3e902807f67de7d5f24f29551781584ac0",
          "queued_ms": null,
          "reason": "engine_unavailable",
          "received_bytes": 0,
          "refused": [],
          "refused_more": 0,
          "sent_bytes": 0,
          "start_ms": 0,
          "stderr_bytes": 0,
          "stdin_bytes": 16,
          "stdout_bytes": 0,
          "time": null,
          "took_ms": null
        }"#]],
    );
    assert_eq!(
        (&late["ending"], &late["reason"]),
        (&"failed".into(), &"shutting_down".into())
    );
    check(
        client,
        &expect![[r#"
        {
          "kind": "client",
          "peer": "192.0.2.7:4711",
          "time": null,
          "took_ms": null,
          "transport": "http"
        }"#]],
    );
}

#[test]
fn what_was_lost_is_a_record_as_well() {
    let line: Value = serde_json::from_str(&lines::lost(3)).unwrap();
    assert_eq!(
        (&line["kind"], &line["records"]),
        (&"lost".into(), &3.into())
    );
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let path = "/nowhere/audit.jsonl".into();
    let error = Audit::start(&AuditTo::File(path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.chain().contains("`/nowhere/audit.jsonl`"));
}

#[tokio::test]
async fn without_an_audit_nobody_is_asked_for_records() {
    let (audit, _flushed) = Audit::start(&AuditTo::Off).unwrap();
    assert!(audit.of_executions().is_none());
}
