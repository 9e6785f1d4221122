//! Laws of a sandbox's life: 2, 4, and 17 to 20.

use std::collections::BTreeSet;
use std::time::Duration;

use executor_core::backend::{SandboxSpec, Silent};
use executor_core::limits::SandboxLimits;
use executor_core::{Ending, Event, ExecutionRequest};

use super::ground::{Breach, Ground, hold, marker};

/// How long a removal that goes on in the background may take.
const REMOVAL: Duration = Duration::from_secs(10);

pub(super) async fn law_02_a_failed_start_leaves_nothing(ground: &Ground) -> Result<(), Breach> {
    let marker = marker()?;
    ground.backend().prepare(&Silent).await?;
    let missing = vec![format!("/nowhere/{marker}")];
    let spec = SandboxSpec::new(missing, SandboxLimits::default(), 600);
    let started = ground.backend().start(&spec).await;
    hold!(started.is_err(), "a program that is not there was started");
    ground.until_gone(&marker, REMOVAL).await?;

    // A start that is given up is a failed one, at whatever moment.
    for milliseconds in [0, 20, 80, 200] {
        let start = ground.start_waiting(&marker, 600);
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), start).await;
    }
    ground.backend().settle().await;
    ground.until_gone(&marker, REMOVAL).await
}

pub(super) async fn law_04_ids_are_unique(ground: &Ground) -> Result<(), Breach> {
    const COUNT: usize = 6;
    let marker = marker()?;
    let mut ids = BTreeSet::new();
    let mut heads = BTreeSet::new();
    for _ in 0..COUNT {
        let sandbox = ground.start_waiting(&marker, 600).await?;
        let id = sandbox.id().as_str().to_owned();
        hold!(id.len() >= 32, "the id `{id}` can be guessed");
        heads.insert(id.chars().take(8).collect::<String>());
        ids.insert(id);
        sandbox.destroy().await?;
    }
    hold!(
        ids.len() == COUNT,
        "{COUNT} sandboxes had {} ids",
        ids.len()
    );
    hold!(heads.len() == COUNT, "ids begin alike: {heads:?}");
    Ok(())
}

pub(super) async fn law_17_destroy_is_safe_during_a_run(ground: &Ground) -> Result<(), Breach> {
    let marker = marker()?;
    let mut sandbox = ground.start_waiting(&marker, 600).await?;
    let id = sandbox.id().clone();
    // Somebody holds its stream, as an executor does that is in the middle of a run.
    let stream = sandbox.stream();
    hold!(stream.is_some(), "a fresh sandbox has no stream");
    hold!(sandbox.stream().is_none(), "the stream was given twice");
    match tokio::time::timeout(REMOVAL, sandbox.destroy()).await {
        Ok(destroyed) => destroyed?,
        Err(_elapsed) => return Err(Breach::new("destroy hangs while the stream is in use")),
    }
    ground.until_gone(id.as_str(), REMOVAL).await?;
    drop(stream);

    // And an executor whose run is in full swing ends it by going away.
    let executor = ground.executor(|_| {})?;
    let program = "while True:\n    print('x' * 1000)";
    let mut run = executor.execute(ExecutionRequest::new(program))?;
    while let Some(event) = run.next().await {
        if matches!(event, Event::Output { .. }) {
            break;
        }
    }
    let drain = async {
        while let Some(event) = run.next().await {
            if let Event::Ended(outcome) = event {
                return Some(outcome.ending);
            }
        }
        None
    };
    let (ending, ()) = tokio::join!(drain, executor.shutdown());
    hold!(
        matches!(ending, Some(Ending::Cancelled)),
        "a shutdown ended the run as {ending:?}"
    );
    Ok(())
}

pub(super) async fn law_18_after_destroy_nothing_remains(ground: &Ground) -> Result<(), Breach> {
    let marker = marker()?;
    let sandbox = ground.start_waiting(&marker, 600).await?;
    let id = sandbox.id().clone();
    let seen = ground.seen(id.as_str()).await?;
    hold!(seen == 1, "the witness sees {seen} sandboxes of one id");
    sandbox.destroy().await?;
    let seen = ground.seen(id.as_str()).await?;
    hold!(seen == 0, "a destroyed sandbox is still there");
    Ok(())
}

pub(super) async fn law_19_a_dropped_sandbox_is_removed(ground: &Ground) -> Result<(), Breach> {
    let marker = marker()?;
    let sandbox = ground.start_waiting(&marker, 600).await?;
    let id = sandbox.id().clone();
    drop(sandbox);
    ground.backend().settle().await;
    ground.until_gone(id.as_str(), REMOVAL).await
}

pub(super) async fn law_20_sweep_removes_leftovers_and_only_those(
    ground: &Ground,
) -> Result<(), Breach> {
    let marker = marker()?;
    let overdue = ground.start_waiting(&marker, 1).await?;
    let current = ground.start_waiting(&marker, 600).await?;
    // What is past its lifetime is a leftover, whoever owns it; the engine counts whole seconds.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let report = ground.backend().sweep().await?;
    hold!(
        report.found >= 2,
        "a sweep found {} of 2 sandboxes",
        report.found
    );
    ground.until_gone(overdue.id().as_str(), REMOVAL).await?;
    let left = ground.seen(current.id().as_str()).await?;
    hold!(left == 1, "a sweep removed a sandbox that is in use");
    let status = current.inspect().await?;
    hold!(status.running, "a sweep stopped a sandbox that is in use");
    ground.backend().sweep().await?;
    // A sweep does not owe the owner an error: what it removed may be destroyed again.
    overdue.destroy().await?;
    current.destroy().await?;
    Ok(())
}
