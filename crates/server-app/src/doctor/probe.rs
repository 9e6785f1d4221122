//! The doctor's probe: a tiny program in a real sandbox that looks around, and what is to be
//! thought of what it saw.

use executor_core::capabilities::Capability;
use executor_core::{Ending, ExecutionRequest, Executor, Outcome};
use serde_json::Value;

use super::report::{Area, Report};
use crate::exit_codes::Exit;
use crate::failure::exit_of;

const PROGRAM: &str = include_str!("probe.py");

/// Runs the probe and notes what it saw.
///
/// With `own_kernel` it is known that programs call a kernel of the sandbox's own.
pub(crate) async fn probe(executor: &Executor, own_kernel: bool, report: &mut Report) {
    let execution = match executor.execute(ExecutionRequest::new(PROGRAM)) {
        Ok(execution) => execution,
        Err(error) => {
            let remedy = error.hint().map(str::to_owned);
            report.fail(Area::Probe, "run", error.chain(), remedy, exit_of(&error));
            return;
        }
    };
    let outcome = execution.outcome().await;
    match &outcome.ending {
        Ending::Exited(0) => {}
        Ending::Failed(error) => {
            let remedy = error.hint().map(str::to_owned);
            report.fail(Area::Probe, "run", error.chain(), remedy, exit_of(error));
            return;
        }
        ending => {
            let stderr = outcome.stderr.to_bytes();
            let words = String::from_utf8_lossy(&stderr);
            let says = format!("the probe did not end well: {ending}\n{}", words.trim_end());
            report.fail(Area::Probe, "run", says, None, Exit::Failure);
            return;
        }
    }
    report.good(Area::Probe, "time", timing(&outcome));
    match serde_json::from_slice(&outcome.stdout.to_bytes()) {
        Ok(seen) => judge(&seen, own_kernel, report),
        Err(error) => {
            let says = format!("the probe's answer cannot be read: {error}");
            report.fail(Area::Probe, "answer", says, None, Exit::Failure);
        }
    }
}

fn timing(outcome: &Outcome) -> String {
    format!(
        "{:.0?} until the sandbox waited, {:.1?} for the program",
        outcome.timings.start, outcome.timings.program
    )
}

/// Holds what was seen against what is promised.
fn judge(seen: &Value, own_kernel: bool, report: &mut Report) {
    let text = |name: &str| match seen.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "?".to_owned(),
    };
    let is = |name: &str, expected: &Value| seen.get(name) == Some(expected);
    report.good(Area::Probe, "python", text("python"));
    let mut expect = |capability, name: &str, holds: bool, says: String| {
        if holds {
            report.good(Area::Probe, name, says);
        } else {
            let remedy = Some(DISTRUST.to_owned());
            report.broken(Area::Probe, capability, name, says, remedy);
        }
    };
    let interfaces = text("interfaces");
    expect(
        Capability::NoNetwork,
        "network",
        is("interfaces", &Value::from(vec!["lo"])),
        format!("devices {interfaces}; only the loopback is to be there"),
    );
    let uid = seen.get("uid").and_then(Value::as_u64);
    expect(
        Capability::SeparateUsers,
        "user",
        uid.is_some_and(|uid| uid != 0),
        format!("user {}, group {}", text("uid"), text("gid")),
    );
    expect(
        Capability::Isolation,
        "privileges",
        is("effective", &Value::from(0)) && is("no_new_privs", &Value::from("1")),
        format!(
            "capabilities (bounding/effective) {}, no_new_privs {}",
            text("capabilities"),
            text("no_new_privs")
        ),
    );
    expect(
        Capability::SyscallFilter,
        "system calls",
        is("seccomp", &Value::from("2")) || (own_kernel && is("seccomp", &Value::from("0"))),
        if own_kernel {
            let mode = text("seccomp");
            format!(
                "answered by the sandbox's own kernel; in it seccomp mode {mode}, 2 is a filter"
            )
        } else {
            format!("seccomp mode {}; 2 is a filter", text("seccomp"))
        },
    );
    expect(
        Capability::DiskLimit,
        "files",
        is("root_writable", &Value::from(false)) && is("tmp_writable", &Value::from(true)),
        format!(
            "root writable: {}, /tmp writable: {}",
            text("root_writable"),
            text("tmp_writable")
        ),
    );
    expect(
        Capability::Isolation,
        "names",
        is("localhost", &Value::from("127.0.0.1")) && is("hostname", &Value::from("sandbox")),
        format!(
            "localhost is {}, the host's name is {}",
            text("localhost"),
            text("hostname")
        ),
    );
}

/// What to do when a sandbox is not as it was asked for.
const DISTRUST: &str = "do not run programs of others on this engine: it did not do what it was \
                        asked for; another engine or runtime may";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen() -> Value {
        json!({
            "python": "3.12.3",
            "interfaces": ["lo"],
            "uid": 10002,
            "gid": 10002,
            "capabilities": "0/0",
            "effective": 0,
            "no_new_privs": "1",
            "seccomp": "2",
            "root_writable": false,
            "tmp_writable": true,
            "localhost": "127.0.0.1",
            "hostname": "sandbox",
        })
    }

    fn exit(change: impl FnOnce(&mut Value)) -> u8 {
        exit_on(false, change)
    }

    fn exit_on(own_kernel: bool, change: impl FnOnce(&mut Value)) -> u8 {
        let mut seen = seen();
        change(&mut seen);
        let mut report = Report::default();
        judge(&seen, own_kernel, &mut report);
        report.exit().code()
    }

    #[test]
    fn a_kernel_of_its_own_needs_no_filter_and_keeps_all_else() {
        assert_eq!(exit_on(true, |seen| seen["seccomp"] = json!("0")), 0);
        assert_eq!(exit_on(true, |seen| seen["seccomp"] = Value::Null), 4);
        assert_eq!(exit_on(true, |seen| seen["no_new_privs"] = json!("0")), 4);
    }

    #[test]
    fn every_broken_promise_is_a_failure() {
        assert_eq!(exit(|_| {}), 0);
        for (name, value) in [
            ("interfaces", json!(["eth0", "lo"])),
            ("interfaces", json!([])),
            ("uid", json!(0)),
            ("effective", json!(32)),
            ("no_new_privs", json!("0")),
            ("seccomp", json!("0")),
            ("root_writable", json!(true)),
            ("tmp_writable", json!(false)),
            ("localhost", json!("name or service not known")),
            ("hostname", json!("ada-laptop")),
        ] {
            let code = exit(|seen| seen[name] = value.clone());
            assert_eq!(code, 4, "{name} = {value}");
            let absent = exit(|seen| drop(seen.as_object_mut().unwrap().remove(name)));
            assert_eq!(absent, 4, "{name} is missing");
        }
    }
}
