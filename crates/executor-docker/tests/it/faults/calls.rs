//! Single calls of the engine that fail, in every way there is.

use executor_testkit::faults::{Fault, Route};

use super::subject::{Subject, answer, engine, proxy, told};

const ERROR: &str = r#"{"message":"server error"}"#;
const CONFLICT: &str = r#"{"message":"removal of container x is already in progress"}"#;
const ABSENT: &str = r#"{"message":"no such container"}"#;

const ENDED: &str = "exited";
const NOT_STARTED: &str = "failed start_failed";
const NO_ENGINE: &str = "failed engine_unavailable";

/// What fails, how, and how the call ends that runs into it.
const CASES: &[(Route, Fault, &str)] = &[
    (Route::Create, Fault::Reset, NO_ENGINE),
    (Route::Create, Fault::CutAnswer(0), NO_ENGINE),
    (Route::Create, Fault::CutAnswer(20), NO_ENGINE),
    (Route::Create, Fault::Answer(500, ERROR), NOT_STARTED),
    (Route::Create, Fault::AnswerInstead(500, ERROR), NOT_STARTED),
    (
        Route::Create,
        Fault::AnswerInstead(201, "<html>"),
        NOT_STARTED,
    ),
    (
        Route::Create,
        Fault::AnswerInstead(201, "{\"Id\""),
        NOT_STARTED,
    ),
    (Route::Create, Fault::Answer(409, CONFLICT), NOT_STARTED),
    // The image is gone, it seems: it is looked for, found, and tried again.
    (Route::Create, Fault::Answer(404, ABSENT), ENDED),
    (Route::Attach, Fault::Reset, NO_ENGINE),
    (Route::Attach, Fault::CutAnswer(0), NO_ENGINE),
    (Route::Attach, Fault::CutAnswer(20), NO_ENGINE),
    (Route::Attach, Fault::Answer(500, ERROR), NOT_STARTED),
    (Route::Attach, Fault::Answer(409, CONFLICT), NOT_STARTED),
    (Route::Attach, Fault::Answer(404, ABSENT), NOT_STARTED),
    (Route::Attach, Fault::CutStream(1), NOT_STARTED),
    (Route::Attach, Fault::CutStream(9), NOT_STARTED),
    (Route::Start, Fault::Reset, NO_ENGINE),
    (Route::Start, Fault::CutAnswer(0), NO_ENGINE),
    (Route::Start, Fault::CutAnswer(20), NO_ENGINE),
    (Route::Start, Fault::Answer(500, ERROR), NOT_STARTED),
    (Route::Start, Fault::AnswerInstead(500, ERROR), NOT_STARTED),
    (Route::Start, Fault::Answer(404, ABSENT), NOT_STARTED),
    // What comes after the answer is no affair of the client's.
    (Route::Remove, Fault::Reset, ENDED),
    (Route::Remove, Fault::CutAnswer(0), ENDED),
    (Route::Remove, Fault::Answer(500, ERROR), ENDED),
    (Route::Remove, Fault::Answer(409, CONFLICT), ENDED),
    (Route::Remove, Fault::AnswerInstead(500, "<html>"), ENDED),
];

#[tokio::test]
async fn each_call_of_the_engine_fails_in_each_way() {
    let what = "each call of the engine fails in each way";
    let Some(turn) = engine(what).await else {
        return;
    };
    let Some(proxy) = proxy(what, &turn.engine) else {
        return;
    };
    let subject = Subject::start(&proxy.host(), &turn.engine, 0).await;
    let before = proxy.all_calls();
    let mut wrong = Vec::new();
    for (route, fault, expected) in CASES {
        proxy.next(*route, fault.clone());
        let struck = subject.told("print('struck')").await;
        let next = subject.told("print('next')").await;
        if struck != *expected || next != ENDED {
            wrong.push(format!("{route:?} {fault:?}: `{struck}`, then `{next}`"));
        }
        proxy.heal();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let calls = proxy.all_calls() - before;
    // Two runs of five calls each, a look for the image, some removals again, and the sweeps.
    assert!(calls < CASES.len() * 20, "a storm of {calls} calls");
    subject.only_waiting(0, what).await;
    subject.end(what).await;
}

#[tokio::test]
async fn a_removal_that_is_refused_for_long_is_done_in_the_end() {
    let what = "a removal is refused for long";
    let Some(turn) = engine(what).await else {
        return;
    };
    let Some(proxy) = proxy(what, &turn.engine) else {
        return;
    };
    let subject = Subject::start(&proxy.host(), &turn.engine, 0).await;
    for fault in [Fault::Answer(500, ERROR), Fault::Answer(409, CONFLICT)] {
        let before = proxy.calls(Route::Remove);
        proxy.every(Route::Remove, fault.clone());
        for _ in 0..3 {
            assert_eq!(subject.told("print(1)").await, ENDED, "{fault:?}");
        }
        // Each of the three is tried again and again, ever more slowly.
        let wait = std::time::Duration::from_secs(30);
        assert!(proxy.until_called(Route::Remove, before + 18, wait).await);
        let refused = proxy.calls(Route::Remove) - before;
        assert!(refused < 40, "a storm of {refused} removals");
        proxy.heal();
        subject.only_waiting(0, &format!("{fault:?}")).await;
    }
    subject.end(what).await;
}

#[tokio::test]
async fn a_stream_that_is_cut_while_a_question_fails_is_told_as_it_is() {
    let what = "a stream is cut and a question fails";
    let Some(turn) = engine(what).await else {
        return;
    };
    let Some(proxy) = proxy(what, &turn.engine) else {
        return;
    };
    let subject = Subject::start(&proxy.host(), &turn.engine, 0).await;
    for fault in [
        Fault::Reset,
        Fault::CutAnswer(20),
        Fault::Answer(500, ERROR),
        Fault::AnswerInstead(200, "[]"),
    ] {
        let (waiting, _) = subject.wait_in(60).await;
        proxy.next(Route::Inspect, fault.clone());
        proxy.cut();
        let ending = told(&answer(waiting).await.ending);
        assert_eq!(ending, "sandbox_lost stream_cut", "{fault:?}");
        assert_eq!(subject.told("print('next')").await, ENDED, "{fault:?}");
        proxy.heal();
    }
    // When every question fails there is no engine as far as anybody can tell.
    let (waiting, _) = subject.wait_in(60).await;
    proxy.every(Route::Inspect, Fault::Reset);
    proxy.cut();
    let ending = told(&answer(waiting).await.ending);
    assert_eq!(ending, "sandbox_lost engine_lost");
    proxy.heal();
    subject.recovers(what).await;
    subject.end(what).await;
}
