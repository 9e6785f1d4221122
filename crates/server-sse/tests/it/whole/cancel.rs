//! What ends a run over HTTP: a closed response, a notification, a closed stream, the server's end.

use std::time::Duration;

use executor_testkit::witness::{self, marker, visible_program};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::server::{Events, Server, answer, initialize, turn};

/// What may pass between a cancel and the end of the container.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn container_of(marker: &str) -> String {
    witness::container_of(marker, Duration::from_secs(40))
        .await
        .unwrap()
}

fn session_call(id: u64, marker: &str, then: &str) -> Value {
    json!({
        "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {
            "name": "execute-python",
            "arguments": { "code": visible_program(marker, then) },
        },
    })
}

#[tokio::test]
async fn a_closed_response_ends_a_stateless_call() {
    let Some(turn) = turn("a_closed_response_ends_a_stateless_call").await else {
        return;
    };
    let server = Server::start(&turn.engine, &[]).await;
    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(600)");
    let request = server.call(1, &json!({ "code": code }));
    let mut asking = JoinSet::new();
    asking.spawn(async move { request.send().await.unwrap().text().await });
    let container = container_of(&marker).await;
    asking.shutdown().await;
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    assert_eq!(server.run("print('next')").await, "next\n");
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_sessions_call_outlives_its_response_and_ends_by_notification() {
    let what = "a_sessions_call_outlives_its_response_and_ends_by_notification";
    let Some(turn) = turn(what).await else { return };
    let server = Server::start(&turn.engine, &[]).await;
    let session = server.open_session().await;
    let marker = marker().unwrap();
    let call = session_call(3, &marker, "time.sleep(600)");
    let request = server.session_post(Some(&session), &call);
    let mut asking = JoinSet::new();
    asking.spawn(async move { request.send().await.unwrap().text().await });
    let container = container_of(&marker).await;
    // 2025-11-25, transports, "Sending messages": a disconnect is no cancellation.
    asking.shutdown().await;
    let still = turn
        .engine
        .until_gone(&container, Duration::from_secs(1))
        .await;
    assert!(still.is_err(), "a lost response ended the run");
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 3 },
    });
    let response = server
        .session_post(Some(&session), &cancel)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    assert!(server.stop().await);
}

#[tokio::test]
async fn the_end_of_an_old_stream_ends_its_runs() {
    let Some(turn) = turn("the_end_of_an_old_stream_ends_its_runs").await else {
        return;
    };
    let server = Server::start(&turn.engine, &[]).await;
    let mut events = Events::of(server.http.get(server.url("/sse")).send().await.unwrap());
    let (_, path) = events.next().await;
    let marker = marker().unwrap();
    for message in [
        initialize("2024-11-05"),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        session_call(4, &marker, "time.sleep(600)"),
    ] {
        let response = server
            .http
            .post(server.url(&path))
            .json(&message)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202);
    }
    let container = container_of(&marker).await;
    drop(events);
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    assert!(server.stop().await);
}

#[tokio::test]
async fn the_end_of_the_server_ends_its_runs() {
    let Some(turn) = turn("the_end_of_the_server_ends_its_runs").await else {
        return;
    };
    let server = Server::start(&turn.engine, &[]).await;
    let marker = marker().unwrap();
    let code = visible_program(&marker, "time.sleep(600)");
    let request = server.call(1, &json!({ "code": code }));
    let mut asking = JoinSet::new();
    asking.spawn(async move {
        match request.send().await {
            Ok(response) => Some(answer(response).await),
            Err(_) => None,
        }
    });
    let container = container_of(&marker).await;
    assert!(server.stop().await);
    turn.engine.until_gone(&container, AT_ONCE).await.unwrap();
    assert_eq!(witness::processes(&marker), 0);
}
