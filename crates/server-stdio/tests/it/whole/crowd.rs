//! Many calls at once, and a server that is killed among them.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use executor_testkit::engine::{Container, Engine, OWNER_LABEL};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::client::{Answer, Client, turn};

const CALLS: u64 = 200;
const AT_ONCE: u64 = 8;

/// As many wait at most as run at once.
const POOL: usize = 8;

/// A program that finds the sandbox used if it is, and answers what only its own call knows.
fn program(number: u64) -> String {
    format!(
        "import os, sys
print('used' if os.path.exists('/tmp/canary') or os.path.exists('/dev/shm/canary') else 'fresh')
open('/tmp/canary', 'w').close(); open('/dev/shm/canary', 'w').close()
print({number} * {number})"
    )
}

/// The engine's own record of the containers that it makes.
struct Births(Child);

impl Births {
    async fn watch(engine: &Engine) -> Self {
        let mut command = Command::new("docker");
        command.args([
            "events",
            "--format",
            "{{json .}}",
            "--filter",
            "event=create",
        ]);
        command.args(["--filter", &format!("label={OWNER_LABEL}")]);
        if let Some(host) = engine.host() {
            command.env("DOCKER_HOST", host);
        }
        let child = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // It says nothing until the first event: the container made next must not be missed.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Self(child)
    }

    /// The ids of the containers of this owner that were made since.
    async fn of(mut self, owner: &str) -> Vec<String> {
        let mut lines = BufReader::new(self.0.stdout.take().unwrap()).lines();
        let mut ids = Vec::new();
        // All have been told when none is told for a moment.
        while let Ok(line) = tokio::time::timeout(Duration::from_secs(1), lines.next_line()).await {
            let event: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap();
            if event["Actor"]["Attributes"][OWNER_LABEL] == owner {
                ids.push(event["Actor"]["ID"].as_str().unwrap().to_owned());
            }
        }
        ids
    }
}

/// A stranger's container that bears half of our labels and must stay. It goes with the test.
pub(super) struct LookAlike {
    pub(super) id: String,
    host: Option<String>,
}

impl LookAlike {
    pub(super) async fn make(engine: &Engine) -> Self {
        let half = format!("{OWNER_LABEL}=somebody-else");
        let made = engine
            .docker(&["create", "--label", &half, engine.image(), "true"])
            .await;
        let id = made.unwrap().trim().to_owned();
        Self {
            id,
            host: engine.host().map(str::to_owned),
        }
    }
}

impl Drop for LookAlike {
    fn drop(&mut self) {
        let mut command = std::process::Command::new("docker");
        command
            .args(["rm", "--force", &self.id])
            .stdout(Stdio::null());
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
        let _ = command.status();
    }
}

fn of_owner<'a>(containers: &'a [Container], owner: &str) -> Vec<&'a Container> {
    containers
        .iter()
        .filter(|container| {
            container
                .labels
                .get(OWNER_LABEL)
                .is_some_and(|label| label == owner)
        })
        .collect()
}

/// Containers that are nobody's of ours, running or not.
async fn strangers(engine: &Engine) -> BTreeSet<(String, String)> {
    let all = engine.all().await.unwrap();
    let strangers = all
        .into_iter()
        .filter(|container| !container.labels.contains_key(OWNER_LABEL));
    strangers
        .map(|container| (container.id, container.state))
        .collect()
}

#[tokio::test]
async fn two_hundred_calls_eight_at_a_time() {
    let Some(turn) = turn("two_hundred_calls_eight_at_a_time").await else {
        return;
    };
    let engine = &turn.engine;
    let mut client = Client::start(engine, &["--concurrency", "8"]).await;
    let owner = client.owner(engine).await;
    let births = Births::watch(engine).await;

    let mut calls = std::collections::HashMap::new();
    let mut next = 0;
    let mut answered = 0;
    while answered < CALLS {
        while next < CALLS && calls.len() < usize::try_from(AT_ONCE).unwrap() {
            let id = client.start_call(json!({ "code": program(next) })).await;
            calls.insert(id, next);
            next += 1;
        }
        let (id, answer) = client.next_answer().await;
        let number = calls.remove(&id).expect("it answers a call that was made");
        let answer = Answer::of(answer);
        assert_eq!(
            answer.stdout(),
            format!("fresh\n{}\n", number * number),
            "{answer:?}"
        );
        answered += 1;
    }

    // Those that wait for calls to come are all that is left, and they go with the server.
    let waiting = engine.wait_for(Duration::from_secs(10), |ours| {
        of_owner(ours, &owner).len() <= POOL
    });
    let waiting = waiting.await.unwrap();
    let waiting = of_owner(&waiting, &owner).len();
    assert!(waiting <= POOL, "10 s later there are {waiting}");
    let ids = births.of(&owner).await;
    let different: BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "an id was given twice");
    let unused = different.len() as u64 - CALLS;
    assert!(
        unused <= POOL as u64,
        "{CALLS} calls had {} containers",
        ids.len()
    );
    client.close().await;
    let left = engine.wait_for(Duration::from_secs(10), |ours| {
        of_owner(ours, &owner).is_empty()
    });
    let left = left.await.unwrap();
    assert!(of_owner(&left, &owner).is_empty(), "there are {left:?}");
}

#[tokio::test]
async fn after_kill_9_the_next_start_cleans_up_and_touches_nobody_else() {
    let what = "after_kill_9_the_next_start_cleans_up_and_touches_nobody_else";
    let Some(turn) = turn(what).await else { return };
    let engine = &turn.engine;
    let look_alike = LookAlike::make(engine).await;
    let before = strangers(engine).await;

    let mut client = Client::start(engine, &["--concurrency", "8"]).await;
    let owner = client.owner(engine).await;
    // Some print, some sleep, some are only just being started when the end comes.
    for number in 0..24_u64 {
        let code = match number % 3 {
            0 => {
                "import time\nwhile True:\n    print('.', flush=True); time.sleep(0.01)".to_owned()
            }
            1 => "import time; time.sleep(600)".to_owned(),
            _ => program(number),
        };
        client.start_call(json!({ "code": code })).await;
    }
    let busy = engine.wait_for(Duration::from_secs(20), |ours| {
        of_owner(ours, &owner).len() >= 5
    });
    let busy = busy.await.unwrap();
    assert!(
        of_owner(&busy, &owner).len() >= 5,
        "there were only {busy:?}"
    );
    client.kill().await;

    let begun = Instant::now();
    let mut client = Client::start(engine, &[]).await;
    let left = engine.wait_for(Duration::from_secs(15), |ours| {
        of_owner(ours, &owner).is_empty()
    });
    let left = left.await.unwrap();
    assert!(
        of_owner(&left, &owner).is_empty(),
        "after {:?}: {left:?}",
        begun.elapsed()
    );
    assert_eq!(client.run("print('up again')").await.stdout(), "up again\n");
    let after = strangers(engine).await;
    assert!(
        before.is_subset(&after),
        "somebody else's container was touched"
    );
    let all = engine.all().await.unwrap();
    assert!(
        all.iter().any(|container| container.id == look_alike.id),
        "the look-alike is gone"
    );
    client.close().await;
}

#[tokio::test]
async fn a_full_queue_is_told_at_once_and_pings_are_answered() {
    let what = "a_full_queue_is_told_at_once_and_pings_are_answered";
    let Some(turn) = turn(what).await else { return };
    let options = ["--concurrency", "1", "--queue", "1"];
    let mut client = Client::start(&turn.engine, &options).await;
    // The engine is looked at once, by the first call.
    assert_eq!(client.run("print('ready')").await.stdout(), "ready\n");
    let sleep = json!({ "code": "import time; time.sleep(2); print('slept')" });
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(client.start_call(sleep.clone()).await);
    }
    let begun = Instant::now();
    let ping = client.request("ping", json!({})).await;
    assert_eq!(client.answer(ping).await["result"], json!({}));
    let mut busy = 0;
    while busy < 3 {
        let (id, answer) = client.next_answer().await;
        calls.retain(|call| *call != id);
        let answer = Answer::of(answer);
        assert!(
            answer.is_error() && answer.text().contains("1 calls wait"),
            "{answer:?}"
        );
        busy += 1;
    }
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        begun.elapsed()
    );
    for id in calls {
        let answer = client.result(id).await;
        assert_eq!(answer.stdout(), "slept\n", "{answer:?}");
    }
    client.close().await;
}
