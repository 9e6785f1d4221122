//! Endings and outputs as a model and a program read them.

use std::time::Duration;

use executor_core::limits::{ByteSize, WallTime};
use executor_core::modules::{InstallEnd, InstallPlan, InstallSettings, ModuleSet};
use executor_core::{Captured, Keeper};
use expect_test::{Expect, expect};
use mcp_server::Principal;
use serde_json::Value;

use super::*;
use crate::store::{ResultStore, StoreLimits};

fn outcome(ending: Ending, stdout: &str, stderr: &str) -> Outcome {
    let mut outcome = Outcome::of(ending);
    outcome.stdout = Captured::from(stdout.as_bytes().to_vec());
    outcome.stderr = Captured::from(stderr.as_bytes().to_vec());
    outcome
}

/// With a store that takes everything.
fn rendered(outcome: &Outcome) -> CallToolResult {
    let store = ResultStore::new(StoreLimits::default());
    result(outcome, &Facts::sample(), &mut store.shelf())
}

#[track_caller]
fn check(outcome: &Outcome, expected: &Expect) {
    let result = rendered(outcome);
    let [ContentBlock::Text(block)] = result.content.as_slice() else {
        panic!("one block of text")
    };
    expected.assert_eq(&format!(
        "{}{}",
        if result.is_error { "ERROR\n" } else { "" },
        block.text
    ));
}

#[test]
fn outputs() {
    check(
        &outcome(Ending::Exited(0), "4\n", ""),
        &expect![[r"
        4
    "]],
    );
    check(&outcome(Ending::Exited(0), "", ""), &expect!["(no output)"]);
    check(
        &outcome(Ending::Exited(0), "out", "err\n"),
        &expect![[r"
        out
        stderr:
        err
    "]],
    );
    check(
        &outcome(Ending::Exited(0), "", "warning"),
        &expect![[r"
        stderr:
        warning"]],
    );
}

#[test]
fn what_is_not_shown_as_it_was_printed_is_linked_to() {
    for (printed, shown) in [
        (b"\x1b[2Jx".as_slice(), r"\x1b[2Jx"),
        ("x\u{202e}y".as_bytes(), r"x\u{202e}y"),
        (b"10%\r20%", r"10%\r20%"),
        (b"\xff\0", r"\xff\x00"),
    ] {
        for is_stdout in [true, false] {
            let mut outcome = Outcome::of(Ending::Exited(0));
            let (stream, name) = if is_stdout {
                (&mut outcome.stdout, "stdout.txt")
            } else {
                (&mut outcome.stderr, "stderr.txt")
            };
            *stream = Captured::from(printed.to_vec());
            let store = ResultStore::new(StoreLimits::default());
            let mut shelf = store.shelf();
            let result = result(&outcome, &Facts::sample(), &mut shelf);
            store.keep(shelf, Principal::local());
            let [ContentBlock::Text(text), ContentBlock::ResourceLink(link)] =
                result.content.as_slice()
            else {
                panic!("a text and a link: {:?}", result.content)
            };
            assert!(text.text.ends_with(shown), "{}", text.text);
            assert_eq!(link.name, name);
            let kept = store.bytes(&link.uri, &Principal::local());
            assert_eq!(kept.as_deref(), Some(printed));
        }
    }
}

#[test]
fn endings() {
    let traceback = "Traceback (most recent call last):\n  File \"/tmp/work/main.py\", line 1, in <module>\n    1 / 0\nZeroDivisionError: division by zero\n";
    check(
        &outcome(Ending::Exited(1), "before\n", traceback),
        &expect![[r#"
        ERROR
        before
        stderr:
        Traceback (most recent call last):
          File "/tmp/work/main.py", line 1, in <module>
            1 / 0
        ZeroDivisionError: division by zero
        exit code 1"#]],
    );
    check(
        &outcome(Ending::Exited(3), "", ""),
        &expect![[r"
        ERROR
        (no output)
        exit code 3"]],
    );
    check(
        &outcome(Ending::Signaled(11), "x", ""),
        &expect![[r"
        ERROR
        x
        killed by signal 11 (SIGSEGV)"]],
    );
    check(
        &outcome(Ending::Signaled(35), "x", ""),
        &expect![[r"
        ERROR
        x
        killed by signal 35"]],
    );
    check(
        &outcome(Ending::TimedOut(WallTime::PROGRAM), "x\n", ""),
        &expect![[r"
        ERROR
        x
        timed out after 60 s; raise timeout_seconds (up to 600)"]],
    );
    check(
        &outcome(Ending::TimedOut(WallTime::CEILING), "x\n", ""),
        &expect![[r"
        ERROR
        x
        timed out after 600 s, which is the most; split the work into several calls"]],
    );
    check(
        &outcome(Ending::OutOfMemory(ByteSize::gib(1)), "", ""),
        &expect![[r"
        ERROR
        (no output)
        out of memory: the limit is 1 GiB, files in /tmp included; work on smaller pieces; only the operator can give more (`--memory`)"]],
    );
    check(
        &outcome(Ending::OutputLimit(ByteSize::gib(1)), "y\n", ""),
        &expect![[r"
        ERROR
        y
        output limit: the program was ended after printing 1 GiB; print less"]],
    );
    check(
        &outcome(Ending::Cancelled, "", ""),
        &expect![[r"
        ERROR
        (no output)
        cancelled"]],
    );
    check(
        &outcome(Ending::Signaled(9), "", ""),
        &expect![[r#"
        ERROR
        (no output)
        killed by signal 9 (SIGKILL), which the sandbox's limits did not send; the program or another process killed it"#]],
    );
    check(
        &outcome(Ending::Killed(ByteSize::gib(1)), "", ""),
        &expect![[r#"
            ERROR
            (no output)
            killed, probably because it needed more memory than 1 GiB, files in /tmp included; work on smaller pieces; only the operator can give more (`--memory`)"#]],
    );
}

#[test]
fn what_became_of_a_sandbox_is_told_with_what_to_do() {
    let lines: Vec<_> = of_the_sandbox()
        .iter()
        .map(|ending| explain(ending, &Facts::sample(), Asker::Model))
        .collect();
    expect![[r#"
        the whole sandbox ended under the program: out of memory, of which all processes together have 1 GiB; use fewer processes and smaller pieces
        the whole sandbox ended under the program: somebody killed it, or its memory limit did; try again, with less memory if it happens again
        the whole sandbox ended under the program: somebody removed it; try again
        the whole sandbox ended under the program: its supervisor ended with status 70; try again with fewer processes and less memory
        the whole sandbox ended under the program, which may have used too many processes or too much memory
        the connection to the sandbox broke, so it is not known how the program ended; try again
        somebody paused the sandbox until the time was up, so it is not known how the program ended; try again
        the container engine went away, so it is not known how the program ended; try again when it is back"#]].assert_eq(&lines.join("\n"));
}

fn of_the_sandbox() -> Vec<Ending> {
    let died = [
        SandboxDeath::OutOfMemory(ByteSize::gib(1)),
        SandboxDeath::Killed,
        SandboxDeath::Removed,
        SandboxDeath::Ended(Some(70)),
        SandboxDeath::Ended(None),
    ];
    let lost = [
        SandboxLoss::StreamCut,
        SandboxLoss::Paused,
        SandboxLoss::BackendGone,
    ];
    let died = died.into_iter().map(Ending::SandboxDied);
    died.chain(lost.into_iter().map(Ending::SandboxLost))
        .collect()
}

#[test]
fn notes_and_failed_installs() {
    let mut noted = outcome(Ending::Exited(0), "4\n", "");
    noted.notes = vec!["`json` is part of Python: not fetched".to_owned()];
    check(
        &noted,
        &expect![[r"
        4
        note: `json` is part of Python: not fetched"]],
    );
    let plan = InstallPlan::new(
        ModuleSet::parse("nope").expect("a set"),
        &InstallSettings::default(),
    )
    .expect("a plan");
    let failure = plan.diagnose(&InstallEnd::new("ERROR: \u{1b}No matching distribution found for nope\nERROR: No matching distribution found for nope\n"));
    check(
        &Outcome::of(Ending::InstallFailed(failure)),
        &expect![[r"
        ERROR
        the program was not started: the package index has no project `nope`
        hint: check the spelling, and use the project's name on the index rather than the name in `import`
        the installer said:
        ERROR: \x1bNo matching distribution found for nope
        ERROR: No matching distribution found for nope"]],
    );
}

#[test]
fn the_structured_form() {
    let mut outcome = outcome(Ending::Exited(0), "4\n", "");
    outcome.timings.program = Duration::from_millis(17);
    outcome.usage.cpu = Some(Duration::from_millis(12));
    outcome.usage.peak_memory = Some(ByteSize::mib(9));
    let structured = rendered(&outcome)
        .structured_content
        .expect("a structured form");
    expect![[r#"{"cpu_ms":12,"duration_ms":17,"ending":"exited","exit_code":0,"peak_memory_bytes":9437184,"stderr":"","stdout":"4\n","truncated":false}"#]]
        .assert_eq(&structured.to_string());
}

#[test]
fn every_structured_form_fits_its_schema() {
    let schema = Value::Object(crate::structured::schema());
    let mut endings = vec![
        Ending::Exited(0),
        Ending::Exited(255),
        Ending::Signaled(9),
        Ending::TimedOut(WallTime::PROGRAM),
        Ending::OutOfMemory(ByteSize::gib(1)),
        Ending::OutputLimit(ByteSize::gib(1)),
        Ending::Cancelled,
        Ending::Killed(ByteSize::gib(1)),
    ];
    endings.extend(of_the_sandbox());
    for ending in endings {
        let mut full = outcome(ending.clone(), "\u{fffd}", "x");
        full.installed = vec!["six-1.17.0".to_owned()];
        full.notes = vec!["a note".to_owned()];
        full.stdout = Captured::from(vec![0xff; 200_000]);
        full.timings.install = Duration::from_secs(1);
        for outcome in [Outcome::of(ending.clone()), full] {
            let form = rendered(&outcome)
                .structured_content
                .expect("a structured form");
            jsonschema::validate(&schema, &form).expect("a form of the schema");
            assert_eq!(form["ending"], ending.as_str());
            assert_eq!(form["reason"].as_str(), ending.reason());
        }
    }
}

#[test]
fn text_stays_within_its_budget_and_the_whole_is_linked() {
    for byte in [0_u8, b'x', b'"', 0xff, 0x1b] {
        let mut outcome = Outcome::of(Ending::Exited(0));
        for stream in [&mut outcome.stdout, &mut outcome.stderr] {
            let mut keeper = Keeper::new(ByteSize::mib(1));
            keeper.push(&vec![byte; 2 << 20]);
            *stream = keeper.finish();
        }
        let result = rendered(&outcome);
        let [
            ContentBlock::Text(block),
            ContentBlock::ResourceLink(out),
            ContentBlock::ResourceLink(err),
        ] = result.content.as_slice()
        else {
            panic!("a text, and links to the whole: {:?}", result.content.len())
        };
        assert_eq!(
            (out.name.as_str(), err.name.as_str()),
            ("stdout.txt", "stderr.txt")
        );
        let structured = result.structured_content.expect("a structured form");
        assert_eq!(structured["truncated"], true);
        assert!(block.text.contains(" bytes omitted …"));
        let shown = serde_json::to_string(&block.text).expect("JSON").len();
        assert!(shown < 96 * 1024, "{byte}: {shown}");
        let structured = structured.to_string().len();
        assert!(structured < 96 * 1024, "{byte}: {structured}");
    }
}
