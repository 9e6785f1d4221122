//! Lines of running programs as log messages, by those clients of the matrix that take some: what is left to a client that
//! hears no progress, such as the first of all.

use executor_testkit::engine::Engine;
use serde_json::{Value, json};

use super::field::{
    Client, PYTHON_1_0_0, PYTHON_1_30_0, PYTHON_2_3_0, TYPESCRIPT_CLIENT, TYPESCRIPT_SDK, Transport,
};
use super::follower::Follower;
use super::{Server, installed};

#[tokio::test]
async fn python_1_0_0_over_stdio_hears_lines() {
    let test = "python_1_0_0_over_stdio_hears_lines";
    hears(test, &PYTHON_1_0_0, Transport::Stdio, "2024-11-05").await;
}

#[tokio::test]
async fn python_1_0_0_over_sse_hears_lines() {
    let test = "python_1_0_0_over_sse_hears_lines";
    hears(test, &PYTHON_1_0_0, Transport::Sse, "2024-11-05").await;
}

#[tokio::test]
async fn python_1_30_0_over_http_hears_lines() {
    let test = "python_1_30_0_over_http_hears_lines";
    hears(test, &PYTHON_1_30_0, Transport::Http, "2025-11-25").await;
}

#[tokio::test]
async fn python_2_3_0_over_http_hears_lines() {
    let test = "python_2_3_0_over_http_hears_lines";
    hears(test, &PYTHON_2_3_0, Transport::Http, "2026-07-28").await;
}

#[tokio::test]
async fn typescript_sdk_over_stdio_hears_lines() {
    let test = "typescript_sdk_over_stdio_hears_lines";
    hears(test, &TYPESCRIPT_SDK, Transport::Stdio, "2025-11-25").await;
}

#[tokio::test]
async fn typescript_client_over_http_hears_lines() {
    let test = "typescript_client_over_http_hears_lines";
    hears(test, &TYPESCRIPT_CLIENT, Transport::Http, "2025-11-25").await;
}

/// The last that the program does before it sleeps for longer than anybody waits.
const CODE: &str = "import time
print('up', flush=True)
time.sleep(0.5)
display('shown')
time.sleep(600)";

async fn hears(test: &str, client: &Client, transport: Transport, revision: &str) {
    let Some(turn) = Engine::shared_turn(test).await.unwrap() else {
        return;
    };
    let mut program = match client.program(installed().as_deref(), transport) {
        Ok(program) => program,
        Err(why) => {
            println!("SKIPPED: {test}: {why}");
            return;
        }
    };
    let server = match transport {
        Transport::Stdio => None,
        Transport::Http | Transport::Sse => Some(Server::start(&turn.engine, &[]).await),
    };
    program.point(server.as_ref(), &turn.engine);
    let (mut client, opened) = Follower::start(program.command).await.unwrap();
    assert_eq!(opened["revision"], revision, "{opened}");
    client.order(&json!({ "do": "listen" })).await.unwrap();
    client
        .order(&json!({ "do": "call", "call": "live", "code": CODE, "quiet": true }))
        .await
        .unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "display: 'shown'") {
        let report = client.report().await.unwrap();
        // The call is not answered before all was heard, and asks for no progress.
        assert_eq!(report.get("call"), None, "{report}");
        if let Value::String(line) = &report["log"] {
            assert_eq!(
                (&report["level"], &report["logger"]),
                (&json!("info"), &json!("execute-python"))
            );
            seen.push(line.clone());
        }
    }
    assert!(seen.iter().any(|line| line == "up"), "{seen:?}");
    // The end of the connection is the end of the call.
    client.close().await.unwrap();
    if let Some(server) = server {
        assert!(server.stop().await, "the server did not end well");
    }
}
