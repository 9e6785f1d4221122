//! What HTTP itself refuses, before the engine sees it or in its place, fits the official schema of its revision.
//! `MCP_SCHEMA_DIR` names a directory with one `<revision>.json` each; without it this is a skip. What the engine says is
//! held against them in `mcp-server`.

use std::path::{Path, PathBuf};

use mcp_protocol::Revision;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use server_sse::BearerToken;

use crate::site::{Site, call, initialize, json_of, modern, request};

/// The official schemas.
struct Schemas(PathBuf);

impl Schemas {
    fn find() -> Option<Self> {
        let found = std::env::var_os("MCP_SCHEMA_DIR").map(PathBuf::from);
        if found.is_none() {
            println!("SKIPPED: the official schemas: MCP_SCHEMA_DIR names no directory of them");
        }
        found.map(Self)
    }

    fn violations(&self, revision: Revision, name: &str, value: &Value) -> Vec<String> {
        let path = Path::new(&self.0).join(format!("{revision}.json"));
        let text = std::fs::read_to_string(path).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        let keyword = ["$defs", "definitions"]
            .into_iter()
            .find(|keyword| schema.get(keyword).is_some());
        let keyword = keyword.unwrap();
        assert!(schema[keyword].get(name).is_some(), "{revision} {name}");
        let root = json!({
            "$schema": schema["$schema"],
            "$ref": format!("#/{keyword}/{name}"),
            keyword: schema[keyword],
        });
        let validator = jsonschema::validator_for(&root).unwrap();
        let errors = validator.iter_errors(value);
        errors.map(|error| error.to_string()).collect()
    }

    fn check(&self, revision: Revision, name: &str, value: &Value) {
        let violations = self.violations(revision, name, value);
        assert!(
            violations.is_empty(),
            "{revision} {name}: {violations:?}\n{value:#}"
        );
    }

    /// Holds a refusal against all that a revision says of it.
    fn check_error(&self, revision: Revision, message: &Value) {
        if revision >= Revision::V2025_11_25 {
            self.check(revision, "JSONRPCErrorResponse", message);
        } else if message.get("id").is_some() {
            // These have no form for an error whose request's id is not known.
            self.check(revision, "JSONRPCError", message);
        }
        if !revision.is_modern() {
            return;
        }
        let error = &message["error"];
        match error["code"].as_i64() {
            Some(-32020) => self.check(revision, "HeaderMismatchError", message),
            Some(-32022) => self.check(revision, "UnsupportedProtocolVersionError", message),
            Some(-32700) => self.check(revision, "ParseError", error),
            Some(-32600) => self.check(revision, "InvalidRequestError", error),
            Some(-32602) => self.check(revision, "InvalidParamsError", error),
            Some(-32603) => self.check(revision, "InternalError", error),
            code => panic!("{code:?} is not what HTTP refuses with: {message}"),
        }
    }

    /// Sends a request that is refused with a status and a code, in words of these revisions.
    async fn refused(
        &self,
        of: &[Revision],
        request: RequestBuilder,
        status: u16,
        code: i64,
    ) -> Value {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        let message = json_of(response).await;
        assert_eq!(message["error"]["code"], code, "{message}");
        for revision in of {
            self.check_error(*revision, &message);
        }
        message
    }
}

const MODERN: &[Revision] = &[Revision::V2026_07_28];

/// Those that a client may speak that has not said so yet.
const ANY: &[Revision] = &Revision::ALL;

fn tool_call() -> Value {
    modern("tools/call", call("say"))
}

#[tokio::test]
async fn headers_that_do_not_fit_their_body() {
    let Some(schemas) = Schemas::find() else {
        return;
    };
    let site = Site::start().await;
    let with = |version: &str, method: &str, name: Option<&str>| {
        let post = site
            .post(&tool_call())
            .header("mcp-protocol-version", version)
            .header("mcp-method", method);
        match name {
            Some(name) => post.header("mcp-name", name),
            None => post,
        }
    };
    let modern = "2026-07-28";
    for post in [
        with("2025-11-25", "tools/call", Some("bench")),
        with(modern, "tools/list", Some("bench")),
        with(modern, "tools/call", Some("other")),
        with(modern, "tools/call", Some("=?base64?_?=")),
        with(modern, "tools/call", None),
        with(modern, "tools/call", Some("bench")).header("mcp-name", "bench"),
        site.post(&tool_call()),
    ] {
        let message = schemas.refused(MODERN, post, 400, -32020).await;
        assert_eq!(message["id"], 1);
    }
    // A header without an envelope.
    let bare = request("tools/call", &call("say"));
    let post = site.post(&bare).header("mcp-protocol-version", modern);
    schemas.refused(MODERN, post, 400, -32602).await;
    let listen = "subscriptions/listen";
    let listen = site
        .client
        .post(site.url("/mcp"))
        .json(&self::modern(listen, json!({"notifications": {}})))
        .header("accept", "application/json")
        .header("mcp-protocol-version", modern)
        .header("mcp-method", listen);
    schemas.refused(MODERN, listen, 406, -32600).await;
}

#[tokio::test]
async fn what_is_refused_before_anything_is_known_of_its_sender() {
    let Some(schemas) = Schemas::find() else {
        return;
    };
    let site = Site::with(|settings| settings.max_body_bytes = 1000).await;
    let post = || site.client.post(site.url("/mcp"));
    let json = || post().header("content-type", "application/json");
    let token = Site::with(|settings| settings.token = BearerToken::new("s3cret")).await;
    let ping = request("ping", &json!({}));
    for (request, status, code) in [
        (
            site.post(&ping).header("origin", "https://evil.com"),
            403,
            -32600,
        ),
        (post().header("host", "evil.com").json(&ping), 403, -32600),
        (token.post(&ping), 401, -32600),
        (token.post(&ping).bearer_auth("wrong"), 401, -32600),
        (post().body(ping.to_string()), 415, -32600),
        (json().header("accept", "text/html").body("{}"), 406, -32600),
        (json().body("x".repeat(1001)), 413, -32600),
        (json().body("{"), 400, -32700),
        (json().body("[]"), 400, -32600),
        (json().body(json!([ping]).to_string()), 400, -32600),
    ] {
        schemas.refused(ANY, request, status, code).await;
    }
    let unknown = site
        .post(&ping)
        .header("mcp-protocol-version", "1999-01-01");
    schemas.refused(ANY, unknown, 400, -32022).await;
}

#[tokio::test]
async fn sessions_that_are_not_there_or_find_no_room() {
    let Some(schemas) = Schemas::find() else {
        return;
    };
    let site = Site::with(|settings| settings.max_sessions = 1).await;
    let session = site.session("2025-06-18").await;
    let of = &[
        Revision::V2025_03_26,
        Revision::V2025_06_18,
        Revision::V2025_11_25,
    ];
    let ping = request("ping", &json!({}));
    schemas.refused(of, site.post(&ping), 400, -32600).await;
    let named = |id: &str| site.post(&ping).header("mcp-session-id", id);
    let unknown = schemas.refused(of, named("nope"), 404, -32600).await;
    assert_eq!(unknown["id"], 1);
    let full = site.post(&initialize("2025-11-25"));
    schemas.refused(of, full, 503, -32603).await;
    let twice = site
        .post(&initialize("2025-06-18"))
        .header("mcp-session-id", &session);
    schemas.refused(of, twice, 200, -32600).await;
    let get = |accept: &str| {
        let get = site.client.request(Method::GET, site.url("/mcp"));
        get.header("accept", accept)
            .header("mcp-session-id", &session)
    };
    let stream = "text/event-stream";
    schemas
        .refused(of, get("application/json"), 406, -32600)
        .await;
    let lost = get(stream).header("last-event-id", "7-7");
    schemas.refused(of, lost, 400, -32600).await;
    let open = get(stream).send().await.unwrap();
    assert_eq!(open.status(), 200);
    schemas.refused(of, get(stream), 409, -32600).await;
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_noticed() {
    let Some(schemas) = Schemas::find() else {
        return;
    };
    let site = Site::start().await;
    let good = schemas
        .refused(MODERN, site.post(&tool_call()), 400, -32020)
        .await;
    for (pointer, bad) in [
        ("/error/code", json!(-32021)),
        ("/error/code", json!("-32020")),
        ("/error/message", json!(7)),
        ("/jsonrpc", json!("1.0")),
        ("/id", json!({})),
    ] {
        let mut broken = good.clone();
        *broken.pointer_mut(pointer).unwrap() = bad;
        let name = "HeaderMismatchError";
        let violations = schemas.violations(Revision::V2026_07_28, name, &broken);
        assert!(!violations.is_empty(), "{broken}");
    }
}
