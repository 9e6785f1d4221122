//! Going out through the host's own proxy.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Server, World, egress, read_head, status, talk};
use crate::gateway::{GatewayBuilder, GatewayLink, HostProxies, HostProxyValues};

/// A proxy that says what it was asked, agrees to tunnels, and answers whatever else it gets with `ok`.
async fn proxy() -> Server {
    Server::start(|mut stream, say| async move {
        let mut head = read_head(&mut stream).await;
        let tunnel = head.starts_with(b"CONNECT");
        let _ = say.send(std::mem::take(&mut head));
        if tunnel {
            stream
                .write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
                .await
                .unwrap();
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await.ok();
        } else {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await
                .unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok();
        }
    })
    .await
}

fn through(world: &World, proxy: &str, no: &str) -> GatewayBuilder {
    let values = HostProxyValues {
        all: Some(proxy.to_owned()),
        no: Some(no.to_owned()),
        ..HostProxyValues::default()
    };
    world
        .gateway()
        .host_proxies(HostProxies::from_values(&values).unwrap())
}

fn link(world: &World, proxy: &str, no: &str, opened: &[&str]) -> GatewayLink {
    through(world, proxy, no)
        .build()
        .open(egress("public", opened))
}

/// A world whose proxy stands at a private address, as they do.
fn world(proxy: &Server) -> World {
    let world = World::default();
    world.name("proxy.corp", &[&["10.0.0.3"]]);
    world.server("10.0.0.3:3128", proxy.address);
    world
}

#[tokio::test]
async fn requests_go_to_the_proxy_as_they_are() {
    let mut proxy = proxy().await;
    let world = world(&proxy);
    let link = link(&world, "http://user:pw@proxy.corp:3128", "", &[]);
    let request =
        "GET http://example.com/a HTTP/1.1\r\nProxy-Authorization: Basic Zm9yZ2Vk\r\n\r\n";
    let answer = talk(&link, request).await;
    assert!(answer.ends_with("ok"), "{answer}");
    assert_eq!(
        proxy.heard().await,
        "GET http://example.com/a HTTP/1.1\r\nhost: example.com\r\n\
         proxy-authorization: Basic dXNlcjpwdw==\r\nconnection: close\r\n\r\n"
    );
    // The name is the proxy's to resolve.
    assert_eq!(world.resolved(), ["proxy.corp"]);
}

#[tokio::test]
async fn tunnels_go_through_the_proxy() {
    let mut proxy = proxy().await;
    let world = world(&proxy);
    let link = link(&world, "http://proxy.corp:3128", "", &[]);
    let answer = talk(&link, "CONNECT example.com:443 HTTP/1.1\r\n\r\nhello").await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\nhello");
    let asked = proxy.heard().await;
    assert_eq!(
        asked,
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"
    );
}

#[tokio::test]
async fn names_and_literal_addresses_are_judged_all_the_same() {
    let proxy = proxy().await;
    let world = world(&proxy);
    let link = link(&world, "http://proxy.corp:3128", "", &[]);
    for target in [
        "10.0.0.1:443",
        "169.254.169.254:80",
        "[::1]:443",
        "metadata.google.internal:80",
        "intranet:80",
        "example.com:25",
        "proxy.corp:3128",
    ] {
        let answer = talk(&link, format!("CONNECT {target} HTTP/1.1\r\n\r\n")).await;
        assert_eq!(status(&answer), "HTTP/1.1 403", "{target}");
    }
    assert_eq!(world.dialled(), [""; 0]);
}

#[tokio::test]
async fn the_hosts_own_address_is_no_way_back_in_through_the_proxy() {
    let proxy = proxy().await;
    let world = world(&proxy);
    let own = ["93.184.216.34".parse().unwrap()];
    let gateway = through(&world, "http://proxy.corp:3128", "")
        .own_addresses(own)
        .build();
    let link = gateway.open(egress("public", &[]));
    let answer = talk(&link, "CONNECT 93.184.216.34:443 HTTP/1.1\r\n\r\n").await;
    assert!(
        answer.contains("is the machine that runs the sandbox"),
        "{answer}"
    );
    assert_eq!(world.dialled(), [""; 0]);
}

#[tokio::test]
async fn what_needs_no_proxy_is_reached_and_checked_directly() {
    let proxy = proxy().await;
    let server = Server::echo().await;
    let world = world(&proxy);
    world.name("direct.example", &[&["93.184.216.34"]]);
    world.name("inside.example", &[&["10.0.0.9"]]);
    world.server("93.184.216.34:443", server.address);
    world.server("10.0.0.7:443", server.address);
    let no = "direct.example,inside.example";
    let link = link(
        &world,
        "http://proxy.corp:3128",
        no,
        &["fixed.test=10.0.0.7"],
    );
    for (target, expected) in [
        ("direct.example:443", "HTTP/1.1 200"),
        ("inside.example:443", "HTTP/1.1 403"),
        ("fixed.test:443", "HTTP/1.1 200"),
    ] {
        let answer = talk(&link, format!("CONNECT {target} HTTP/1.1\r\n\r\n")).await;
        assert_eq!(status(&answer), expected, "{target}");
    }
    assert_eq!(world.dialled(), ["93.184.216.34:443", "10.0.0.7:443"]);
}

#[tokio::test]
async fn a_proxy_that_fails_is_named_as_such_and_not_shown() {
    let refusing = Server::answering(b"HTTP/1.1 407 Who are you\r\n\r\n").await;
    let world = world(&refusing);
    let connect = "CONNECT example.com:443 HTTP/1.1\r\n\r\n";
    let answer = talk(&link(&world, "http://proxy.corp:3128", "", &[]), connect).await;
    assert!(
        answer.ends_with("`example.com:443` could not be reached through the host's own proxy: it wants a login\n"),
        "{answer}"
    );
    let answer = talk(&link(&world, "http://gone.corp:3128", "", &[]), connect).await;
    assert!(
        answer.contains("its name could not be resolved") && !answer.contains("gone"),
        "{answer}"
    );
}
