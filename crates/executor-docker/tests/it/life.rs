//! One sandbox from start to end: its stream, its status, its removal.

use executor_core::backend::{SandboxBackend as _, SandboxSpec};
use executor_core::error::ErrorKind;
use executor_core::limits::{ByteSize, SandboxLimits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::engine::{backend, container_name, exists, output, raw, spec};

#[tokio::test]
async fn all_byte_values_pass_both_ways() {
    let Some(backend) = backend("all byte values pass").await else {
        return;
    };
    let mut sandbox = backend.start(&spec(&["cat"])).await.unwrap();
    let stream = sandbox.stream().unwrap();
    assert!(sandbox.stream().is_none(), "the stream is taken once");

    // More than any buffer on the way holds.
    let sent: Vec<u8> = (0..=255).cycle().take(1024 * 1024).collect();
    let (mut reader, mut writer) = (stream.reader, stream.writer);
    let write = async {
        writer.write_all(&sent).await.unwrap();
        // Dropping it is process 1's end of file, while the other direction goes on.
        drop(writer);
    };
    let mut received = Vec::new();
    let (_, read) = tokio::join!(write, reader.read_to_end(&mut received));
    read.unwrap();
    assert_eq!(received.len(), sent.len());
    assert!(received == sent, "a byte was changed on the way");

    let name = container_name(&*sandbox);
    sandbox.destroy().await.unwrap();
    assert!(!exists(&name).await);
}

#[tokio::test]
async fn standard_error_is_not_in_the_stream() {
    let Some(backend) = backend("standard error stays apart").await else {
        return;
    };
    let text = output(
        &backend,
        &["sh", "-c", "echo one; echo noise >&2; echo two"],
    )
    .await;
    assert_eq!(text, "one\ntwo\n");
}

#[tokio::test]
async fn a_slow_reader_slows_process_1() {
    let Some(backend) = backend("a slow reader slows process 1").await else {
        return;
    };
    let mut sandbox = backend
        .start(&spec(&["head", "-c", "64000000", "/dev/zero"]))
        .await
        .unwrap();
    let stream = sandbox.stream().unwrap();
    for _ in 0..20 {
        let status = sandbox.inspect().await.unwrap();
        assert!(status.running, "64 MB went somewhere though nobody reads");
    }
    let mut reader = stream.reader;
    let received = tokio::io::copy(&mut reader, &mut tokio::io::sink())
        .await
        .unwrap();
    assert_eq!(received, 64_000_000);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn inspect_tells_how_process_1_ended() {
    let Some(backend) = backend("inspect tells how it ended").await else {
        return;
    };
    let mut sandbox = backend
        .start(&spec(&["sh", "-c", "read x; exit 7"]))
        .await
        .unwrap();
    let status = sandbox.inspect().await.unwrap();
    assert!(status.running);
    assert_eq!(status.exit_status, None);

    let stream = sandbox.stream().unwrap();
    drop(stream.writer);
    let (mut reader, mut rest) = (stream.reader, Vec::new());
    reader.read_to_end(&mut rest).await.unwrap();
    let ended = async {
        loop {
            let status = sandbox.inspect().await.unwrap();
            if !status.running {
                return status;
            }
        }
    };
    let status = tokio::time::timeout(std::time::Duration::from_secs(10), ended)
        .await
        .unwrap();
    assert_eq!(status.exit_status, Some(7));
    assert!(!status.out_of_memory);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn the_memory_limit_kills_and_is_seen() {
    let Some(backend) = backend("the memory limit kills").await else {
        return;
    };
    let mut limits = SandboxLimits::default();
    limits.memory = ByteSize::mib(64);
    let eat = "x = bytearray(256 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1";
    let command = ["python3", "-c", eat].map(str::to_owned).into();
    let mut sandbox = backend
        .start(&SandboxSpec::new(command, limits, 60))
        .await
        .unwrap();
    let (mut reader, mut rest) = (sandbox.stream().unwrap().reader, Vec::new());
    reader.read_to_end(&mut rest).await.unwrap();
    let ended = async {
        loop {
            let status = sandbox.inspect().await.unwrap();
            if !status.running {
                return status;
            }
        }
    };
    let status = tokio::time::timeout(std::time::Duration::from_secs(10), ended)
        .await
        .unwrap();
    assert_eq!(status.exit_status, Some(137));
    // Podman does not always notice; the runner counts for itself.
    if backend.describe().await.unwrap().name == "Docker" {
        assert!(status.out_of_memory);
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn destroying_what_somebody_removed_is_fine() {
    let Some(backend) = backend("destroy is idempotent").await else {
        return;
    };
    let sandbox = backend.start(&spec(&["cat"])).await.unwrap();
    let options = bollard::query_parameters::RemoveContainerOptionsBuilder::new()
        .force(true)
        .build();
    raw()
        .remove_container(&container_name(&*sandbox), Some(options))
        .await
        .unwrap();
    let status = sandbox.inspect().await.unwrap();
    assert!(!status.there && !status.running, "{status:?}");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused() {
    let Some(backend) = backend("what is out of bounds is refused").await else {
        return;
    };
    let error = backend.start(&spec(&[])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    let mut limits = SandboxLimits::default();
    limits.memory = ByteSize::gib(1000);
    let error = backend
        .start(&SandboxSpec::new(vec!["cat".to_owned()], limits, 60))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("16 GiB"), "{error}");
}

#[tokio::test]
async fn ids_and_containers_are_never_shared() {
    let Some(backend) = backend("ids are never shared").await else {
        return;
    };
    let spec = spec(&["cat"]);
    let (one, two) = tokio::join!(backend.start(&spec), backend.start(&spec));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.id(), two.id());
    one.destroy().await.unwrap();
    assert!(two.inspect().await.unwrap().running);
    two.destroy().await.unwrap();
}
