//! Bytes on a connection that no polite client sends, each on a connection of its own; the next one is served as ever.

use crate::site::Site;

/// A request that is served whole when its body comes as it should.
const HEAD: &str = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
    mcp-protocol-version: 2026-07-28\r\nmcp-method: server/discover\r\n";

/// Its body, of 198 bytes.
const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"filler":"xxxxxxxxxxx"}}"#;

/// What is sent, and what the answer begins with. A connection that is cut without a word is well answered, too, where
/// `or_nothing` is said.
async fn check(site: &Site, name: &str, bytes: &str, expected: &[&str], or_nothing: bool) {
    let mut raw = site.raw().await;
    // The connection may be cut while this is still being written.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut raw.0, bytes.as_bytes()).await;
    let answer = raw.read("\r\n\r\n").await;
    let line = answer.lines().next().unwrap_or_default();
    let fits = expected.iter().any(|status| line.contains(status));
    assert!(
        fits || (or_nothing && line.is_empty()),
        "{name}: {answer:?}"
    );
    assert_eq!(
        answer.matches("HTTP/1.1 2").count(),
        usize::from(expected[0].starts_with('2'))
    );
    let response = site.client.get(site.url("/healthz")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ok\n", "after {name}");
}

/// C04, C16: lengths that lie or disagree, heads without an end, hosts that are not ours.
#[tokio::test]
async fn a_head_that_makes_no_sense_is_refused() {
    let site = Site::start().await;
    let get = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n";
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let giant = "x".repeat(200_000);
    for (name, bytes, expected, or_nothing) in [
        (
            "two lengths",
            format!("{HEAD}content-length: 198\r\ncontent-length: 199\r\n\r\n{BODY}"),
            "400",
            false,
        ),
        (
            "a length that is none",
            format!("{HEAD}content-length: 4x\r\n\r\n{BODY}"),
            "400",
            false,
        ),
        (
            "a negative length",
            format!("{HEAD}content-length: -1\r\n\r\n{BODY}"),
            "400",
            false,
        ),
        (
            "a length beyond 64 bits",
            format!("{HEAD}content-length: 99999999999999999999\r\n\r\n"),
            "400",
            false,
        ),
        (
            "a length of gigabytes",
            format!("{HEAD}content-length: 9999999999\r\n\r\n"),
            "413",
            false,
        ),
        (
            "an unknown coding",
            format!("{HEAD}transfer-encoding: gzip\r\n\r\n{BODY}"),
            "400",
            false,
        ),
        (
            "chunks that are not last",
            format!("{HEAD}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
            "400",
            false,
        ),
        (
            "chunks without a size",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n"),
            "400",
            false,
        ),
        (
            "a chunk of a wrong size",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{BODY}\r\n0\r\n\r\n"),
            "400",
            false,
        ),
        (
            "a chunk size beyond 64 bits",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
            "400",
            false,
        ),
        (
            "a header of 200 kB",
            format!("{get}x: {giant}\r\n\r\n"),
            "431",
            true,
        ),
        ("200 headers", format!("{get}{many}\r\n"), "431", true),
        (
            "a path of 200 kB",
            format!("GET /{giant} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
            "4",
            true,
        ),
        (
            "a folded header",
            format!("{get}x: a\r\n b\r\n\r\n"),
            "400",
            true,
        ),
        (
            "a header without a colon",
            format!("{get}nonsense\r\n\r\n"),
            "400",
            true,
        ),
        (
            "a bare line feed in a value",
            format!("{get}x: a\nhost: evil.com\r\n\r\n"),
            "400",
            true,
        ),
        (
            "a NUL in a value",
            format!("{get}x: a\0b\r\n\r\n"),
            "400",
            true,
        ),
        (
            "blanks before the colon",
            format!("{get}x : y\r\n\r\n"),
            "400",
            true,
        ),
        (
            "two hosts",
            format!("{get}host: localhost\r\n\r\n"),
            "400",
            false,
        ),
        (
            "no host",
            "GET /healthz HTTP/1.1\r\n\r\n".to_owned(),
            "400",
            false,
        ),
        (
            "a foreign host in the line",
            "GET http://evil.com/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            "403",
            false,
        ),
        (
            "a tunnel",
            "CONNECT localhost:22 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            "40",
            false,
        ),
        (
            "HTTP/2 from the start",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "400",
            true,
        ),
        ("HTTP/0.9", "GET /healthz\r\n\r\n".to_owned(), "400", true),
        (
            "no HTTP at all",
            "SSH-2.0-OpenSSH_9\r\n".repeat(3),
            "400",
            true,
        ),
        (
            "a TLS hello",
            "\u{16}\u{3}\u{1}\0\u{5}hello\r\n\r\n".to_owned(),
            "400",
            true,
        ),
    ] {
        check(&site, name, &bytes, &[expected], or_nothing).await;
    }
}

/// C04: where a length and chunks disagree the chunks count, and nothing after them is read as another request (RFC 9112,
/// section 6.1).
#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let site = Site::start().await;
    let mut raw = site.raw().await;
    let hidden = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    raw.send(&format!(
        "{HEAD}content-length: 198\r\ntransfer-encoding: chunked\r\n\r\nc6\r\n{BODY}\r\n0\r\n\r\n{hidden}"
    ))
    .await;
    let answers = raw.rest().await;
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(answers.contains("connection: close"), "{answers}");
}

/// Odd, but allowed.
#[tokio::test]
async fn what_is_only_unusual_is_served() {
    let site = Site::start().await;
    for (name, bytes, expected) in [
        (
            "HTTP/1.0",
            "GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n".to_owned(),
            "200",
        ),
        (
            "a whole URL",
            "GET http://localhost/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            "200",
        ),
        (
            "blank lines first",
            "\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            "200",
        ),
        (
            "the same length twice",
            format!("{HEAD}content-length: 198\r\ncontent-length: 198\r\n\r\n{BODY}"),
            "200",
        ),
        (
            "chunks and a trailer",
            format!(
                "{HEAD}transfer-encoding: chunked\r\n\r\nc6;x=y\r\n{BODY}\r\n0\r\nx: y\r\n\r\n"
            ),
            "200",
        ),
    ] {
        let mut raw = site.raw().await;
        raw.send(&bytes).await;
        let answer = raw.read("\r\n\r\n").await;
        assert!(
            answer.contains(&format!(" {expected} ")),
            "{name}: {answer}"
        );
    }
}

/// C12: a client that asks first whether it may is told to go on, and one that is refused is told so instead.
#[tokio::test]
async fn an_expectation_is_met() {
    let site = Site::start().await;
    let mut raw = site.raw().await;
    raw.send(&format!(
        "{HEAD}content-length: 198\r\nexpect: 100-continue\r\n\r\n"
    ))
    .await;
    assert!(
        raw.read("\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 100 Continue")
    );
    raw.send(BODY).await;
    assert!(raw.read("resultType").await.starts_with("HTTP/1.1 200"));

    let mut raw = site.raw().await;
    raw.send(&format!(
        "{HEAD}content-length: 999999999\r\nexpect: 100-continue\r\n\r\n"
    ))
    .await;
    assert!(raw.read("\r\n\r\n").await.starts_with("HTTP/1.1 413"));
}

/// Requests that do not wait for answers are answered in their order; and half of a connection is enough for the answers.
#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let site = Site::start().await;
    let mut raw = site.raw().await;
    let mut requests = String::new();
    for path in ["healthz", "nothing"].into_iter().cycle().take(100) {
        requests.push_str(&format!("GET /{path} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    }
    raw.send(&requests).await;
    tokio::io::AsyncWriteExt::shutdown(&mut raw.0)
        .await
        .unwrap();
    let answers = raw.rest().await;
    let statuses: Vec<&str> = answers
        .lines()
        .filter_map(|line| line.split("HTTP/1.1 ").nth(1)?.split(' ').next())
        .collect();
    assert_eq!(statuses.len(), 100, "{answers}");
    assert!(statuses.chunks(2).all(|pair| pair == ["200", "404"]));
}
