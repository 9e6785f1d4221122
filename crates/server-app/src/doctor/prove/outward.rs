//! Every way out: listeners of ours on this host must not hear anything of a program, directly or
//! through the gateway, and no address of a cloud's metadata may be reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use executor_core::Executor;
use executor_core::capabilities::Capability;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::proof::{Held, Judge, Keeper, Proof, unknown};
use super::{run, shown, told};

const PROGRAM: &str = include_str!("outward.py");

/// Where clouds tell a machine its secrets.
const METADATA: [&str; 4] = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "fd00:ec2::254",
];

/// A listener on this host that counts who comes. It ends when it is dropped.
struct Ear {
    address: SocketAddr,
    heard: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Ear {
    async fn on(address: IpAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?;
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(Self {
            address,
            heard,
            _task: task,
        })
    }

    /// Whether it hears at all: this host itself comes, and is counted.
    async fn hears(&self) -> bool {
        let before = self.heard.load(Ordering::SeqCst);
        if TcpStream::connect(self.address).await.is_err() {
            return false;
        }
        for _ in 0..1000 {
            if self.heard.swap(before, Ordering::SeqCst) > before {
                return true;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        false
    }
}

/// Runs the program that tries, and counts.
pub(super) async fn prove(executor: &Executor) -> Vec<Proof> {
    let mut ears = Vec::new();
    for address in addresses() {
        if let Ok(ear) = Ear::on(address).await {
            let hears = ear.hears().await;
            ears.push((ear, hears));
        }
    }
    let mut targets: Vec<String> = ears
        .iter()
        .map(|(ear, _)| format!("{}|{}", ear.address.ip(), ear.address.port()))
        .collect();
    // By a name that resolves to us, as far as the gateway lets it.
    if let Some((ear, _)) = ears.first() {
        targets.push(format!("localhost|{}", ear.address.port()));
    }
    targets.extend(METADATA.map(|address| format!("{address}|80")));
    let outcome = run(executor, PROGRAM, targets).await;
    let told = told(&outcome);
    let mut proofs: Vec<Proof> = ears
        .iter()
        .map(|(ear, hears)| heard(ear, *hears, told.as_ref().err().map(String::as_str)))
        .collect();
    for (way, keeper, what) in [
        ("direct", Keeper::Kernel, "is not reached past the gateway"),
        ("proxied", Keeper::Us, "is refused by the gateway"),
    ] {
        for address in METADATA {
            let id = format!("way-out.metadata.{way}.{address}");
            let what = format!("the metadata address {address} {what}");
            proofs.push(match &told {
                Ok(told) => refused(id, what, keeper, told, &format!("{way}|{address}")),
                Err(why) => unknown(&id, &what, Capability::NoNetwork, keeper, why),
            });
        }
    }
    proofs
}

/// Loopback, and the address that this host has towards others.
fn addresses() -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    // A datagram socket learns its own address from the routing table; nothing is sent.
    let outer = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    addresses.extend(outer.ok().map(|address| address.ip()));
    addresses
}

fn heard(ear: &Ear, hears: bool, failure: Option<&str>) -> Proof {
    let ip = ear.address.ip();
    let place = if ip.is_loopback() { "loopback" } else { "host" };
    let id = format!("way-out.{place}");
    let what = format!("no program reaches a listener on this host's {ip}");
    let capability = Capability::NoNetwork;
    let count = ear.heard.load(Ordering::SeqCst);
    match failure {
        Some(why) if count == 0 => unknown(&id, &what, capability, Keeper::Us, why),
        _ => Proof {
            id,
            what,
            capability,
            keeper: Keeper::Us,
            judge: Judge::Host,
            held: match count {
                0 if !hears => Held::Unknown,
                count => Held::from(count == 0),
            },
            seen: format!("{count} connections; it hears: {hears}"),
        },
    }
}

fn refused(id: String, what: String, keeper: Keeper, told: &Value, key: &str) -> Proof {
    let seen = told.get(key).and_then(Value::as_str).unwrap_or("not told");
    Proof {
        id,
        what,
        capability: Capability::NoNetwork,
        keeper,
        judge: Judge::Inside,
        held: match seen {
            "connected" => Held::No,
            seen if seen.starts_with("refused: ") => Held::Yes,
            _ => Held::Unknown,
        },
        seen: shown(seen),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn an_ear_hears_and_its_own_try_is_not_counted() {
        let ear = Ear::on(IpAddr::V4(Ipv4Addr::LOCALHOST)).await.unwrap();
        assert!(ear.hears().await);
        assert_eq!(heard(&ear, true, None).held, Held::Yes);
        assert_eq!(heard(&ear, false, None).held, Held::Unknown);
        assert_eq!(heard(&ear, true, Some("it crashed")).held, Held::Unknown);
        ear.heard.store(1, Ordering::SeqCst);
        assert_eq!(heard(&ear, true, None).held, Held::No);
        assert_eq!(heard(&ear, true, Some("it crashed")).held, Held::No);
    }

    #[test]
    fn only_a_refusal_is_one() {
        let told = json!({"a": "connected", "b": "refused: 403", "c": 7});
        let held = |key| refused(String::new(), String::new(), Keeper::Us, &told, key).held;
        assert_eq!(held("a"), Held::No);
        assert_eq!(held("b"), Held::Yes);
        assert_eq!(held("c"), Held::Unknown);
        assert_eq!(held("d"), Held::Unknown);
    }
}
