//! Sandboxes that wait with modules imported: which runs get them, and what becomes of those that cannot be made ready.

use std::sync::Arc;
use std::time::Duration;

use executor_core::backend::Silent;
use executor_core::files::{FileName, InputFile};
use executor_core::id::SandboxId;
use executor_core::modules::ModuleSet;
use executor_core::{
    Event, ExecutionRequest, Executor, ExecutorSettings, HotSet, Outcome, PoolSettings, Served,
};
use executor_testkit::witness::Witness as _;

use crate::environments::House;
use crate::fragile::Fragile;

fn hot(house: &House, sets: &[&str], change: impl FnOnce(&mut ExecutorSettings)) -> Executor {
    house.executor(|settings| {
        wait_with(settings, sets);
        change(settings);
    })
}

/// A plain sandbox, and one with each of these sets.
fn wait_with(settings: &mut ExecutorSettings, sets: &[&str]) {
    let sets = sets.iter().map(|set| HotSet::parse(set).unwrap());
    settings.pool = PoolSettings::of(1, 1);
    settings.shapes.hot = sets.collect();
    settings.shapes.hot_waiting = 1;
}

/// Waits until so many wait.
async fn filled(executor: &Executor, count: usize) {
    executor.fill_pool();
    executor.prepare(&Silent).await.unwrap();
    let filled = async {
        while executor.waiting() != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), filled)
        .await
        .expect("they wait in time");
}

fn request(program: &str, modules: &str) -> ExecutionRequest {
    ExecutionRequest::new(program.to_owned()).with_modules(ModuleSet::parse(modules).unwrap())
}

async fn ran(executor: &Executor, request: ExecutionRequest) -> (SandboxId, Outcome) {
    let mut execution = executor.execute(request).unwrap();
    let mut id = None;
    while let Some(event) = execution.next().await {
        match event {
            Event::Started(sandbox) => id = Some(sandbox),
            Event::Ended(outcome) => return (id.expect("it started"), *outcome),
            _ => {}
        }
    }
    panic!("an execution ends");
}

#[track_caller]
fn check(outcome: &Outcome, served: Served, printed: &str) {
    let out = String::from_utf8_lossy(&outcome.stdout.to_bytes()).into_owned();
    assert_eq!(
        (outcome.served, out.as_str()),
        (Some(served), printed),
        "{outcome:?}"
    );
}

const SEES: &str = "\
import sys
before = 'another' in sys.modules
import another, os
print(before, another.Y, sorted(os.listdir()), sys.modules['__main__'].__dict__.get('left'))
another.Y.append('left')
left = 1
open('left.txt', 'w').close()
";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_finds_its_modules_imported_and_nothing_of_an_earlier_run() {
    let house = House::new().await;
    let executor = hot(&house, &["Other_Name honest"], |_| {});
    let mut seen = Vec::new();
    for _ in 0..3 {
        filled(&executor, 2).await;
        let (id, outcome) = ran(&executor, request(SEES, "other-name")).await;
        check(&outcome, Served::Hot, "True [] ['main.py'] None\n");
        assert_eq!(outcome.installed.len(), 2, "{outcome:?}");
        assert!(outcome.modules_cached, "{outcome:?}");
        assert!(!seen.contains(&id), "a sandbox serves one run");
        seen.push(id);
    }
    executor.shutdown().await;
    assert_eq!(house.backend().sandboxes("").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_fit_is_served_as_ever() {
    let house = House::new().await;
    let executor = hot(&house, &["honest"], |_| {});
    filled(&executor, 2).await;
    let program = "import sys; print('honest' in sys.modules)";
    let (_, outcome) = ran(&executor, request(program, "")).await;
    check(&outcome, Served::Warm, "False\n");
    filled(&executor, 2).await;
    let (_, outcome) = ran(&executor, request(program, "honest>=1")).await;
    check(&outcome, Served::Warm, "False\n");

    // Its own module goes first, as it would in any sandbox.
    filled(&executor, 2).await;
    let own = InputFile::new(FileName::new("honest.py").unwrap(), "X = 'own'");
    let mut shadowing = request("import honest; print(honest.X)", "honest");
    shadowing.files = vec![own];
    let (_, outcome) = ran(&executor, shadowing).await;
    check(&outcome, Served::Warm, "own\n");

    // Two at once: one of them is hot.
    filled(&executor, 2).await;
    let (one, other) = tokio::join!(
        ran(&executor, request(program, "honest")),
        ran(&executor, request(program, "honest"))
    );
    let mut served = [one.1.served, other.1.served].map(|served| served.map(Served::as_str));
    served.sort_unstable();
    assert_eq!(served, [Some("hot"), Some("warm")]);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_or_imported_leaves_everything_else_as_it_is() {
    let house = House::new().await;
    let sets = [
        "no-such-project-4a2c91",
        "crashing",
        "failing",
        "honest failing",
    ];
    let backend = Fragile::around(house.backend());
    let executor = house.executor_on(Arc::clone(&backend) as Arc<_>, |settings| {
        wait_with(settings, &sets);
    });
    // The plain one, and that of the last set, which lacks a part.
    filled(&executor, 2).await;
    let quiet = async {
        loop {
            let before = backend.started().len();
            tokio::time::sleep(Duration::from_secs(3)).await;
            if backend.started().len() == before {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(90), quiet)
        .await
        .expect("nothing is tried without end");
    assert_eq!(executor.waiting(), 2, "what lacks everything does not wait");
    let (_, outcome) = ran(&executor, request("print(1)", "")).await;
    check(&outcome, Served::Warm, "1\n");
    let program = "import sys; print('honest' in sys.modules, 'failing' in sys.modules)";
    let (_, outcome) = ran(&executor, request(program, "honest")).await;
    check(&outcome, Served::Hot, "True False\n");
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_goes_while_it_is_imported_is_built_anew() {
    let house = House::new().await;
    let executor = hot(&house, &["honest"], |settings| {
        settings.pool = PoolSettings::none();
        settings.shapes.hot_waiting = 2;
    });
    // Without a pool of plain ones, what the image is like is learnt from the first run.
    executor.fill_pool();
    executor.prepare(&Silent).await.unwrap();
    let (_, outcome) = ran(&executor, request("print(1)", "")).await;
    check(&outcome, Served::Cold, "1\n");
    filled(&executor, 2).await;

    // Nobody is told that the answer is from long ago now; the run goes on with a set of its own.
    let requests = house.store().join(".store/requests");
    for entry in std::fs::read_dir(&requests).unwrap() {
        let path = entry.unwrap().path();
        let mut answer: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        answer["resolved"] = 1.into();
        std::fs::write(&path, answer.to_string()).unwrap();
    }
    let program = "import honest; print(honest.X)";
    let (_, outcome) = ran(&executor, request(program, "honest")).await;
    check(&outcome, Served::Warm, "1\n");
    assert!(!outcome.modules_cached, "{outcome:?}");
    let hot_again = async {
        while ran(&executor, request(program, "honest")).await.1.served != Some(Served::Hot) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), hot_again)
        .await
        .expect("it is hot again");
    executor.shutdown().await;
}
