//! The volume that keeps sets of modules: who sees it, who may write it, whose it is, and when it goes.

use std::collections::HashMap;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptions;
use executor_core::backend::{SandboxBackend as _, Silent, StoreAccess};
use executor_core::id::SandboxId;
use executor_docker::DockerBackend;
use tokio::io::AsyncReadExt as _;

use crate::engine::{backend, image, raw, settings, spec};

async fn with_store(what: &str, volume: &str) -> Option<DockerBackend> {
    backend(what).await?;
    let mut settings = settings(&image());
    settings.store = Some(volume.parse().unwrap());
    let backend = DockerBackend::connect(settings).unwrap();
    backend.prepare(&Silent).await.unwrap();
    Some(backend)
}

fn volume() -> String {
    format!("mcp-python-test-{}", SandboxId::random().unwrap())
}

/// What a Python program prints as process 1, which is the most that anybody inside may be.
async fn printed(backend: &DockerBackend, access: StoreAccess, code: &str) -> String {
    let spec = spec(&["python3", "-I", "-c", code]).with_store(access);
    let mut sandbox = backend.start(&spec).await.unwrap();
    let mut text = String::new();
    let mut stream = sandbox.stream().unwrap();
    stream.reader.read_to_string(&mut text).await.unwrap();
    sandbox.destroy().await.unwrap();
    text
}

#[tokio::test]
async fn what_a_keeper_writes_others_see_and_cannot_change() {
    let volume = volume();
    let Some(backend) = with_store("what a keeper writes", &volume).await else {
        return;
    };
    let place = backend.store().unwrap().place;
    let write = format!("open('{place}/x', 'w').write('kept'); print('written')");
    let written = printed(&backend, StoreAccess::Write, &write).await;
    assert_eq!(written, "written\n");
    let try_all = format!(
        "import errno, os
print(open('{place}/x').read())
for what in (lambda: open('{place}/x', 'a'), lambda: os.mkdir('{place}/y'), lambda: os.unlink('{place}/x'),
             lambda: os.chmod('{place}/x', 0o4755), lambda: os.utime('{place}/x')):
    try: what(); print('DONE')
    except OSError as error: print(errno.errorcode[error.errno])"
    );
    let seen = printed(&backend, StoreAccess::ReadOnly, &try_all).await;
    assert_eq!(seen, "kept\nEROFS\nEROFS\nEROFS\nEROFS\nEROFS\n");
    let unseen = format!("import os; print(os.path.exists('{place}/x'))");
    let seen = printed(&backend, StoreAccess::None, &unseen).await;
    assert_eq!(seen, "False\n");

    // It stays when everything else of ours goes.
    backend.sweep().await.unwrap();
    backend.settle().await;
    let labels = raw().inspect_volume(&volume).await.unwrap().labels;
    assert_eq!(labels["mcp-pyexec.environments"], "1");
    assert!(backend.remove_store().await.unwrap());
    assert!(!backend.remove_store().await.unwrap());
    assert!(raw().inspect_volume(&volume).await.is_err());
}

#[tokio::test]
async fn it_goes_only_when_no_sandbox_has_it() {
    let volume = volume();
    let Some(backend) = with_store("it goes only when no sandbox has it", &volume).await else {
        return;
    };
    let waiting = spec(&["cat"]).with_store(StoreAccess::ReadOnly);
    let sandbox = backend.start(&waiting).await.unwrap();
    let error = backend.remove_store().await.unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    sandbox.destroy().await.unwrap();
    assert!(backend.remove_store().await.unwrap());
}

#[tokio::test]
async fn a_volume_of_somebody_else_is_left_alone() {
    let volume = volume();
    if backend("a volume of somebody else").await.is_none() {
        return;
    }
    let request = VolumeCreateRequest {
        name: Some(volume.clone()),
        labels: Some(HashMap::from([("theirs".to_owned(), "1".to_owned())])),
        ..VolumeCreateRequest::default()
    };
    raw().create_volume(request).await.unwrap();
    let Some(backend) = with_store("a volume of somebody else", &volume).await else {
        return;
    };
    assert_eq!(backend.store(), None);
    let error = backend.remove_store().await.unwrap_err();
    assert!(error.to_string().contains("not ours"), "{error}");
    let there = raw().inspect_volume(&volume).await.unwrap();
    assert_eq!(there.labels["theirs"], "1");
    raw()
        .remove_volume(&volume, None::<RemoveVolumeOptions>)
        .await
        .unwrap();
}
