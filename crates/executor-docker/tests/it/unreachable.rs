//! Engines that are not there, not engines, too old, or unable: each with its kind and a way out.

use executor_core::backend::{SandboxBackend as _, SandboxSpec, Silent};
use executor_core::capabilities::Capabilities;
use executor_core::error::{ErrorKind, SandboxError};
use executor_core::limits::SandboxLimits;
use executor_docker::{DockerBackend, DockerSettings};

use crate::fake::{INFO, VERSION, fake_engine};

/// What comes of preparing on the engine at `host`.
async fn prepare(host: &str) -> SandboxError {
    let mut settings = DockerSettings::new("image".parse().unwrap());
    settings.host = Some(host.to_owned());
    let backend = match DockerBackend::connect(settings) {
        Ok(backend) => backend,
        Err(error) => return error,
    };
    assert_eq!(
        backend.capabilities(),
        Capabilities::default(),
        "nothing is promised yet"
    );
    let error = backend.prepare(&Silent).await.unwrap_err();
    let spec = SandboxSpec::new(vec!["true".to_owned()], SandboxLimits::default(), 1);
    assert_eq!(backend.start(&spec).await.unwrap_err().kind(), error.kind());
    error
}

#[track_caller]
fn check(error: &SandboxError, kind: ErrorKind, chain: &str, hint: &str) {
    assert_eq!(error.kind(), kind, "{}", error.chain());
    assert!(error.chain().contains(chain), "{}", error.chain());
    assert!(
        error.hint().unwrap_or_default().contains(hint),
        "{:?}",
        error.hint()
    );
}

#[tokio::test]
async fn an_absent_socket_is_named_in_the_log_only() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("none.sock");
    let error = prepare(&format!("unix://{}", socket.display())).await;
    check(
        &error,
        ErrorKind::EngineUnavailable,
        "none.sock",
        "systemctl start docker",
    );
    assert!(!error.hint().unwrap().contains("none.sock"));
}

#[tokio::test]
async fn a_socket_without_a_listener_is_an_absent_engine() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let error = prepare(&format!("unix://{}", socket.display())).await;
    check(
        &error,
        ErrorKind::EngineUnavailable,
        "connection refused",
        "DOCKER_HOST",
    );
}

#[tokio::test]
async fn a_closed_port_is_an_absent_engine() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = prepare(&format!("tcp://{address}")).await;
    check(
        &error,
        ErrorKind::EngineUnavailable,
        "connection refused",
        "DOCKER_HOST",
    );
}

#[tokio::test]
async fn addresses_of_other_kinds_show_the_way_out() {
    let error = prepare("ssh://me@far").await;
    check(
        &error,
        ErrorKind::EngineUnavailable,
        "ssh://me@far",
        "ssh -L",
    );
    let error = prepare("npipe:////./pipe/docker_engine").await;
    check(&error, ErrorKind::EngineUnavailable, "Windows", "unix://");
    let error = prepare("nonsense").await;
    check(&error, ErrorKind::EngineUnavailable, "nonsense", "unix://");
}

#[tokio::test]
async fn something_else_at_the_address_is_not_an_engine() {
    for body in [
        "<html>It works!</html>",
        "{}",
        r#"{"ApiVersion":"one"}"#,
        "[]",
        "",
    ] {
        let engine = fake_engine(&[("/version", 200, body)]);
        let error = prepare(&engine.host).await;
        check(
            &error,
            ErrorKind::EngineUnavailable,
            "",
            "something else answers",
        );
    }
    let engine = fake_engine(&[("/version", 403, "go away")]);
    check(
        &prepare(&engine.host).await,
        ErrorKind::EngineUnavailable,
        "403",
        "something else",
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_engine_is_given_up() {
    let engine = fake_engine(&[]);
    let error = prepare(&engine.host).await;
    check(
        &error,
        ErrorKind::EngineUnavailable,
        "no answer within 10 s",
        "does not answer",
    );
}

#[tokio::test]
async fn versions_too_far_apart_are_refused() {
    let old = VERSION.replace("1.44", "1.40");
    let engine = fake_engine(&[("/version", 200, &old)]);
    let error = prepare(&engine.host).await;
    check(
        &error,
        ErrorKind::Unsupported,
        "API 1.40",
        "Docker 20.10 or later",
    );

    let new = VERSION.replace("1.12", "9.1").replace("1.44", "9.9");
    let engine = fake_engine(&[("/version", 200, &new)]);
    check(
        &prepare(&engine.host).await,
        ErrorKind::Unsupported,
        "API 9.1",
        "update this server",
    );
}

#[tokio::test]
async fn what_the_engine_cannot_enforce_is_refused() {
    for (from, to, name, remedy) in [
        (
            r#""PidsLimit":true"#,
            r#""PidsLimit":false"#,
            "process-limit",
            "delegate",
        ),
        (
            r#""SwapLimit":true"#,
            r#""SwapLimit":false"#,
            "memory-limit",
            "swapaccount=1",
        ),
        (
            r#""CpuCfsQuota":true"#,
            r#""CpuCfsQuota":false"#,
            "cpu-limit",
            "delegate",
        ),
        (
            "name=seccomp",
            "name=other",
            "syscall-filter",
            "with seccomp",
        ),
        (
            r#""OSType":"linux""#,
            r#""OSType":"windows""#,
            "no-network",
            "Linux containers",
        ),
    ] {
        let info = INFO.replace(from, to);
        let engine = fake_engine(&[
            ("/version", 200, VERSION),
            ("/v1.44/version", 200, VERSION),
            ("/v1.44/info", 200, &info),
        ]);
        check(
            &prepare(&engine.host).await,
            ErrorKind::Unsupported,
            name,
            remedy,
        );
    }
}

#[tokio::test]
async fn the_agreed_version_is_named_in_every_call() {
    // The image's absence shows that `/v1.44` was asked: anything else is not answered at all.
    let engine = fake_engine(&[
        ("/version", 200, VERSION),
        ("/v1.44/version", 200, VERSION),
        ("/v1.44/info", 200, INFO),
        (
            "/v1.44/images/image/json",
            404,
            r#"{"message":"no such image"}"#,
        ),
        (
            "/v1.44/images/create",
            404,
            r#"{"message":"the daemon's own words"}"#,
        ),
    ]);
    let error = prepare(&engine.host).await;
    assert_eq!(
        error.kind(),
        ErrorKind::ImageUnavailable,
        "{}",
        error.chain()
    );
    assert!(
        error.chain().contains("the daemon's own words"),
        "{}",
        error.chain()
    );
    assert!(
        !error.hint().unwrap().contains("daemon"),
        "{:?}",
        error.hint()
    );
}
