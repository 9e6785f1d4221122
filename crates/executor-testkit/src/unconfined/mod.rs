//! A backend without any confinement: process 1 is an ordinary local process.
//!
//! For tests on machines without an engine. It declares no capability, so whatever requires one
//! refuses it; it must never run a program that its caller would not run by hand.

mod processes;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use executor_core::backend::{
    Progress, Sandbox, SandboxBackend, SandboxSpec, SandboxStatus, SandboxStream, StoreFacts,
    SweepReport,
};
use executor_core::capabilities::Capabilities;
use executor_core::id::SandboxId;
use executor_core::{ErrorKind, SandboxError};
use tokio::process::{Child, Command};
use tokio_util::task::TaskTracker;

use crate::tap;
use crate::witness::{HostLimits, Witness, WitnessError};

/// Starts sandboxes that are none.
///
/// Each has a directory of its own under the one given; absolute paths that a run names (its
/// working directory, its modules) are moved below it, `/tmp` itself is the machine's. What a
/// program does to the machine, it does.
#[derive(Debug, Clone)]
pub struct UnconfinedBackend {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    store: Option<PathBuf>,
    alive: Mutex<BTreeMap<SandboxId, Entry>>,
    teardown: TaskTracker,
}

/// What is remembered of a sandbox until it is removed.
#[derive(Debug, Clone)]
struct Entry {
    pid: u32,
    dir: PathBuf,
    command: String,
    expires: Instant,
}

impl UnconfinedBackend {
    /// A backend whose sandboxes live below `root`, unconfined.
    #[must_use]
    pub fn danger_new(root: impl Into<PathBuf>) -> Self {
        Self::danger_with(root, None)
    }

    /// The same with a store of module sets, which is the directory `store`. Whoever may write there may write there
    /// from any sandbox.
    #[must_use]
    pub fn danger_with_store(root: impl Into<PathBuf>, store: impl Into<PathBuf>) -> Self {
        Self::danger_with(root, Some(store.into()))
    }

    fn danger_with(root: impl Into<PathBuf>, store: Option<PathBuf>) -> Self {
        let shared = Shared {
            root: root.into(),
            store,
            alive: Mutex::new(BTreeMap::new()),
            teardown: TaskTracker::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }
}

#[async_trait]
impl SandboxBackend for UnconfinedBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn prepare(&self, _progress: &dyn Progress) -> Result<(), SandboxError> {
        std::fs::create_dir_all(&self.shared.root).map_err(|error| {
            SandboxError::new(
                ErrorKind::EngineUnavailable,
                "make the sandboxes' directory",
            )
            .with_source(error)
        })
    }

    /// Awaits nothing, so that a dropped start has either happened or not.
    async fn start(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let failed = |error: std::io::Error| {
            SandboxError::new(ErrorKind::StartFailed, "start the sandbox").with_source(error)
        };
        let id = SandboxId::random().map_err(|error| {
            SandboxError::new(ErrorKind::Internal, "name the sandbox").with_source(error)
        })?;
        let dir = self.shared.root.join(id.as_str());
        std::fs::create_dir_all(dir.join("tmp/work")).map_err(failed)?;
        let mut child = match command(spec, &dir).and_then(|mut command| command.spawn()) {
            Ok(child) => child,
            Err(error) => {
                let _ = std::fs::remove_dir_all(&dir);
                return Err(failed(error));
            }
        };
        let stream = match (child.stdout.take(), child.stdin.take()) {
            (Some(stdout), Some(stdin)) => Some(moved(SandboxStream::new(stdout, stdin), &dir)),
            _ => None,
        };
        let entry = Entry {
            pid: child.id().unwrap_or_default(),
            dir,
            command: spec.command.join(" "),
            expires: Instant::now()
                .checked_add(Duration::from_secs(spec.lifetime_seconds))
                .unwrap_or_else(Instant::now),
        };
        self.shared.lock().insert(id.clone(), entry);
        let process = Process {
            id,
            child: Mutex::new(Some(child)),
            shared: self.shared.clone(),
        };
        Ok(Box::new(Unconfined {
            process,
            stream: Mutex::new(stream),
        }))
    }

    async fn sweep(&self) -> Result<SweepReport, SandboxError> {
        let all = self.shared.lock().clone();
        let found = all.len();
        let now = Instant::now();
        let mut removed = 0;
        for (id, entry) in all.into_iter().filter(|(_, entry)| entry.expires <= now) {
            processes::end_tree(entry.pid).await;
            self.shared.forget(&id);
            removed += 1;
        }
        Ok(SweepReport::new(found, removed, 0))
    }

    fn store(&self) -> Option<StoreFacts> {
        let store = self.shared.store.as_ref()?;
        Some(StoreFacts::new(store.display().to_string(), "this machine"))
    }

    async fn settle(&self) {
        // A closed tracker still takes tasks; only waiting needs it closed.
        self.shared.teardown.close();
        self.shared.teardown.wait().await;
    }
}

#[async_trait]
impl Witness for UnconfinedBackend {
    async fn sandboxes(&self, marker: &str) -> Result<usize, WitnessError> {
        let alive = self.shared.lock();
        let registered = alive
            .iter()
            .filter(|(id, entry)| id.as_str().contains(marker) || entry.command.contains(marker));
        // A directory without an entry is something left behind, too.
        let strays = std::fs::read_dir(&self.shared.root)
            .into_iter()
            .flatten()
            .flatten();
        let strays = strays.filter(|stray| {
            let name = stray.file_name();
            let known = alive.keys().any(|id| *id.as_str() == *name);
            !known && name.to_string_lossy().contains(marker)
        });
        Ok(registered.count() + strays.count())
    }

    async fn limits(&self, _marker: &str) -> Result<Option<HostLimits>, WitnessError> {
        Ok(None)
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SandboxId, Entry>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the directory and only then the entry: a witness never sees too little.
    fn forget(&self, id: &SandboxId) {
        let dir = self.lock().get(id).map(|entry| entry.dir.clone());
        if let Some(dir) = dir {
            let _ = std::fs::remove_dir_all(dir);
        }
        self.lock().remove(id);
    }
}

impl Drop for Shared {
    /// The root goes with its last backend, unless something is left in it.
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.root);
    }
}

/// The process, with nothing of this machine's environment but what Python needs to start.
fn command(spec: &SandboxSpec, dir: &Path) -> std::io::Result<Command> {
    let (program, arguments) = spec.command.split_first().ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, "the command is empty")
    })?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    // The runner kills all there is, unless it is told that it is not alone.
    if spec.command.iter().any(|argument| argument == "-c") {
        command.arg("unconfined");
    }
    Ok(command)
}

/// Moves the paths of every run below `dir`.
fn moved(stream: SandboxStream, dir: &Path) -> SandboxStream {
    let dir = dir.to_owned();
    let below = move |path: &str| dir.join(path.trim_start_matches('/')).display().to_string();
    let move_key = {
        let below = below.clone();
        move |object: &mut serde_json::Map<String, serde_json::Value>, key: &str| {
            if let Some(serde_json::Value::String(path)) = object.get_mut(key) {
                *path = below(path);
            }
        }
    };
    let mut prepare = {
        let move_key = move_key.clone();
        tap::change_control(tap::kind::PREPARE, move |prepare| {
            move_key(prepare, "state_dir");
            move_key(prepare, "home");
            if let Some(serde_json::Value::Object(order)) = prepare.get_mut("order") {
                move_place(order, &move_key);
            }
        })
    };
    let mut run = tap::change_control(tap::kind::RUN, move |run| {
        move_place(run, &move_key);
        // The installer's own paths, as its arguments name them.
        if let Some(serde_json::Value::Array(arguments)) = run.get_mut("argv") {
            for argument in arguments {
                if let serde_json::Value::String(text) = argument {
                    *text = text.replace("/modules", &below("/modules"));
                }
            }
        }
        if let Some(serde_json::Value::Array(paths)) = run.get_mut("module_paths") {
            for path in paths {
                if let serde_json::Value::String(path) = path {
                    *path = below(path);
                }
            }
        }
    });
    let down = Box::new(move |frame| prepare(frame).into_iter().flat_map(&mut run).collect());
    tap::tap(stream, down, tap::unchanged())
}

/// Moves what an order says of the place of its program.
fn move_place(
    order: &mut serde_json::Map<String, serde_json::Value>,
    move_key: &impl Fn(&mut serde_json::Map<String, serde_json::Value>, &str),
) {
    move_key(order, "cwd");
    if let Some(serde_json::Value::Object(environment)) = order.get_mut("env") {
        move_key(environment, "HOME");
        move_key(environment, "TMPDIR");
    }
}

/// One sandbox of an [`UnconfinedBackend`].
struct Unconfined {
    stream: Mutex<Option<SandboxStream>>,
    process: Process,
}

/// The part that must be ended, whatever becomes of the rest.
struct Process {
    id: SandboxId,
    child: Mutex<Option<Child>>,
    shared: Arc<Shared>,
}

impl Process {
    fn take(&self) -> Option<Child> {
        self.child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

async fn remove(child: Option<Child>, id: SandboxId, shared: Arc<Shared>) {
    if let Some(mut child) = child {
        if let Some(pid) = child.id() {
            processes::end_tree(pid).await;
        }
        let _ = child.kill().await;
    }
    shared.forget(&id);
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(child) = self.take() else { return };
        // Without a runtime there is nobody to hand it to: the child is killed as it is dropped,
        // and the next sweep removes the rest.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let work = remove(Some(child), self.id.clone(), Arc::clone(&self.shared));
            self.shared.teardown.spawn_on(work, &runtime);
        }
    }
}

impl fmt::Debug for Unconfined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unconfined")
            .field("id", &self.process.id)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Sandbox for Unconfined {
    fn id(&self) -> &SandboxId {
        &self.process.id
    }

    fn stream(&mut self) -> Option<SandboxStream> {
        self.stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    async fn inspect(&self) -> Result<SandboxStatus, SandboxError> {
        let mut child = self
            .process
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let exited = child
            .as_mut()
            .map(Child::try_wait)
            .transpose()
            .map_err(|error| {
                SandboxError::new(ErrorKind::EngineUnavailable, "look at the sandbox")
                    .with_source(error)
            })?;
        Ok(match exited.flatten() {
            None => SandboxStatus::new(true, None, false),
            Some(status) => SandboxStatus::new(false, status.code().map(i64::from), false),
        })
    }

    async fn destroy(self: Box<Self>) -> Result<(), SandboxError> {
        let child = self.process.take();
        remove(
            child,
            self.process.id.clone(),
            Arc::clone(&self.process.shared),
        )
        .await;
        Ok(())
    }
}
