//! An executor on an engine that is made to fail, and what is asked of it in every case.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::backend::Silent;
use executor_core::{
    Ending, Event, Execution, ExecutionRequest, Executor, ExecutorSettings, Outcome, PoolSettings,
};
use executor_docker::{DockerBackend, DockerSettings};
use executor_testkit::engine::{Container, Engine, OWNER_LABEL, Turn};
use executor_testkit::faults::{FaultProxy, socket_of};

use crate::endings::waiting;
use crate::engine::variable;

/// No call may take longer, whatever happens to the engine: the sum of all limits on its way, the program's own apart.
pub(super) const BOUND: Duration = Duration::from_secs(100);

/// Behind every fault, so soon everything works again.
pub(super) const RECOVERY: Duration = Duration::from_secs(10);

/// And so soon nothing is left.
pub(super) const LEFTOVERS: Duration = Duration::from_secs(30);

/// The cases of every run of the tests, or with `EXECUTOR_TEST_FAULTS=all` those as well that take minutes.
pub(super) fn quick_or_all<'a, T>(quick: &'a [T], all: &'a [T]) -> &'a [T] {
    match variable("EXECUTOR_TEST_FAULTS").as_deref() {
        Some("all") => all,
        _ => quick,
    }
}

/// The engine for a test of faults, which measures nothing shorter than seconds.
pub(super) async fn engine(what: &str) -> Option<Turn> {
    Engine::shared_turn(what).await.unwrap()
}

/// A proxy before it, or `None` after the skip was told.
pub(super) fn proxy(what: &str, engine: &Engine) -> Option<FaultProxy> {
    let socket = match engine.host() {
        Some(host) => socket_of(host).map(PathBuf::from),
        None => Some(PathBuf::from("/var/run/docker.sock")),
    };
    if socket.is_none() {
        println!("SKIPPED: {what}: the engine has no socket of this host");
    }
    Some(FaultProxy::before(socket?).unwrap())
}

/// An executor on an engine at `host`, where `witness` sees the same engine.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) executor: Executor,
    pub(super) witness: Engine,
    owner: String,
}

impl Subject {
    /// One that has run a program: whatever happens next happens to a server at work.
    pub(super) async fn start(host: &str, witness: &Engine, pool: usize) -> Self {
        let executor = executor(host, witness.image(), pool);
        executor.prepare(&Silent).await.unwrap();
        let mut subject = Self {
            executor,
            witness: witness.clone(),
            owner: String::new(),
        };
        let (waiting, name) = subject.wait_in(60).await;
        let all = subject.witness.ours().await.unwrap();
        let own = all.iter().find(|container| container.names == name);
        subject.owner = own.unwrap().labels[OWNER_LABEL].clone();
        waiting.cancel();
        assert_eq!(told(&waiting.outcome().await.ending), "cancelled");
        subject
    }

    /// One call: how it ended, in how much time, and that it did once.
    pub(super) async fn call(&self, program: &str) -> (Outcome, Duration) {
        let begun = Instant::now();
        let request = ExecutionRequest::new(program.to_owned());
        let execution = self.executor.execute(request).unwrap();
        (answer(execution).await, begun.elapsed())
    }

    /// The same in a word.
    pub(super) async fn told(&self, program: &str) -> String {
        told(&self.call(program).await.0.ending)
    }

    /// A program that says that it runs and then waits, with so many seconds to live; and its container's name.
    pub(super) async fn wait_in(&self, seconds: u64) -> (Execution, String) {
        waiting(&self.executor, seconds).await
    }

    /// Calls until one succeeds, which must be soon.
    pub(super) async fn recovers(&self, what: &str) {
        let begun = Instant::now();
        loop {
            let told = self.told("print('up again')").await;
            let took = begun.elapsed();
            assert!(took < RECOVERY, "{what}: `{told}` after {took:?}");
            if told == "exited" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Its containers, whatever they do.
    pub(super) async fn containers(&self) -> Vec<Container> {
        let ours = self.witness.ours().await.unwrap();
        let own = ours.into_iter();
        own.filter(|container| container.labels.get(OWNER_LABEL) == Some(&self.owner))
            .collect()
    }

    /// Waits until so many of its containers wait in the pool, and no other is there.
    pub(super) async fn only_waiting(&self, count: usize, what: &str) {
        let begun = Instant::now();
        loop {
            let containers = self.containers().await;
            let running = containers.iter().all(|one| one.state == "running");
            if running && containers.len() == count && self.executor.waiting() == count {
                return;
            }
            assert!(
                begun.elapsed() < LEFTOVERS,
                "{what}: {} wait, and there are {containers:?}",
                self.executor.waiting()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends it, behind which nothing may be left.
    pub(super) async fn end(self, what: &str) {
        let begun = Instant::now();
        self.executor.shutdown().await;
        let left = self.containers().await;
        assert!(left.is_empty(), "{what}: left behind: {left:?}");
        assert!(begun.elapsed() < BOUND, "{what}: {:?}", begun.elapsed());
    }
}

pub(super) fn executor(host: &str, image: &str, pool: usize) -> Executor {
    let mut docker = DockerSettings::new(image.parse().unwrap());
    docker.host = Some(host.to_owned());
    let mut settings = ExecutorSettings::default();
    settings.concurrency = 4;
    settings.pool = PoolSettings::of(pool, pool);
    let backend = Arc::new(DockerBackend::connect(docker).unwrap());
    let executor = Executor::builder(backend).settings(settings).build();
    let executor = executor.unwrap();
    executor.fill_pool();
    executor
}

/// The one answer of a call.
pub(super) async fn answer(mut execution: Execution) -> Outcome {
    let answer = async {
        loop {
            match execution.next().await {
                Some(Event::Ended(outcome)) => return *outcome,
                Some(_) => {}
                None => panic!("a call without an answer"),
            }
        }
    };
    let outcome = tokio::time::timeout(BOUND, answer).await;
    let outcome = outcome.expect("every call is answered in bounded time");
    assert!(execution.next().await.is_none(), "a call with two answers");
    outcome
}

/// An ending in a word, and why where there is more than one reason.
pub(super) fn told(ending: &Ending) -> String {
    match ending.reason() {
        Some(reason) => format!("{} {reason}", ending.as_str()),
        None => ending.as_str().to_owned(),
    }
}
