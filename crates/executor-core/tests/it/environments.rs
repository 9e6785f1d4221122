//! Sets of modules through the whole executor, on local processes, a local store and a local index.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use executor_core::backend::{SandboxBackend, Silent};
use executor_core::modules::{InstallFailureKind, ModuleSet};
use executor_core::{
    BuildError, Ending, Event, ExecutionRequest, Executor, ExecutorSettings, Outcome,
};
use executor_testkit::index::Index;
use executor_testkit::unconfined::UnconfinedBackend;
use executor_testkit::witness::Witness as _;
use tempfile::TempDir;

pub(super) struct House {
    directory: TempDir,
    index: Index,
}

impl House {
    pub(super) async fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            index: Index::start().await.unwrap(),
        }
    }

    pub(super) fn store(&self) -> PathBuf {
        let store = self.directory.path().join("store");
        std::fs::create_dir_all(&store).unwrap();
        store
    }

    pub(super) fn backend(&self) -> UnconfinedBackend {
        let root = self.directory.path().join("sandboxes");
        UnconfinedBackend::danger_with_store(root, self.store())
    }

    pub(super) fn executor(&self, change: impl FnOnce(&mut ExecutorSettings)) -> Executor {
        self.executor_on(Arc::new(self.backend()), change)
    }

    pub(super) fn executor_on(
        &self,
        backend: Arc<dyn SandboxBackend>,
        change: impl FnOnce(&mut ExecutorSettings),
    ) -> Executor {
        let mut settings = ExecutorSettings::default();
        settings.required = executor_core::capabilities::Capabilities::default();
        settings.install.index = self.index.url().parse().unwrap();
        change(&mut settings);
        Executor::builder(backend)
            .settings(settings)
            .build()
            .unwrap()
    }

    fn sets(&self) -> usize {
        let sets = std::fs::read_dir(self.store().join(".store/sets"));
        sets.map_or(0, Iterator::count)
    }
}

fn honest() -> ExecutionRequest {
    let program = "import honest; print(honest.X, honest.__file__)";
    ExecutionRequest::new(program).with_modules(ModuleSet::parse("honest").unwrap())
}

pub(super) async fn ended(executor: &Executor, request: ExecutionRequest) -> Outcome {
    let mut execution = executor.execute(request).unwrap();
    while let Some(event) = execution.next().await {
        if let Event::Ended(outcome) = event {
            return *outcome;
        }
    }
    panic!("an execution ends");
}

#[track_caller]
fn check(outcome: &Outcome, place: &Path, cached: bool) {
    let printed = String::from_utf8_lossy(&outcome.stdout.to_bytes()).into_owned();
    let expected = format!("1 {}", place.display());
    assert!(printed.starts_with(&expected), "{printed}: {outcome:?}");
    assert_eq!(outcome.modules_cached, cached, "{outcome:?}");
    assert_eq!(outcome.installed, ["honest-1.0"]);
    assert_eq!(outcome.timings.install.is_zero(), cached);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_built_once_for_all_who_ask_and_all_who_come_later() {
    let house = House::new().await;
    let executor = house.executor(|_| {});
    let (one, other) = tokio::join!(ended(&executor, honest()), ended(&executor, honest()));
    check(&one, &house.store(), false);
    check(&other, &house.store(), false);
    assert_eq!(house.sets(), 1);
    check(&ended(&executor, honest()).await, &house.store(), true);
    executor.shutdown().await;

    // Another process finds it, and needs no index for it.
    let executor = house.executor(|settings| settings.environments.offline = true);
    check(&ended(&executor, honest()).await, &house.store(), true);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_a_run_installs_for_itself() {
    let house = House::new().await;
    // Of another making: nobody may write to it.
    let index = house.store().join(".store");
    std::fs::create_dir_all(&index).unwrap();
    std::fs::write(index.join("format"), "another").unwrap();
    let executor = house.executor(|_| {});
    let outcome = ended(&executor, honest()).await;
    let place = house.directory.path().join("sandboxes");
    check(&outcome, &place, false);
    assert_eq!(house.sets(), 0);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_ends_with_the_last_who_waits_for_it() {
    let house = House::new().await;
    // Answers nobody, and so keeps every installer waiting.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/simple", silent.local_addr().unwrap());
    let backend = house.backend();
    let mut settings = ExecutorSettings::default();
    settings.required = executor_core::capabilities::Capabilities::default();
    settings.install.index = url.parse().unwrap();
    let executor = Executor::builder(Arc::new(backend.clone()))
        .settings(settings)
        .build()
        .unwrap();
    let mut one = executor.execute(honest()).unwrap();
    let mut other = executor.execute(honest()).unwrap();
    for execution in [&mut one, &mut other] {
        loop {
            match execution.next().await {
                Some(Event::Progress(message)) if message.contains("to install the modules in") => {
                    break;
                }
                Some(Event::Ended(outcome)) => panic!("{outcome:?}"),
                Some(_) => {}
                None => panic!("it ended without a word"),
            }
        }
    }
    // Two runs and one builder.
    until(&backend, 3).await;
    drop(one);
    until(&backend, 2).await;
    drop(other);
    until(&backend, 0).await;
    executor.shutdown().await;
}

async fn until(backend: &UnconfinedBackend, count: usize) {
    let seen = async {
        while backend.sandboxes("").await.unwrap() != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), seen).await;
    assert!(waited.is_ok(), "not {count} sandboxes in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_installed_is_refused_by_name() {
    let house = House::new().await;
    let executor = house.executor(|settings| {
        settings.install.denied.insert("honest".parse().unwrap());
    });
    let outcome = ended(&executor, honest()).await;
    let Ending::Failed(error) = &outcome.ending else {
        panic!("{outcome:?}")
    };
    assert!(error.hint().unwrap().contains("`honest` is not allowed"));
    executor.shutdown().await;

    let executor = house.executor(|settings| settings.environments.offline = true);
    let outcome = ended(&executor, honest()).await;
    let Ending::InstallFailed(failure) = &outcome.ending else {
        panic!("{outcome:?}")
    };
    assert_eq!(failure.kind(), &InstallFailureKind::Offline);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_are_built_listed_and_pruned_ahead_of_any_run() {
    let house = House::new().await;
    let executor = house.executor(|_| {});
    let modules = || ModuleSet::parse("honest").unwrap();
    let built = executor
        .build_environment(modules(), &Silent)
        .await
        .unwrap();
    assert_eq!(
        (built.cached, &built.installed[..]),
        (false, &["honest-1.0".to_owned()][..])
    );
    let again = executor
        .build_environment(modules(), &Silent)
        .await
        .unwrap();
    assert!(again.cached && again.name == built.name, "{again:?}");
    let listed = executor.environments(&Silent).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].requests, [["honest"]]);
    check(&ended(&executor, honest()).await, &house.store(), true);

    let unknown = ModuleSet::parse("no-such-project-4a2c91").unwrap();
    let error = executor
        .build_environment(unknown, &Silent)
        .await
        .unwrap_err();
    let BuildError::Install(failure) = &error else {
        panic!("{error:?}")
    };
    assert!(
        matches!(failure.kind(), InstallFailureKind::NotFound { .. }),
        "{failure:?}"
    );

    let module = house.store().join(&built.name).join("honest.py");
    std::fs::write(&module, "X = 2").unwrap();
    let pruned = executor.prune_environments(&Silent).await.unwrap();
    assert_eq!((pruned.removed, pruned.kept), (1, 0));
    check(&ended(&executor, honest()).await, &house.store(), false);
    executor.shutdown().await;
}
