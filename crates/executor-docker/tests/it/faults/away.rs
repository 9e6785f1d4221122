//! An engine that goes away and comes back, and its image.

use std::time::{Duration, Instant};

use executor_testkit::faults::{Fault, Route};

use super::subject::{RECOVERY, Subject, answer, engine, proxy, told};

#[tokio::test]
async fn an_engine_that_goes_away_and_comes_back() {
    let what = "the engine goes away and comes back";
    let Some(turn) = engine(what).await else {
        return;
    };
    let Some(mut proxy) = proxy(what, &turn.engine) else {
        return;
    };
    let subject = Subject::start(&proxy.host(), &turn.engine, 2).await;
    subject.only_waiting(2, what).await;
    let (waiting, _) = subject.wait_in(60).await;

    proxy.leave().await;
    let ending = told(&answer(waiting).await.ending);
    assert_eq!(ending, "sandbox_lost engine_lost");
    // Long enough that whatever waits longer and longer has come to its longest wait.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(12) {
        let (outcome, took) = subject.call("print(1)").await;
        assert_eq!(told(&outcome.ending), "failed engine_unavailable");
        assert!(took < Duration::from_secs(5), "refused after {took:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(subject.executor.waiting(), 0, "what waited is of no use");

    let before = proxy.all_calls();
    proxy.come_back().unwrap();
    // Without a call from anybody.
    let begun = Instant::now();
    while subject.executor.waiting() == 0 {
        let took = begun.elapsed();
        assert!(took < RECOVERY, "nothing waits {took:?} after the return");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    subject.recovers(what).await;
    subject.only_waiting(2, what).await;
    let calls = proxy.all_calls() - before;
    assert!(calls < 150, "a storm of {calls} calls");
    subject.end(what).await;
}

#[tokio::test]
async fn an_image_that_goes_while_sandboxes_wait() {
    let what = "an image goes while sandboxes wait";
    let Some(turn) = engine(what).await else {
        return;
    };
    let Some(proxy) = proxy(what, &turn.engine) else {
        return;
    };
    let subject = Subject::start(&proxy.host(), &turn.engine, 1).await;
    subject.only_waiting(1, what).await;

    // The tests' engine must keep its image, so only its absence is pretended.
    let none = r#"{"message":"No such image"}"#;
    proxy.every(Route::Image, Fault::Answer(404, none));
    proxy.every(Route::Create, Fault::Answer(404, none));
    // One waits still, with the image that it was started from.
    assert_eq!(subject.told("print('from the pool')").await, "exited");
    let mut endings = Vec::new();
    for _ in 0..3 {
        let (outcome, took) = subject.call("print(1)").await;
        endings.push(told(&outcome.ending));
        assert!(took < Duration::from_secs(5), "refused after {took:?}");
    }
    assert_eq!(endings, ["failed image_unavailable"; 3]);
    let before = proxy.all_calls();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let asked = proxy.all_calls() - before;
    assert!(asked < 30, "a storm of {asked} calls");

    proxy.heal();
    subject.recovers(what).await;
    subject.only_waiting(1, what).await;
    subject.end(what).await;
}
