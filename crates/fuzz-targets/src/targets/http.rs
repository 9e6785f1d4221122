//! A whole request over HTTP, from its line to its body, given to the routes of the real server.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use futures_util::StreamExt as _;
use mcp_protocol::content::ContentBlock;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Server, Tool, ToolError};
use serde_json::{Map, Value, json};
use server_sse::HttpSettings;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use super::wellformed;
use super::{built, corpus};
use crate::target::{Breach, Tally, hold};

/// What lines and headers of requests are made of.
pub(super) const WORDS: &[&[u8]] = &[
    b"GET /mcp",
    b"POST /mcp",
    b"DELETE /mcp",
    b"GET /sse",
    b"POST /message?sessionId=x",
    b"PUT /mcp",
    b"POST http://evil.com/mcp",
    b"Host: ",
    b"Origin: ",
    b"Accept: ",
    b"Content-Type: ",
    b"Content-Length: ",
    b"Mcp-Session-Id: ",
    b"MCP-Protocol-Version: ",
    b"Mcp-Method: ",
    b"Mcp-Name: ",
    b"Mcp-Param-Region: ",
    b"Last-Event-ID: ",
    b"Authorization: ",
    b"Transfer-Encoding: ",
    b"localhost",
    b"LOCALHOST:80",
    b"127.0.0.1:1",
    b"[::1]",
    b"evil.com",
    b"localhost.evil.com",
    b"localhost@evil.com",
    b"localhost.",
    b"http://localhost:3000",
    b"https://evil.com",
    b"null",
    b"application/json",
    b"text/event-stream",
    b"*/*",
    b"text/plain",
    b"; q=0",
    b"; charset=utf-16",
    b", ",
    b"2026-07-28",
    b"2025-11-25",
    b"2025-06-18",
    b"tools/call",
    b"=?base64?",
    b"?=",
    b"=?base64?YQ==?=",
    b"$session",
    b"1-0",
    b"0-0",
    b"99999999999999999999-1",
    b"chunked",
    b"Bearer x",
];

#[derive(Debug)]
struct Echo;

#[async_trait]
impl Tool for Echo {
    fn definition(&self) -> tools::Tool {
        let schema = json!({"type": "object", "properties": {
            "code": {"type": "string"}, "region": {"type": "string", "x-mcp-header": "Region"}}});
        match schema {
            Value::Object(schema) => tools::Tool::new("a", schema),
            _ => tools::Tool::new("a", Map::new()),
        }
    }

    async fn call(
        &self,
        _: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        context.progress("on it");
        Ok(CallToolResult::new(vec![ContentBlock::text("done")]))
    }
}

fn routes() -> Router {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let builder = Server::builder(Implementation::new("http", "1"))
            .tool(Arc::new(Echo))
            .logging()
            .announces_tools();
        built(builder)
    });
    // Sessions belong to the routes, so each input has its own.
    server_sse::router(server.clone(), HttpSettings::default())
}

thread_local! {
    /// Its clock moves only when nothing else does, so what waits costs no time.
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().start_paused(true).build().ok();
}

/// Requests of both eras and both transports.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let both = "Accept: application/json, text/event-stream\nContent-Type: application/json";
    let mut seeds = Vec::new();
    let mut add = |head: String, body: &str| seeds.push(format!("{head}\n\n{body}").into_bytes());
    for revision in corpus::HANDSHAKES {
        let initialize = corpus::initialize(revision).to_string();
        add(format!("POST /mcp\nHost: localhost\n{both}"), &initialize);
    }
    let session = format!(
        "POST /mcp\nHost: localhost:8080\nOrigin: http://localhost:3000\n{both}\nMcp-Session-Id: $session\nMCP-Protocol-Version: 2025-11-25"
    );
    for (method, params) in [
        ("ping", json!({})),
        ("tools/list", json!({})),
        (
            "tools/call",
            json!({"name": "a", "arguments": {"region": "eu"}, "_meta": {"progressToken": 1}}),
        ),
    ] {
        add(
            session.clone(),
            &corpus::request(5, method, &params).to_string(),
        );
    }
    add(
        session,
        &corpus::notification("notifications/initialized", &json!({})).to_string(),
    );
    for (method, name, params) in [
        ("tools/list", "", json!({})),
        ("server/discover", "", json!({})),
        (
            "tools/call",
            "\nMcp-Name: a\nMcp-Param-Region: eu",
            json!({"name": "a", "arguments": {"region": "eu"}}),
        ),
        (
            "tools/call",
            "\nMcp-Name: =?base64?YQ==?=\nMcp-Param-Region: =?base64?Z3LDvA==?=",
            json!({"name": "a", "arguments": {"region": "grü"}}),
        ),
        (
            "subscriptions/listen",
            "",
            json!({"notifications": {"toolsListChanged": true}}),
        ),
    ] {
        let head = format!(
            "POST /mcp\nHost: 127.0.0.1\n{both}\nMCP-Protocol-Version: 2026-07-28\nMcp-Method: {method}{name}"
        );
        add(head, &corpus::modern("m", method, &params).to_string());
    }
    add(
        "GET /mcp\nHost: [::1]:9\nAccept: text/event-stream\nMcp-Session-Id: $session".to_owned(),
        "",
    );
    add("GET /mcp\nHost: localhost\nAccept: text/event-stream\nMcp-Session-Id: $session\nLast-Event-ID: 1-0".to_owned(), "");
    add(
        "DELETE /mcp\nHost: localhost\nMcp-Session-Id: $session".to_owned(),
        "",
    );
    add(
        "GET /sse\nHost: localhost\nAccept: text/event-stream".to_owned(),
        "",
    );
    add("GET /healthz\nHost: localhost".to_owned(), "");
    seeds
}

/// Whatever is asked, what comes back is a well-formed answer of a bounded kind, and nothing is served to a foreign host.
pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((input, &[][..]), |end| input.split_at(end));
    let body = body.get(2..).unwrap_or_default();
    let Some(request) = read(head) else {
        // Such a head does not get past the reader of HTTP.
        return Ok(Tally::one(false));
    };
    RUNTIME.with(|runtime| match runtime {
        Some(runtime) => runtime.block_on(answer(request, body.to_vec())),
        None => Err(Breach("there is no runtime".to_owned())),
    })
}

/// The line and the headers of a request.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

fn read(head: &[u8]) -> Option<Head> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let (method, uri) = line.split_once(' ')?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        headers.append(
            HeaderName::from_bytes(name).ok()?,
            HeaderValue::from_bytes(value).ok()?,
        );
    }
    Some(Head {
        method: method.parse().ok()?,
        uri: uri.parse().ok()?,
        headers,
    })
}

async fn answer(mut head: Head, body: Vec<u8>) -> Result<Tally, Breach> {
    let routes = routes();
    let wants_session = head.headers.values().any(|value| value == "$session");
    if wants_session {
        let session = open_session(&routes).await?;
        for value in head
            .headers
            .values_mut()
            .filter(|value| *value == "$session")
        {
            value.clone_from(&session);
        }
    }
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    request.headers_mut().clone_from(&head.headers);
    let response = routes
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    let status = response.status();
    check_status(&head, status)?;
    check_body(response).await?;
    Ok(Tally::one(status.is_success()))
}

async fn open_session(routes: &Router) -> Result<HeaderValue, Breach> {
    let request = Request::post("/mcp")
        .header(header::HOST, "localhost")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(corpus::initialize("2025-11-25").to_string()))
        .map_err(|error| Breach(error.to_string()))?;
    let response = routes
        .clone()
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    let session = response.headers().get("mcp-session-id").cloned();
    session.ok_or_else(|| Breach(format!("no session, but {}", response.status())))
}

/// The statuses that there are; success only for those who may.
fn check_status(head: &Head, status: StatusCode) -> Result<(), Breach> {
    let known = [
        200, 202, 204, 400, 403, 404, 405, 406, 408, 409, 413, 415, 503,
    ];
    hold(known.contains(&status.as_u16()), || {
        format!("answered {status}")
    })?;
    if [400, 403].contains(&status.as_u16()) {
        return Ok(());
    }
    let all = |name: HeaderName| -> Vec<_> {
        head.headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect()
    };
    let [host] = all(header::HOST)[..] else {
        return Err(Breach(format!("{status} without one `Host`")));
    };
    hold(is_ours(host), || {
        format!("{status} for the host {:?}", String::from_utf8_lossy(host))
    })?;
    let named = head
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    hold(named.is_none_or(is_ours), || {
        format!("{status} for the address {}", head.uri)
    })?;
    for origin in all(header::ORIGIN) {
        let host = origin
            .strip_prefix(b"http://")
            .or_else(|| origin.strip_prefix(b"https://"));
        let ours = host.is_some_and(is_ours)
            || origin.to_ascii_lowercase().starts_with(b"http") && host.is_none();
        hold(ours, || {
            format!(
                "{status} for the origin {:?}",
                String::from_utf8_lossy(origin)
            )
        })?;
    }
    if head.method == Method::POST && head.uri.path() == "/mcp" && status.is_success() {
        let [kind] = all(header::CONTENT_TYPE)[..] else {
            return Err(Breach(format!("{status} without one `Content-Type`")));
        };
        let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default();
        let json = essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json");
        hold(json, || {
            format!("{status} for a body of {:?}", String::from_utf8_lossy(kind))
        })?;
    }
    Ok(())
}

/// Whether an authority is a loopback name of ours with or without a port.
fn is_ours(authority: &[u8]) -> bool {
    let authority = authority.to_ascii_lowercase();
    let own: [&[u8]; 3] = [b"localhost", b"127.0.0.1", b"[::1]"];
    own.iter().any(|own| {
        authority
            .strip_prefix(*own)
            .is_some_and(|rest| match rest.split_first() {
                None => true,
                Some((b':', port)) => {
                    let port = std::str::from_utf8(port).unwrap_or_default();
                    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
                }
                Some(_) => false,
            })
    })
}

/// How much of a stream is read: those for changes never end.
const PATIENCE: Duration = Duration::from_secs(60);

async fn check_body(response: Response<Body>) -> Result<(), Breach> {
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let kind = kind
        .as_ref()
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let mut stream = response.into_body().into_data_stream();
    let mut body = Vec::new();
    // The clock is not a real one: it moves when nothing more comes.
    while let Ok(Some(piece)) = tokio::time::timeout(PATIENCE, stream.next()).await {
        let piece = piece.map_err(|error| Breach(format!("the body broke off: {error}")))?;
        if piece.starts_with(b": keep-alive") {
            break;
        }
        body.extend_from_slice(&piece);
        hold(body.len() < 1 << 20, || {
            "an answer of more than a mebibyte".to_owned()
        })?;
    }
    let text = String::from_utf8(body).map_err(|_| Breach("a body that is no text".to_owned()))?;
    match kind.as_str() {
        "application/json" => wellformed::text(&text).map(drop),
        "text/event-stream" => check_events(&text),
        "" | "text/plain; charset=utf-8" => hold(text.len() < 1000, || {
            format!("a text of {} bytes", text.len())
        }),
        other => Err(Breach(format!("a body of type {other}"))),
    }
}

fn check_events(text: &str) -> Result<(), Breach> {
    hold(text.is_empty() || text.ends_with("\n\n"), || {
        "an event without its end".to_owned()
    })?;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(':'))
    {
        match line.split_once(": ") {
            Some(("data", "")) => {}
            Some(("data", data)) if data.starts_with('/') => {}
            Some(("data", data)) => drop(wellformed::text(data)?),
            Some(("event", "message" | "endpoint")) | Some(("id" | "retry", _)) => {}
            _ => return Err(Breach(format!("an unknown line in a stream: {line}"))),
        }
    }
    Ok(())
}
