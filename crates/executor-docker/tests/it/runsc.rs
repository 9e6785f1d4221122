//! gVisor: the laws of the contract on it, its own profile, and what must not become of a runtime
//! that is not there, not gVisor, or not able to start anything.
//!
//! Run where the engine knows a runtime called `runsc`, and skipped with a word elsewhere.

use std::sync::Arc;

use executor_core::backend::{SandboxBackend as _, Silent};
use executor_core::capabilities::{Capabilities, Capability};
use executor_core::error::ErrorKind;
use executor_core::limits::ByteSize;
use executor_core::{Ending, ExecutionRequest, Executor, ExecutorSettings, PoolSettings};
use executor_docker::{DockerBackend, DockerSettings};
use executor_testkit::engine::Engine;
use executor_testkit::laws::Ground;
use executor_testkit::lying::LyingEngine;
use serde_json::json;

use crate::engine::{image, raw, settings, variable};

pub(crate) const RUNTIME: &str = "runsc";

fn on_gvisor(image: &str) -> DockerSettings {
    let mut settings = settings(image);
    settings.runtime = Some(RUNTIME.parse().unwrap());
    settings
}

/// Whether the engine knows the runtime; says so where it does not.
pub(crate) async fn is_there(what: &str) -> bool {
    let runtimes = raw().info().await.unwrap().runtimes.unwrap_or_default();
    if !runtimes.contains_key(RUNTIME) {
        println!("SKIPPED: {what}: the engine knows no runtime `{RUNTIME}`");
        return false;
    }
    true
}

/// A prepared backend on gVisor, or `None` after the skip was told.
async fn gvisor(what: &str) -> Option<DockerBackend> {
    crate::engine::backend(what).await?;
    if !is_there(what).await {
        return None;
    }
    let backend = DockerBackend::connect(on_gvisor(&image())).unwrap();
    let prepared = backend.prepare(&Silent).await;
    prepared.unwrap_or_else(|error| panic!("{what}: {}", error.chain()));
    Some(backend)
}

mod laws {
    use super::*;

    async fn on_runsc(what: &str) -> Option<Ground> {
        let turn = Engine::turn(what).await.unwrap()?;
        if !is_there(what).await {
            return None;
        }
        let backend = DockerBackend::connect(on_gvisor(turn.engine.image())).unwrap();
        Some(Ground::on(turn, Arc::new(backend)).with_own_kernel())
    }

    executor_testkit::law_tests!(on_runsc);
}

#[tokio::test]
async fn gvisor_keeps_every_promise_and_says_who_it_is() {
    let Some(backend) = gvisor("gVisor's promises").await else {
        return;
    };
    let all = Capabilities::all();
    // Its sandboxes have no control groups inside.
    assert_eq!(backend.capabilities(), all.without_counted_kills());
    assert!(backend.gaps().is_empty());
    let report = backend.describe().await.unwrap();
    assert_eq!(report.runtime, "runsc, which is gVisor");
    let filter = report
        .enforced
        .iter()
        .find(|row| row.capability == Capability::SyscallFilter)
        .unwrap();
    assert!(
        filter.enforced && filter.why.contains("gVisor"),
        "{filter:?}"
    );
}

/// What a program on gVisor finds where it differs from other sandboxes, or might.
#[tokio::test]
async fn inside_it_is_another_kernel_and_otherwise_the_same_sandbox() {
    let Some(backend) = gvisor("inside gVisor").await else {
        return;
    };
    let script = r#"
import os, platform, resource, socket
print("kernel", platform.release())
print("pid", os.getpid())
print("user", os.getuid(), os.getgid(), os.getgroups())
print("hostname", socket.gethostname())
print("interfaces", sorted(name for _, name in socket.if_nameindex()))
print("nofile", *resource.getrlimit(resource.RLIMIT_NOFILE))
print("core", *resource.getrlimit(resource.RLIMIT_CORE))
for place in ("/tmp", "/modules", "/run/sandbox", "/dev/shm"):
    vfs = os.statvfs(place)
    print("size" + place, vfs.f_frsize * vfs.f_blocks >> 20)
def attempt(what, do):
    try:
        do(); print(what, "done")
    except OSError as error:
        print(what, error.strerror)
for place in ("/", "/etc", "/usr", "/root"):
    attempt("write" + place, lambda: open(os.path.join(place, "x"), "w"))
attempt("write/tmp", lambda: open("/tmp/x", "w"))
attempt("connect", lambda: socket.create_connection(("192.0.2.1", 80), 2))
print("engine", os.path.exists("/var/run/docker.sock"))
told, tell = os.pipe()
if not os.fork():
    os.setgroups([]); os.setresgid(10002, 10002, 10002); os.setresuid(10002, 10002, 10002)
    def tried(what, do):
        try:
            do(); word = "done"
        except OSError as error:
            word = error.strerror
        os.write(tell, ("program-%s %s\n" % (what, word)).encode())
    tried("root", lambda: os.setresuid(0, 0, 0))
    tried("kill", lambda: os.kill(1, 9))
    tried("memory", lambda: open("/proc/1/mem", "rb"))
    tried("output", lambda: open("/proc/1/fd/1", "wb"))
    tried("modules", lambda: open("/modules/x", "w"))
    tried("process-1", lambda: open("/run/sandbox/x", "w"))
    os._exit(0)
os.close(tell)
os.wait()
print(open(told).read(), end="")
"#;
    let text = crate::engine::output(&backend, &["python3", "-c", script]).await;
    let host = raw().info().await.unwrap().kernel_version.unwrap();
    let is_hosts = |line: &str| line.strip_prefix("kernel ") == Some(host.as_str());
    assert!(!text.lines().any(is_hosts), "{text}");
    for line in [
        "pid 1",
        "user 0 0 [0]",
        "hostname sandbox",
        "interfaces ['lo']",
        "nofile 1024 1024",
        "core 0 0",
        "size/tmp 512",
        "size/run/sandbox 4",
        "size/dev/shm 256",
        "write/ Read-only file system",
        "write/etc Read-only file system",
        "write/usr Read-only file system",
        "write/root Read-only file system",
        "write/tmp done",
        "connect No route to host",
        "engine False",
        "program-root Operation not permitted",
        "program-kill Operation not permitted",
        "program-memory Permission denied",
        "program-output Permission denied",
        "program-modules Permission denied",
        "program-process-1 Permission denied",
    ] {
        let found = text.lines().any(|found| found == line);
        assert!(found, "no `{line}` in:\n{text}");
    }
}

#[tokio::test]
async fn a_runtime_that_the_engine_does_not_know_is_refused_for_good() {
    let what = "an unknown runtime";
    if crate::engine::backend(what).await.is_none() {
        return;
    }
    let mut settings = settings(&image());
    settings.runtime = Some("no-such-runtime".parse().unwrap());
    let backend = DockerBackend::connect(settings).unwrap();
    let error = backend.prepare(&Silent).await.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let broken = backend.broken().await;
    let words = "the engine knows no runtime `no-such-runtime`; it knows ";
    assert!(broken.why.starts_with(words), "{}", broken.why);
    assert!(broken.why.contains("`runc`"), "{}", broken.why);
    let remedy = broken.remedy.unwrap();
    assert!(remedy.contains("daemon.json"), "{remedy}");
    assert!(broken.gaps.is_empty());
    // And not started by another one, whoever asks.
    let spec = crate::engine::spec(&["true"]);
    assert_eq!(
        backend.start(&spec).await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    let error = backend.describe().await.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// A backend on gVisor whose engine is told `lie`, or `None` after the skip was told.
async fn lied_to(
    what: &str,
    lie: fn(&mut serde_json::Value),
) -> Option<(LyingEngine, DockerBackend)> {
    gvisor(what).await?;
    let host = variable("DOCKER_HOST").unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
    let Some(socket) = host.strip_prefix("unix://") else {
        println!("SKIPPED: {what}: the engine is not behind a local socket");
        return None;
    };
    let engine = LyingEngine::before(socket, lie).unwrap();
    let mut settings = on_gvisor(&image());
    settings.host = Some(engine.host().to_owned());
    Some((engine, DockerBackend::connect(settings).unwrap()))
}

#[tokio::test]
async fn another_runtime_in_the_place_of_gvisor_is_noticed() {
    let what = "a fall-back to runc";
    let lie = |body: &mut serde_json::Value| body["HostConfig"]["Runtime"] = json!("runc");
    let Some((_engine, backend)) = lied_to(what, lie).await else {
        return;
    };
    backend.prepare(&Silent).await.expect_err(what);
    let broken = backend.broken().await;
    let names: Vec<_> = broken.gaps.iter().map(|gap| gap.capability).collect();
    // runc shows its control groups, in which gVisor's own threads are allowed for.
    let expected = [Capability::Isolation, Capability::ProcessLimit];
    assert_eq!(names, expected, "{}", broken.why);
    assert!(broken.why.contains("is called gVisor's"), "{}", broken.why);
}

/// gVisor fails to start where it is to make a network that the engine has not made, and then
/// leaves processes behind.
#[tokio::test]
async fn a_start_that_gvisor_fails_names_it_and_leaves_nothing() {
    let what = "a failed start on gVisor";
    let lie = |body: &mut serde_json::Value| {
        if body["Cmd"].to_string().contains("to-fail") {
            body["HostConfig"]["Tmpfs"]["/proc/self/no-such-place"] = json!("rw");
        }
    };
    let Some((_engine, backend)) = lied_to(what, lie).await else {
        return;
    };
    backend.prepare(&Silent).await.unwrap();
    let marker = format!("to-fail-{}", uuid::Uuid::new_v4());
    let spec = crate::engine::spec(&["python3", "-c", "pass", &marker]);
    let error = backend.start(&spec).await.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::StartFailed);
    let chain = error.chain();
    assert!(chain.contains("by the runtime `runsc`"), "{chain}");
    assert_eq!(
        crate::engine::with_command(&marker).await,
        Vec::<String>::new()
    );
}

/// What an executor on gVisor says of a program.
async fn ending(backend: DockerBackend, memory_mib: u64, program: &'static str) -> Ending {
    let mut settings = ExecutorSettings::default();
    settings.limits.memory = ByteSize::mib(memory_mib);
    settings.limits.tmp = ByteSize::mib(32);
    settings.limits.modules = ByteSize::mib(32);
    settings.limits.shm = ByteSize::mib(16);
    settings.pool = PoolSettings::none();
    let executor = Executor::builder(Arc::new(backend))
        .settings(settings)
        .build()
        .unwrap();
    let run = executor.execute(ExecutionRequest::new(program)).unwrap();
    let ending = run.outcome().await.ending;
    executor.shutdown().await;
    ending
}

/// On gVisor a limit of the host strikes gVisor itself, and with it all that is inside: what is
/// told then is the truth, and never a success.
#[tokio::test]
async fn a_limit_ends_the_whole_sandbox_and_says_so() {
    let greedy = "kept = []\nwhile True:\n    kept.append(bytearray(1 << 20))";
    // Each only waits, so that it is their number that is too large, and not their memory.
    let many = "import os, signal\nwhile True:\n    if not os.fork(): signal.pause()";
    for (what, memory, program) in [("memory", 128, greedy), ("processes", 1024, many)] {
        let Some(backend) = gvisor(what).await else {
            return;
        };
        let ending = ending(backend, memory, program).await;
        println!("{what}: {ending}");
        assert!(matches!(ending, Ending::SandboxDied(_)), "{what}: {ending}");
    }
}

/// A good many processes and threads can be had; each process takes some megabytes of gVisor's own.
#[tokio::test]
async fn a_program_gets_its_processes_and_threads() {
    let Some(backend) = gvisor("processes on gVisor").await else {
        return;
    };
    let program = "import os, signal, threading, time
for _ in range(30):
    if not os.fork(): signal.pause()
for _ in range(20):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
os._exit(7)";
    let ending = ending(backend, 1024, program).await;
    assert!(matches!(ending, Ending::Exited(7)), "{ending}");
}
