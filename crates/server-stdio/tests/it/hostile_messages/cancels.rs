//! Cancellations at any time: of what runs, of what does not, twice, and very many.

use std::time::Duration;

use executor_testkit::engine::{Container, OWNER_LABEL};
use serde_json::{Value, json};

use super::Peer;
use crate::whole::client::{Client, turn};

fn cancel(id: &Value) -> String {
    let params = json!({"requestId": id, "reason": "enough"});
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).to_string()
}

/// C09: cancelling what is unknown, answered or cancelled already says nothing and costs nothing, a hundred thousand times.
#[test]
fn cancels_of_nothing_are_passed_over() {
    let mut peer = Peer::open("2025-11-25");
    for id in [
        json!(0),
        json!("x"),
        json!(u64::MAX),
        json!("x".repeat(1024)),
        json!(null),
        json!([]),
        json!(1.5),
    ] {
        peer.ignored(cancel(&id).as_bytes());
    }
    // Before the request, after its answer, and twice.
    peer.ignored(cancel(&json!(41)).as_bytes());
    peer.say(r#"{"jsonrpc":"2.0","id":41,"method":"ping"}"#);
    assert_eq!(peer.hear()["id"], 41);
    peer.ignored(cancel(&json!(41)).as_bytes());
    peer.ignored(cancel(&json!(41)).as_bytes());
    let many = format!("{}\n", cancel(&json!(7))).repeat(1000);
    for _ in 0..100 {
        peer.say_bytes(many.as_bytes());
    }
    peer.is_well();
    // An id is free again when its request has been answered.
    peer.say(r#"{"jsonrpc":"2.0","id":41,"method":"ping"}"#);
    assert_eq!(peer.hear()["id"], 41);
    peer.close();
}

/// C09: a call that is cancelled at any stage of its life has at most one answer, leaves no container, and frees its place.
#[tokio::test]
async fn a_cancel_at_any_stage_leaves_nothing() {
    let Some(turn) = turn("a_cancel_at_any_stage_leaves_nothing").await else {
        return;
    };
    // One place: what was cancelled and kept it would stop everything behind it. No sandboxes that wait for programs:
    // they are there when nothing runs.
    let options = ["--concurrency", "1", "--pool", "0", "--pool-least", "0"];
    let mut client = Client::start(&turn.engine, &options).await;
    let owner = client.owner(&turn.engine).await;
    let mut cancelled = Vec::new();
    // The stages are told as progress: a call is cancelled when so many of them were heard; 0 is at once.
    for stage in 0..6_u64 {
        let params = json!({
            "name": "execute-python",
            "arguments": {"code": "import time\nfor n in range(600):\n    print(n, flush=True)\n    time.sleep(1)"},
            "_meta": {"progressToken": stage},
        });
        let id = client.request("tools/call", params).await;
        let mut heard = 0;
        while heard < stage {
            let message = client.next_other().await;
            heard += u64::from(message["params"]["progressToken"] == stage);
        }
        let mut ids = vec![id];
        if stage > 0 {
            // It has told something, so the one place is its own, and this one waits behind it.
            let behind = json!({"code": "print('behind')"});
            ids.push(client.start_call(behind).await);
        }
        for id in ids.iter().rev() {
            client.send_line(cancel(&json!(id)).as_bytes()).await;
            client.send_line(cancel(&json!(id)).as_bytes()).await;
        }
        cancelled.extend(ids);
        let next = client.run("print('next')").await;
        assert_eq!(next.stdout(), "next\n", "after stage {stage}: {next:?}");
    }
    let ours = |containers: &[Container]| {
        let label = |container: &Container| container.labels.get(OWNER_LABEL).cloned();
        containers
            .iter()
            .filter(|container| label(container).as_ref() == Some(&owner))
            .count()
    };
    let within = Duration::from_secs(5);
    let left = turn
        .engine
        .wait_for(within, |containers| ours(containers) == 0)
        .await
        .unwrap();
    assert_eq!(ours(&left), 0, "{left:?}");
    let ping = client.request("ping", json!({})).await;
    client.answer(ping).await;
    for id in cancelled {
        assert_eq!(client.untaken(id), None, "{id} was cancelled");
    }
    client.close().await;
}
