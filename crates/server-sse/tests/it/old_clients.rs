//! HTTP+SSE, the transport of 2024-11-05.

use reqwest::Response;
use serde_json::{Value, json};
use server_sse::BearerToken;

use crate::site::{Event, Site, call, initialize, json_of, messages_in, request};

/// An open stream and where to post.
struct Old {
    stream: Response,
    text: String,
    target: String,
}

impl Old {
    async fn open(site: &Site) -> Self {
        let stream = site
            .client
            .get(site.url("/sse"))
            .header("accept", "text/event-stream");
        let stream = stream.send().await.unwrap();
        assert_eq!(stream.status(), 200);
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let mut old = Self {
            stream,
            text: String::new(),
            target: String::new(),
        };
        old.read_until("\n\n").await;
        let target = old.text.strip_prefix("event: endpoint\ndata: ").unwrap();
        old.target = target.split('\n').next().unwrap().to_owned();
        old
    }

    async fn read_until(&mut self, until: &str) {
        while !self.text.contains(until) {
            let chunk = self
                .stream
                .chunk()
                .await
                .unwrap()
                .expect("the stream is open");
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// Posts a message; gives back the status.
    async fn post(&self, site: &Site, message: &Value) -> u16 {
        let post = site.client.post(site.url(&self.target)).json(message);
        post.send().await.unwrap().status().as_u16()
    }

    /// The answer to the request with this id.
    async fn answer(&mut self, id: &Value) -> Value {
        self.read_until(&format!("data: {{\"id\":{id},")).await;
        self.read_until("}\n\n").await;
        let mut messages = messages_in(&self.text);
        messages.retain(|message| message["id"] == *id);
        messages.remove(0)
    }
}

fn with_id(id: i64, mut message: Value) -> Value {
    message["id"] = id.into();
    message
}

#[tokio::test]
async fn everything_comes_on_the_one_stream() {
    let site = Site::start().await;
    let mut old = Old::open(&site).await;
    assert!(
        old.target.starts_with("/message?sessionId="),
        "{}",
        old.target
    );
    assert_eq!(
        old.post(&site, &with_id(10, initialize("2024-11-05")))
            .await,
        202
    );
    let opened = old.answer(&json!(10)).await;
    assert_eq!(opened["result"]["protocolVersion"], "2024-11-05");
    let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(old.post(&site, &told).await, 202);
    let waiting = with_id(11, request("tools/call", &call("wait")));
    assert_eq!(old.post(&site, &waiting).await, 202);
    assert_eq!(
        old.post(&site, &with_id(12, request("ping", &json!({}))))
            .await,
        202
    );
    assert_eq!(old.answer(&json!(12)).await["result"], json!({}));
    site.release.notify_one();
    let answer = old.answer(&json!(11)).await;
    assert_eq!(
        answer["result"]["content"][0]["text"],
        "wait at 2024-11-05 for local"
    );
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_session() {
    let mut site = Site::start().await;
    let old = Old::open(&site).await;
    assert_eq!(old.post(&site, &initialize("2024-11-05")).await, 202);
    assert_eq!(
        old.post(&site, &with_id(2, request("tools/call", &call("ever"))))
            .await,
        202
    );
    assert_eq!(site.event().await, Event::Began);
    let target = old.target.clone();
    drop(old);
    assert_eq!(site.event().await, Event::Gone);
    let post = site
        .client
        .post(site.url(&target))
        .json(&request("ping", &json!({})));
    assert_eq!(post.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_cannot_be_posted_has_its_status() {
    let site = Site::with(|settings| settings.max_body_bytes = 1000).await;
    let mut old = Old::open(&site).await;
    let post = |target: &str| site.client.post(site.url(target));
    let ping = request("ping", &json!({}));
    assert_eq!(
        post("/message").json(&ping).send().await.unwrap().status(),
        400
    );
    assert_eq!(
        post("/message?sessionId=nope")
            .json(&ping)
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    // An id of the other transport means nothing here, nor the other way round.
    let session = site.session("2025-11-25").await;
    let foreign = format!("/message?sessionId={session}");
    assert_eq!(
        post(&foreign).json(&ping).send().await.unwrap().status(),
        404
    );
    let (_, ours) = old.target.split_once('=').unwrap();
    let swapped = site.post(&ping).header("mcp-session-id", ours);
    assert_eq!(swapped.send().await.unwrap().status(), 404);

    assert_eq!(
        post(&old.target).body("{}").send().await.unwrap().status(),
        415
    );
    assert_eq!(old.post(&site, &json!({"x": "y".repeat(1000)})).await, 413);
    let get = site.client.get(site.url(&old.target)).send().await.unwrap();
    assert_eq!(get.status(), 405);
    assert_eq!(get.headers()["allow"], "POST");

    let broken = post(&old.target)
        .header("content-type", "application/json")
        .body("{");
    let response = broken.send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(json_of(response).await["error"]["code"], -32700);
    old.read_until("-32700").await;
}

#[tokio::test]
async fn clients_that_try_the_newer_transport_here_find_no_sign_of_it() {
    let site = Site::start().await;
    let response = site
        .client
        .post(site.url("/sse"))
        .json(&initialize("2025-11-25"))
        .send()
        .await;
    let response = response.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET");
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_proxy_that_strips_a_prefix_is_told_of_in_the_settings() {
    let site = Site::with(|settings| {
        settings.public_prefix = "/python".to_owned();
        settings.token = BearerToken::new("t");
    })
    .await;
    let stream = site
        .client
        .get(site.url("/sse"))
        .header("authorization", "Bearer t");
    let mut stream = stream.send().await.unwrap();
    let first = stream.chunk().await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first);
    assert!(
        first.starts_with("event: endpoint\ndata: /python/message?sessionId="),
        "{first}"
    );
}
