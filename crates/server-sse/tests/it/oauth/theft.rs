//! What belongs to one holder of tokens does not exist for the others, whatever they know of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::issuer::{Issuer, Key};
use crate::site::{Event, Site, call, initialize, json_of, request};

/// Three who may all come in: the owner, another subject, and a client that calls itself like the owner.
struct House {
    site: Site,
    alice: String,
    others: Vec<String>,
    /// Another token of the owner.
    fresh: String,
    _issuers: [Issuer; 2],
}

impl House {
    async fn open() -> Self {
        let key = Key::ed25519("k");
        let issuer = Issuer::start(&[&key]).await;
        let second = Issuer::start(&[&key]).await;
        let mut settings = issuer.settings();
        settings.issuers.extend(second.settings().issuers);
        let site = Site::with(|http| http.authorization = Some(settings)).await;
        let token = |issuer: &Issuer, change: &dyn Fn(&mut Value)| {
            let mut token = issuer.token(&key);
            change(&mut token.claims);
            token.signed(&key)
        };
        Self {
            alice: token(&issuer, &|_| {}),
            fresh: token(&issuer, &|claims| claims["jti"] = "2".into()),
            others: vec![
                token(&issuer, &|claims| claims["sub"] = "bob".into()),
                token(&issuer, &|claims| {
                    claims.as_object_mut().unwrap().remove("sub");
                    claims["client_id"] = "alice".into();
                }),
                // The same name at another issuer is another person.
                token(&second, &|_| {}),
            ],
            site,
            _issuers: [issuer, second],
        }
    }
}

#[tokio::test]
async fn a_session_by_header() {
    let mut house = House::open().await;
    let site = &mut house.site;
    let opened = site
        .post(&initialize("2025-11-25"))
        .bearer_auth(&house.alice);
    let opened = opened.send().await.unwrap();
    let session = opened.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let ping = request("ping", &json!({}));
    let mut params = call("tell and wait");
    params["_meta"] = json!({"progressToken": 1});
    let streamed = site
        .post(&request("tools/call", &params))
        .header("mcp-session-id", &session)
        .bearer_auth(&house.alice);
    let mut running = streamed.send().await.unwrap();
    assert_eq!(site.event().await, Event::Began);
    let first = running.chunk().await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    let event = first
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap();
    for token in &house.others {
        let within = |request: reqwest::RequestBuilder| {
            request
                .header("mcp-session-id", &session)
                .bearer_auth(token)
        };
        let verb = |method: Method| {
            let request = site.client.request(method, site.url("/mcp"));
            within(request.header("accept", "application/json, text/event-stream"))
        };
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
        for stolen in [
            within(site.post(&ping)),
            within(site.post(&cancel)),
            verb(Method::GET),
            verb(Method::GET).header("last-event-id", event),
            verb(Method::DELETE),
        ] {
            let refused = stolen.send().await.unwrap();
            assert_eq!(refused.status(), 404);
        }
    }
    // No token at all is not enough for one's own, and another of one's own is.
    let bare = site.post(&ping).header("mcp-session-id", &session);
    assert_eq!(bare.send().await.unwrap().status(), 401);
    let own = site.post(&ping).header("mcp-session-id", &session);
    let own = own.bearer_auth(&house.fresh).send().await.unwrap();
    assert_eq!(own.status(), 200);
    assert_eq!(json_of(own).await["result"], json!({}));
    site.release.notify_one();
    assert_eq!(site.event().await, Event::Gone);
}

#[tokio::test]
async fn a_session_of_the_old_transport() {
    let house = House::open().await;
    let site = &house.site;
    let stream = site.client.get(site.url("/sse")).bearer_auth(&house.alice);
    let mut stream = stream.send().await.unwrap();
    let first = stream.chunk().await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    let target = first
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let post = async |token: &str| {
        let post = site.client.post(site.url(target)).bearer_auth(token);
        let sent = post.json(&initialize("2024-11-05")).send().await;
        sent.unwrap().status().as_u16()
    };
    for token in &house.others {
        assert_eq!(post(token).await, 404);
    }
    assert_eq!(post(&house.fresh).await, 202);
}

#[tokio::test]
async fn a_task() {
    let house = House::open().await;
    let site = &house.site;
    let ask = async |method: &str, mut params: Value, token: &str| {
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        let mut post = site
            .post(&request(method, &params))
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .bearer_auth(token);
        for name in ["taskId", "name"] {
            if let Some(name) = params[name].as_str() {
                post = post.header("mcp-name", name);
            }
        }
        json_of(post.send().await.unwrap()).await
    };
    let begun = ask("tools/call", call("detach"), &house.alice).await;
    let id = &begun["result"]["taskId"];
    assert!(id.is_string(), "{begun}");
    let task = json!({"taskId": id});
    for token in &house.others {
        for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
            let mut update = task.clone();
            update["inputResponses"] = json!({});
            let refused = ask(method, update.clone(), token).await;
            // As if there had never been such a task.
            update["taskId"] = "0".repeat(id.as_str().unwrap().len()).into();
            let unknown = ask(method, update, token).await;
            assert_eq!(refused["error"]["code"], -32602, "{method}: {refused}");
            assert_eq!(refused["error"], unknown["error"], "{method}");
        }
    }
    let own = ask("tasks/get", task, &house.fresh).await;
    assert_eq!(own["result"]["status"], "working", "{own}");
    site.release.notify_one();
}
