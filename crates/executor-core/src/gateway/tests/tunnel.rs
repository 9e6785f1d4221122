//! Tunnels: `CONNECT` and SOCKS5.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::{Server, World, egress, open, read_head, talk};
use crate::gateway::hello::{UNRECOGNIZED_NAME, tests::hello};

const CONNECT: &[u8] = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
const SOCKS: &[u8] = b"\x05\x01\x00\x05\x01\x00\x03\x0bexample.com\x01\xbb";
const SOCKS_OK: &[u8] = b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";

#[tokio::test]
async fn early_bytes_and_half_closes_pass() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    let link = world.link("public");
    // The bytes of the tunnel come before the answer to `CONNECT`, then the program closes its side.
    let answer = talk(&link, [CONNECT, b"early"].concat()).await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\nearly");
    let answer = talk(&link, [SOCKS, b"early"].concat()).await;
    assert_eq!(answer.as_bytes(), [SOCKS_OK, b"early"].concat());
    assert_eq!(
        world.records(),
        [
            "connect example.com:443 allowed",
            "socks5 example.com:443 allowed"
        ]
    );
    let report = link.report();
    assert_eq!(
        (report.sent, report.received, report.connections),
        (10, 10, 2)
    );
}

#[tokio::test]
async fn much_passes_both_ways_at_once() {
    const SIZE: usize = 8 * 1024 * 1024;
    let server = Server::echo().await;
    let world = World::with(server.address);
    for (opening, answer) in [
        (CONNECT, b"HTTP/1.1 200 OK\r\n\r\n".as_slice()),
        (SOCKS, SOCKS_OK),
    ] {
        let mut serving = JoinSet::new();
        let (mut from, mut to) = tokio::io::split(open(&world.link("public"), &mut serving));
        to.write_all(opening).await.unwrap();
        let mut opened = vec![0; answer.len()];
        from.read_exact(&mut opened).await.unwrap();
        assert_eq!(opened, answer);
        let sent: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
        let mut got = Vec::new();
        let ((), read) = tokio::join!(
            async {
                to.write_all(&sent).await.unwrap();
                to.shutdown().await.unwrap();
            },
            from.read_to_end(&mut got)
        );
        read.unwrap();
        assert!(got == sent, "the bytes came back changed");
        serving.join_next().await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_server_may_speak_first() {
    let server = Server::start(|mut stream, _| async move {
        stream.write_all(b"220 hello\r\n").await.unwrap();
        let mut line = [0; 4];
        stream.read_exact(&mut line).await.unwrap();
        stream.write_all(&line).await.unwrap();
    })
    .await;
    let world = World::with(server.address);
    let mut serving = JoinSet::new();
    let mut program = open(&world.link("public"), &mut serving);
    program.write_all(CONNECT).await.unwrap();
    read_head(&mut program).await;
    let mut greeting = [0; 11];
    program.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 hello\r\n");
    program.write_all(b"quit").await.unwrap();
    let mut rest = String::new();
    program.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "quit");
}

#[tokio::test]
async fn tls_for_another_name_is_refused() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    let link = world.link("example.com");
    let honest = hello(Some("example.com"), 16_000);
    let mut serving = JoinSet::new();
    for (sent, expected) in [
        (&honest, honest.as_slice()),
        (&hello(Some("evil.example"), 16_000), &UNRECOGNIZED_NAME),
    ] {
        let mut program = open(&link, &mut serving);
        program.write_all(&[SOCKS, sent].concat()).await.unwrap();
        program.shutdown().await.unwrap();
        let mut got = Vec::new();
        program.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, [SOCKS_OK, expected].concat());
    }
    while serving.join_next().await.is_some() {}
    let records = world.records();
    assert_eq!(
        records,
        [
            "socks5 example.com:443 allowed",
            "socks5 example.com:443 refused (server_name)"
        ]
    );
    assert_eq!(link.report().refused[0].reason, "server_name");
}

/// Sends a SOCKS request after the greeting; compares the code of the reply.
async fn check_socks(world: &World, policy: &str, request: &[u8], code: u8) {
    let link = world.gateway().build().open(egress(policy, &[]));
    let mut serving = JoinSet::new();
    let mut program = open(&link, &mut serving);
    program
        .write_all(&[b"\x05\x01\x00", request].concat())
        .await
        .unwrap();
    program.shutdown().await.unwrap();
    let mut got = Vec::new();
    program.read_to_end(&mut got).await.unwrap();
    let expected = [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(got, expected, "{request:?} under {policy}");
}

#[tokio::test]
async fn socks_says_why_not_by_code() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    world.name("silent.example", &[&["93.184.216.35"]]);
    world.name("private.example", &[&["10.0.0.1"]]);
    check_socks(
        &world,
        "public",
        b"\x05\x01\x00\x01\x5d\xb8\xd8\x22\x01\xbb",
        0,
    )
    .await;
    check_socks(
        &world,
        "public",
        b"\x05\x01\x00\x03\x0eSilent.example\x01\xbb",
        5,
    )
    .await;
    check_socks(
        &world,
        "public",
        b"\x05\x01\x00\x03\x0fmissing.example\x01\xbb",
        4,
    )
    .await;
    check_socks(
        &world,
        "public",
        b"\x05\x01\x00\x03\x0fprivate.example\x01\xbb",
        2,
    )
    .await;
    check_socks(
        &world,
        "public",
        b"\x05\x01\x00\x03\x0bexample.com\x00\x16",
        2,
    )
    .await;
    check_socks(
        &world,
        "public",
        b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50",
        2,
    )
    .await;
    let v6 = [b"\x05\x01\x00\x04".as_slice(), &[0; 15], b"\x01\x00\x50"].concat();
    check_socks(&world, "public", &v6, 2).await;
    let mapped = [
        &b"\x05\x01\x00\x04"[..],
        &[0; 10],
        b"\xff\xff\xa9\xfe\xa9\xfe\x00\x50",
    ]
    .concat();
    check_socks(&world, "public", &mapped, 2).await;
    check_socks(
        &world,
        "none",
        b"\x05\x01\x00\x03\x0bexample.com\x01\xbb",
        2,
    )
    .await;
    check_socks(
        &world,
        "public",
        b"\x05\x02\x00\x03\x0bexample.com\x01\xbb",
        7,
    )
    .await;
    check_socks(
        &world,
        "public",
        b"\x05\x03\x00\x03\x0bexample.com\x01\xbb",
        7,
    )
    .await;
    check_socks(&world, "public", b"\x05\x01\x00\x02", 8).await;
    check_socks(
        &world,
        "public",
        b"\x05\x01\x00\x03\x09not a n\x00me\x01\xbb",
        2,
    )
    .await;
}

#[tokio::test]
async fn other_versions_of_socks_are_told_so() {
    let world = World::default();
    let answer = talk(
        &world.link("public"),
        b"\x04\x01\x00\x50\x01\x02\x03\x04\x00",
    )
    .await;
    assert_eq!(answer.as_bytes(), [0, 91, 0, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn dropping_the_conversation_closes_the_server_side() {
    let mut server = Server::start(|mut stream, say| async move {
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.ok();
        let _ = say.send(got);
    })
    .await;
    let world = World::with(server.address);
    let mut serving = JoinSet::new();
    let mut program = open(&world.link("public"), &mut serving);
    program
        .write_all(&[CONNECT, b"bytes"].concat())
        .await
        .unwrap();
    read_head(&mut program).await;
    drop(serving);
    assert!("bytes".starts_with(&server.heard().await));
    assert_eq!(world.records(), ["connect example.com:443 allowed"]);
}
