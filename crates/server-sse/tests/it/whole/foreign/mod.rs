//! Clients that we did not write, each over each transport that it speaks: the matrix of `docs/clients.md`.
//!
//! A test is one client over one transport. A program of `tests/clients` holds the connection and follows orders; what
//! it then reports is judged here, cell by cell, and must be what the document says. `EXECUTOR_TEST_CLIENTS` names the
//! directory in which the clients are installed; `docs/testing.md` has its layout.

mod cells;
mod field;
mod follower;
mod logs;
mod table;
mod tasks;

use std::path::PathBuf;

use executor_testkit::engine::Engine;

use self::cells::{Cell, Company};
use self::field::{Client, Program, Transport};
use self::follower::Follower;
use super::server::Server;

/// A client over a transport.
#[derive(Debug)]
struct Entry {
    client: &'static Client,
    transport: Transport,
}

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The client saw what it should.
    Seen,
    /// It has no order for this; hanging up, which was seen to do it, is what is left.
    ByHangingUp,
    /// It has no such thing.
    Unable,
}

/// Makes the matrix, and a test of each of its entries.
macro_rules! matrix {
    ($($test:ident: $client:ident over $transport:ident;)*) => {
        /// All of them, in the order of the document.
        const MATRIX: &[Entry] = &[$(Entry { client: &field::$client, transport: Transport::$transport }),*];

        $(#[tokio::test]
        async fn $test() {
            let entry = Entry { client: &field::$client, transport: Transport::$transport };
            meet(stringify!($test), &entry).await;
        })*
    };
}

matrix! {
    python_1_0_0_over_stdio: PYTHON_1_0_0 over Stdio;
    python_1_0_0_over_sse: PYTHON_1_0_0 over Sse;
    python_1_9_4_over_stdio: PYTHON_1_9_4 over Stdio;
    python_1_9_4_over_http: PYTHON_1_9_4 over Http;
    python_1_9_4_over_sse: PYTHON_1_9_4 over Sse;
    python_1_12_4_over_stdio: PYTHON_1_12_4 over Stdio;
    python_1_12_4_over_http: PYTHON_1_12_4 over Http;
    python_1_12_4_over_sse: PYTHON_1_12_4 over Sse;
    python_1_30_0_over_stdio: PYTHON_1_30_0 over Stdio;
    python_1_30_0_over_http: PYTHON_1_30_0 over Http;
    python_1_30_0_over_sse: PYTHON_1_30_0 over Sse;
    python_2_3_0_over_stdio: PYTHON_2_3_0 over Stdio;
    python_2_3_0_over_http: PYTHON_2_3_0 over Http;
    python_2_3_0_over_sse: PYTHON_2_3_0 over Sse;
    fastmcp_over_stdio: FASTMCP over Stdio;
    fastmcp_over_http: FASTMCP over Http;
    fastmcp_over_sse: FASTMCP over Sse;
    typescript_sdk_over_stdio: TYPESCRIPT_SDK over Stdio;
    typescript_sdk_over_http: TYPESCRIPT_SDK over Http;
    typescript_sdk_over_sse: TYPESCRIPT_SDK over Sse;
    typescript_client_over_stdio: TYPESCRIPT_CLIENT over Stdio;
    typescript_client_over_http: TYPESCRIPT_CLIENT over Http;
    typescript_client_over_sse: TYPESCRIPT_CLIENT over Sse;
    typescript_client_auto_over_stdio: TYPESCRIPT_CLIENT_AUTO over Stdio;
    typescript_client_auto_over_http: TYPESCRIPT_CLIENT_AUTO over Http;
    rmcp_over_stdio: RMCP over Stdio;
    rmcp_over_http: RMCP over Http;
    rmcp_auto_over_stdio: RMCP_AUTO over Stdio;
    rmcp_auto_over_http: RMCP_AUTO over Http;
    inspector_over_stdio: INSPECTOR over Stdio;
    inspector_over_http: INSPECTOR over Http;
    inspector_over_sse: INSPECTOR over Sse;
    inspector_auto_over_stdio: INSPECTOR_AUTO over Stdio;
    inspector_auto_over_http: INSPECTOR_AUTO over Http;
}

#[test]
fn the_document_has_the_matrix_and_no_more() {
    table::compare_all(MATRIX);
}

/// Lets a client do everything that the table has a column for, and holds its row against the document.
async fn meet(test: &str, entry: &Entry) {
    let Some(turn) = Engine::shared_turn(test).await.unwrap() else {
        return;
    };
    let program = match entry
        .client
        .program(installed().as_deref(), entry.transport)
    {
        Ok(program) => program,
        Err(why) => {
            println!("SKIPPED: {test}: {why}");
            return;
        }
    };
    let server = match entry.transport {
        Transport::Stdio => None,
        Transport::Http | Transport::Sse => Some(Server::start(&turn.engine, &[]).await),
    };
    let seen = row(entry, program, server.as_ref(), &turn.engine).await;
    let row = seen.unwrap_or_else(|failures| {
        let log = server.as_ref().map(Server::log).unwrap_or_default();
        panic!("{failures}\n{log}")
    });
    if let Some(server) = server {
        assert!(server.stop().await, "the server did not end well");
    }
    table::compare(MATRIX, entry, &row);
}

/// What a client reported of itself, and what became of each cell, in the order of the columns.
#[derive(Debug)]
struct Row {
    revision: String,
    cells: Vec<Verdict>,
}

/// Tries every cell, whatever became of the others, and tells all failures at once.
async fn row(
    entry: &Entry,
    mut program: Program,
    server: Option<&Server>,
    engine: &Engine,
) -> Result<Row, String> {
    program.point(server, engine);
    let (mut follower, opened) = Follower::start(program.command).await?;
    let mut failures = Vec::new();
    if opened["version"] != entry.client.version {
        failures.push(format!("it is another release: {opened}"));
    }
    let revision = opened["revision"].as_str().unwrap_or_default().to_owned();
    let mut verdicts = Vec::new();
    let company = Company {
        engine,
        structured: *revision >= *FIRST_STRUCTURED,
    };
    for cell in Cell::ALL {
        if entry.client.cannot(cell).is_some() {
            verdicts.push((cell, entry.client.instead(cell)));
            continue;
        }
        let judged = cells::judge(cell, &mut follower, &company).await;
        failures.extend(judged.err().map(|why| format!("{}: {why}", cell.title())));
        verdicts.push((cell, Verdict::Seen));
    }
    let hangs_up = verdicts.contains(&(Cell::Cancel, Verdict::ByHangingUp));
    let left = if hangs_up {
        cells::hang_up(follower, &company).await
    } else {
        follower.close().await
    };
    failures.extend(left.err());
    if !failures.is_empty() {
        return Err(failures.join("\n"));
    }
    let cells = verdicts.into_iter().map(|(_, verdict)| verdict).collect();
    Ok(Row { revision, cells })
}

/// The first revision whose results have a structured form (2025-06-18, tools, "Structured Content").
const FIRST_STRUCTURED: &str = "2025-06-18";

/// The directory of the clients, if the environment names one.
fn installed() -> Option<PathBuf> {
    std::env::var_os("EXECUTOR_TEST_CLIENTS").map(PathBuf::from)
}
