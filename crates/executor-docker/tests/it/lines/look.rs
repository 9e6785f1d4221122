//! A look at one sandbox from inside and from its host, on an engine that can be made to lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptionsBuilder,
};
use executor_core::backend::{
    Sandbox, SandboxBackend as _, SandboxSpec, SandboxStream, Silent, StoreAccess,
};
use executor_core::capabilities::Capabilities;
use executor_core::id::SandboxId;
use executor_core::limits::{ByteSize, SandboxLimits};
use executor_docker::DockerBackend;
use executor_testkit::lying::LyingEngine;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::engine::{backend, container_name, image, raw, settings, variable};

/// What becomes of the body of a call that creates a container.
pub(super) type Lie = fn(&mut Value);

/// What was found, by name. A sandbox that did not even start has `start` alone.
pub(super) type Found = BTreeMap<String, String>;

/// A backend that has seen an honest engine, and what stands between the two since.
pub(super) struct Lab {
    backend: DockerBackend,
    lie: Arc<Mutex<Lie>>,
    _engine: LyingEngine,
}

impl Lab {
    /// None, and a word on standard output, where there is no engine to lie to.
    pub(super) async fn open(what: &str) -> Option<Self> {
        backend(what).await?;
        let host =
            variable("DOCKER_HOST").unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
        let Some(socket) = host.strip_prefix("unix://") else {
            println!("SKIPPED: {what}: the engine is not behind a local socket");
            return None;
        };
        let lie: Arc<Mutex<Lie>> = Arc::new(Mutex::new(|_| {}));
        let told = Arc::clone(&lie);
        let engine = LyingEngine::before(socket, move |body| {
            let lie = *told.lock().unwrap_or_else(PoisonError::into_inner);
            lie(body);
        })
        .unwrap();
        let mut settings = settings(&image());
        settings.host = Some(engine.host().to_owned());
        settings.accepted = Capabilities::all();
        let volume = format!("mcp-python-test-{}", SandboxId::random().unwrap());
        settings.store = Some(volume.parse().unwrap());
        let backend = DockerBackend::connect(settings).unwrap();
        backend.prepare(&Silent).await.unwrap();
        Some(Self {
            backend,
            lie,
            _engine: engine,
        })
    }

    /// Removes the store that its sandboxes had, which is its own.
    pub(super) async fn close(self) {
        self.backend.settle().await;
        self.backend.remove_store().await.unwrap();
    }

    /// What a look finds in a sandbox of an engine that is told `lie`.
    pub(super) async fn look(&self, lie: Lie) -> Found {
        let Some((sandbox, mut stream)) = self.start(lie, include_str!("look.py")).await else {
            return unstarted();
        };
        let text = until_end(&mut stream).await;
        let mut found = facts(&text);
        let name = container_name(&*sandbox);
        look_from_host(&name, &mut found).await;
        let stop = StopContainerOptionsBuilder::new().t(5).build();
        let _ends_by_itself = raw().stop_container(&name, Some(stop)).await;
        let mut rest = String::new();
        let _cut = stream.reader.read_to_string(&mut rest).await;
        let asked = rest.contains("asked-to-end");
        let how = if asked { "asked" } else { "killed" };
        found.insert("end".to_owned(), how.to_owned());
        sandbox.destroy().await.unwrap();
        found
    }

    /// What becomes of a sandbox whose process 1 ends by itself.
    pub(super) async fn ends(&self, lie: Lie) -> Found {
        let Some((sandbox, mut stream)) = self.start(lie, "print('end')").await else {
            return unstarted();
        };
        let mut text = String::new();
        let _cut = stream.reader.read_to_string(&mut text).await;
        let name = container_name(&*sandbox);
        // What its engine does about an end comes a moment after it.
        let mut ended = 0;
        let after = eventually(&name, |state| match state {
            None => Some("gone"),
            Some(state) if state.restarts > 0 => Some("started again"),
            Some(state) if state.running => None,
            Some(_) => {
                ended += 1;
                (ended > 8).then_some("kept")
            }
        });
        let found = Found::from([("after-its-end".to_owned(), after.await)]);
        sandbox.destroy().await.unwrap();
        found
    }

    /// What becomes of a sandbox whose server is gone.
    pub(super) async fn left_alone(&self, lie: Lie) -> Found {
        let script = "import sys; sys.stdin.read()";
        let Some((sandbox, stream)) = self.start(lie, script).await else {
            return unstarted();
        };
        drop(stream);
        let name = container_name(&*sandbox);
        let after = eventually(&name, |state| match state {
            Some(state) if state.running => None,
            _ => Some("ends"),
        });
        let found = Found::from([("left-alone".to_owned(), after.await)]);
        sandbox.destroy().await.unwrap();
        found
    }

    /// What `script` says of each call in a sandbox of an engine that is told `lie`.
    pub(super) async fn calls(&self, lie: Lie, script: &str) -> Found {
        let Some((sandbox, mut stream)) = self.start(lie, script).await else {
            return unstarted();
        };
        let mut text = String::new();
        stream.reader.read_to_string(&mut text).await.unwrap();
        sandbox.destroy().await.unwrap();
        facts(&text)
    }

    async fn start(&self, lie: Lie, script: &str) -> Option<(Box<dyn Sandbox>, SandboxStream)> {
        *self.lie.lock().unwrap_or_else(PoisonError::into_inner) = lie;
        let command = ["python3", "-c", script].map(str::to_owned).into();
        let spec = SandboxSpec::new(command, limits(), 60).with_store(StoreAccess::ReadOnly);
        let mut sandbox = self.backend.start(&spec).await.ok()?;
        let stream = sandbox.stream().unwrap();
        Some((sandbox, stream))
    }
}

/// Small ones, so that each is met at once and none is an engine's own.
fn limits() -> SandboxLimits {
    let mut limits = SandboxLimits::default();
    limits.memory = ByteSize::mib(128);
    limits.processes = 40;
    limits.open_files = 200;
    limits.tmp = ByteSize::mib(20);
    limits.modules = ByteSize::mib(30);
    limits.shm = ByteSize::mib(10);
    limits
}

/// That it does not start is noticed by whoever wants to start it.
fn unstarted() -> Found {
    Found::from([("start".to_owned(), "refused".to_owned())])
}

fn facts(text: &str) -> Found {
    let words = |line: &str| {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        (name.to_owned(), value.trim().to_owned())
    };
    let mut found: Found = text.lines().map(words).collect();
    found.insert("start".to_owned(), "done".to_owned());
    found
}

/// The look's lines; fewer, where it came to an end on its way.
async fn until_end(stream: &mut SandboxStream) -> String {
    let mut text = String::new();
    while !text.ends_with("\nend\n") {
        let mut part = [0; 4096];
        match stream.reader.read(&mut part).await {
            Ok(length) if length > 0 => text.push_str(&String::from_utf8_lossy(&part[..length])),
            _ => break,
        }
    }
    text
}

async fn look_from_host(name: &str, found: &mut Found) {
    let mut say = |name: &str, value: &str| found.insert(name.to_owned(), value.to_owned());
    let inspected = raw().inspect_container(name, None).await.unwrap();
    let state = inspected.state.unwrap();
    let healthy = state.health.is_none_or(|health| {
        health.status == Some(bollard::models::HealthStatusEnum::NONE) || health.status.is_none()
    });
    say(
        "engine's-own-programs",
        if healthy { "none" } else { "run" },
    );
    if let Some(shared) = shared_namespaces(state.pid.unwrap()) {
        say("shared-with-host", &shared);
    }
    let logs = LogsOptionsBuilder::new().stdout(true).build();
    let kept = matches!(raw().logs(name, Some(logs)).next().await, Some(Ok(_)));
    say("output-on-disk", if kept { "kept" } else { "none" });
    let joined = joins(name).await;
    say("shared-memory", if joined { "joined" } else { "its own" });
}

/// The namespaces that a process has in common with this one, where one may look.
fn shared_namespaces(process: i64) -> Option<String> {
    let mut shared = Vec::new();
    for kind in ["cgroup", "ipc", "mnt", "net", "pid", "uts"] {
        let of = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/{kind}")).ok();
        if of(&process.to_string())? == of("self")? {
            shared.push(kind);
        }
    }
    Some(shared.join(" "))
}

/// Whether another container may share the memory of this one.
async fn joins(name: &str) -> bool {
    let other = format!("{name}-joins");
    let body = ContainerCreateBody {
        image: Some(image()),
        entrypoint: Some(vec!["true".to_owned()]),
        network_disabled: Some(true),
        host_config: Some(bollard::models::HostConfig {
            network_mode: Some("none".to_owned()),
            ipc_mode: Some(format!("container:{name}")),
            ..Default::default()
        }),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&other).build();
    let created = raw().create_container(Some(options), body).await;
    if created.is_err() {
        return false;
    }
    let engine = raw();
    let started = engine.start_container(&other, None::<StartContainerOptions>);
    let joined = started.await.is_ok();
    let options = RemoveContainerOptionsBuilder::new().force(true).build();
    raw().remove_container(&other, Some(options)).await.unwrap();
    joined
}

/// What an engine says of a container.
struct State {
    running: bool,
    restarts: i64,
}

/// The first answer that `judge` finds, or that there was none for some seconds.
async fn eventually(
    name: &str,
    mut judge: impl FnMut(Option<&State>) -> Option<&'static str>,
) -> String {
    for _ in 0..40 {
        let inspected = raw().inspect_container(name, None).await.ok();
        let state = inspected.map(|inspected| State {
            running: inspected.state.unwrap().running.unwrap_or_default(),
            restarts: inspected.restart_count.unwrap_or_default(),
        });
        if let Some(found) = judge(state.as_ref()) {
            return found.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    "goes on".to_owned()
}
