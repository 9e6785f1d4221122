//! The bounds of the way out, each hit by name.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Server, World, egress, open, read_head, status, talk};
use crate::gateway::{GatewayLimits, GatewayLink, LimitHit};

const CONNECT: &[u8] = b"CONNECT example.com:443 HTTP/1.1\r\n\r\n";

fn limited(world: &World, set: impl FnOnce(&mut GatewayLimits)) -> GatewayLink {
    let mut limits = GatewayLimits::default();
    set(&mut limits);
    world
        .gateway()
        .limits(limits)
        .build()
        .open(egress("public", &[]))
}

#[tokio::test]
async fn connections_at_once_wait_for_their_turn() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    let link = limited(&world, |limits| limits.connections_at_once = 2);
    let mut serving = JoinSet::new();
    let mut programs = Vec::new();
    for _ in 0..2 {
        let mut program = open(&link, &mut serving);
        program.write_all(CONNECT).await.unwrap();
        read_head(&mut program).await;
        programs.push(program);
    }
    let mut third = open(&link, &mut serving);
    third.write_all(CONNECT).await.unwrap();
    // The third is served as soon as one of the others ends, which the others' ending shows.
    programs.pop();
    assert!(read_head(&mut third).await.starts_with(b"HTTP/1.1 200"));
    assert_eq!(world.dialled().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_is_told_so() {
    let world = World::default();
    let link = limited(&world, |limits| {
        limits.connections_at_once = 1;
        limits.header_timeout = Duration::from_secs(60);
    });
    let mut serving = JoinSet::new();
    let _silent = open(&link, &mut serving);
    tokio::task::yield_now().await;
    let start = Instant::now();
    let answer = talk(&link, CONNECT).await;
    assert_eq!(status(&answer), "HTTP/1.1 503");
    assert!(
        answer.ends_with(
            "refused by the sandbox's network limits: more than 1 connections at once\n"
        )
    );
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(link.report().limits, [LimitHit::ConnectionsAtOnce(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_connections_is_bounded() {
    let world = World::default();
    let link = limited(&world, |limits| {
        limits.connections_at_once = 4;
        limits.connections_waiting = 8;
    });
    let mut serving = JoinSet::new();
    let programs: Vec<_> = (0..1000).map(|_| open(&link, &mut serving)).collect();
    // All but 4 + 8 and the 64 that are heard out of courtesy end at once.
    for _ in 0..1000 - 76 {
        let start = Instant::now();
        serving.join_next().await.unwrap().unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
    while serving.join_next().await.is_some() {}
    drop(programs);
    assert_eq!(link.report().limits, [LimitHit::ConnectionsAtOnce(4)]);
}

#[tokio::test]
async fn connections_in_all_are_counted() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    let link = limited(&world, |limits| limits.connections_total = 2);
    for expected in ["200", "200", "429", "429"] {
        let answer = talk(&link, CONNECT).await;
        assert_eq!(status(&answer), format!("HTTP/1.1 {expected}"));
    }
    let report = link.report();
    assert_eq!(
        (report.connections, report.limits),
        (4, vec![LimitHit::ConnectionsTotal(2)])
    );
    assert_eq!(report.refused[0].times, 2);
}

#[tokio::test]
async fn bytes_are_counted_over_all_connections() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    let link = limited(&world, |limits| limits.bytes_total = 1000);
    let small = talk(&link, [CONNECT, &[b'a'; 100]].concat()).await;
    assert_eq!(small.len(), "HTTP/1.1 200 OK\r\n\r\n".len() + 100);
    talk(&link, [CONNECT, &[b'a'; 5000]].concat()).await;
    let report = link.report();
    assert_eq!(report.sent + report.received, 1000);
    assert_eq!(report.limits, [LimitHit::BytesTotal(1000)]);
    let answer = talk(&link, CONNECT).await;
    assert!(
        answer.ends_with("refused by the sandbox's network limits: more than 1000 bytes in all\n")
    );
    assert_eq!(
        world.records(),
        [
            "connect example.com:443 allowed",
            "connect example.com:443 allowed (bytes_total)",
            "connect example.com:443 refused (bytes_total)",
        ]
    );
}

#[tokio::test]
async fn an_idle_tunnel_is_closed() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    let link = limited(&world, |limits| {
        limits.idle_timeout = Duration::from_millis(50)
    });
    let mut serving = JoinSet::new();
    let mut program = open(&link, &mut serving);
    program.write_all(CONNECT).await.unwrap();
    read_head(&mut program).await;
    let mut rest = Vec::new();
    program.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
    serving.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_answer_is_given_up() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait::async_trait]
    impl crate::gateway::Dial for Silent {
        async fn dial(
            &self,
            _: std::net::SocketAddr,
        ) -> std::io::Result<crate::gateway::BoxStream> {
            std::future::pending().await
        }
    }
    #[async_trait::async_trait]
    impl crate::gateway::Resolve for Silent {
        async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            std::future::pending().await
        }
    }
    let world = World::default();
    world.name("example.com", &[&["93.184.216.34", "93.184.216.35"]]);
    let dialling = world
        .gateway()
        .dialler(Silent)
        .build()
        .open(egress("public", &[]));
    let resolving = world
        .gateway()
        .resolver(Silent)
        .build()
        .open(egress("public", &[]));
    for (link, expected, text) in [
        (
            dialling,
            "HTTP/1.1 504",
            "could not be reached: it did not answer in time\n",
        ),
        (
            resolving,
            "HTTP/1.1 502",
            "`example.com` could not be resolved in time\n",
        ),
    ] {
        let start = Instant::now();
        let answer = talk(&link, CONNECT).await;
        assert_eq!((status(&answer), start.elapsed().as_secs()), (expected, 10));
        assert!(answer.ends_with(text), "{answer}");
    }
}
