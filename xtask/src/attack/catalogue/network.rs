//! The ways out: through the gateway, past it, and into the sandbox.

use super::super::case::{Case, Enforced, Weakness, case};
use super::super::scene::{Play, Scene};
use super::super::servers::Kind;
use super::super::{judge, peers, ways_out};
use super::weaknesses::HOST_NETWORK;

pub(super) const WAYS_OUT: Scene = Scene {
    name: "the ways out",
    play: Play::Own(ways_out::play),
    cases: WAYS_OUT_CASES,
    short: false,
};

pub(super) const CLOSED: Scene = Scene {
    name: "no way out",
    play: Play::Program {
        text: include_str!("../programs/closed.py"),
        server: Kind::Closed,
        seconds: 40,
    },
    cases: CLOSED_CASES,
    short: true,
};

pub(super) const INBOUND: Scene = Scene {
    name: "the way in",
    play: Play::Own(peers::inbound),
    cases: INBOUND_CASES,
    short: true,
};

/// The way out goes through somebody who refuses nothing.
const OPEN_PROXY: Weakness = Weakness::new("a proxy without a policy", &[]);

/// The server's own network instead of none.
const SERVERS_NETWORK: Weakness = Weakness::new("the server's network", &[]);

/// What the gateway is asked for.
const fn asked(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Gateway, OPEN_PROXY)
        .by(judge::arrival)
        .needs(WORLD)
}

/// What is tried past the gateway: there is no network device.
const fn straight(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Engine, SERVERS_NETWORK)
        .by(judge::arrival)
        .needs(WORLD)
}

/// Without these the world around the server cannot be built.
const WORLD: &str = "root, `ip`, `nsenter` or `unshare`";

const WAYS_OUT_CASES: &[Case] = &[
    asked("N02.aws", "asks the metadata service of AWS"),
    asked("N02.aws-tunnel", "opens a tunnel to the metadata service"),
    asked(
        "N02.aws-containers",
        "asks the credentials service of AWS containers",
    ),
    asked("N02.alibaba", "asks the metadata service of Alibaba"),
    asked(
        "N02.azure",
        "asks the host service of Azure, at a public address",
    ),
    asked("N02.aws-v6", "asks the metadata service over IPv6"),
    asked(
        "N02.google-name",
        "asks the metadata service of Google by its name",
    ),
    asked("N02.name", "asks a name that leads to the metadata service"),
    asked("N02.decimal", "writes the metadata service as one number"),
    asked("N02.hexadecimal", "writes it in hexadecimal"),
    asked("N02.octal", "writes it in octal"),
    asked("N02.short", "writes it with fewer parts"),
    asked("N02.mapped", "writes it as an IPv6 address"),
    asked(
        "N02.mapped-hexadecimal",
        "writes it as an IPv6 address in hexadecimal",
    ),
    asked("N02.nat64", "reaches it through NAT64"),
    asked("N02.6to4", "reaches it through 6to4"),
    asked("N03.loopback", "asks the server's loopback"),
    asked("N03.loopback-other", "asks another address of its loopback"),
    asked("N03.loopback-short", "writes the loopback short"),
    asked("N03.loopback-v6", "asks its loopback over IPv6"),
    asked(
        "N03.loopback-mapped",
        "writes the loopback as an IPv6 address",
    ),
    asked("N03.loopback-tunnel", "opens a tunnel to its loopback"),
    asked("N03.localhost", "asks `localhost`"),
    asked("N03.zero", "asks the address of nobody"),
    asked("N03.zero-v6", "asks the address of nobody over IPv6"),
    asked("N03.own-address", "asks the server's own public address"),
    asked(
        "N03.own-address-v6",
        "asks its own public address over IPv6",
    ),
    asked("N03.own-name", "asks a name of its own public address"),
    asked("N03.docker-name", "asks `host.docker.internal`"),
    asked("N03.docker-bridge", "asks the engine's bridge"),
    asked("N04.engine", "asks the engine's port"),
    asked("N04.engine-elsewhere", "asks another machine's engine"),
    asked("N04.engine-tunnel", "opens a tunnel to the engine's port"),
    asked("N04.own-port", "calls the server itself"),
    asked("N05.ten", "asks an address in 10/8"),
    asked("N05.ten-tunnel", "opens a tunnel into 10/8"),
    asked("N05.one-seven-two", "asks an address in 172.16/12"),
    asked("N05.one-nine-two", "asks an address in 192.168/16"),
    asked("N05.carrier", "asks an address of a carrier's NAT"),
    asked("N05.benchmark", "asks an address for benchmarks"),
    asked("N05.documentation", "asks an address for documentation"),
    asked(
        "N05.documentation-3",
        "asks another address for documentation",
    ),
    asked("N05.relay", "asks the 6to4 relays"),
    asked("N05.reserved", "asks a reserved address"),
    asked("N05.unique-local", "asks a unique local address"),
    asked("N05.link-local", "asks a link-local address with its zone"),
    asked("N05.site-local", "asks a site-local address"),
    asked(
        "N05.documentation-v6",
        "asks an IPv6 address for documentation",
    ),
    asked("N05.teredo", "asks a Teredo address"),
    asked("N05.segments", "asks an address for segment routing"),
    asked("N05.name-private", "asks a name with a private address"),
    asked(
        "N05.name-private-v6",
        "asks a name with a private IPv6 address",
    ),
    asked(
        "N05.name-mapped",
        "asks a name with a private address inside an IPv6 address",
    ),
    asked("N05.name-loopback", "asks a name of the loopback"),
    asked("N05.name-zero", "asks a name of nobody's address"),
    asked("N05.name-dot", "writes a dot behind the name"),
    asked("N07.tunnel-53", "opens a tunnel to a name server"),
    asked("N07.tunnel-853", "opens a tunnel to DNS over TLS"),
    straight(
        "N07.direct-udp",
        "sends a question straight to a name server",
    ),
    straight("N07.direct-tcp", "asks a name server straight over TCP"),
    asked("N09.tunnel-22", "opens a tunnel to SSH"),
    asked("N09.tunnel-25", "opens a tunnel to mail"),
    asked("N09.tunnel-6379", "opens a tunnel to a database"),
    asked("N09.get-25", "sends a request to mail"),
    asked("N09.get-6379", "sends a request to a database"),
    asked("N09.login", "writes a private address behind a login"),
    straight("N10.direct-tcp", "goes past the proxy over TCP"),
    straight("N10.direct-tcp-v6", "goes past the proxy over IPv6"),
    straight("N10.direct-udp", "goes past the proxy over UDP"),
    straight("N10.direct-udp-v6", "goes past the proxy over UDP and IPv6"),
    straight("N10.direct-own", "goes straight to the server's machine"),
    straight(
        "N10.direct-own-v6",
        "goes straight to the server's machine over IPv6",
    ),
    straight(
        "N10.direct-metadata",
        "goes straight to the metadata service",
    ),
    asked("N05.name-rebind", "asks a name that changes its address"),
    straight("N07.resolver", "tells a name server a secret in a name"),
    asked("N09.socks-private", "asks for a private address by SOCKS"),
    asked("N09.socks-loopback", "asks for the loopback by SOCKS"),
    asked(
        "N09.socks-v6",
        "asks for the metadata service by SOCKS over IPv6",
    ),
    asked(
        "N09.socks-mapped",
        "asks for a private address inside an IPv6 address by SOCKS",
    ),
    asked(
        "N09.socks-name",
        "asks for a name of a private address by SOCKS",
    ),
    asked(
        "N09.socks-number-name",
        "asks for a number as a name by SOCKS",
    ),
    asked("N09.redirect", "goes where a public page sends it"),
    asked("N11.connections", "opens 150 connections at once").by(judge::found),
];

const fn closed(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Engine, HOST_NETWORK).by(judge::arrival)
}

const CLOSED_CASES: &[Case] = &[
    closed("N01.devices", "has a network device").by(judge::devices),
    closed("N01.host-loopback", "calls the host's loopback"),
    closed(
        "N01.host-loopback-v6",
        "calls the host's loopback over IPv6",
    )
    .needs("IPv6"),
    closed(
        "N01.host-loopback-udp",
        "sends the host's loopback a datagram",
    ),
    closed("N01.host-address", "calls the host by its address").needs("an address"),
    closed("N01.host-address-udp", "sends the host a datagram").needs("an address"),
    closed("N01.routes", "finds a route").by(judge::answer),
    closed("N01.neighbours", "sees other machines' addresses")
        .by(judge::answer)
        .needs("neighbours on the network"),
];

const INBOUND_CASES: &[Case] = &[case(
    "N12.inbound",
    "serves the host's network",
    Enforced::Engine,
    HOST_NETWORK,
)
.by(judge::found)];
