//! How runs end on a real engine when somebody interferes, and when memory runs out.

use std::path::PathBuf;
use std::sync::Arc;

use bollard::query_parameters::{KillContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use executor_core::limits::{ByteSize, WallTime};
use executor_core::{
    Ending, Event, Execution, ExecutionRequest, Executor, ExecutorSettings, Outcome, SandboxDeath,
    SandboxLoss,
};
use executor_docker::DockerBackend;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::engine::{backend, exists, image, raw, settings, unmake, variable};

const MEMORY: ByteSize = ByteSize::mib(128);

fn executor(backend: DockerBackend) -> Executor {
    let mut settings = ExecutorSettings::default();
    settings.limits.memory = MEMORY;
    Executor::builder(Arc::new(backend))
        .settings(settings)
        .build()
        .unwrap()
}

/// A program that says so and waits, with this time limit; and the name of its container.
pub(crate) async fn waiting(executor: &Executor, seconds: u64) -> (Execution, String) {
    let limit = WallTime::new(std::time::Duration::from_secs(seconds)).unwrap();
    let program = "import time\nprint('up', flush=True)\ntime.sleep(600)";
    let request = ExecutionRequest::new(program).with_timeout(limit);
    let mut execution = executor.execute(request).unwrap();
    let mut name = None;
    loop {
        match execution.next().await.unwrap() {
            Event::Started(id) => name = Some(format!("mcp-python-{id}")),
            Event::Output { .. } => return (execution, name.unwrap()),
            Event::Ended(outcome) => panic!("it ended early: {}", outcome.ending),
            _ => {}
        }
    }
}

async fn run(executor: &Executor, program: &str) -> Outcome {
    let request = ExecutionRequest::new(program.to_owned());
    executor.execute(request).unwrap().outcome().await
}

/// It is answered as expected, with what was printed before, and leaves nothing.
async fn check(executor: Executor, execution: Execution, name: &str, expected: &str) {
    // The output was read already.
    let outcome = execution.outcome().await;
    assert_eq!(outcome.stdout.head(), b"up\n");
    assert_eq!(told(&outcome.ending), expected, "{}", outcome.ending);
    executor.shutdown().await;
    assert!(!exists(name).await, "`{name}` is left behind");
}

fn told(ending: &Ending) -> String {
    match ending.reason() {
        Some(reason) => format!("{} {reason}", ending.as_str()),
        None => ending.as_str().to_owned(),
    }
}

#[tokio::test]
async fn a_sandbox_that_somebody_kills() {
    let Some(backend) = backend("somebody kills a sandbox").await else {
        return;
    };
    let executor = executor(backend);
    let (execution, name) = waiting(&executor, 60).await;
    let options = KillContainerOptionsBuilder::new().signal("KILL").build();
    raw().kill_container(&name, Some(options)).await.unwrap();
    check(executor, execution, &name, "sandbox_died killed").await;
}

#[tokio::test]
async fn a_sandbox_that_somebody_removes() {
    let Some(backend) = backend("somebody removes a sandbox").await else {
        return;
    };
    let executor = executor(backend);
    let (execution, name) = waiting(&executor, 60).await;
    let options = RemoveContainerOptionsBuilder::new().force(true).build();
    raw().remove_container(&name, Some(options)).await.unwrap();
    check(executor, execution, &name, "sandbox_died removed").await;
}

#[tokio::test]
async fn a_sandbox_that_somebody_pauses() {
    let Some(backend) = backend("somebody pauses a sandbox").await else {
        return;
    };
    let executor = executor(backend);
    let (execution, name) = waiting(&executor, 5).await;
    raw().pause_container(&name).await.unwrap();
    check(executor, execution, &name, "sandbox_lost paused").await;
}

#[tokio::test]
async fn memory_that_a_child_runs_out_of_and_memory_that_the_program_runs_out_of() {
    let Some(backend) = backend("memory runs out").await else {
        return;
    };
    let executor = executor(backend);
    let greedy = "kept = []\nwhile True: kept.append(bytearray(1 << 20))";
    let child = format!(
        "import subprocess, sys\n\
         print(subprocess.run([sys.executable, '-c', {greedy:?}]).returncode)"
    );
    let outcome = run(&executor, &child).await;
    assert!(matches!(outcome.ending, Ending::Exited(0)), "{outcome:?}");
    assert_eq!(outcome.stdout.head(), b"-9\n");
    assert!(outcome.usage.oom_kills.is_some_and(|kills| kills > 0));
    let noted = outcome.notes.iter().any(|note| note.contains("memory"));
    assert!(noted, "{:?}", outcome.notes);

    let outcome = run(&executor, greedy).await;
    assert!(
        matches!(outcome.ending, Ending::OutOfMemory(MEMORY)),
        "{outcome:?}"
    );

    // Nobody of ours and no limit sends it: the counter says so.
    let outcome = run(&executor, "import os\nos.kill(os.getpid(), 9)").await;
    assert!(matches!(outcome.ending, Ending::Signaled(9)), "{outcome:?}");
    assert_eq!(outcome.usage.oom_kills, Some(0));
    executor.shutdown().await;
}

#[tokio::test]
async fn memory_that_a_crowd_runs_out_of_is_never_concealed() {
    let Some(backend) = backend("a crowd runs out of memory").await else {
        return;
    };
    let executor = executor(backend);
    let crowd = "import os, time\n\
                 for _ in range(40):\n\
                 \x20   if os.fork() == 0:\n\
                 \x20       kept = bytearray(32 << 20)\n\
                 \x20       for at in range(0, len(kept), 4096): kept[at] = 1\n\
                 \x20       time.sleep(1)\n\
                 \x20       os._exit(0)\n\
                 try:\n\
                 \x20   while True: os.wait()\n\
                 except ChildProcessError: print('all gone')";
    let outcome = run(&executor, crowd).await;
    match outcome.ending {
        Ending::OutOfMemory(MEMORY) | Ending::SandboxDied(SandboxDeath::OutOfMemory(MEMORY)) => {}
        Ending::Exited(0) => {
            assert!(outcome.usage.oom_kills.is_some_and(|kills| kills > 0));
            assert!(!outcome.notes.is_empty());
        }
        ref other => panic!("a crowd that takes ten times the memory ended as `{other}`"),
    }
    executor.shutdown().await;
}

#[tokio::test]
async fn a_connection_that_breaks_while_the_engine_goes_on() {
    let what = "the connection to the engine breaks";
    if backend(what).await.is_none() {
        return;
    }
    let Some(proxy) = Proxy::start(what) else {
        return;
    };
    let executor = executor(proxy.backend());
    let (execution, name) = waiting(&executor, 60).await;
    proxy.cut();
    check(executor, execution, &name, "sandbox_lost stream_cut").await;
}

#[tokio::test]
async fn an_engine_that_goes_away() {
    let what = "the engine goes away";
    if backend(what).await.is_none() {
        return;
    }
    let Some(mut proxy) = Proxy::start(what) else {
        return;
    };
    let executor = executor(proxy.backend());
    let (execution, name) = waiting(&executor, 60).await;
    proxy.close().await;
    let outcome = execution.outcome().await;
    let lost = Ending::SandboxLost(SandboxLoss::BackendGone);
    assert_eq!(told(&outcome.ending), told(&lost));
    // Process 1 leaves with its stream; the container itself is for a sweep over another connection.
    unmake(&name).await;
}

/// What stands between a backend and its engine until it is cut.
struct Proxy {
    directory: TempDir,
    connections: CancellationToken,
    listening: JoinSet<()>,
}

impl Proxy {
    fn start(what: &str) -> Option<Self> {
        let host =
            variable("DOCKER_HOST").unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
        let Some(engine) = host.strip_prefix("unix://").map(PathBuf::from) else {
            println!("SKIPPED: {what}: the engine has no socket of this host");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let connections = CancellationToken::new();
        let cut = connections.clone();
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut tasks = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let engine = engine.clone();
                // Those that come after the cut live.
                let cut = (!cut.is_cancelled()).then(|| cut.clone());
                tasks.spawn(async move {
                    let Ok(mut far) = UnixStream::connect(engine).await else {
                        return;
                    };
                    let copying = tokio::io::copy_bidirectional(&mut near, &mut far);
                    match cut {
                        Some(cut) => drop(cut.run_until_cancelled(copying).await),
                        None => drop(copying.await),
                    }
                });
            }
        });
        Some(Self {
            directory,
            connections,
            listening,
        })
    }

    fn backend(&self) -> DockerBackend {
        let mut settings = settings(&image());
        let socket = self.directory.path().join("engine.sock");
        settings.host = Some(format!("unix://{}", socket.display()));
        DockerBackend::connect(settings).unwrap()
    }

    /// Breaks every connection; new ones are made.
    fn cut(&self) {
        self.connections.cancel();
    }

    /// Breaks every connection and takes no new ones.
    async fn close(&mut self) {
        self.listening.shutdown().await;
    }
}
