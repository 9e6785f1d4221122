//! Servers that are killed in the middle of everything: the next one, or one beside them, removes what they left and
//! touches nothing else.
//!
//! A proxy before the engine keeps back the one call at which a server is to be killed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_testkit::engine::{Engine, OWNER_LABEL};
use executor_testkit::faults::{Fault, FaultProxy, Route, socket_of};
use executor_testkit::witness::{marker, visible_program};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::client::{Client, container_of, turn};
use super::crowd::LookAlike;

/// So soon behind a server's end nothing of it is left.
const LEFTOVERS: Duration = Duration::from_secs(30);

/// Longer than any test.
const LONG: Fault = Fault::Delay(Duration::from_secs(600));

/// Far more than any call of the engine takes.
const PATIENCE: Duration = Duration::from_secs(40);

/// Where in the life of a sandbox its server is killed.
struct Stage {
    name: &'static str,
    route: Route,
    fault: Fault,
    /// Whether there is a container by then.
    made: bool,
    call: fn(&Index) -> Value,
}

const STAGES: &[Stage] = &[
    Stage {
        name: "creating, before the engine heard of it",
        route: Route::Create,
        fault: LONG,
        made: false,
        call: Index::nothing,
    },
    Stage {
        name: "creating, before the engine's answer",
        route: Route::Create,
        fault: Fault::Hold,
        made: true,
        call: Index::nothing,
    },
    Stage {
        name: "created",
        route: Route::Attach,
        fault: LONG,
        made: true,
        call: Index::nothing,
    },
    Stage {
        name: "attached",
        route: Route::Start,
        fault: LONG,
        made: true,
        call: Index::nothing,
    },
    Stage {
        name: "started, before the engine's answer",
        route: Route::Start,
        fault: Fault::Hold,
        made: true,
        call: Index::nothing,
    },
    Stage {
        name: "booting",
        route: Route::Attach,
        fault: Fault::StallStream(1),
        made: true,
        call: Index::nothing,
    },
    Stage {
        name: "running",
        route: Route::Other,
        fault: LONG,
        made: true,
        call: Index::for_long,
    },
    Stage {
        name: "ending",
        route: Route::Remove,
        fault: LONG,
        made: true,
        call: Index::nothing,
    },
    Stage {
        name: "ended, before the engine's answer",
        route: Route::Remove,
        fault: Fault::Hold,
        made: false,
        call: Index::nothing,
    },
    Stage {
        // The last, because an installer waits only some seconds for its index.
        name: "installing",
        route: Route::Other,
        fault: LONG,
        made: true,
        call: Index::modules,
    },
];

/// A package index that takes a connection and says nothing. Of the loopback addresses, installers take the first for
/// their own.
struct Index(TcpListener);

impl Index {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.2:0").await.unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}/simple", self.0.local_addr().unwrap())
    }

    fn nothing(&self) -> Value {
        json!({ "code": "pass" })
    }

    fn for_long(&self) -> Value {
        json!({ "code": "print('up', flush=True)\nimport time; time.sleep(600)" })
    }

    fn modules(&self) -> Value {
        json!({ "code": "pass", "modules": "six" })
    }
}

/// A server at its stage, and who it is to the engine.
struct Victim {
    stage: &'static Stage,
    client: Client,
    owner: String,
    _proxy: FaultProxy,
    _installing: Option<TcpStream>,
}

impl Victim {
    async fn bring(engine: Engine, index: Arc<Index>, stage: &'static Stage) -> Self {
        let engine = &engine;
        let proxy = FaultProxy::before(socket(engine).unwrap()).unwrap();
        let through = Engine::at(proxy.host(), engine.image().to_owned());
        let options = ["--pool", "0", "--index-url", &index.url()];
        let mut client = Client::start(&through, &options).await;
        let owner = client.owner(engine).await;
        until(engine, &owner, "left from before", |count| count == 0).await;

        let before = proxy.calls(stage.route);
        let ran = proxy.calls(Route::Start);
        proxy.next(stage.route, stage.fault.clone());
        client.start_call((stage.call)(&index)).await;
        match stage.route {
            Route::Other => {
                let started = proxy.until_called(Route::Start, ran + 1, PATIENCE).await;
                assert!(started, "{}", stage.name);
            }
            route => {
                let called = proxy.until_called(route, before + 1, PATIENCE).await;
                assert!(called, "{}", stage.name);
            }
        }
        let mut installing = None;
        if stage.name == "installing" {
            // The installer is at work when it asks the index.
            let asked = tokio::time::timeout(PATIENCE, index.0.accept()).await;
            installing = Some(asked.expect("the installer asks").unwrap().0);
        }
        // Where modules are built there may be another.
        until(engine, &owner, stage.name, |count| {
            (count > 0) == stage.made
        })
        .await;
        Self {
            stage,
            client,
            owner,
            _proxy: proxy,
            _installing: installing,
        }
    }

    /// Brings one to each of these stages, all at the same time.
    async fn bring_all(engine: &Engine, stages: &'static [Stage]) -> Vec<Self> {
        let index = Arc::new(Index::start().await);
        let mut bringing = JoinSet::new();
        for stage in stages {
            bringing.spawn(Self::bring(engine.clone(), Arc::clone(&index), stage));
        }
        bringing.join_all().await
    }
}

/// Waits until so many containers of this owner are there, in whatever state.
async fn until(engine: &Engine, owner: &str, what: &str, wanted: impl Fn(usize) -> bool) {
    let count = |ours: &[executor_testkit::engine::Container]| {
        let own = ours.iter();
        own.filter(|one| one.labels.get(OWNER_LABEL).is_some_and(|is| is == owner))
            .count()
    };
    let there = engine.wait_for(LEFTOVERS, |ours| wanted(count(ours))).await;
    let there = there.unwrap();
    assert!(wanted(count(&there)), "{what}: there are {there:?}");
}

fn socket(engine: &Engine) -> Option<&Path> {
    let socket = socket_of(engine.host().unwrap_or("unix:///var/run/docker.sock"));
    if socket.is_none() {
        println!("SKIPPED: servers that are killed: the engine has no socket of this host");
    }
    socket
}

#[tokio::test]
async fn after_a_kill_at_any_stage_the_next_server_removes_what_was_left() {
    let what = "after_a_kill_at_any_stage_the_next_server_removes_what_was_left";
    let Some(turn) = turn(what).await else { return };
    let engine = &turn.engine;
    if socket(engine).is_none() {
        return;
    }
    let look_alike = LookAlike::make(engine).await;

    let (installing, others) = STAGES.split_last().unwrap();
    let mut victims = Victim::bring_all(engine, others).await;
    victims.extend(Victim::bring_all(engine, std::slice::from_ref(installing)).await);
    let mut owners = Vec::new();
    for victim in victims {
        owners.push((victim.stage, victim.owner));
        victim.client.kill().await;
    }
    let begun = Instant::now();
    let mut next = Client::start(engine, &[]).await;
    for (stage, owner) in &owners {
        until(engine, owner, stage.name, |count| count == 0).await;
    }
    let took = begun.elapsed();
    assert!(took < LEFTOVERS, "it took {took:?}");
    assert_eq!(next.run("print('next')").await.stdout(), "next\n");
    let all = engine.all().await.unwrap();
    let stayed = all.iter().any(|container| container.id == look_alike.id);
    assert!(stayed, "somebody else's container is gone");
    next.close().await;
}

#[tokio::test]
async fn a_server_removes_what_another_left_and_goes_on_itself() {
    let what = "a_server_removes_what_another_left_and_goes_on_itself";
    let Some(turn) = turn(what).await else { return };
    let engine = &turn.engine;
    if socket(engine).is_none() {
        return;
    }
    let mut living = Client::start(engine, &[]).await;
    let owner = living.owner(engine).await;
    let code = "import time\nfor _ in range(15): time.sleep(1)\nprint('to the end')";
    let call = living.start_call(json!({ "code": code })).await;

    for victim in Victim::bring_all(engine, &STAGES[1..4]).await {
        victim.client.kill().await;
        until(engine, &victim.owner, victim.stage.name, |count| count == 0).await;
    }
    until(engine, &owner, "of the living", |count| count >= 1).await;
    assert_eq!(living.result(call).await.stdout(), "to the end\n");
    living.close().await;
}

#[tokio::test]
async fn a_server_outlives_its_engine_s_absence() {
    let what = "a_server_outlives_its_engine_s_absence";
    let Some(turn) = turn(what).await else { return };
    let engine = &turn.engine;
    let Some(socket) = socket(engine) else { return };
    let mut proxy = FaultProxy::before(socket).unwrap();
    let through = Engine::at(proxy.host(), engine.image().to_owned());
    let mut client = Client::start(&through, &[]).await;
    let owner = client.owner(engine).await;
    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(600)");
    let lost = client.start_call(json!({ "code": code })).await;
    container_of(&marker).await;

    proxy.leave().await;
    let answer = client.result(lost).await;
    assert_eq!(answer.ending(), "sandbox_lost", "{answer:?}");
    for _ in 0..3 {
        let answer = client.run("print('nobody')").await;
        assert!(answer.is_error(), "{answer:?}");
        let text = answer.text();
        assert!(text.contains("container engine does not answer"), "{text}");
        assert!(!text.contains("engine.sock"), "{text}");
    }
    let ping = client.request("ping", json!({})).await;
    assert_eq!(client.answer(ping).await["result"], json!({}));

    proxy.come_back().unwrap();
    let back = Instant::now();
    while client.run("print('again')").await.stdout() != "again\n" {
        assert!(back.elapsed() < Duration::from_secs(10), "{}", client.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client.close().await;
    until(engine, &owner, what, |count| count == 0).await;
}
