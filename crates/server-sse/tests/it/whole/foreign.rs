//! Clients that we did not write list and call the tool, over each transport that they speak.
//!
//! `EXECUTOR_TEST_CLIENTS` names the directory in which they are installed; `docs/testing.md` has
//! its layout.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use executor_testkit::engine::Engine;
use serde_json::{Value, json};
use tokio::process::Command;

use super::server::{Server, turn};

/// Nobody takes longer to list and call; the first start of an interpreter is the slowest part.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the clients are, or `None` after the skip was told.
fn clients(what: &str) -> Option<PathBuf> {
    let found = std::env::var_os("EXECUTOR_TEST_CLIENTS").map(PathBuf::from);
    if found.is_none() {
        println!("SKIPPED: {what}: EXECUTOR_TEST_CLIENTS names no directory of clients");
    }
    found
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// The stdio server that lies beside the HTTP one when both are built.
fn stdio_server() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_BIN_EXE_mcp-python-sse")).with_file_name("mcp-python-stdio");
    beside.exists().then_some(beside)
}

/// Lets a client list and call, and holds what it says against what must come.
async fn listed_and_called(
    who: &str,
    mut command: Command,
    engine: &Engine,
    revisions: &[&str],
) -> Result<(), String> {
    command
        .env("MCP_PYTHON_IMAGE", engine.image())
        .env("NO_PROXY", "127.0.0.1,localhost");
    if let Some(host) = engine.host() {
        command.env("DOCKER_HOST", host);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(output) => output.map_err(|error| format!("{who}: {error}"))?,
        Err(_elapsed) => return Err(format!("{who}: it took more than {PATIENCE:?}")),
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    let tail: String = stderr
        .chars()
        .skip(stderr.chars().count().saturating_sub(1500))
        .collect();
    if !output.status.success() {
        return Err(format!("{who}: {}: {tail}", output.status));
    }
    let answers: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{who}: {error}: {tail}"))?;
    let answers = answers
        .as_array()
        .ok_or_else(|| format!("{who}: {answers}"))?;
    let spoken: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer["revision"].as_str())
        .collect();
    // Some clients do not tell what they agreed upon.
    if !spoken.is_empty() && spoken != revisions {
        return Err(format!("{who}: it spoke {spoken:?}, not {revisions:?}"));
    }
    for answer in answers {
        let good = answer["good"]["text"].as_str().unwrap_or_default();
        let bad = answer["bad"]["text"].as_str().unwrap_or_default();
        let right = answer["tools"] == json!(["execute-python"])
            && answer["good"]["failed"] == false
            && good.contains("Schlange \u{1f40d} 42")
            && answer["bad"]["failed"] == true
            && bad.contains("ZeroDivisionError: division by zero");
        if !right {
            return Err(format!("{who}: {answer}"));
        }
    }
    Ok(())
}

/// One client over the transports that it speaks; all of them are tried before it is judged.
async fn matrix(what: &str, client: impl Fn(&Path) -> Command, transports: &[(&str, &[&str])]) {
    let Some(turn) = turn(what).await else { return };
    let Some(clients) = clients(what) else { return };
    let server = Server::start(&turn.engine, &[]).await;
    let mut failures = Vec::new();
    for (transport, revisions) in transports {
        let mut command = client(&clients);
        command.arg(transport);
        match *transport {
            "http" => command.arg(server.url("/mcp")),
            "sse" => command.arg(server.url("/sse")),
            _ => match stdio_server() {
                Some(stdio) => command.arg(stdio),
                None => {
                    println!("SKIPPED: {what} over stdio: `mcp-python-stdio` is not built");
                    continue;
                }
            },
        };
        let who = format!("{what} over {transport}");
        let judged = listed_and_called(&who, command, &turn.engine, revisions).await;
        failures.extend(judged.err());
    }
    assert!(
        failures.is_empty(),
        "{}\n{}",
        failures.join("\n"),
        server.log()
    );
    assert!(server.stop().await);
}

fn python(release: &'static str) -> impl Fn(&Path) -> Command {
    move |clients| {
        let interpreter = clients.join(format!("python-{release}/bin/python"));
        let mut command = Command::new(interpreter);
        command.arg(scripts().join("sdk.py"));
        command
    }
}

fn node(package: &'static str) -> impl Fn(&Path) -> Command {
    move |clients| {
        let mut command = Command::new(clients.join("node/bin/node"));
        command
            .arg(scripts().join("sdk.mjs"))
            .arg(clients.join("node"))
            .arg(package);
        command
    }
}

#[tokio::test]
async fn the_newest_python_sdk() {
    let modern: &[&str] = &["2026-07-28"];
    let transports = [
        ("stdio", modern),
        ("http", modern),
        ("sse", &["2025-11-25"]),
    ];
    matrix("python-2.3.0", python("2.3.0"), &transports).await;
}

#[tokio::test]
async fn the_last_python_sdk_of_the_old_era() {
    let revision: &[&str] = &["2025-11-25"];
    let transports = [("stdio", revision), ("http", revision), ("sse", revision)];
    matrix("python-1.30.0", python("1.30.0"), &transports).await;
}

#[tokio::test]
async fn the_first_python_sdk() {
    let revision: &[&str] = &["2024-11-05"];
    matrix(
        "python-1.0.0",
        python("1.0.0"),
        &[("stdio", revision), ("sse", revision)],
    )
    .await;
}

#[tokio::test]
async fn the_typescript_sdk() {
    let revision: &[&str] = &["2025-11-25"];
    let transports = [("stdio", revision), ("http", revision), ("sse", revision)];
    matrix(
        "typescript-sdk",
        node("@modelcontextprotocol/sdk"),
        &transports,
    )
    .await;
}

#[tokio::test]
async fn the_typescript_client() {
    let both: &[&str] = &["2025-11-25", "2026-07-28"];
    let transports = [("stdio", both), ("http", both), ("sse", &["2025-11-25"])];
    matrix(
        "typescript-client",
        node("@modelcontextprotocol/client"),
        &transports,
    )
    .await;
}
