//! A host that breaks a promise: the server says so to who asks, ends, and serves only an operator
//! who accepted the gap by its name. The engine is real and lied to.

use executor_testkit::lying::LyingEngine;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::engine::program;
use crate::program::{Program, stderr};
use crate::serve::{call, initialize};

/// An engine that limits no processes, whatever it is asked.
struct Boundless {
    engine: LyingEngine,
    _runtime: Runtime,
}

/// One of those and a program on it, or `None` where there is no engine to lie to.
fn boundless(what: &str, arguments: &[&str]) -> Option<(Boundless, Program)> {
    let program = program(what, arguments)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "how the suite is told of its engine"
    )]
    let host = std::env::var("DOCKER_HOST").unwrap();
    let Some(socket) = host.strip_prefix("unix://") else {
        println!("SKIPPED: {what}: the engine is not behind a local socket");
        return None;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let engine = {
        let _inside = runtime.enter();
        LyingEngine::before(socket, |body| {
            body["HostConfig"]
                .as_object_mut()
                .unwrap()
                .remove("PidsLimit");
        })
        .unwrap()
    };
    let program = program.env("DOCKER_HOST", engine.host());
    let boundless = Boundless {
        engine,
        _runtime: runtime,
    };
    Some((boundless, program))
}

#[test]
fn a_broken_promise_is_answered_by_name_and_ends_the_server() {
    let Some((_engine, program)) = boundless("a broken promise", &[]) else {
        return;
    };
    let mut server = program.start();
    let answer = initialize(&mut server);
    assert_eq!(answer["result"]["serverInfo"]["name"], "python-executor");
    let result = call(&mut server, 1, &json!({"code": "print(1)"}));
    assert_eq!(result["isError"], true, "{result}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("process-limit"), "{text}");
    // Its input is still open: it ends by itself.
    let output = server.finish();
    let says = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{says}");
    let (_, last) = says.split_once("error: no program is run").unwrap();
    for words in [
        "process-limit: the process limit is `max` and not `256`",
        "so      one program can start processes",
        "mend    ",
        "accept  `--danger-accept process-limit`",
        "`mcp-python-stdio doctor --prove`",
    ] {
        assert!(last.contains(words), "`{words}` is missing in {says}");
    }
}

#[test]
fn another_gap_that_was_accepted_changes_nothing() {
    let arguments = ["--danger-accept", "memory-limit,cpu-limit"];
    let Some((_engine, program)) = boundless("another gap", &arguments) else {
        return;
    };
    let mut server = program.start();
    initialize(&mut server);
    assert_eq!(server.finish().status.code(), Some(4));
}

#[test]
fn an_accepted_gap_is_served_and_told_with_every_result() {
    let arguments = ["--danger-accept", "process-limit,cpu-limit"];
    let Some((engine, program)) = boundless("an accepted gap", &arguments) else {
        return;
    };
    let mut server = program.start();
    initialize(&mut server);
    let result = call(&mut server, 1, &json!({"code": "print(2 + 2)"}));
    assert_eq!(result["structuredContent"]["stdout"], "4\n", "{result}");
    let gaps = json!(["process-limit"]);
    assert_eq!(result["structuredContent"]["accepted_gaps"], gaps);
    assert_eq!(result["_meta"]["python-executor/accepted-gaps"], gaps);
    drop(server.stdin.take());
    let output = server.finish();
    assert_eq!(output.status.code(), Some(0));
    let log = stderr(&output);
    assert!(log.contains("process-limit is not kept"), "{log}");
    assert!(
        log.contains("names cpu-limit, which this host keeps"),
        "{log}"
    );
    drop(engine.engine);
}

#[test]
fn the_doctor_tells_it_as_a_failure_and_an_accepted_one_as_a_warning() {
    for (arguments, code, verdict) in [
        (&["doctor", "--json"][..], 4, "fail"),
        (
            &["doctor", "--json", "--danger-accept", "process-limit"],
            0,
            "warn",
        ),
    ] {
        let Some((_engine, program)) = boundless("doctor and a lie", arguments) else {
            return;
        };
        let output = program.output();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{report:#}");
        let findings = report["findings"].as_array().unwrap();
        let told = findings
            .iter()
            .filter(|one| one["name"] == "process-limit" && one["area"] == "probe");
        let verdicts: Vec<_> = told.map(|one| &one["verdict"]).collect();
        assert_eq!(verdicts, [verdict], "{report:#}");
    }
}

/// The verdicts of what was tried, by id.
fn proofs(program: Program, code: i32) -> std::collections::BTreeMap<String, String> {
    let output = program.output();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{report:#}");
    let text = |proof: &Value, name: &str| proof[name].as_str().unwrap().to_owned();
    let proofs = report["proofs"].as_array().unwrap().iter();
    proofs
        .map(|proof| (text(proof, "id"), text(proof, "verdict")))
        .collect()
}

#[test]
fn every_promise_is_tried_and_holds() {
    let Some(program) = program("doctor --prove", &["doctor", "--prove", "--json"]) else {
        return;
    };
    let proofs = proofs(program.env("CANARY", "a value that must stay outside"), 0);
    let others: Vec<_> = proofs
        .iter()
        .filter(|(_, verdict)| *verdict != "held")
        // Not every kernel shows its control groups.
        .filter(|(id, verdict)| !(id.starts_with("limit.") && *verdict == "cannot be judged here"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    for id in [
        "syscall.ptrace",
        "socket.vsock",
        "strain.memory",
        "strain.processes",
        "hidden.environment",
        "way-out.loopback",
        "way-out.metadata.proxied.169.254.169.254",
        "fresh.files",
    ] {
        assert!(proofs.contains_key(id), "`{id}` is missing in {proofs:?}");
    }
}

#[test]
fn what_a_lying_engine_does_not_do_is_proven() {
    for (arguments, code, verdict) in [
        (&["doctor", "--prove", "--json"][..], 4, "not held"),
        (
            &[
                "doctor",
                "--prove",
                "--json",
                "--danger-accept",
                "process-limit",
            ],
            0,
            "accepted",
        ),
    ] {
        let Some((_engine, program)) = boundless("doctor --prove and a lie", arguments) else {
            return;
        };
        let proofs = proofs(program, code);
        let wrong: Vec<_> = proofs
            .iter()
            .filter(|(_, found)| *found == verdict)
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(wrong, ["limit.processes", "strain.processes"]);
    }
}

#[test]
fn a_name_of_no_promise_is_a_mistake_with_a_suggestion() {
    let output = Program::without_engine(&["--danger-accept", "memory-limits"]).output();
    assert_eq!(output.status.code(), Some(2));
    let says = stderr(&output);
    assert!(says.contains("did you mean `memory-limit`?"), "{says}");
}
