//! The whole way: the official SDK, which is told nothing but the address, logs in and calls; and the real binary, whose
//! log is looked through.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use server_sse::{AuthorizationSettings, Issuer as IssuerName, Resource};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::issuer::{Issuer, Key, encoded};
use crate::cli::Listening;
use crate::site::Site;

/// An interpreter that starts and a client that logs in take a while on a busy machine.
const PATIENCE: Duration = Duration::from_secs(100);

/// A login that always says yes.
struct Login {
    name: String,
    resource: String,
    keys: Issuer,
    key: Key,
}

async fn metadata(State(login): State<Arc<Login>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", login.name);
    Json(json!({
        "issuer": login.name,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "registration_endpoint": at("/register"),
        "jwks_uri": format!("{}/keys", login.keys.name),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn register(Json(mut client): Json<Value>) -> Response {
    client["client_id"] = "client-1".into();
    (StatusCode::CREATED, Json(client)).into_response()
}

type Fields = HashMap<String, String>;

/// The code is the challenge that it must be redeemed against.
async fn authorize(State(login): State<Arc<Login>>, Query(asked): Query<Fields>) -> Response {
    assert_eq!(asked["resource"], login.resource);
    assert_eq!(asked["scope"], "python:run", "as the challenge said");
    let mut back = reqwest::Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut()
        .append_pair("code", &asked["code_challenge"])
        .append_pair("state", &asked["state"])
        .append_pair("iss", &login.name);
    (StatusCode::FOUND, [(LOCATION, back.to_string())]).into_response()
}

async fn token(State(login): State<Arc<Login>>, body: Bytes) -> Json<Value> {
    let fields: Fields = url::form_urlencoded::parse(&body).into_owned().collect();
    assert_eq!(fields["resource"], login.resource);
    let proof = digest(&SHA256, fields["code_verifier"].as_bytes());
    assert_eq!(fields["code"], encoded(proof));
    let mut token = login.keys.token(&login.key);
    token.claims["iss"] = login.name.clone().into();
    token.claims["aud"] = json!([fields["resource"]]);
    token.claims["client_id"] = fields["client_id"].clone().into();
    Json(
        json!({"access_token": token.signed(&login.key), "token_type": "Bearer",
        "expires_in": 300, "scope": "python:run"}),
    )
}

#[tokio::test]
async fn the_python_sdk_finds_its_way_in() {
    let what = "logging in with the Python SDK";
    let Some(clients) = std::env::var_os("EXECUTOR_TEST_CLIENTS").map(PathBuf::from) else {
        println!("SKIPPED: {what}: EXECUTOR_TEST_CLIENTS names no directory of clients");
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resource = format!("http://{}/mcp", listener.local_addr().unwrap());
    let at = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let key = Key::p256("k");
    let login = Arc::new(Login {
        name: format!("http://{}/tenant", at.local_addr().unwrap()),
        resource: resource.clone(),
        keys: Issuer::start(&[&key]).await,
        key,
    });
    let known = "/.well-known/oauth-authorization-server/tenant";
    let router = Router::new()
        .route(known, get(metadata))
        .route("/tenant/register", post(register))
        .route("/tenant/authorize", get(authorize))
        .route("/tenant/token", post(token))
        .with_state(Arc::clone(&login));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(at, router).await.unwrap() });
    let settings = AuthorizationSettings::new(
        Resource::new(&resource).unwrap(),
        vec![IssuerName::new(&login.name).unwrap()],
    );
    let site = Site::on(listener, |http| http.authorization = Some(settings));

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/oauth/login.py");
    let running = Command::new(clients.join("python-2.3.0/bin/python"))
        .arg(script)
        .arg(site.url("/mcp"))
        .env("NO_PROXY", "127.0.0.1,localhost")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, running).await.expect("an end").unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = format!("say at 2026-07-28 for {}#sub=alice", login.name);
    assert_eq!(answer, json!({"text": expected, "logins": 1}), "{told}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_binary_takes_tokens_and_logs_none_of_them() {
    let key = Key::rsa("k");
    let issuer = Issuer::start(&[&key]).await;
    let variables = [
        ("MCP_PYTHON_OAUTH_ISSUER", issuer.name.clone()),
        (
            "MCP_PYTHON_OAUTH_RESOURCE",
            super::issuer::RESOURCE.to_owned(),
        ),
        ("MCP_PYTHON_LOG_LEVEL", "trace".to_owned()),
    ];
    let good = issuer.token(&key).signed(&key);
    let mut other = issuer.token(&key);
    other.claims["aud"] = "https://other.example.com".into();
    let foreign = other.signed(&key);
    let (one, two) = (good.clone(), foreign.clone());
    let asking = tokio::task::spawn_blocking(move || {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let server = Listening::start(&["--bind", "127.0.0.1:0"], &variables);
        let status = |path: &str, token: &str| {
            server.status(path, &format!("Authorization: Bearer {token}\r\n"))
        };
        let told = [
            server.status("POST /mcp", ""),
            status("POST /mcp", &two),
            status("POST /mcp", &one),
            status(&format!("POST /mcp?access_token={one}"), &one),
            status(&format!("POST /message?access_token={one}"), ""),
            server.status("GET /.well-known/oauth-protected-resource", ""),
            server.status("GET /healthz", ""),
        ];
        (told, server.end("TERM"))
    });
    let (told, (code, log)) = asking.await.unwrap();
    assert_eq!(told, [401, 401, 415, 400, 400, 200, 200]);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("a request was not let in"), "{log}");
    for token in [good, foreign] {
        for part in token.split('.') {
            assert!(!log.contains(part), "a token is in the log");
        }
    }
}
