//! The pool: who waits, who is given away, and that nobody is given away twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use executor_core::backend::Silent;
use executor_core::id::SandboxId;
use executor_core::{
    Ending, Event, ExecutionRequest, Executor, ExecutorSettings, Outcome, PoolSettings,
};

use crate::fragile::{Dies, Fragile};

const NO_DELAY: Duration = Duration::ZERO;

fn executor(backend: &Arc<Fragile>, pool: PoolSettings) -> Executor {
    let mut settings = ExecutorSettings::default();
    settings.pool = pool;
    settings.concurrency = 2;
    Executor::builder(Arc::clone(backend) as Arc<_>)
        .settings(settings)
        .build()
        .unwrap()
}

/// Fills the pool, and waits until so many wait in it.
async fn fill(executor: &Executor, count: usize) {
    executor.fill_pool();
    executor.prepare(&Silent).await.unwrap();
    let filled = async {
        while executor.waiting() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), filled)
        .await
        .expect("the pool is filled in time");
}

/// Runs a program; which sandbox it was told to be in, and what came of it.
async fn run(executor: &Executor, program: &str) -> (SandboxId, Outcome) {
    let mut execution = executor
        .execute(ExecutionRequest::new(program.to_owned()))
        .unwrap();
    let mut id = None;
    while let Some(event) = execution.next().await {
        match event {
            Event::Started(started) => assert!(id.replace(started).is_none(), "it starts once"),
            Event::Ended(outcome) => return (id.expect("it started"), *outcome),
            _ => {}
        }
    }
    panic!("an execution ends");
}

fn printed(outcome: &Outcome) -> String {
    assert!(outcome.ending.is_success(), "{outcome:?}");
    String::from_utf8(outcome.stdout.to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_run_takes_the_sandbox_that_waits() {
    let backend = Fragile::new(Dies::Never, NO_DELAY);
    let executor = executor(&backend, PoolSettings::of(1, 2));
    fill(&executor, 1).await;
    let (id, outcome) = run(&executor, "print(6 * 7)").await;
    assert_eq!(printed(&outcome), "42\n");
    assert_eq!(Some(&id), backend.started().first());
    executor.shutdown().await;
}

#[tokio::test]
async fn nothing_is_started_before_anybody_came() {
    let backend = Fragile::new(Dies::Never, NO_DELAY);
    let executor = executor(&backend, PoolSettings::of(1, 2));
    executor.prepare(&Silent).await.unwrap();
    // The keeper has its look at the latest then.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(backend.started(), []);
    executor.shutdown().await;
}

#[tokio::test]
async fn no_sandbox_serves_two_runs_and_none_is_left() {
    let backend = Fragile::new(Dies::Never, NO_DELAY);
    let executor = executor(&backend, PoolSettings::of(1, 3));
    let mut ids = BTreeSet::new();
    for at in 0..6 {
        let program = format!("print({at})");
        let (one, other) = tokio::join!(run(&executor, &program), run(&executor, &program));
        for (id, outcome) in [one, other] {
            assert_eq!(printed(&outcome), format!("{at}\n"));
            ids.insert(id.as_str().to_owned());
        }
    }
    assert_eq!(ids.len(), 12);
    executor.shutdown().await;
    drop(executor);
    let left = backend.left();
    assert_eq!(left, 0, "sandboxes are left after the shutdown");
}

#[tokio::test]
async fn a_dead_one_is_replaced_without_its_caller_noticing() {
    let backend = Fragile::new(Dies::Never, NO_DELAY);
    let executor = executor(&backend, PoolSettings::of(1, 1));
    fill(&executor, 1).await;
    backend.kill_all();
    let (_, outcome) = run(&executor, "print('here')").await;
    assert_eq!(printed(&outcome), "here\n");
    executor.shutdown().await;
}

#[tokio::test]
async fn one_that_dies_on_its_order_is_replaced_too() {
    let backend = Fragile::new(Dies::OnItsOrder, NO_DELAY);
    let executor = executor(&backend, PoolSettings::of(1, 1));
    fill(&executor, 1).await;
    let (_, outcome) = run(&executor, "print('here')").await;
    assert_eq!(printed(&outcome), "here\n");
    executor.shutdown().await;
}

#[tokio::test]
async fn a_program_that_began_is_not_begun_again() {
    let backend = Fragile::new(Dies::OnItsFirstOutput, NO_DELAY);
    let executor = executor(&backend, PoolSettings::of(1, 1));
    fill(&executor, 1).await;
    let (_, outcome) = run(
        &executor,
        "print('here', flush=True)\nimport time\ntime.sleep(5)",
    )
    .await;
    assert!(!outcome.ending.is_success(), "{outcome:?}");
    assert!(!matches!(outcome.ending, Ending::Exited(_)), "{outcome:?}");
    executor.shutdown().await;
}

#[tokio::test]
async fn a_run_waits_for_a_start_under_way_instead_of_asking_for_another() {
    let backend = Fragile::new(Dies::Never, Duration::from_millis(700));
    let executor = executor(&backend, PoolSettings::of(1, 1));
    executor.fill_pool();
    executor.prepare(&Silent).await.unwrap();
    // The keeper has begun by now, and is not done yet.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (id, outcome) = run(&executor, "print(1)").await;
    assert_eq!(printed(&outcome), "1\n");
    assert_eq!(Some(&id), backend.started().first());
    executor.shutdown().await;
}

#[tokio::test]
async fn one_that_waited_too_long_is_replaced() {
    let backend = Fragile::new(Dies::Never, NO_DELAY);
    let mut pool = PoolSettings::of(1, 1);
    pool.idle = Duration::from_millis(100);
    let executor = executor(&backend, pool);
    executor.fill_pool();
    executor.prepare(&Silent).await.unwrap();
    backend.until_started(3).await;
    executor.shutdown().await;
    assert_eq!(backend.left(), 0);
}

#[tokio::test]
async fn dropping_the_executor_leaves_none_that_waits() {
    let backend = Fragile::new(Dies::Never, NO_DELAY);
    let executor = executor(&backend, PoolSettings::of(2, 2));
    fill(&executor, 2).await;
    drop(executor);
    tokio::time::timeout(Duration::from_secs(30), async {
        while backend.left() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("they go behind the drop");
}
