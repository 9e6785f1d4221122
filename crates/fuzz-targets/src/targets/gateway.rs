//! The gateway between a program and the world: whatever either side says, only addresses that may be reached are dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use executor_core::gateway::{
    AuditSink, BoxStream, ConnectionRecord, Decision, Dial, Egress, Gateway, HostProxies,
    HostProxyValues, NetworkPolicy, OpenedHost, Resolve, classify,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};

use crate::target::{Breach, Tally, hold};

/// What programs and proxies say.
pub(super) const WORDS: &[&[u8]] = &[
    b"CONNECT ",
    b"GET ",
    b"POST ",
    b"OPTIONS * ",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"http://",
    b"https://",
    b"Host: ",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"example.com",
    b"private.test",
    b"mixed.test",
    b"open.test",
    b":443",
    b":80",
    b":22",
    b":0",
    b"169.254.169.254",
    b"127.0.0.1",
    b"0x7f.1",
    b"[::1]",
    b"[::ffff:10.0.0.1]",
    b"user@",
    b"%31",
    b"\x05\x01\x00",
    b"\x05\x01\x00\x01",
    b"\x05\x01\x00\x03\x0b",
    b"\x05\x01\x00\x04",
    b"\x16\x03\x01",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 407 Who\r\n",
];

/// The address that the operator has opened by name.
const OPENED: &str = "10.0.0.7:8080";
/// Where the host's own proxy is.
const PROXY: &str = "10.9.9.9";

/// A world in which names lead to good places, to bad ones, and to both.
#[derive(Clone, Debug, Default)]
struct World {
    /// What servers, or the host's proxy, say at once.
    says: Arc<Vec<u8>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    dialled: Vec<SocketAddr>,
    allowed: bool,
    hosts: Vec<String>,
}

impl World {
    fn see(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl Resolve for World {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let public = IpAddr::from([93, 184, 216, 34]);
        let metadata = IpAddr::from([169, 254, 169, 254]);
        Ok(match name {
            "proxy.test" => vec![IpAddr::from([10, 9, 9, 9])],
            "private.test" => vec![
                IpAddr::from([10, 0, 0, 1]),
                IpAddr::from([0_u16, 0, 0, 0, 0, 0, 0, 1]),
            ],
            "mixed.test" => vec![metadata, public, IpAddr::from([127, 0, 0, 1])],
            name if name.len() % 2 == 0 => vec![metadata],
            _ => vec![public],
        })
    }
}

#[async_trait]
impl Dial for World {
    async fn dial(&self, address: SocketAddr) -> io::Result<BoxStream> {
        self.see(|seen| seen.dialled.push(address));
        // Room for all that the other side says; what the program sends is read by nobody.
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let most = self.says.len().min(60 * 1024);
        theirs
            .write_all(self.says.get(..most).unwrap_or_default())
            .await?;
        theirs.shutdown().await?;
        Ok(Box::new(tokio::io::join(ours, tokio::io::sink())))
    }
}

impl AuditSink for World {
    fn record(&self, record: &ConnectionRecord) {
        self.see(|seen| {
            seen.allowed |= record.decision == Decision::Allowed;
            seen.hosts.push(record.host.clone());
        });
    }
}

thread_local! {
    /// Its clock moves only when nothing else does.
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().start_paused(true).build().ok();
}

/// Lets a program say something, and gives what it heard.
fn converse(world: &World, proxies: HostProxies, said: &[u8]) -> Result<Vec<u8>, Breach> {
    let opened = "open.test=10.0.0.7:8080".parse::<OpenedHost>();
    let gateway = Gateway::builder()
        .resolver(world.clone())
        .dialler(world.clone())
        .audit(world.clone())
        .host_proxies(proxies)
        .build();
    let link = gateway.open(Egress::new(NetworkPolicy::Public).opening(opened));
    let talk = async {
        let (mut program, channel) = tokio::io::duplex(16 * 1024);
        let mut heard = Vec::new();
        let speaking = async {
            let (mut reader, mut writer) = tokio::io::split(&mut program);
            let write = async {
                // A gateway that hangs up has heard enough.
                let _ = writer.write_all(said).await;
                let _ = writer.shutdown().await;
            };
            let read = async { drop(reader.read_to_end(&mut heard).await) };
            tokio::join!(write, read);
        };
        tokio::join!(link.serve(channel), speaking);
        heard
    };
    RUNTIME.with(|runtime| match runtime {
        Some(runtime) => Ok(runtime.block_on(talk)),
        None => Err(Breach("there is no runtime".to_owned())),
    })
}

/// Conversations of programs.
pub(super) fn programs() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        "GET http://example.com/a HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "POST http://example.com/a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nhello",
        "POST http://open.test/ HTTP/1.1\r\nHost: open.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET http://mixed.test/ HTTP/1.1\r\nHost: x\r\n\r\nGET http://private.test/ HTTP/1.1\r\nHost: y\r\n\r\n",
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        "CONNECT 93.184.216.34:443 HTTP/1.1\r\n\r\nSSH-2.0-x\r\n",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec();
    let tunnel = b"CONNECT example.com:443 HTTP/1.1\r\n\r\n".to_vec();
    seeds.push([tunnel, hello("example.com")].concat());
    seeds.push(b"\x05\x01\x00\x05\x01\x00\x03\x0bexample.com\x01\xbb".to_vec());
    seeds.push(
        b"\x05\x02\x00\x02\x05\x01\x00\x01\x5d\xb8\xd8\x22\x00\x50GET / HTTP/1.1\r\n\r\n".to_vec(),
    );
    seeds.push(
        [
            b"\x05\x01\x00\x05\x01\x00\x03\x09open.test\x01\xbb".to_vec(),
            hello("open.test"),
        ]
        .concat(),
    );
    seeds
}

/// A TLS hello that asks for `name` (RFC 8446, section 4.1.2; RFC 6066, section 3).
fn hello(name: &str) -> Vec<u8> {
    let counted = |bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&length, bytes].concat()
    };
    let entry = [&[0], counted(name.as_bytes()).as_slice()].concat();
    let extension = [&[0, 0], counted(&counted(&entry)).as_slice()].concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    body.extend(counted(&extension));
    let message = [&[1, 0], counted(&body).as_slice()].concat();
    [&[22, 3, 1], counted(&message).as_slice()].concat()
}

/// A program may say anything: it reaches what is public, and what was opened to it by name.
pub(super) fn program(input: &[u8]) -> Result<Tally, Breach> {
    let world = World {
        says: Arc::new(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()),
        ..World::default()
    };
    let heard = converse(&world, HostProxies::default(), input)?;
    hold(heard.len() < 1 << 20, || {
        format!("{} bytes of answers", heard.len())
    })?;
    let mut allowed = false;
    let mut breach = Ok(());
    world.see(|seen| {
        allowed = seen.allowed;
        for address in &seen.dialled {
            let by_name =
                address.to_string() == OPENED && seen.hosts.iter().any(|host| host == "open.test");
            if !by_name && !classify(address.ip()).is_public() {
                breach = Err(Breach(format!("dialled {address} for {:?}", seen.hosts)));
            }
        }
    });
    breach.map(|()| Tally::one(allowed))
}

/// Answers of proxies: a first byte that says which kind is spoken to, and what it says.
pub(super) fn proxies() -> Vec<Vec<u8>> {
    [
        b"hHTTP/1.1 200 OK\r\nVia: x\r\n\r\nearly".as_slice(),
        b"hHTTP/1.0 200 Fine\n\n",
        b"hHTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n",
        b"s\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00early",
        b"s\x05\x00\x05\x00\x00\x03\x02ab\x00\x00early",
        b"s\x05\x00\x05\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00early",
        b"l\x05\x02\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00early",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// The host's proxy may say anything: nothing but the proxy is dialled, and a login is never handed to the program.
pub(super) fn proxy(input: &[u8]) -> Result<Tally, Breach> {
    let (kind, says) = input.split_first().unwrap_or((&b'h', &[]));
    let url = match kind {
        b's' => format!("socks5://{PROXY}:1080"),
        b'l' => format!("socks5://user:hunter2@{PROXY}:1080"),
        _ => format!("http://user:hunter2@{PROXY}:3128"),
    };
    let mut values = HostProxyValues::default();
    values.https = Some(url);
    let proxies = HostProxies::from_values(&values).map_err(|error| Breach(error.to_string()))?;
    let world = World {
        says: Arc::new(says.to_vec()),
        ..World::default()
    };
    let said = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\nhi";
    let heard = converse(&world, proxies, said)?;
    let head = heard
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    hold(heard.is_empty() || head.starts_with(b"HTTP/1.1 "), || {
        format!("the program heard {:?}", String::from_utf8_lossy(head))
    })?;
    let secret = |bytes: &[u8]| bytes.windows(7).any(|part| part == b"hunter2");
    hold(secret(says) || !secret(&heard), || {
        "the program was told the proxy's login".to_owned()
    })?;
    let mut foreign = None;
    world.see(|seen| {
        foreign = seen
            .dialled
            .iter()
            .find(|to| to.ip().to_string() != PROXY)
            .copied()
    });
    hold(foreign.is_none(), || format!("dialled {foreign:?}"))?;
    Ok(Tally::one(head.starts_with(b"HTTP/1.1 200")))
}
