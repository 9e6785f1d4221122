//! What a start that gVisor failed leaves beside the engine, found by a sweep: by the container while
//! there is one, by the bundle when it is gone, and only if it was a sandbox of ours.

use std::collections::HashMap;
use std::process::{Child, Command};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptionsBuilder, StartContainerOptions};
use executor_core::backend::SandboxBackend as _;
use executor_docker::DockerBackend;

use crate::engine::{backend, exists, image, labels, raw, unmake};
use crate::runsc;

/// A failed start whose processes nobody has ended.
struct Failed {
    name: String,
    /// The engine's own id.
    id: String,
}

impl Failed {
    /// Makes one that calls itself `hostname`, of the server `owner` if it is to be known again by its labels.
    async fn start(hostname: &str, owner: Option<&Child>) -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("mcp-python-{run}");
        let labels = owner.map(|owner| {
            let mut labels = labels(&run, 4_000_000_000);
            labels.insert("mcp-pyexec.lease", format!("stream-1 {}", mark(owner)));
            labels
        });
        let labels = labels.into_iter().flatten();
        let tmpfs = |place: &str, options: &str| (place.to_owned(), options.to_owned());
        let body = ContainerCreateBody {
            image: Some(image()),
            hostname: Some(hostname.to_owned()),
            // gVisor finds out when all of its own runs already, and gives up without ending that.
            entrypoint: Some(vec!["/no/such/program".to_owned()]),
            network_disabled: Some(true),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value)).collect()),
            host_config: Some(HostConfig {
                runtime: Some(runsc::RUNTIME.to_owned()),
                network_mode: Some("none".to_owned()),
                tmpfs: Some(HashMap::from([
                    tmpfs("/tmp", "rw,size=1m"),
                    tmpfs("/modules", "rw,size=1m,uid=10001"),
                    tmpfs("/run/sandbox", "rw,size=1m"),
                ])),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let made = raw().create_container(Some(options), body).await.unwrap();
        let started = raw()
            .start_container(&name, None::<StartContainerOptions>)
            .await;
        started.expect_err("there is no such program");
        Self { name, id: made.id }
    }

    /// The processes of the runtime that name it.
    fn processes(&self) -> Vec<u32> {
        let of = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            let program = line.split('\0').next().unwrap_or_default();
            let known = ["runsc", "containerd-shim"];
            known.iter().any(|name| program.contains(name)) && line.contains(&self.id)
        };
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter(of)
            .collect()
    }

    /// Another test's sweep may be at it, and is not done at once.
    async fn is_removed(&self) -> bool {
        for _ in 0..200 {
            if !exists(&self.name).await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// What was killed is seen for a moment more.
    async fn is_over(&self) -> bool {
        for _ in 0..100 {
            if self.processes().is_empty() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

/// How a server's process is called in its containers' labels.
fn mark(process: &Child) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = std::fs::metadata("/proc/self/ns/pid").unwrap().ino();
    let pid = process.id();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, words) = stat.rsplit_once(')').unwrap();
    let started = words.split_ascii_whitespace().nth(19).unwrap();
    format!("{}/{namespace}/{pid}/{started}", boot.trim())
}

/// A backend on an engine that has gVisor, shares our host, and lets us end its processes.
async fn on_gvisor(what: &str) -> Option<DockerBackend> {
    let backend = backend(what).await?;
    if !runsc::is_there(what).await {
        return None;
    }
    let directory = raw().info().await.unwrap().docker_root_dir.unwrap();
    if std::fs::read_dir(format!("{directory}/containers")).is_err() {
        println!("SKIPPED: {what}: the engine's directory is not ours to see");
        return None;
    }
    Some(backend)
}

#[tokio::test]
async fn a_sweep_ends_what_a_server_left_that_died_after_a_failed_start() {
    let Some(backend) = on_gvisor("what a failed start left").await else {
        return;
    };
    // A server that lives, until its start has failed.
    let mut server = Command::new("sleep").arg("1000").spawn().unwrap();
    let failed = Failed::start("another", Some(&server)).await;
    assert_ne!(failed.processes(), Vec::<u32>::new(), "nothing was left");
    backend.sweep().await.unwrap();
    assert!(exists(&failed.name).await, "its owner lives");
    assert_ne!(failed.processes(), Vec::<u32>::new(), "its owner lives");

    server.kill().unwrap();
    server.wait().unwrap();
    backend.sweep().await.unwrap();
    assert!(failed.is_removed().await, "{}", failed.name);
    assert!(failed.is_over().await, "{:?}", failed.processes());
}

#[tokio::test]
async fn a_sweep_ends_what_is_left_of_a_sandbox_that_its_engine_forgot() {
    let Some(backend) = on_gvisor("what an engine forgot").await else {
        return;
    };
    let failed = Failed::start("sandbox", None).await;
    backend.sweep().await.unwrap();
    assert_ne!(failed.processes(), Vec::<u32>::new(), "its engine knows it");

    unmake(&failed.name).await;
    assert_ne!(failed.processes(), Vec::<u32>::new(), "nothing was left");
    backend.sweep().await.unwrap();
    assert!(failed.is_over().await, "{:?}", failed.processes());
}

#[tokio::test]
async fn a_sweep_leaves_what_was_no_sandbox_of_ours() {
    let Some(backend) = on_gvisor("what others left").await else {
        return;
    };
    let failed = Failed::start("theirs", None).await;
    unmake(&failed.name).await;
    assert_ne!(failed.processes(), Vec::<u32>::new(), "nothing was left");
    backend.sweep().await.unwrap();
    // The engine may have ended some of them, but not all.
    let left = failed.processes();
    assert_ne!(left, Vec::<u32>::new(), "what others left was ended");
    let left = left.iter().map(u32::to_string);
    let ended = Command::new("kill").arg("-KILL").args(left).status();
    assert!(ended.unwrap().success());
}
