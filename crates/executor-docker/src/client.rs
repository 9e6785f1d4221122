//! The one door to the engine: every call of it stands here, each with its own timeout.
//!
//! Nothing is decided here; what comes in and goes out are plain values, except the bodies and
//! streams that `spec` and `attach` deal with.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use bollard::Docker;
use bollard::container::AttachContainerResults;
use bollard::errors::Error as BollardError;
use bollard::models::{
    ContainerCreateBody, ContainerStateStatusEnum, ContainerSummaryStateEnum, SystemInfo,
    SystemInfoCgroupVersionEnum, SystemVersion, VolumeCreateRequest,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
    InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptions, StartContainerOptions,
};
use executor_core::backend::SandboxStatus;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::clock::EngineClock;
use crate::connect::connect;
use crate::endpoint::Endpoint;
use crate::error::DockerError;
use crate::facts::{CgroupVersion, EngineFacts, EngineKind};
use crate::failure::Failure;
use crate::labels;

/// Questions that an engine answers from memory.
pub(crate) const QUICK: Duration = Duration::from_secs(10);
/// Making a container: the engine prepares its layers, on a disk that may be busy.
const CREATE: Duration = Duration::from_secs(30);
/// Starting one. A runtime that hangs is given up; the caller's own limit is usually shorter.
const START: Duration = Duration::from_secs(60);
/// Removing one, which kills what runs in it and unmounts it. An engine that takes longer goes on with it, and says so when
/// it is asked again.
const REMOVE: Duration = Duration::from_secs(15);
/// While an image is pulled, silence for so long means that it hangs.
const SILENCE: Duration = Duration::from_secs(120);
/// What the library itself is told: longer than any limit above.
pub(crate) const LONGEST_CALL: Duration = Duration::from_secs(600);

/// A client of one engine, connected when it is first needed.
#[derive(Debug)]
pub(crate) struct Client {
    endpoint: Endpoint,
    connected: OnceCell<Docker>,
    clock: EngineClock,
}

/// A container of the list, as far as a sweep needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// The engine's own id.
    pub(crate) id: String,
    pub(crate) labels: HashMap<String, String>,
    pub(crate) state: ListedState,
    /// Unix seconds by the engine's clock.
    pub(crate) created: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListedState {
    Created,
    Running,
    Ended,
    Removing,
}

/// What came of asking for a container's removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It was there and is gone.
    Done,
    /// There is none of that name.
    Absent,
    /// Somebody else is removing it.
    InProgress,
}

/// One line of a pull's progress.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PullStep {
    pub(crate) layer: String,
    pub(crate) status: String,
    pub(crate) current: u64,
    pub(crate) total: u64,
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            connected: OnceCell::const_new(),
            clock: EngineClock::default(),
        }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The connection, made and its version agreed when it is first asked for.
    pub(crate) async fn docker(&self) -> Result<&Docker, DockerError> {
        self.connected
            .get_or_try_init(|| connect(&self.endpoint))
            .await
    }

    /// What the engine is and can do.
    pub(crate) async fn facts(&self) -> Result<EngineFacts, DockerError> {
        let docker = self.docker().await?;
        let reach = |source| DockerError::Reach {
            endpoint: self.endpoint.to_string(),
            source,
        };
        let version = within(QUICK, docker.version()).await.map_err(reach)?;
        let info = within(QUICK, docker.info()).await.map_err(reach)?;
        let facts = to_facts(version, info);
        self.clock.hear(&facts.system_time);
        Ok(facts)
    }

    /// Seconds since 1970 by the engine's clock, as the last [`facts`](Self::facts) told it.
    pub(crate) fn now(&self) -> Result<i64, DockerError> {
        self.clock.now().ok_or(DockerError::NoClock)
    }

    /// How many seconds the engine's clock was set forward after `created`, by that clock.
    pub(crate) fn leapt_since(&self, created: i64) -> i64 {
        self.clock.leapt_since(created)
    }

    /// The id of an image, if it is there.
    pub(crate) async fn image_id(&self, image: &str) -> Result<Option<String>, DockerError> {
        let docker = self.docker().await?;
        match within(QUICK, docker.inspect_image(image)).await {
            Ok(found) => Ok(found.id),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(source) => Err(DockerError::InspectImage {
                image: image.to_owned(),
                source,
            }),
        }
    }

    /// Pulls `name:tag`, telling each step, and ends when the engine says that it is there.
    pub(crate) async fn pull(
        &self,
        name: &str,
        tag: &str,
        mut on_step: impl FnMut(PullStep) + Send,
    ) -> Result<(), DockerError> {
        let docker = self.docker().await?;
        let failed = |source| DockerError::Pull {
            image: format!("{name}:{tag}"),
            source,
        };
        let options = CreateImageOptionsBuilder::new()
            .from_image(name)
            .tag(tag)
            .build();
        let mut steps = std::pin::pin!(docker.create_image(Some(options), None, None));
        while let Some(step) = next(&mut steps, SILENCE).await.map_err(failed)? {
            let detail = step.progress_detail.unwrap_or_default();
            on_step(PullStep {
                layer: step.id.unwrap_or_default(),
                status: step.status.unwrap_or_default(),
                current: size(detail.current),
                total: size(detail.total),
            });
        }
        Ok(())
    }

    /// Makes a container, not started yet, and gives the engine's own id for it.
    pub(crate) async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<String, DockerError> {
        let docker = self.docker().await?;
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        match within(CREATE, docker.create_container(Some(options), body)).await {
            Ok(created) => {
                for warning in created.warnings {
                    tracing::debug!(warning, "the engine warns about a container");
                }
                Ok(created.id)
            }
            Err(failure) if failure.is_not_found() => Err(DockerError::ImageGone(failure)),
            Err(failure) => Err(DockerError::Create(failure)),
        }
    }

    /// Attaches to all three standard streams; before the start, so that nothing is missed.
    pub(crate) async fn attach(&self, name: &str) -> Result<AttachContainerResults, DockerError> {
        let docker = self.docker().await?;
        let options = AttachContainerOptionsBuilder::new()
            // Explicitly none: left out, some engines detach at two bytes of the stream.
            .detach_keys("")
            .stream(true)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .build();
        within(QUICK, docker.attach_container(name, Some(options)))
            .await
            .map_err(DockerError::Attach)
    }

    pub(crate) async fn start(&self, name: &str) -> Result<(), DockerError> {
        let docker = self.docker().await?;
        within(
            START,
            docker.start_container(name, None::<StartContainerOptions>),
        )
        .await
        .map_err(DockerError::Start)
    }

    pub(crate) async fn status(&self, name: &str) -> Result<SandboxStatus, DockerError> {
        let docker = self.docker().await?;
        let inspect = || docker.inspect_container(name, None::<InspectContainerOptions>);
        let found = match readable(inspect).await {
            Ok(found) => found,
            Err(failure) if failure.is_not_found() => return Ok(SandboxStatus::removed()),
            Err(failure) => return Err(DockerError::Inspect(failure)),
        };
        let state = found.state.unwrap_or_default();
        // Somebody removes it, and is not done yet.
        let dying = matches!(
            state.status,
            Some(ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD)
        );
        if dying {
            return Ok(SandboxStatus::removed());
        }
        let running = state.running.unwrap_or(false);
        // Before the start and during the run the engine says 0, which means nothing.
        let ended = !running && state.started_at.is_some_and(|at| !at.starts_with("0001-"));
        Ok(SandboxStatus::new(
            running,
            state.exit_code.filter(|_| ended),
            state.oom_killed.unwrap_or(false),
        )
        .with_paused(state.paused.unwrap_or(false)))
    }

    /// The engine's own id of a container that runs, and its process 1 as the engine's host numbers it.
    pub(crate) async fn process(&self, name: &str) -> Result<Option<(String, u32)>, DockerError> {
        let docker = self.docker().await?;
        let inspect = || docker.inspect_container(name, None::<InspectContainerOptions>);
        let found = match readable(inspect).await {
            Ok(found) => found,
            Err(failure) if failure.is_not_found() => return Ok(None),
            Err(failure) => return Err(DockerError::Inspect(failure)),
        };
        let pid = found.state.and_then(|state| state.pid);
        let pid = pid.and_then(|pid| u32::try_from(pid).ok());
        Ok(found.id.zip(pid.filter(|pid| *pid > 0)))
    }

    /// Kills and removes the container and what it alone held.
    pub(crate) async fn remove(&self, name: &str) -> Result<Removal, DockerError> {
        let docker = self.docker().await?;
        let options = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(true)
            .build();
        match within(REMOVE, docker.remove_container(name, Some(options))).await {
            Ok(()) => Ok(Removal::Done),
            Err(failure) => match failure.status() {
                Some(404) => Ok(Removal::Absent),
                Some(409) => Ok(Removal::InProgress),
                _ => Err(DockerError::Remove(failure)),
            },
        }
    }

    /// The labels of a volume, if it is there.
    pub(crate) async fn volume_labels(
        &self,
        name: &str,
    ) -> Result<Option<HashMap<String, String>>, DockerError> {
        let docker = self.docker().await?;
        match within(QUICK, docker.inspect_volume(name)).await {
            Ok(found) => Ok(Some(found.labels)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(DockerError::Volume(failure)),
        }
    }

    /// Makes a volume, or does nothing if there is one of that name.
    pub(crate) async fn create_volume(
        &self,
        name: &str,
        labels: HashMap<String, String>,
    ) -> Result<(), DockerError> {
        let docker = self.docker().await?;
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            driver: Some("local".to_owned()),
            labels: Some(labels),
            ..VolumeCreateRequest::default()
        };
        within(QUICK, docker.create_volume(request))
            .await
            .map(|_| ())
            .map_err(DockerError::Volume)
    }

    /// Removes a volume that no container has; `InProgress` stands for one that some container has.
    pub(crate) async fn remove_volume(&self, name: &str) -> Result<Removal, DockerError> {
        let docker = self.docker().await?;
        let options = None::<RemoveVolumeOptions>;
        match within(REMOVE, docker.remove_volume(name, options)).await {
            Ok(()) => Ok(Removal::Done),
            Err(failure) => match failure.status() {
                Some(404) => Ok(Removal::Absent),
                Some(409) => Ok(Removal::InProgress),
                _ => Err(DockerError::Volume(failure)),
            },
        }
    }

    /// Every container, in whatever state, that carries a label of ours. Whether it is ours is
    /// for the caller to say.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>, DockerError> {
        let docker = self.docker().await?;
        let filters = HashMap::from([("label", vec![labels::OWNER])]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let list = || docker.list_containers(Some(options.clone()));
        let found = readable(list).await.map_err(DockerError::List)?;
        Ok(found
            .into_iter()
            .filter_map(|container| {
                let name = container.names?.into_iter().next()?;
                Some(Listed {
                    name: name.trim_start_matches('/').to_owned(),
                    id: container.id.unwrap_or_default(),
                    labels: container.labels?,
                    state: to_state(container.state?),
                    created: container.created?,
                })
            })
            .collect())
    }
}

/// A call with its limit.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, BollardError>>,
) -> Result<T, Failure> {
    match timeout(limit, call).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(Failure::Timeout(limit)),
    }
}

/// So often an answer with a word that the library does not know is asked for again, and so long
/// after the one before. Podman calls a container `stopped` for the moment until it is `exited`.
const UNREADABLE: u32 = 40;
const UNREADABLE_WAIT: Duration = Duration::from_millis(50);

/// A question that is asked again while the answer is in passing words.
async fn readable<T, C>(ask: impl Fn() -> C) -> Result<T, Failure>
where
    C: Future<Output = Result<T, BollardError>>,
{
    let mut attempts = UNREADABLE;
    loop {
        attempts -= 1;
        match within(QUICK, ask()).await {
            Err(Failure::NotAnEngine(BollardError::JsonDataError { .. })) if attempts > 0 => {
                tokio::time::sleep(UNREADABLE_WAIT).await;
            }
            other => return other,
        }
    }
}

/// The next item of a stream that may not fall silent.
async fn next<T, S>(stream: &mut S, limit: Duration) -> Result<Option<T>, Failure>
where
    S: Stream<Item = Result<T, BollardError>> + Unpin,
{
    match timeout(limit, stream.next()).await {
        Ok(item) => Ok(item.transpose()?),
        Err(_elapsed) => Err(Failure::Timeout(limit)),
    }
}

/// A number of bytes that an engine told, which it may tell as negative for "unknown".
fn size(told: Option<i64>) -> u64 {
    told.and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(0)
}

const fn to_state(state: ContainerSummaryStateEnum) -> ListedState {
    match state {
        ContainerSummaryStateEnum::CREATED | ContainerSummaryStateEnum::EMPTY => {
            ListedState::Created
        }
        ContainerSummaryStateEnum::RUNNING
        | ContainerSummaryStateEnum::PAUSED
        | ContainerSummaryStateEnum::RESTARTING
        | ContainerSummaryStateEnum::STOPPING => ListedState::Running,
        ContainerSummaryStateEnum::EXITED | ContainerSummaryStateEnum::DEAD => ListedState::Ended,
        ContainerSummaryStateEnum::REMOVING => ListedState::Removing,
    }
}

fn to_facts(version: SystemVersion, info: SystemInfo) -> EngineFacts {
    let components = version.components.unwrap_or_default();
    let podman = components
        .iter()
        .any(|component| component.name == "Podman Engine");
    let runc = components
        .iter()
        .find(|component| component.name.contains("runc"))
        .map(|component| runc_version(&component.version));
    let options = info.security_options.unwrap_or_default();
    let has = |what: &str| {
        options
            .iter()
            .flat_map(|option| option.split(','))
            .any(|part| part.strip_prefix("name=").unwrap_or(part) == what)
    };
    EngineFacts {
        kind: if podman {
            EngineKind::Podman
        } else {
            EngineKind::Docker
        },
        version: version.version.unwrap_or_default(),
        api: version.api_version.unwrap_or_default(),
        os: info.os_type.or(version.os).unwrap_or_default(),
        arch: version.arch.or(info.architecture).unwrap_or_default(),
        kernel: info.kernel_version.unwrap_or_default(),
        cgroup: match info.cgroup_version {
            Some(SystemInfoCgroupVersionEnum::_2) => CgroupVersion::V2,
            // Engines that do not say know only the first version.
            Some(SystemInfoCgroupVersionEnum::_1 | SystemInfoCgroupVersionEnum::EMPTY) | None => {
                CgroupVersion::V1
            }
        },
        cgroup_driver: info
            .cgroup_driver
            .map(|driver| driver.to_string())
            .unwrap_or_default(),
        storage: info.driver.unwrap_or_default(),
        directory: info.docker_root_dir.unwrap_or_default(),
        runtime: info.default_runtime.unwrap_or_default(),
        runtimes: info
            .runtimes
            .unwrap_or_default()
            .into_iter()
            .map(|(name, runtime)| (name, runtime.path.unwrap_or_default()))
            .collect(),
        runc,
        memory_limit: info.memory_limit.unwrap_or(false),
        swap_limit: info.swap_limit.unwrap_or(false),
        pids_limit: info.pids_limit.unwrap_or(false),
        cpu_quota: info.cpu_cfs_quota.unwrap_or(false),
        seccomp: has("seccomp"),
        apparmor: has("apparmor"),
        rootless: has("rootless"),
        system_time: info.system_time.unwrap_or_default(),
    }
}

/// `1.1.5` of Docker's plain text or of Podman's `runc version 1.1.5`, which goes on over lines.
fn runc_version(told: &str) -> String {
    let line = told.lines().next().unwrap_or_default();
    line.strip_prefix("runc version ")
        .unwrap_or(line)
        .trim()
        .to_owned()
}
