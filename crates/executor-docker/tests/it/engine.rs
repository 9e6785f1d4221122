//! The real engine that tests run on, and what they ask it behind the backend's back.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use executor_core::backend::{Sandbox, SandboxBackend as _, SandboxSpec, Silent};
use executor_core::limits::SandboxLimits;
use executor_docker::{DockerBackend, DockerSettings, EngineEnvironment};
use tokio::io::AsyncReadExt as _;

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment what to use"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub(crate) fn image() -> String {
    variable("EXECUTOR_TEST_IMAGE").unwrap_or_else(|| "mcp-python-executor:local".to_owned())
}

pub(crate) fn settings(image: &str) -> DockerSettings {
    let mut settings = DockerSettings::new(image.parse().unwrap());
    settings.environment = EngineEnvironment::from_lookup(variable);
    settings
}

/// A prepared backend, or `None` and a word on standard output if there is no engine and there
/// need not be one.
pub(crate) async fn backend(what: &str) -> Option<DockerBackend> {
    let mode = variable("EXECUTOR_TEST_DOCKER").unwrap_or_else(|| "auto".to_owned());
    let skip = |why: String| {
        assert_ne!(mode, "require", "{what}: an engine is required: {why}");
        println!("SKIPPED: {what}: {why}");
        None
    };
    if mode == "off" {
        return skip("EXECUTOR_TEST_DOCKER is off".to_owned());
    }
    let backend = match DockerBackend::connect(settings(&image())) {
        Ok(backend) => backend,
        Err(error) => return skip(error.chain()),
    };
    match backend.describe().await {
        Ok(report) if report.image_present => {}
        Ok(_) => return skip(format!("the image `{}` is not there", image())),
        Err(error) => return skip(error.chain()),
    }
    backend
        .prepare(&Silent)
        .await
        .unwrap_or_else(|error| panic!("{what}: {}", error.chain()));
    Some(backend)
}

/// A spec for `command` with limits that are kind to a small machine.
pub(crate) fn spec(command: &[&str]) -> SandboxSpec {
    let command = command.iter().map(|&word| word.to_owned()).collect();
    SandboxSpec::new(command, SandboxLimits::default(), 300)
}

/// What `command` prints in a fresh sandbox.
pub(crate) async fn output(backend: &DockerBackend, command: &[&str]) -> String {
    let mut sandbox = backend.start(&spec(command)).await.unwrap();
    let mut text = String::new();
    let mut stream = sandbox.stream().unwrap();
    stream.reader.read_to_string(&mut text).await.unwrap();
    sandbox.destroy().await.unwrap();
    text
}

/// The engine by its own client library.
pub(crate) fn raw() -> Docker {
    Docker::connect_with_defaults().unwrap()
}

pub(crate) fn container_name(sandbox: &dyn Sandbox) -> String {
    format!("mcp-python-{}", sandbox.id())
}

/// Whether a container of this name is on the engine, in whatever state.
pub(crate) async fn exists(name: &str) -> bool {
    raw().inspect_container(name, None).await.is_ok()
}

/// The names of containers whose command holds `marker`.
pub(crate) async fn with_command(marker: &str) -> Vec<String> {
    let options = ListContainersOptionsBuilder::new().all(true).build();
    raw()
        .list_containers(Some(options))
        .await
        .unwrap()
        .into_iter()
        .filter(|container| container.command.as_ref().unwrap().contains(marker))
        .map(|container| container.names.unwrap().concat())
        .collect()
}

/// A container made by hand, as a dead server or somebody else might have left it.
pub(crate) async fn make(name: &str, labels: &[(&str, &str)], command: &str, start: bool) {
    let body = ContainerCreateBody {
        image: Some(image()),
        entrypoint: Some(vec!["sh".to_owned(), "-c".to_owned(), command.to_owned()]),
        network_disabled: Some(true),
        labels: Some(
            labels
                .iter()
                .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        ),
        host_config: Some(bollard::models::HostConfig {
            network_mode: Some("none".to_owned()),
            ulimits: Some(
                ["nofile", "nproc"]
                    .map(|name| bollard::models::ResourcesUlimits {
                        name: Some(name.to_owned()),
                        soft: Some(1024),
                        hard: Some(1024),
                    })
                    .into(),
            ),
            ..Default::default()
        }),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    raw().create_container(Some(options), body).await.unwrap();
    if start {
        match raw()
            .start_container(name, None::<StartContainerOptions>)
            .await
        {
            Ok(()) => {}
            // What is to be swept may be swept by a server beside us, even this early.
            Err(bollard::errors::Error::DockerResponseServerError {
                status_code: 404 | 409,
                ..
            }) => {}
            Err(error) => panic!("`{name}` does not start: {error}"),
        }
    }
}

/// Removes a container made by hand, if it is still there.
pub(crate) async fn unmake(name: &str) {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let _may_be_gone = raw().remove_container(name, Some(options)).await;
}

/// The labels of a sandbox called `mcp-python-<run>`, of a server that is not this one.
pub(crate) fn labels(run: &str, deadline: i64) -> HashMap<&'static str, String> {
    HashMap::from([
        ("mcp-pyexec.owner", uuid::Uuid::new_v4().to_string()),
        ("mcp-pyexec.run", run.to_owned()),
        ("mcp-pyexec.deadline", deadline.to_string()),
        ("mcp-pyexec.lease", "stream-1".to_owned()),
    ])
}
