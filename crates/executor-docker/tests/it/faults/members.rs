//! Sandboxes that others lay hands on, while they wait and while they run.

use std::time::{Duration, Instant};

use executor_testkit::engine::Engine;

use executor_core::backend::Silent;

use super::subject::{LEFTOVERS, Subject, answer, engine, executor, told};

/// What somebody with the `docker` command may do to a container, and how the program in it ends then.
const DEEDS: &[(&str, &[&str], &str)] = &[
    ("killed", &["kill"], "sandbox_died killed"),
    ("removed", &["rm", "--force"], "sandbox_died removed"),
    ("stopped", &["stop", "--time", "1"], "sandbox_died killed"),
    ("paused", &["pause"], "sandbox_lost paused"),
];

async fn harm(engine: &Engine, deed: &[&str], container: &str) {
    let command = [deed, &[container]].concat();
    engine.docker(&command).await.unwrap();
}

#[tokio::test]
async fn a_waiting_sandbox_that_others_harm_is_replaced() {
    let what = "others harm a waiting sandbox";
    let Some(turn) = engine(what).await else {
        return;
    };
    let host = turn.engine.host().unwrap_or("unix:///var/run/docker.sock");
    let subject = Subject::start(host, &turn.engine, 1).await;
    for (name, deed, _) in DEEDS {
        subject.only_waiting(1, name).await;
        let member = subject.containers().await.remove(0);
        harm(&turn.engine, deed, &member.id).await;
        let (outcome, took) = subject.call("print('unharmed')").await;
        assert_eq!(told(&outcome.ending), "exited", "after one was {name}");
        assert_eq!(outcome.stdout.head(), b"unharmed\n");
        // A pause shows in nothing but silence.
        assert!(took < Duration::from_secs(15), "{name}: it took {took:?}");
        let gone = turn.engine.until_gone(&member.id, LEFTOVERS).await;
        gone.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    subject.only_waiting(1, what).await;
    subject.end(what).await;
}

#[tokio::test]
async fn a_running_sandbox_that_others_harm_is_told_as_it_is() {
    let what = "others harm a running sandbox";
    let Some(turn) = engine(what).await else {
        return;
    };
    let host = turn.engine.host().unwrap_or("unix:///var/run/docker.sock");
    let subject = Subject::start(host, &turn.engine, 0).await;
    for (name, deed, expected) in DEEDS {
        let begun = Instant::now();
        let (waiting, container) = subject.wait_in(5).await;
        harm(&turn.engine, deed, &container).await;
        let outcome = answer(waiting).await;
        assert_eq!(told(&outcome.ending), *expected, "{name}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{name}");
        assert_eq!(subject.told("print('next')").await, "exited", "{name}");
    }
    subject.only_waiting(0, what).await;
    subject.end(what).await;
}

#[tokio::test]
async fn the_first_look_at_a_sandbox_is_taken_again_when_others_harm_it() {
    let what = "others harm the sandbox that is looked at";
    let Some(turn) = engine(what).await else {
        return;
    };
    let host = turn.engine.host().unwrap_or("unix:///var/run/docker.sock");
    for deed in [&["kill"][..], &["rm", "--force"]] {
        let executor = executor(host, turn.engine.image(), 0);
        let harmed = async {
            loop {
                if let Some(own) = of_this_process(&turn.engine).await {
                    let command = [deed, &[own.as_str()]].concat();
                    break turn.engine.docker(&command).await.is_ok();
                }
                tokio::task::yield_now().await;
            }
        };
        let (prepared, harmed) = tokio::join!(executor.prepare(&Silent), harmed);
        prepared.unwrap_or_else(|error| panic!("{deed:?}: {}", error.chain()));
        assert!(harmed, "{deed:?}: it was too late to be harmed");
        executor.shutdown().await;
    }
}

/// A container that this process has made: other tests have theirs on the same engine.
async fn of_this_process(engine: &Engine) -> Option<String> {
    let process = format!("/{}/", std::process::id());
    let all = engine.ours().await.unwrap();
    let own = all.into_iter().find(|container| {
        let lease = container.labels.get("mcp-pyexec.lease");
        lease.is_some_and(|lease| lease.contains(&process))
    });
    own.map(|container| container.id)
}
