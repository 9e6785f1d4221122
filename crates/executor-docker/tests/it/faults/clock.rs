//! An engine whose clock is set while servers use it.

use std::sync::Arc;

use executor_testkit::faults::{Fault, Rewrite, Route};
use serde_json::Value;

use super::subject::{Subject, answer, engine, proxy, told};
use crate::engine::{exists, labels, make, unmake};

/// What the engine says of its time, moved by so many seconds.
fn set_by(seconds: i64) -> Rewrite {
    Arc::new(move |told: &mut Value| {
        let time: jiff::Timestamp = told["SystemTime"].as_str().unwrap().parse().unwrap();
        let set = time + jiff::SignedDuration::from_secs(seconds);
        told["SystemTime"] = Value::from(set.to_string());
    })
}

#[tokio::test]
async fn a_clock_that_is_set_takes_nobody_a_sandbox() {
    let what = "the engine's clock is set";
    let Some(turn) = engine(what).await else {
        return;
    };
    let Some(proxy) = proxy(what, &turn.engine) else {
        return;
    };
    let host = turn.engine.host().unwrap_or("unix:///var/run/docker.sock");
    let other = Subject::start(host, &turn.engine, 1).await;
    let subject = Subject::start(&proxy.host(), &turn.engine, 1).await;
    // Of a server on another host, and with ten minutes to go by the clock as it is.
    let run = uuid::Uuid::new_v4().simple().to_string();
    let far = format!("mcp-python-{run}");
    let deadline = jiff::Timestamp::now().as_second() + 600;
    let labels = labels(&run, deadline);
    let labels: Vec<_> = labels
        .iter()
        .map(|(&key, value)| (key, value.as_str()))
        .collect();
    make(&far, &labels, "sleep 1000", true).await;

    let (own_run, _) = subject.wait_in(600).await;
    let (other_run, _) = other.wait_in(600).await;
    subject.executor.sweep().await.unwrap();
    for seconds in [3600, 365 * 86_400] {
        proxy.heal();
        proxy.every(Route::Info, Fault::Rewrite(set_by(seconds)));
        for _ in 0..2 {
            let report = subject.executor.sweep().await.unwrap();
            assert_eq!(report.failed, 0, "set by {seconds} s");
        }
        assert!(
            exists(&far).await,
            "another host's is gone, set by {seconds} s"
        );
        assert_eq!(
            subject.told("print(1)").await,
            "exited",
            "set by {seconds} s"
        );
        assert_eq!(other.told("print(1)").await, "exited", "set by {seconds} s");
    }
    // Back by a year: what is started now is not overdue when the clock is right again.
    proxy.heal();
    proxy.every(Route::Info, Fault::Rewrite(set_by(-365 * 86_400)));
    subject.executor.sweep().await.unwrap();
    let (early_run, _) = subject.wait_in(600).await;
    proxy.heal();
    for one in [&subject, &other] {
        one.executor.sweep().await.unwrap();
    }

    for run in [own_run, other_run, early_run] {
        run.cancel();
        let outcome = answer(run).await;
        // A sandbox that a sweep took would have ended it otherwise, and before.
        assert_eq!(told(&outcome.ending), "cancelled");
    }
    unmake(&far).await;
    subject.end(what).await;
    other.end(what).await;
}
