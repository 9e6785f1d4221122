//! What only an engine of one's own may be made to suffer: killed, stopped, restarted, its disk filled.

use std::time::{Duration, Instant};

use executor_core::ExecutionRequest;
use executor_core::limits::WallTime;
use executor_testkit::engine::Turn;
use executor_testkit::faults::{Harm, Part, SacrificialEngine};

use super::subject::{RECOVERY, Subject, answer, engine, quick_or_all, told};

/// An engine to be harmed, and an executor that works on it, with one sandbox that waits.
async fn stage(what: &str, disk: Option<u32>) -> Option<(Turn, SacrificialEngine, Subject)> {
    let turn = engine(what).await?;
    let started = SacrificialEngine::start(what, &turn.engine, disk).await;
    let sacrifice = started.unwrap_or_else(|error| panic!("{what}: {error}"))?;
    let subject = Subject::start(&sacrifice.host(), &sacrifice.engine(), 1).await;
    subject.only_waiting(1, what).await;
    Some((turn, sacrifice, subject))
}

/// Waits until the pool has filled itself, which shows that nobody had to call for that.
async fn refills(subject: &Subject, what: &str) {
    let begun = Instant::now();
    while subject.executor.waiting() == 0 {
        let took = begun.elapsed();
        assert!(took < RECOVERY, "{what}: nothing waits after {took:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_engine_that_is_killed_or_restarted() {
    let what = "an engine that is killed or restarted";
    let Some((_turn, mut sacrifice, subject)) = stage(what, None).await else {
        return;
    };
    for harm in quick_or_all(&[Harm::Kill], &[Harm::Kill, Harm::End]) {
        let what = format!("{harm:?}");
        let (waiting, _) = subject.wait_in(120).await;
        let (queued, ()) = tokio::join!(
            async {
                let calls = [1, 2, 3].map(|_| subject.call("print(1)"));
                futures_util::future::join_all(calls).await
            },
            async { sacrifice.harm(Part::Daemon, *harm).unwrap() },
        );
        // They met the engine before, during or after its end.
        for (outcome, took) in queued {
            let ending = told(&outcome.ending);
            let fits = ["exited", "failed ", "sandbox_lost ", "sandbox_died "];
            assert!(
                fits.iter().any(|fit| ending.starts_with(fit)),
                "{what}: {ending}"
            );
            // One that is asked to end gives its containers ten seconds, and its callers as long.
            assert!(took < Duration::from_secs(60), "{what}: {took:?}");
        }
        let ending = told(&answer(waiting).await.ending);
        let fits = ["sandbox_lost ", "sandbox_died "];
        assert!(
            fits.iter().any(|fit| ending.starts_with(fit)),
            "{what}: {ending}"
        );
        sacrifice.until_down().await.unwrap();
        let (outcome, took) = subject.call("print(1)").await;
        assert_eq!(told(&outcome.ending), "failed engine_unavailable", "{what}");
        assert!(
            took < Duration::from_secs(5),
            "{what}: refused after {took:?}"
        );

        sacrifice.up().await.unwrap();
        refills(&subject, &what).await;
        subject.recovers(&what).await;
        // With those that the dead engine left to the next.
        subject.only_waiting(1, &what).await;
    }
    subject.end(what).await;
}

#[tokio::test]
async fn an_engine_that_is_stopped_for_a_while() {
    let what = "an engine that is stopped";
    let Some((_turn, sacrifice, subject)) = stage(what, None).await else {
        return;
    };
    let silence = *quick_or_all(&[7], &[15]).first().unwrap();
    let limit = WallTime::new(Duration::from_secs(120)).unwrap();
    let program = "import time\nprint('up', flush=True)\ntime.sleep(12)\nprint('through')";
    let request = ExecutionRequest::new(program).with_timeout(limit);
    let long = subject.executor.execute(request).unwrap();
    let (short, _) = subject.wait_in(3).await;

    sacrifice.harm(Part::Daemon, Harm::Stop).unwrap();
    let stopped = async {
        tokio::time::sleep(Duration::from_secs(silence)).await;
        sacrifice.harm(Part::Daemon, Harm::GoOn).unwrap();
        Instant::now()
    };
    let meanwhile = subject.call("print('meanwhile')");
    let (going_on, ended, (met, _)) = tokio::join!(stopped, answer(short), meanwhile);
    // Its time was up by its own clock and by ours.
    assert_eq!(told(&ended.ending), "timed_out");
    assert_eq!(told(&met.ending), "exited");
    assert!(going_on.elapsed() < RECOVERY, "{:?}", going_on.elapsed());
    let long = answer(long).await;
    assert_eq!(told(&long.ending), "exited");
    assert_eq!(long.stdout.head(), b"up\nthrough\n");
    subject.recovers(what).await;
    subject.only_waiting(1, what).await;
    subject.end(what).await;
}

#[tokio::test]
async fn an_engine_whose_helpers_are_killed() {
    let what = "an engine whose helpers are killed";
    let Some((_turn, sacrifice, subject)) = stage(what, None).await else {
        return;
    };
    for part in quick_or_all(&[Part::Shims], &[Part::Shims, Part::Containerd]) {
        let what = format!("{part:?}");
        let (waiting, _) = subject.wait_in(5).await;
        sacrifice.harm(*part, Harm::Kill).unwrap();
        let ending = told(&answer(waiting).await.ending);
        let fits = ["sandbox_lost ", "sandbox_died ", "timed_out"];
        assert!(
            fits.iter().any(|fit| ending.starts_with(fit)),
            "{what}: {ending}"
        );
        subject.recovers(&what).await;
        subject.only_waiting(1, &what).await;
    }
    subject.end(what).await;
}

#[tokio::test]
async fn an_engine_whose_disk_is_full() {
    let what = "an engine whose disk is full";
    let Some((_turn, sacrifice, subject)) = stage(what, Some(400)).await else {
        return;
    };
    sacrifice.fill_disk().unwrap();
    let mut refused = 0;
    for _ in 0..4 {
        let (outcome, took) = subject
            .call("open('/tmp/own', 'w').write('x' * 4096)\nprint(1)")
            .await;
        let ending = told(&outcome.ending);
        if let executor_core::Ending::Failed(error) = &outcome.ending {
            assert_eq!(ending, "failed start_failed");
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains("disk is full"), "{}", error.chain());
            refused += 1;
        } else {
            assert_eq!(ending, "exited");
        }
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
    assert!(
        refused > 0,
        "a disk without a file to spare refuses nothing"
    );
    sacrifice.free_disk().unwrap();
    subject.recovers(what).await;
    subject.only_waiting(1, what).await;
    subject.end(what).await;
}
