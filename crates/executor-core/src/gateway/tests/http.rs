//! Plain HTTP requests in absolute form.

use std::time::Duration;

use expect_test::{Expect, expect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Server, World, open, read_head, status, talk};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Sends `request` and compares what the server heard of it.
async fn check_heard(request: &str, expected: Expect) {
    let mut server = Server::answering(OK).await;
    let world = World::with(server.address);
    let answer = talk(&world.link("public"), request).await;
    assert_eq!(status(&answer), "HTTP/1.1 200", "{answer}");
    let head = server.heard().await;
    let rest = server.heard().await;
    expected.assert_eq(&format!("{head}{rest}").replace("\r\n", "\n"));
}

#[tokio::test]
async fn a_request_arrives_in_origin_form_without_what_was_for_the_proxy() {
    check_heard(
        "GET http://Example.COM/a?b=c HTTP/1.1\r\nHost: evil.example\r\nProxy-Connection: keep-alive\r\n\
         Proxy-Authorization: Basic eA==\r\nConnection: x-secret\r\nX-Secret: 1\r\nX-Kept: 2\r\n\
         Expect: 100-continue\r\nUpgrade: websocket\r\n\r\n",
        expect![[r#"
            GET /a?b=c HTTP/1.1
            host: example.com
            x-kept: 2
            connection: close

        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_length_beside_a_coding_does_not_reach_the_server() {
    check_heard(
        "POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET http://inner.example/ HTTP/1.1\r\n\r\n",
        expect![[r#"
            POST / HTTP/1.1
            host: example.com
            connection: close
            transfer-encoding: chunked

            5
            hello
            0

        "#]],
    )
    .await;
}

#[tokio::test]
async fn malformed_requests_never_reach_a_server() {
    for request in [
        "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "GET http://example.com/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET http://user:pw@example.com/ HTTP/1.1\r\n\r\n",
        "GET https://example.com/ HTTP/1.1\r\n\r\n",
        "GET http://example.com:99999/ HTTP/1.1\r\n\r\n",
        "GET http://exa%6dple.com/ HTTP/1.1\r\n\r\n",
        "GET http://example.com\\@evil.example/ HTTP/1.1\r\n\r\n",
        "POST http://example.com/ HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST http://example.com/ HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
        "POST http://example.com/ HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "POST http://example.com/ HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\nabc",
        "POST http://example.com/ HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST http://example.com/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET http://example.com/ HTTP/1.1\r\nX: a\r\n b: c\r\n\r\n",
        "GET http://example.com/\x01 HTTP/1.1\r\n\r\n",
        "CONNECT example.com:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        "CONNECT http://example.com:443/ HTTP/1.1\r\n\r\n",
        "CONNECT example.com HTTP/1.1\r\n\r\n",
        "\u{16}\u{3}\u{1}hello",
    ] {
        let server = Server::echo().await;
        let world = World::with(server.address);
        let answer = talk(&world.link("public"), request).await;
        assert!(
            status(&answer).starts_with("HTTP/1.1 400"),
            "{request:?}: {answer:?}"
        );
        assert_eq!(world.dialled(), [""; 0], "{request:?}");
    }
}

#[tokio::test]
async fn a_second_request_is_judged_by_itself() {
    let server = Server::answering(OK).await;
    let world = World::with(server.address);
    let link = world.link("public");
    let answer = talk(
        &link,
        "GET http://example.com/ HTTP/1.1\r\n\r\nGET http://127.0.0.1/ HTTP/1.1\r\n\r\n",
    )
    .await;
    let statuses: Vec<_> = answer
        .lines()
        .filter(|line| line.contains("HTTP/1.1"))
        .collect();
    assert_eq!(statuses.len(), 2, "{answer}");
    assert!(
        statuses[0] == "HTTP/1.1 200 OK" && statuses[1].starts_with("okHTTP/1.1 403 "),
        "{answer}"
    );
    assert_eq!(
        world.records(),
        [
            "http example.com:80 allowed",
            "http 127.0.0.1:80 refused (address)"
        ]
    );
}

/// Compares the whole answer to `request` from a server that answers with `from_server`.
async fn check_answer(from_server: &'static [u8], request: &str, expected: Expect) {
    let server = Server::answering(from_server).await;
    let world = World::with(server.address);
    world.name("silent.example", &[&["93.184.216.35"]]);
    let answer = talk(&world.link("public"), request).await;
    expected.assert_eq(&answer.replace("\r\n", "\n"));
}

#[tokio::test]
async fn answers_arrive_without_what_was_for_the_gateway() {
    check_answer(
        b"HTTP/1.1 404 Nope\r\nConnection: x-a\r\nX-A: 1\r\nX-B: 2\r\nKeep-Alive: 5\r\nContent-Length: 9\r\n\
          Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
        "GET http://example.com/ HTTP/1.1\r\n\r\n",
        expect![[r#"
            HTTP/1.1 404 Not Found
            x-b: 2
            transfer-encoding: chunked

            2
            no
            0

        "#]],
    )
    .await;
    check_answer(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
        "HEAD http://example.com/ HTTP/1.1\r\n\r\n",
        expect![[r#"
            HTTP/1.1 200 OK
            content-length: 1234

        "#]],
    )
    .await;
    check_answer(
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "GET http://example.com/ HTTP/1.0\r\n\r\n",
        expect![[r#"
            HTTP/1.0 200 OK

            until the end"#]],
    )
    .await;
}

#[tokio::test]
async fn faults_on_the_way_are_told_from_refusals() {
    let get = "GET http://example.com/ HTTP/1.1\r\n\r\n";
    check_answer(
        b"SSH-2.0-OpenSSH\r\n\r\n",
        get,
        expect![[r#"
            HTTP/1.1 502 `example.com:80` did not answer in HTTP: its answer could not be understood
            content-type: text/plain; charset=utf-8
            proxy-status: sandbox-gateway; error=http_protocol_error
            content-length: 76

            `example.com:80` did not answer in HTTP: its answer could not be understood
        "#]],
    )
    .await;
    check_answer(
        b"",
        get,
        expect![[r#"
            HTTP/1.1 502 `example.com:80` did not answer in HTTP: it ended the connection
            content-type: text/plain; charset=utf-8
            proxy-status: sandbox-gateway; error=http_protocol_error
            content-length: 65

            `example.com:80` did not answer in HTTP: it ended the connection
        "#]],
    )
    .await;
    check_answer(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        get,
        expect![[r#"
            HTTP/1.1 502 `example.com:80` did not answer in HTTP: it switched to another protocol without being asked
            content-type: text/plain; charset=utf-8
            proxy-status: sandbox-gateway; error=http_protocol_error
            content-length: 93

            `example.com:80` did not answer in HTTP: it switched to another protocol without being asked
        "#]],
    )
    .await;
    check_answer(
        b"",
        "GET http://silent.example/ HTTP/1.1\r\n\r\n",
        expect![[r#"
            HTTP/1.1 502 `silent.example:80` could not be reached: connection refused
            content-type: text/plain; charset=utf-8
            proxy-status: sandbox-gateway; error=connection_refused
            content-length: 61

            `silent.example:80` could not be reached: connection refused
        "#]],
    )
    .await;
    check_answer(
        b"",
        "GET http://missing.example/ HTTP/1.1\r\n\r\n",
        expect![[r#"
            HTTP/1.1 502 `missing.example` could not be resolved
            content-type: text/plain; charset=utf-8
            proxy-status: sandbox-gateway; error=dns_error
            content-length: 40

            `missing.example` could not be resolved
        "#]],
    )
    .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_made_whole() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    let world = World::with(server.address);
    let answer = talk(
        &world.link("public"),
        "GET http://example.com/ HTTP/1.1\r\n\r\n",
    )
    .await;
    assert!(
        answer.contains("content-length: 10") && answer.ends_with("half"),
        "{answer}"
    );
}

#[tokio::test]
async fn big_bodies_pass_both_ways() {
    const SIZE: usize = 8 * 1024 * 1024;
    const LENGTH: u64 = 8 * 1024 * 1024;
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (from, mut to) = stream.split();
        tokio::io::copy(&mut from.take(LENGTH), &mut to)
            .await
            .unwrap();
    })
    .await;
    let world = World::with(server.address);
    let link = world.link("public");
    let body: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
    let head = format!("POST http://example.com/ HTTP/1.1\r\nContent-Length: {SIZE}\r\n\r\n");
    let mut serving = JoinSet::new();
    let (mut from, mut to) = tokio::io::split(open(&link, &mut serving));
    let ((), got) = tokio::join!(
        async {
            to.write_all(head.as_bytes()).await.unwrap();
            to.write_all(&body).await.unwrap();
        },
        async {
            read_head(&mut from).await;
            let mut got = vec![0; SIZE];
            from.read_exact(&mut got).await.unwrap();
            got
        }
    );
    assert!(got == body, "the body came back changed");
    let report = link.report();
    assert!(
        report.sent > LENGTH && report.received > LENGTH,
        "{report:?}"
    );
}

#[tokio::test]
async fn heads_are_bounded_in_size() {
    let server = Server::answering(OK).await;
    let world = World::with(server.address);
    let long = "a".repeat(20 * 1024);
    let request = format!("GET http://example.com/ HTTP/1.1\r\nX: {long}\r\n\r\n");
    let answer = talk(&world.link("public"), request).await;
    assert!(status(&answer).starts_with("HTTP/1.1 431"), "{answer}");
    let request = format!("GET http://example.com/{long} HTTP/1.1\r\n\r\n");
    let answer = talk(&world.link("public"), request).await;
    assert!(status(&answer).starts_with("HTTP/1.1 4"), "{answer}");
    let many = "X: a\r\n".repeat(200);
    let answer = talk(
        &world.link("public"),
        format!("GET http://example.com/ HTTP/1.1\r\n{many}\r\n"),
    )
    .await;
    assert!(status(&answer).starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(world.dialled(), [""; 0]);
}

#[tokio::test]
async fn the_head_of_an_answer_is_bounded_too() {
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok();
        while stream
            .write_all(b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
            .await
            .is_ok()
        {}
    })
    .await;
    let world = World::with(server.address);
    let answer = talk(
        &world.link("public"),
        "GET http://example.com/ HTTP/1.1\r\n\r\n",
    )
    .await;
    assert_eq!(status(&answer), "HTTP/1.1 502", "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_given_up() {
    for sent in ["", "G", "GET http://example.com/ HTTP/1.1\r\nX-Slow: "] {
        let world = World::default();
        let link = world.link("public");
        let mut serving = JoinSet::new();
        let mut program = open(&link, &mut serving);
        let start = Instant::now();
        program.write_all(sent.as_bytes()).await.unwrap();
        serving.join_next().await.unwrap().unwrap();
        assert!(
            start.elapsed() <= Duration::from_secs(20),
            "{sent:?}: {:?}",
            start.elapsed()
        );
    }
}
