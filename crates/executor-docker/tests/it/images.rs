//! Images: missing, pulled with progress, replaced while in use.

use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use bollard::query_parameters::{
    BuildImageOptionsBuilder, CreateImageOptionsBuilder, PushImageOptionsBuilder,
    RemoveImageOptionsBuilder,
};
use executor_core::backend::{Progress, SandboxBackend as _, Silent};
use executor_core::error::ErrorKind;
use executor_docker::{DockerBackend, PullPolicy};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::engine::{backend, image, output, raw, settings};

#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn report(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

#[tokio::test]
async fn a_missing_image_is_named_with_the_ways_to_get_it() {
    if backend("a missing image is named").await.is_none() {
        return;
    }
    let mut settings = settings("127.0.0.1:1/no-such-image:ever");
    settings.pull = PullPolicy::Never;
    let error = DockerBackend::connect(settings)
        .unwrap()
        .prepare(&Silent)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ImageUnavailable);
    let hint = error.hint().unwrap();
    assert!(hint.contains("`127.0.0.1:1/no-such-image:ever`"), "{hint}");
    assert!(hint.contains("docker load"), "{hint}");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_says_so() {
    if backend("an image that cannot be pulled").await.is_none() {
        return;
    }
    // Nobody listens on port 1.
    let backend = DockerBackend::connect(settings("127.0.0.1:1/no-such-image:ever")).unwrap();
    let error = backend.prepare(&Silent).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::ImageUnavailable,
        "{}",
        error.chain()
    );
    assert!(
        error.hint().unwrap().contains("registry"),
        "{:?}",
        error.hint()
    );
}

#[tokio::test]
async fn a_missing_image_is_pulled_with_progress() {
    const WHAT: &str = "a missing image is pulled";
    if backend(WHAT).await.is_none() {
        return;
    }
    let Some(registry) = Registry::start(WHAT).await else {
        return;
    };
    let name = format!("127.0.0.1:{}/tiny", registry.port);
    if !registry.push_tiny(&name).await {
        println!("SKIPPED: {WHAT}: the engine does not call what it imports as it is told");
        return;
    }

    let full = format!("{name}:one");
    let backend = DockerBackend::connect(settings(&full)).unwrap();
    let told = Told::default();
    let error = backend.prepare(&told).await.unwrap_err();
    backend.settle().await;

    let told = told.0.into_inner().unwrap();
    let pulled = backend.describe().await.unwrap().image_present;
    remove(&full).await;
    // It was pulled, and holds nothing to run.
    assert!(pulled);
    assert_eq!(
        error.kind(),
        ErrorKind::ImageUnavailable,
        "{}",
        error.chain()
    );
    assert!(
        error.hint().unwrap().contains("python3"),
        "{}",
        error.chain()
    );
    let of = |part: &str| told.iter().any(|message| message.contains(part));
    assert!(of(&format!("pulling the image {full}")), "{told:?}");
    assert!(of(&format!("pulled the image {full}")), "{told:?}");
    assert!(of(" MB"), "{told:?}");
}

#[tokio::test]
async fn an_image_that_was_replaced_is_found_again() {
    if backend("a replaced image is found again").await.is_none() {
        return;
    }
    // A name of our own, first for one image and then for another.
    let name = format!("mcp-python-executor-test:{}", uuid::Uuid::new_v4().simple());
    build(
        &name,
        &format!("FROM {}\nLABEL test={name}-1\n", image()),
        &[],
    )
    .await;
    let backend = DockerBackend::connect(settings(&name)).unwrap();
    backend.prepare(&Silent).await.unwrap();
    remove(&name).await;
    build(
        &name,
        &format!("FROM {}\nLABEL test={name}-2\n", image()),
        &[],
    )
    .await;
    let text = output(&backend, &["echo", "found again"]).await;
    assert_eq!(text, "found again\n");

    remove(&name).await;
    // Now there is none, and a start must not pull.
    let error = backend
        .start(&crate::engine::spec(&["true"]))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::ImageUnavailable,
        "{}",
        error.chain()
    );
    backend.settle().await;
}

#[tokio::test]
async fn an_image_that_asks_no_server_gets_a_hosts_file() {
    if backend("an image that asks no server").await.is_none() {
        return;
    }
    let name = format!("mcp-python-executor-test:{}", uuid::Uuid::new_v4().simple());
    let dockerfile = format!("FROM {}\nCOPY nsswitch.conf /etc/nsswitch.conf\n", image());
    build(
        &name,
        &dockerfile,
        &[("nsswitch.conf", "passwd: files\nhosts: files\n")],
    )
    .await;
    let backend = DockerBackend::connect(settings(&name)).unwrap();
    let prepared = backend.prepare(&Silent).await;
    let command = [
        "sh",
        "-c",
        "getent hosts sandbox; getent ahosts localhost; ls /sys/class/net",
    ];
    let text = match &prepared {
        Ok(()) => output(&backend, &command).await,
        Err(error) => error.chain(),
    };
    remove(&name).await;
    assert!(text.starts_with("127.0.0.1 "), "{text}");
    assert!(
        text.lines().any(
            |line| line.starts_with("127.0.0.1") && line.contains("localhost")
                || line.starts_with("::1")
        ),
        "{text}"
    );
    assert!(text.ends_with("\nlo\n"), "{text}");
}

/// A registry on loopback, which engines trust without TLS.
struct Registry {
    port: u16,
    process: Child,
    _directory: tempfile::TempDir,
}

impl Registry {
    async fn start(what: &str) -> Option<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: 127.0.0.1:{port}}}\n",
            directory.path().display()
        );
        std::fs::write(&config, text).unwrap();
        let spawned = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = match spawned {
            Ok(process) => process,
            Err(error) => {
                println!("SKIPPED: {what}: `docker-registry` does not run: {error}");
                return None;
            }
        };
        let registry = Self {
            port,
            process,
            _directory: directory,
        };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
            {
                return Some(registry);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the registry does not listen");
    }

    /// Pushes an image of a few megabytes that holds no program, and takes it off the engine.
    ///
    /// `false` if the engine, as Podman does, keeps no name for what it imports.
    async fn push_tiny(&self, name: &str) -> bool {
        let docker = raw();
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        // Bytes that do not compress, so that there is something to pull.
        let content: Vec<u8> = std::iter::repeat_with(uuid::Uuid::new_v4)
            .take(200_000)
            .flat_map(uuid::Uuid::into_bytes)
            .collect();
        header.set_size(content.len().try_into().unwrap());
        header.set_mode(0o644);
        archive
            .append_data(&mut header, "data", content.as_slice())
            .unwrap();
        let body = bollard::body_full(archive.into_inner().unwrap().into());
        let options = CreateImageOptionsBuilder::new()
            .from_src("-")
            .repo(name)
            .tag("one")
            .build();
        let steps: Vec<_> = docker
            .create_image(Some(options), Some(body), None)
            .try_collect()
            .await
            .unwrap();
        assert!(!steps.is_empty());
        if docker.inspect_image(&format!("{name}:one")).await.is_err() {
            return false;
        }
        let options = PushImageOptionsBuilder::new().tag("one").build();
        let mut steps = docker.push_image(name, Some(options), None);
        while let Some(step) = steps.next().await {
            step.unwrap();
        }
        remove(&format!("{name}:one")).await;
        true
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

async fn build(tag: &str, dockerfile: &str, files: &[(&str, &str)]) {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in [("Dockerfile", dockerfile)].iter().chain(files) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len().try_into().unwrap());
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, content.as_bytes())
            .unwrap();
    }
    let body = bollard::body_full(archive.into_inner().unwrap().into());
    let options = BuildImageOptionsBuilder::new()
        .dockerfile("Dockerfile")
        .t(tag)
        .rm(true)
        .build();
    let docker = raw();
    let steps: Vec<_> = docker
        .build_image(options, None, Some(body))
        .try_collect()
        .await
        .unwrap();
    assert!(!steps.is_empty());
}

async fn remove(image: &str) {
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    let _may_be_gone = raw().remove_image(image, Some(options), None).await;
}
