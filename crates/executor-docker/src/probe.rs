//! A look from inside: one fresh sandbox tells what it finds, and it must be what is promised.
//!
//! An engine's own word that it can limit something is not enough to promise it to anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use executor_core::backend::{Sandbox, SandboxSpec};
use executor_core::limits::SandboxLimits;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use crate::error::DockerError;
use crate::spec::HOSTNAME;

/// Starting an interpreter and looking around takes a fraction of a second; on a busy disk more.
const PATIENCE: Duration = Duration::from_secs(60);
/// The answer is one short line.
const MAX_ANSWER: u64 = 16 * 1024;

/// What the probing sandbox is started with.
pub(crate) fn spec() -> SandboxSpec {
    let command = ["python3", "-I", "-S", "-c", include_str!("probe.py")];
    SandboxSpec::new(
        command.map(str::to_owned).into(),
        SandboxLimits::default(),
        120,
    )
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every promise holds.
    Sound,
    /// All but that `localhost` and the sandbox's own name resolve.
    Nameless,
}

/// Hears what `sandbox`, started with [`spec`], finds, and holds it against the promises.
pub(crate) async fn listen(sandbox: &mut dyn Sandbox) -> Result<Verdict, DockerError> {
    let stream = sandbox
        .stream()
        .ok_or_else(|| DockerError::Probe("the probe has no stream".to_owned()))?;
    let mut answer = Vec::new();
    let mut reader = stream.reader.take(MAX_ANSWER);
    match tokio::time::timeout(PATIENCE, reader.read_to_end(&mut answer)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(DockerError::Probe(format!("its stream broke: {error}"))),
        Err(_elapsed) => return Err(DockerError::Probe("the probe gave no answer".to_owned())),
    }
    let found: Found = serde_json::from_slice(&answer)
        .map_err(|error| DockerError::BadPython(format!("the probe did not answer: {error}")))?;
    hold_against(&found, &SandboxLimits::default())
}

/// What the probe says.
#[derive(Debug, Clone, Deserialize)]
struct Found {
    python: (u32, u32),
    #[serde(rename = "CapEff")]
    effective: String,
    #[serde(rename = "CapBnd")]
    bounding: String,
    #[serde(rename = "NoNewPrivs")]
    no_new_privileges: String,
    #[serde(rename = "Seccomp")]
    seccomp: String,
    uid: u32,
    pid: u32,
    interfaces: Vec<String>,
    hostname: String,
    open_files: u64,
    resolves: Vec<String>,
    writable: Vec<String>,
    sizes: BTreeMap<String, u64>,
    memory: Option<String>,
    processes: Option<String>,
    users: Option<String>,
}

/// `CAP_KILL`, `CAP_SETGID` and `CAP_SETUID` of `linux/capability.h`, as the kernel shows them.
const CAPABILITIES: &str = "00000000000000e0";

fn hold_against(found: &Found, limits: &SandboxLimits) -> Result<Verdict, DockerError> {
    if found.python < (3, 9) {
        let (major, minor) = found.python;
        return Err(DockerError::BadPython(format!(
            "it is {major}.{minor}, and 3.9 is needed"
        )));
    }
    let size = |place: &str| found.sizes.get(place).copied();
    // What cannot be read from inside stays the engine's word.
    let limit = |told: &Option<String>, expected: u64| {
        told.as_ref()
            .is_none_or(|told| told.parse() == Ok(expected))
    };
    let checks = [
        ("process 1 is not process 1", found.pid == 1),
        ("process 1 is not root in its namespace", found.uid == 0),
        (
            "process 1 has other capabilities than it should",
            found.effective == CAPABILITIES,
        ),
        (
            "other capabilities can be regained",
            found.bounding == CAPABILITIES,
        ),
        (
            "new privileges can be gained",
            found.no_new_privileges == "1",
        ),
        ("system calls are not filtered", found.seccomp == "2"),
        (
            "there is a network device besides `lo`",
            found.interfaces == ["lo"],
        ),
        (
            "the host name is not the fixed one",
            found.hostname == HOSTNAME,
        ),
        (
            "other places are writable than should be",
            found.writable == ["/tmp", "/modules", "/run/sandbox"],
        ),
        (
            "`/tmp` has another size",
            size("/tmp") == Some(limits.tmp.get()),
        ),
        (
            "`/modules` has another size",
            size("/modules") == Some(limits.modules.get()),
        ),
        (
            "`/dev/shm` has another size",
            size("/dev/shm") == Some(limits.shm.get()),
        ),
        (
            "the number of open files",
            found.open_files == u64::from(limits.open_files),
        ),
        (
            "the memory limit is another",
            limit(&found.memory, limits.memory.get()),
        ),
        (
            "the process limit is another",
            limit(&found.processes, u64::from(limits.processes)),
        ),
        (
            "another user can reach process 1, or there is none",
            found.users.as_deref() == Some("apart"),
        ),
    ];
    let broken: Vec<_> = checks
        .into_iter()
        .filter(|(_, holds)| !holds)
        .map(|(what, _)| what)
        .collect();
    if !broken.is_empty() {
        return Err(DockerError::Probe(broken.join("; ")));
    }
    let resolves = found.resolves == ["127.0.0.1", "127.0.0.1"];
    Ok(if resolves {
        Verdict::Sound
    } else {
        Verdict::Nameless
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"{"python":[3,11],"CapEff":"00000000000000e0",
        "CapBnd":"00000000000000e0","NoNewPrivs":"1","Seccomp":"2","uid":0,"pid":1,
        "interfaces":["lo"],"hostname":"sandbox","open_files":1024,
        "resolves":["127.0.0.1","127.0.0.1"],"writable":["/tmp","/modules","/run/sandbox"],
        "sizes":{"/tmp":536870912,"/modules":536870912,"/dev/shm":268435456},
        "memory":"1073741824","processes":null,"users":"apart"}"#;

    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        let found = serde_json::from_str(&SOUND.replace(from, to)).unwrap();
        let verdict = match hold_against(&found, &SandboxLimits::default()) {
            Ok(verdict) => format!("{verdict:?}"),
            Err(error) => error.to_string(),
        };
        assert!(verdict.contains(expected), "{to}: {verdict}");
    }

    #[test]
    fn each_broken_promise_is_named() {
        check("x", "x", "Sound");
        check(r#"["lo"]"#, r#"["eth0","lo"]"#, "network device");
        check(r#""Seccomp":"2""#, r#""Seccomp":"0""#, "not filtered");
        check(
            r#""NoNewPrivs":"1""#,
            r#""NoNewPrivs":"0""#,
            "new privileges",
        );
        check(
            r#"f":"00000000000000e0""#,
            r#"f":"00000000a80425fb""#,
            "other capabilities",
        );
        check(
            r#""/tmp","/modules""#,
            r#""/","/tmp","/modules""#,
            "writable",
        );
        check("1073741824", "9223372036854771712", "memory limit");
        check(
            r#""processes":null"#,
            r#""processes":"max""#,
            "process limit",
        );
        check(r#""processes":null"#, r#""processes":"256""#, "Sound");
        check(
            r#""apart""#,
            r#""process 1 can be reached""#,
            "another user",
        );
        check(r#""apart""#, "null", "another user");
        check(
            "536870912,\"/d",
            "67108864,\"/d",
            "`/modules` has another size",
        );
        check("[3,11]", "[3,8]", "3.8");
        check(
            r#"["127.0.0.1","127.0.0.1"]"#,
            r#"["127.0.0.1","not known"]"#,
            "Nameless",
        );
    }
}
