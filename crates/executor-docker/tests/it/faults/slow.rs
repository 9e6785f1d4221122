//! An engine that is slow, and one that never answers.

use std::time::Duration;

use executor_testkit::faults::{Fault, Route};

use super::subject::{Subject, answer, engine, proxy, quick_or_all, told};

#[tokio::test]
async fn a_slow_engine_is_waited_for() {
    let what = "a slow engine";
    let Some(turn) = engine(what).await else {
        return;
    };
    for &(delay, pool) in quick_or_all(&[(500, 1)], &[(500, 1), (4000, 0)]) {
        let Some(proxy) = proxy(what, &turn.engine) else {
            return;
        };
        let subject = Subject::start(&proxy.host(), &turn.engine, pool).await;
        proxy.all(Fault::Delay(Duration::from_millis(delay)));
        let calls = [1, 2].map(|_| subject.call("print('slowly')"));
        for (outcome, _) in futures_util::future::join_all(calls).await {
            assert_eq!(told(&outcome.ending), "exited", "with {delay} ms a call");
        }
        proxy.heal();
        subject.recovers(what).await;
        subject.only_waiting(pool, what).await;
        subject.end(what).await;
    }
}

#[tokio::test]
async fn an_engine_that_never_answers_is_given_up() {
    let what = "an engine that never answers";
    let Some(turn) = engine(what).await else {
        return;
    };
    let cases = [
        (Route::Attach, Fault::Swallow, "failed engine_unavailable"),
        (Route::Attach, Fault::StallStream(1), "failed start_failed"),
        (Route::Create, Fault::Swallow, "failed start_failed"),
        (Route::Create, Fault::Hold, "failed start_failed"),
        (Route::Start, Fault::Hold, "failed start_failed"),
        (Route::Remove, Fault::Hold, "exited"),
    ];
    let each = quick_or_all(&cases[..2], &cases).iter().cloned();
    let each = each.map(|(route, fault, expected)| {
        let engine = turn.engine.clone();
        async move {
            let Some(proxy) = proxy(what, &engine) else {
                return;
            };
            let subject = Subject::start(&proxy.host(), &engine, 0).await;
            proxy.next(route, fault.clone());
            let (outcome, took) = subject.call("print('never')").await;
            assert_eq!(told(&outcome.ending), expected, "{route:?} {fault:?}");
            // The start's limit, and what its failure needs to leave nothing.
            assert!(
                took < Duration::from_secs(70),
                "{route:?} {fault:?}: {took:?}"
            );
            let next = subject.told("print('next')").await;
            assert_eq!(next, "exited", "after {route:?} {fault:?}");
            subject
                .only_waiting(0, &format!("{route:?} {fault:?}"))
                .await;
            subject.end(what).await;
        }
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test]
async fn questions_that_are_never_answered_do_not_hold_an_ending_up() {
    let what = "questions are never answered";
    let Some(turn) = engine(what).await else {
        return;
    };
    let Some(proxy) = proxy(what, &turn.engine) else {
        return;
    };
    let subject = Subject::start(&proxy.host(), &turn.engine, 0).await;
    let (waiting, _) = subject.wait_in(60).await;
    proxy.every(Route::Inspect, Fault::Swallow);
    proxy.cut();
    let begun = std::time::Instant::now();
    let outcome = answer(waiting).await;
    assert_eq!(told(&outcome.ending), "sandbox_lost engine_lost");
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(outcome.stdout.head(), b"up\n", "what was printed is told");
    proxy.heal();
    subject.recovers(what).await;
    subject.end(what).await;
}
