//! The ways out of a sandbox, tried in a world in which everything that is forbidden is there.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::abroad::{self, Visit};
use super::case::Finding;
use super::evidence::Evidence;
use super::program::Program;
use super::scene::Side;
use super::stage::Stage;
use super::subject::LIMITS;
use super::world::{NEIGHBOUR, OWN, OWN_6, PUBLIC};

const PROGRAM: &str = include_str!("programs/network.py");
const TIME: Duration = Duration::from_secs(120);
/// Connections of one sandbox that are served at once: the gateway's own bound.
const CONNECTIONS: usize = 64;

/// Where each attack goes, and how.
const DESTINATIONS: &[(&str, &str, &str, u16)] = &[
    ("N02.aws", "get", "169.254.169.254", 0),
    ("N02.aws-tunnel", "connect", "169.254.169.254:80", 0),
    ("N02.aws-containers", "get", "169.254.170.2", 0),
    ("N02.alibaba", "get", "100.100.100.200", 0),
    ("N02.azure", "get", "168.63.129.16", 0),
    ("N02.aws-v6", "get", "[fd00:ec2::254]", 0),
    ("N02.google-name", "get", "metadata.google.internal", 0),
    ("N02.name", "get", "metadata.attack.test", 0),
    ("N02.decimal", "get", "2852039166", 0),
    ("N02.hexadecimal", "get", "0xa9fea9fe", 0),
    ("N02.octal", "get", "0251.0376.0251.0376", 0),
    ("N02.short", "get", "169.254.43518", 0),
    ("N02.mapped", "get", "[::ffff:169.254.169.254]", 0),
    ("N02.mapped-hexadecimal", "get", "[::ffff:a9fe:a9fe]", 0),
    ("N02.nat64", "get", "[64:ff9b::a9fe:a9fe]", 0),
    ("N02.6to4", "get", "[2002:a9fe:a9fe::1]", 0),
    ("N03.loopback", "get", "127.0.0.1", 0),
    ("N03.loopback-other", "get", "127.9.8.7", 0),
    ("N03.loopback-short", "get", "127.1", 0),
    ("N03.loopback-v6", "get", "[::1]", 0),
    ("N03.loopback-mapped", "get", "[::ffff:127.0.0.1]", 0),
    ("N03.loopback-tunnel", "connect", "127.0.0.1:80", 0),
    ("N03.localhost", "get", "localhost", 0),
    ("N03.zero", "get", "0.0.0.0", 0),
    ("N03.zero-v6", "get", "[::]", 0),
    ("N03.own-address", "get", OWN, 0),
    ("N03.own-address-v6", "get", "[2a01:4f8:0:1::2]", 0),
    ("N03.own-name", "get", "own.attack.test", 0),
    ("N03.docker-name", "get", "host.docker.internal", 0),
    ("N03.docker-bridge", "get", "172.17.0.1", 0),
    ("N04.engine", "get", "127.0.0.1:2375", 0),
    ("N04.engine-elsewhere", "get", "10.1.2.3:2375", 0),
    ("N04.engine-tunnel", "connect", "51.15.0.2:2375", 0),
    ("N04.own-port", "get", "51.15.0.2:8080", 0),
    ("N05.ten", "get", "10.1.2.3", 0),
    ("N05.ten-tunnel", "connect", "10.1.2.3:443", 0),
    ("N05.one-seven-two", "get", "172.16.5.4", 0),
    ("N05.one-nine-two", "get", "192.168.1.1", 0),
    ("N05.carrier", "get", "100.64.1.1", 0),
    ("N05.benchmark", "get", "198.18.0.1", 0),
    ("N05.documentation", "get", "192.0.2.1", 0),
    ("N05.documentation-3", "get", "203.0.113.1", 0),
    ("N05.relay", "get", "192.88.99.1", 0),
    ("N05.reserved", "get", "240.0.0.1", 0),
    ("N05.unique-local", "get", "[fd12:3456::1]", 0),
    ("N05.link-local", "get", "[fe80::a9fe%25cable]", 0),
    ("N05.site-local", "get", "[fec0::1]", 0),
    ("N05.documentation-v6", "get", "[2001:db8::1]", 0),
    ("N05.teredo", "get", "[2001:0:1:2::3]", 0),
    ("N05.segments", "get", "[5f00::1]", 0),
    ("N05.name-private", "get", "private.attack.test", 0),
    ("N05.name-private-v6", "get", "private6.attack.test", 0),
    ("N05.name-mapped", "get", "mapped.attack.test", 0),
    ("N05.name-loopback", "get", "loopback.attack.test", 0),
    ("N05.name-zero", "get", "zero.attack.test", 0),
    ("N05.name-dot", "get", "private.attack.test.", 0),
    ("N07.tunnel-53", "connect", "93.184.215.14:53", 0),
    ("N07.tunnel-853", "connect", "93.184.215.14:853", 0),
    ("N07.direct-udp", "udp", NEIGHBOUR, 53),
    ("N07.direct-tcp", "tcp", NEIGHBOUR, 53),
    ("N09.tunnel-22", "connect", "93.184.215.14:22", 0),
    ("N09.tunnel-25", "connect", "93.184.215.14:25", 0),
    ("N09.tunnel-6379", "connect", "93.184.215.14:6379", 0),
    ("N09.get-25", "get", "93.184.215.14:25", 0),
    ("N09.get-6379", "get", "93.184.215.14:6379", 0),
    ("N09.login", "get", "93.184.215.14@10.1.2.3", 0),
    ("N10.direct-tcp", "tcp", PUBLIC, 80),
    (
        "N10.direct-tcp-v6",
        "tcp6",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        80,
    ),
    ("N10.direct-udp", "udp", PUBLIC, 443),
    (
        "N10.direct-udp-v6",
        "udp6",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        443,
    ),
    ("N10.direct-own", "tcp", OWN, 80),
    ("N10.direct-own-v6", "tcp6", OWN_6, 80),
    ("N10.direct-metadata", "tcp", "169.254.169.254", 80),
];

/// Plays the attacks on the network.
pub(super) fn play(
    stage: &Stage<'_>,
    side: &mut Side<'_>,
    ids: &[&'static str],
) -> Result<Evidence> {
    let visit = Visit {
        server: "network",
        limits: LIMITS,
        program: &|proxy| Program::new(PROGRAM, ids, told(proxy)),
        time: TIME,
    };
    abroad::play(stage, ids, |world| {
        let mut evidence = visit.play(stage, world, side)?;
        let (arrived, most) = world.heard();
        for id in ["N00.address", "N00.name"] {
            if evidence.answer(id) != Some("done") || !arrived.contains(id) {
                bail!("not even what is allowed is reached, so the refusals prove nothing: `{id}`");
            }
        }
        evidence
            .findings
            .insert("N11.connections", connections(most));
        Ok(evidence)
    })
}

fn told(proxy: Option<&str>) -> Value {
    let destinations: Vec<Value> = DESTINATIONS
        .iter()
        .map(|(id, how, place, port)| json!([id, how, place, port]))
        .collect();
    json!({ "destinations": destinations, "public": PUBLIC, "proxy": proxy })
}

/// By the most connections that arrived at once.
fn connections(most: usize) -> Finding {
    match most {
        0 => Finding::Unknown("no connection arrived".to_owned()),
        most if most > CONNECTIONS => Finding::Succeeded(format!("{most} at once")),
        most => Finding::Refused(format!("{most} at once")),
    }
}
