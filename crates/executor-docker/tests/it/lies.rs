//! An engine that takes what it is asked for and does something else: each such lie is noticed
//! from inside a sandbox, refused by the name of the promise, and accepted by that name only.
//!
//! The lie is real: a proxy changes the call before a real engine gets it.

use bollard::query_parameters::RemoveVolumeOptions;
use executor_core::backend::{SandboxBackend as _, SandboxSpec, Silent};
use executor_core::capabilities::{Capabilities, Capability};
use executor_core::error::ErrorKind;
use executor_core::id::SandboxId;
use executor_core::limits::SandboxLimits;
use executor_docker::DockerBackend;
use executor_testkit::lying::LyingEngine;
use serde_json::{Value, json};

use crate::engine::{backend, image, raw, settings, variable};

fn remove(body: &mut Value, names: &[&str]) {
    for name in names {
        body["HostConfig"].as_object_mut().unwrap().remove(*name);
    }
}

/// Without the option that begins so.
fn without_option(body: &mut Value, start: &str) {
    body["HostConfig"]["SecurityOpt"]
        .as_array_mut()
        .unwrap()
        .retain(|option| !option.as_str().unwrap().starts_with(start));
}

/// A backend on an engine that is told `lie`, or `None` where there is no engine to lie to.
async fn lied_to(
    what: &str,
    lie: fn(&mut Value),
    store: Option<&str>,
    accepted: Capabilities,
) -> Option<(LyingEngine, DockerBackend)> {
    // Says why, or fails, where there is none.
    backend(what).await?;
    let host = variable("DOCKER_HOST").unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
    let Some(socket) = host.strip_prefix("unix://") else {
        println!("SKIPPED: {what}: the engine is not behind a local socket");
        return None;
    };
    let engine = LyingEngine::before(socket, lie).unwrap();
    let mut settings = settings(&image());
    settings.host = Some(engine.host().to_owned());
    settings.accepted = accepted;
    settings.store = store.map(|volume| volume.parse().unwrap());
    Some((engine, DockerBackend::connect(settings).unwrap()))
}

/// That `lie` opens exactly the gaps of these names, that each is told by `words`, and that
/// nothing less than all of them has to be accepted.
async fn check(what: &str, lie: fn(&mut Value), names: &[&str], words: &str) {
    check_with(what, lie, None, names, words).await;
}

/// The same of sandboxes that see the volume `store`.
async fn check_with(
    what: &str,
    lie: fn(&mut Value),
    store: Option<&str>,
    names: &[&str],
    words: &str,
) {
    let Some((_engine, backend)) = lied_to(what, lie, store, Capabilities::default()).await else {
        return;
    };
    let error = backend.prepare(&Silent).await.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}");
    let broken = backend.broken().await;
    let found: Vec<_> = broken
        .gaps
        .iter()
        .map(|gap| gap.capability.as_str())
        .collect();
    assert_eq!(found, names, "{what}: {}", error.chain());
    assert!(broken.why.contains(words), "{what}: {}", broken.why);
    assert!(backend.gaps().is_empty(), "{what}: nothing is in force");

    let gaps: Vec<Capability> = broken.gaps.iter().map(|gap| gap.capability).collect();
    let (_, but_one) = gaps.split_first().unwrap();
    let (_engine, backend) = lied_to(what, lie, store, Capabilities::of(but_one.to_vec()))
        .await
        .unwrap();
    backend.prepare(&Silent).await.expect_err(what);

    let (_engine, backend) = lied_to(what, lie, store, Capabilities::of(gaps.clone()))
        .await
        .unwrap();
    let prepared = backend.prepare(&Silent).await;
    prepared.unwrap_or_else(|error| panic!("{what}: {}", error.chain()));
    let in_force: Vec<_> = backend.gaps().iter().map(|gap| gap.capability).collect();
    assert_eq!(in_force, gaps, "{what}");
    assert_eq!(
        backend.capabilities().missing(&Capabilities::all()),
        gaps,
        "{what}"
    );
    let command = vec!["true".to_owned()];
    let spec = SandboxSpec::new(command, SandboxLimits::default(), 60);
    let sandbox = backend.start(&spec).await.unwrap();
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn an_honest_proxy_is_no_gap() {
    let Some((_engine, backend)) = lied_to("no lie", |_| {}, None, Capabilities::default()).await
    else {
        return;
    };
    backend.prepare(&Silent).await.unwrap();
    assert!(backend.gaps().is_empty());
    assert_eq!(backend.capabilities(), Capabilities::all());
}

#[tokio::test]
async fn limits_that_are_not_applied() {
    let lie: fn(&mut Value) = |body| remove(body, &["PidsLimit"]);
    check("no PidsLimit", lie, &["process-limit"], "process limit").await;
    let lie: fn(&mut Value) = |body| remove(body, &["Memory", "MemorySwap", "MemorySwappiness"]);
    check("no Memory", lie, &["memory-limit"], "memory limit").await;
    let lie: fn(&mut Value) = |body| body["HostConfig"]["MemorySwap"] = json!(-1);
    check("swap without end", lie, &["memory-limit"], "swap").await;
    let lie: fn(&mut Value) = |body| remove(body, &["NanoCpus"]);
    check("no NanoCpus", lie, &["cpu-limit"], "quota").await;
    let lie: fn(&mut Value) = |body| {
        let limits = body["HostConfig"]["Ulimits"].as_array_mut().unwrap();
        let nofile = limits.iter_mut().find(|one| one["Name"] == "nofile");
        nofile.unwrap()["Hard"] = json!(4096);
    };
    check("more open files", lie, &["open-files-limit"], "4096").await;
}

#[tokio::test]
async fn places_that_are_larger_or_open() {
    let lie: fn(&mut Value) = |body| body["HostConfig"]["ReadonlyRootfs"] = json!(false);
    check("a writable root", lie, &["disk-limit"], "`/`").await;
    let lie: fn(&mut Value) = |body| body["HostConfig"]["Tmpfs"]["/tmp"] = json!("rw,exec");
    check("no size of /tmp", lie, &["disk-limit"], "`/tmp`").await;
    let lie: fn(&mut Value) = |body| remove(body, &["Tmpfs"]);
    check("no tmpfs at all", lie, &["disk-limit"], "`/modules`").await;
    let lie: fn(&mut Value) = |body| remove(body, &["ShmSize"]);
    check("another /dev/shm", lie, &["disk-limit"], "`/dev/shm`").await;
}

#[tokio::test]
async fn a_store_that_every_program_may_change() {
    let what = "a writable store";
    if backend(what).await.is_none() {
        return;
    }
    let lie: fn(&mut Value) = |body| {
        if let Some(mount) = body["HostConfig"]["Mounts"].get_mut(0) {
            mount["ReadOnly"] = json!(false);
        }
    };
    let volume = format!("mcp-python-test-{}", SandboxId::random().unwrap());
    let words = "can write `/env`";
    check_with(what, lie, Some(&volume), &["isolation"], words).await;
    let engine = raw();
    let removed = engine.remove_volume(&volume, None::<RemoveVolumeOptions>);
    removed.await.unwrap();
}

#[tokio::test]
async fn walls_that_are_missing() {
    let lie: fn(&mut Value) = |body| without_option(body, "seccomp");
    let words = "`ptrace`";
    check("another filter", lie, &["syscall-filter"], words).await;
    let lie: fn(&mut Value) = |body| {
        without_option(body, "seccomp");
        let options = body["HostConfig"]["SecurityOpt"].as_array_mut().unwrap();
        options.push(json!("seccomp=unconfined"));
    };
    check("no filter", lie, &["syscall-filter"], "not filtered").await;
    let lie: fn(&mut Value) = |body| without_option(body, "no-new-privileges");
    check("new privileges", lie, &["isolation"], "new privileges").await;
    let lie: fn(&mut Value) = |body| remove(body, &["CapDrop"]);
    check("capabilities", lie, &["isolation"], "regained").await;
    let lie: fn(&mut Value) = |body| remove(body, &["CapAdd"]);
    check(
        "no capabilities",
        lie,
        &["isolation", "separate-users"],
        "there is none",
    )
    .await;
    let lie: fn(&mut Value) = |body| body["HostConfig"]["CgroupnsMode"] = json!("host");
    check("the host's groups", lie, &["isolation"], "container's id").await;
    let lie: fn(&mut Value) = |body| body["HostConfig"]["PidMode"] = json!("host");
    check("the host's processes", lie, &["isolation"], "process 1").await;
    let lie: fn(&mut Value) = |body| drop(body.as_object_mut().unwrap().remove("Hostname"));
    check("another name", lie, &["isolation"], "host name").await;
}

#[tokio::test]
async fn a_network_that_is_there() {
    let lie: fn(&mut Value) = |body| {
        body["NetworkDisabled"] = json!(false);
        body["HostConfig"]["NetworkMode"] = json!("host");
        remove(body, &["Sysctls"]);
    };
    let words = "network device besides `lo`";
    check("the host's network", lie, &["no-network"], words).await;
}
