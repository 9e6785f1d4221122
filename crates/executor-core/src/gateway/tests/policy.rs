//! What may be reached, tried through the whole gateway.

use super::{Server, World, egress, status, talk};
use expect_test::expect;

fn connect(target: &str) -> String {
    format!("CONNECT {target} HTTP/1.1\r\n\r\n")
}

#[tokio::test]
async fn no_spelling_leads_to_the_inside() {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "0",
        "[::]",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "metadata.google.internal",
        "metadata",
        "host.docker.internal",
        "[fe80::1]",
        "[fc00::1]",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "[ff02::1]",
        "[2001:db8::1]",
    ];
    for host in hosts {
        for policy in ["public", "example.com", "none"] {
            let world = World::default();
            let target = format!("{host}:80");
            for request in [
                connect(&target),
                format!("GET http://{target}/ HTTP/1.1\r\n\r\n"),
            ] {
                let answer = talk(&world.link(policy), &request).await;
                assert_eq!(
                    status(&answer),
                    "HTTP/1.1 403",
                    "{request:?} under {policy}"
                );
            }
            assert_eq!(
                (world.dialled(), world.resolved()),
                (vec![], vec![]),
                "{host} {policy}"
            );
        }
    }
}

#[tokio::test]
async fn the_address_is_checked_after_resolution() {
    let server = Server::echo().await;
    for (answer, expected) in [
        (&["93.184.216.34"][..], "200"),
        (&["127.0.0.1"], "403"),
        (&["10.0.0.1"], "403"),
        (&["169.254.169.254"], "403"),
        (&["::ffff:169.254.169.254"], "403"),
        (&["fd00:ec2::254"], "403"),
        // One bad address condemns the name.
        (&["93.184.216.34", "127.0.0.1"], "403"),
        (&[], "502"),
    ] {
        let world = World::with(server.address);
        world.name("tricky.example", &[answer]);
        let got = talk(&world.link("public"), connect("tricky.example:443")).await;
        assert_eq!(status(&got), format!("HTTP/1.1 {expected}"), "{answer:?}");
        let dialled = if expected == "200" {
            vec!["93.184.216.34:443"]
        } else {
            vec![]
        };
        assert_eq!(world.dialled(), dialled, "{answer:?}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    world.name("rebind.example", &[&["93.184.216.34"], &["127.0.0.1"]]);
    let link = world.link("public");
    let first = talk(&link, connect("rebind.example:443")).await;
    assert_eq!(status(&first), "HTTP/1.1 200");
    // It was asked for once, and the address of that answer is the one that was dialled.
    assert_eq!(world.resolved(), ["rebind.example"]);
    assert_eq!(world.dialled(), ["93.184.216.34:443"]);
    let second = talk(&link, connect("rebind.example:443")).await;
    assert_eq!(status(&second), "HTTP/1.1 403");
    assert_eq!(world.dialled(), ["93.184.216.34:443"]);
}

#[tokio::test]
async fn the_addresses_are_tried_in_order() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    world.name("two.example", &[&["2606:4700::1111", "93.184.216.34"]]);
    let answer = talk(&world.link("public"), connect("two.example:443")).await;
    assert_eq!(status(&answer), "HTTP/1.1 200");
    assert_eq!(
        world.dialled(),
        ["[2606:4700::1111]:443", "93.184.216.34:443"]
    );
}

#[tokio::test]
async fn the_hosts_own_public_address_is_no_way_back_in() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    let own = ["93.184.216.34".parse().unwrap()];
    let link = world
        .gateway()
        .own_addresses(own)
        .build()
        .open(egress("public", &[]));
    for target in [
        "example.com:443",
        "93.184.216.34:443",
        "[64:ff9b::5db8:d822]:443",
    ] {
        let answer = talk(&link, connect(target)).await;
        assert!(
            answer.contains("is the machine that runs the sandbox"),
            "{answer}"
        );
    }
    assert_eq!(world.dialled(), [""; 0]);
}

#[tokio::test]
async fn what_the_operator_names_may_be_private_but_never_metadata() {
    let server = Server::echo().await;
    let world = World::with(server.address);
    for (name, address) in [
        ("index.corp", "10.0.0.7"),
        ("local.corp", "127.0.0.1"),
        ("trap.corp", "169.254.169.254"),
    ] {
        world.name(name, &[&[address]]);
        world.server(&format!("{address}:443"), server.address);
    }
    for (policy, opened, target, expected) in [
        ("index.corp", &[][..], "index.corp:443", "200"),
        ("*.corp", &[], "index.corp:443", "200"),
        ("local.corp", &[], "local.corp:443", "200"),
        ("public", &["index.corp"], "index.corp:443", "200"),
        // Opening a name opens neither its address nor its other ports, and no other name at that address.
        ("public", &["index.corp"], "10.0.0.7:443", "403"),
        ("public", &["index.corp"], "index.corp:22", "403"),
        ("public", &["index.corp"], "local.corp:443", "403"),
        ("none", &["index.corp"], "index.corp:443", "403"),
        ("trap.corp", &[], "trap.corp:443", "403"),
        ("public", &["trap.corp"], "trap.corp:443", "403"),
    ] {
        let link = world.gateway().build().open(egress(policy, opened));
        let answer = talk(&link, connect(target)).await;
        assert_eq!(
            status(&answer),
            format!("HTTP/1.1 {expected}"),
            "{policy} {opened:?} {target}"
        );
    }
    assert!(!world.dialled().contains(&"169.254.169.254:443".to_owned()));
}

#[tokio::test]
async fn a_fixed_place_needs_no_name_service() {
    // The real dialler and a real server on the loopback, reached by a name of the operator's.
    let server = Server::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let world = World::default();
    let opened = format!("page.test={}", server.address);
    let gateway = crate::gateway::Gateway::builder()
        .resolver(world.clone())
        .build();
    let link = gateway.open(egress("public", &[&opened]));
    let port = server.address.port();
    for url in [
        "http://page.test/".to_owned(),
        format!("http://PAGE.test.:{port}/"),
    ] {
        let answer = talk(&link, format!("GET {url} HTTP/1.1\r\n\r\n")).await;
        assert!(answer.ends_with("ok"), "{url}: {answer}");
    }
    let answer = talk(&link, connect(&format!("127.0.0.1:{port}"))).await;
    assert_eq!(status(&answer), "HTTP/1.1 403");
    assert_eq!(world.resolved(), [""; 0]);
}

#[tokio::test]
async fn a_refusal_is_for_a_person_to_read() {
    let world = World::default();
    world.name("intranet.example", &[&["10.20.30.40"]]);
    let answer = talk(
        &world.link("public"),
        "GET http://intranet.example/ HTTP/1.1\r\n\r\n",
    )
    .await;
    // The address that the host's resolver knows is not told.
    expect![[r#"
        HTTP/1.1 403 refused by the sandbox's network policy: the address of `intranet.example` is private; the policy allows public addresses on ports 80 and 443
        content-type: text/plain; charset=utf-8
        proxy-status: sandbox-gateway; error=destination_ip_prohibited
        content-length: 142

        refused by the sandbox's network policy: the address of `intranet.example` is private; the policy allows public addresses on ports 80 and 443
    "#]]
    .assert_eq(&answer.replace("\r\n", "\n"));
    let answer = talk(&world.link("pypi.org"), connect("evil.example:443")).await;
    expect![[r#"
        HTTP/1.1 403 refused by the sandbox's network policy: `evil.example:443` is not on the list; the policy allows `pypi.org`
        content-type: text/plain; charset=utf-8
        proxy-status: sandbox-gateway; error=http_request_denied
        content-length: 109

        refused by the sandbox's network policy: `evil.example:443` is not on the list; the policy allows `pypi.org`
    "#]]
    .assert_eq(&answer.replace("\r\n", "\n"));
}
