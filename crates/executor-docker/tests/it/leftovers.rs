//! Nothing is left behind, and nothing that is not ours is touched.

use std::time::Duration;

use executor_core::backend::SandboxBackend as _;
use executor_core::error::ErrorKind;

use crate::engine::{backend, container_name, exists, labels, make, spec, unmake, with_command};

#[tokio::test]
async fn a_failed_start_leaves_nothing() {
    let Some(backend) = backend("a failed start leaves nothing").await else {
        return;
    };
    let program = format!("/no/such/{}", uuid::Uuid::new_v4());
    let error = backend.start(&spec(&[&program])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StartFailed);
    assert!(
        !error.to_string().contains(&program),
        "the daemon's words stay in the chain"
    );
    assert_eq!(with_command(&program).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_dropped_start_leaves_nothing() {
    let Some(backend) = backend("a dropped start leaves nothing").await else {
        return;
    };
    let marker = uuid::Uuid::new_v4().to_string();
    let spec = spec(&["sleep", "1000", &marker]);
    // Cut at many points, from before the creation is answered to just after the start.
    for millis in [0, 1, 3, 10, 30, 60, 100, 150, 200, 300, 500] {
        let cut = Duration::from_millis(millis);
        if let Ok(sandbox) = tokio::time::timeout(cut, backend.start(&spec)).await {
            drop(sandbox.unwrap());
        }
    }
    backend.settle().await;
    assert_eq!(with_command(&marker).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_dropped_sandbox_is_removed() {
    let Some(backend) = backend("a dropped sandbox is removed").await else {
        return;
    };
    let sandbox = backend.start(&spec(&["cat"])).await.unwrap();
    let name = container_name(&*sandbox);
    assert!(exists(&name).await);
    drop(sandbox);
    backend.settle().await;
    assert!(!exists(&name).await);
}

#[tokio::test]
async fn a_dropped_destroy_still_removes() {
    let Some(backend) = backend("a dropped destroy still removes").await else {
        return;
    };
    let sandbox = backend.start(&spec(&["cat"])).await.unwrap();
    let name = container_name(&*sandbox);
    let _cut = tokio::time::timeout(Duration::ZERO, sandbox.destroy()).await;
    backend.settle().await;
    assert!(!exists(&name).await);
}

#[tokio::test]
async fn a_sweep_takes_leftovers_and_only_ours() {
    let Some(backend) = backend("a sweep takes only ours").await else {
        return;
    };
    let own = backend.start(&spec(&["cat"])).await.unwrap();

    let far = 4_000_000_000;
    let mut made = Vec::new();
    let mut leave = async |what: &'static str, stays, deadline, command, start, change: Change| {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let mut name = format!("mcp-python-{run}");
        let mut labels = labels(&run, deadline);
        change(&mut name, &mut labels);
        let labels: Vec<_> = labels
            .iter()
            .map(|(&key, value)| (key, value.as_str()))
            .collect();
        make(&name, &labels, command, start).await;
        made.push((what, name, stays));
    };
    leave("has ended", false, far, "true", true, |_, _| {}).await;
    leave(
        "runs past its deadline",
        false,
        1,
        "sleep 1000",
        true,
        |_, _| {},
    )
    .await;
    leave("runs", true, far, "sleep 1000", true, |_, _| {}).await;
    leave("was just made", true, far, "sleep 1000", false, |_, _| {}).await;
    leave("has another name", true, 1, "true", true, |name, _| {
        name.push('x')
    })
    .await;
    leave("has no lease", true, 1, "true", true, |_, labels| {
        labels.remove("mcp-pyexec.lease");
    })
    .await;
    leave("has another's lease", true, 1, "true", true, |_, labels| {
        labels.insert("mcp-pyexec.lease", "stream-2".to_owned());
    })
    .await;
    leave("has no owner", true, 1, "true", true, |_, labels| {
        labels.remove("mcp-pyexec.owner");
    })
    .await;

    let report = backend.sweep().await.unwrap();
    let mut wrong = Vec::new();
    for (what, name, stays) in &made {
        if exists(name).await != *stays {
            wrong.push(*what);
        }
        unmake(name).await;
    }
    assert_eq!(wrong, Vec::<&str>::new(), "what a sweep did wrong");
    // The two that go may have been taken by the sweep of another test.
    assert!(report.found >= 3, "{report:?}");
    assert_eq!(report.failed, 0, "{report:?}");

    assert!(own.inspect().await.unwrap().running, "one's own are in use");
    own.destroy().await.unwrap();
}

type Change = fn(&mut String, &mut std::collections::HashMap<&'static str, String>);

#[tokio::test]
async fn a_sweep_never_takes_what_is_being_started() {
    let Some(backend) = backend("a sweep spares what starts").await else {
        return;
    };
    let spec = spec(&["cat"]);
    let starts = async {
        for _ in 0..3 {
            backend.start(&spec).await.unwrap().destroy().await.unwrap();
        }
    };
    let sweeps = async {
        loop {
            backend.sweep().await.unwrap();
        }
    };
    tokio::select! {
        () = starts => {}
        () = sweeps => {}
    }
    backend.settle().await;
}
