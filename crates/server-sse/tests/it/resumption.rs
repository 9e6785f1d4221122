//! 2025-11-25 over HTTP: streams that were lost are taken up again, and those that a tool lets go.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::site::{Event, Site, call, messages_in, request};

fn within(post: RequestBuilder, session: &str) -> RequestBuilder {
    post.header("mcp-session-id", session)
}

/// Reads until a text has come.
async fn read(response: &mut Response, until: &str) -> String {
    let mut text = String::new();
    while !text.contains(until) {
        let chunk = response.chunk().await.unwrap().expect(&text);
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

/// The name of the last event.
fn last_event(text: &str) -> String {
    let mut names = text.lines().filter_map(|line| line.strip_prefix("id: "));
    names.next_back().expect(text).to_owned()
}

impl Site {
    async fn starts(&self, session: &str, task: &str) -> Response {
        let mut params = call(task);
        params["_meta"] = json!({"progressToken": 1});
        let post = within(self.post(&request("tools/call", &params)), session);
        post.send().await.unwrap()
    }

    async fn takes_up(&self, session: &str, event: &str) -> Response {
        let get = self.client.get(self.url("/mcp"));
        let get = within(get.header("accept", "text/event-stream"), session);
        get.header("last-event-id", event).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_lost_stream_is_taken_up_where_it_broke_off() {
    let mut site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let mut lost = site.starts(&session, "tell and wait").await;
    let text = read(&mut lost, "notifications/progress").await;
    assert!(
        text.starts_with("id: 2-0\nretry: 500\ndata: \n\n"),
        "a name without data comes first: {text}"
    );
    assert_eq!(site.event().await, Event::Began);
    drop(lost);
    let taken_up = site.takes_up(&session, "2-0").await;
    site.release.notify_one();
    assert_eq!(site.event().await, Event::Gone);
    let text = taken_up.text().await.unwrap();
    let messages = messages_in(&text);
    assert_eq!(messages[0]["method"], "notifications/progress");
    assert_eq!(messages[1]["id"], 1);
    assert_eq!(messages.len(), 2, "and the stream ends with the answer");
    // It can be taken up again, from where the client is.
    let again = site.takes_up(&session, "2-1").await.text().await.unwrap();
    assert_eq!(messages_in(&again), messages[1..]);
    assert_eq!(last_event(&again), "2-2");
}

#[tokio::test]
async fn what_is_not_kept_is_refused_by_name() {
    let site = Site::start().await;
    let session = site.session("2025-11-25").await;
    for unknown in ["2-0", "9-9", "2", "-", "", "x-1", "18446744073709551616-0"] {
        let response = site.takes_up(&session, unknown).await;
        assert_eq!(response.status(), 400, "{unknown:?}");
    }
    let other = site.session("2025-11-25").await;
    let mut lost = site.starts(&session, "progress").await;
    read(&mut lost, "\"result\"").await;
    assert_eq!(site.takes_up(&session, "2-0").await.status(), 200);
    let foreign = site.takes_up(&other, "2-0").await;
    assert_eq!(
        foreign.status(),
        400,
        "a name means something in its session only"
    );
}

#[tokio::test]
async fn older_revisions_have_no_names() {
    let site = Site::start().await;
    let session = site.session("2025-06-18").await;
    let text = site
        .starts(&session, "progress")
        .await
        .text()
        .await
        .unwrap();
    assert!(!text.contains("id: ") && !text.contains("retry"), "{text}");
    assert_eq!(messages_in(&text).len(), 2);
    assert_eq!(site.takes_up(&session, "2-0").await.status(), 400);
}

#[tokio::test]
async fn a_tool_may_let_its_connection_go() {
    let mut site = Site::start().await;
    let session = site.session("2025-11-25").await;
    let text = site.starts(&session, "let go").await.text().await.unwrap();
    assert_eq!(
        messages_in(&text),
        [Value::Null; 0],
        "only its start: {text}"
    );
    assert_eq!(site.event().await, Event::Began);
    let taken_up = site.takes_up(&session, &last_event(&text)).await;
    site.release.notify_one();
    let text = taken_up.text().await.unwrap();
    assert_eq!(messages_in(&text)[0]["id"], 1);
}
