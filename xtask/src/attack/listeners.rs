//! What listens on the host for programs that should never get there, and remembers who called.
//!
//! Every call names its attack, so that two that go on at once are not taken for one another.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// How long a caller may take to say which attack it is.
const SAY_WITHIN: Duration = Duration::from_secs(2);
/// The longest word of a caller.
const MAX_WORD: usize = 1024;
/// The longest line of a caller that is read.
const SAID: u64 = 1024;
/// The most attacks that are remembered; a caller may say anything.
const MAX_ARRIVED: usize = 4096;

/// All listeners; they stay until the chore ends.
#[derive(Debug)]
pub(super) struct Listeners {
    arrived: Arrived,
    /// The port of all of them, TCP and UDP, on every address of the host.
    pub(super) port: u16,
}

type Arrived = Arc<Mutex<BTreeSet<String>>>;

impl Listeners {
    /// Listens at a path, at an abstract name, and on a port of every address.
    pub(super) fn start(path: &Path, name: &str) -> Result<Self> {
        let arrived = Arrived::default();
        let file = UnixListener::bind(path)
            .with_context(|| format!("cannot listen at `{}`", path.display()))?;
        // Nothing but the sandbox must stand in a caller's way.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))
            .with_context(|| format!("cannot open `{}` to everybody", path.display()))?;
        let address = UnixAddress::from_abstract_name(name).context("no abstract socket")?;
        let hidden = UnixListener::bind_addr(&address).context("no abstract socket")?;
        for listener in [file, hidden] {
            let arrived = Arc::clone(&arrived);
            thread::spawn(move || {
                for caller in listener.incoming().flatten() {
                    serve_unix(caller, &arrived);
                }
            });
        }
        let tcp = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)))
            .context("cannot listen on the host's addresses")?;
        let bound = tcp.local_addr().context("cannot tell the port")?;
        // Linux takes callers of version 4 on the socket of version 6 as well.
        let udp = UdpSocket::bind(SocketAddr::new(bound.ip(), bound.port()))
            .context("cannot listen for datagrams")?;
        let (calls, words) = (Arc::clone(&arrived), Arc::clone(&arrived));
        thread::spawn(move || {
            for caller in tcp.incoming().flatten() {
                serve_tcp(caller, &calls);
            }
        });
        thread::spawn(move || {
            let mut word = [0_u8; MAX_WORD];
            while let Ok((length, _)) = udp.recv_from(&mut word) {
                note(word.get(..length).unwrap_or_default(), &words);
            }
        });
        Ok(Self {
            arrived,
            port: bound.port(),
        })
    }

    /// The attacks that have called since this was asked last.
    pub(super) fn take(&self) -> BTreeSet<String> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *arrived)
    }
}

fn serve_unix(caller: UnixStream, arrived: &Arrived) {
    if caller.set_read_timeout(Some(SAY_WITHIN)).is_ok() {
        serve(caller, arrived);
    }
}

fn serve_tcp(caller: TcpStream, arrived: &Arrived) {
    if caller.set_read_timeout(Some(SAY_WITHIN)).is_ok() {
        serve(caller, arrived);
    }
}

fn serve(caller: impl Read + Write, arrived: &Arrived) {
    let mut caller = BufReader::with_capacity(MAX_WORD, caller);
    let mut line = Vec::new();
    // One that hangs up or says nothing more in time has said what it had to say.
    let _ = caller.by_ref().take(SAID).read_until(b'\n', &mut line);
    note(&line, arrived);
    // A caller that is gone has no use for an answer.
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let _ = caller.get_mut().write_all(answer);
}

/// Remembers the attack in a request for `/<id>`, however it is wrapped.
fn note(word: &[u8], arrived: &Arrived) {
    let word = String::from_utf8_lossy(word);
    let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(id) = attack_in(&word)
        && arrived.len() < MAX_ARRIVED
    {
        arrived.insert(id);
    }
}

/// `E15.x` in `GET /E15.x HTTP/1.0`.
fn attack_in(word: &str) -> Option<String> {
    let (_, behind) = word.split_once('/')?;
    let id: String = behind
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c))
        .take(64)
        .collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_say_which_attack_they_are() {
        let check = |word: &str, expected: Option<&str>| {
            assert_eq!(attack_in(word).as_deref(), expected, "{word:?}");
        };
        check(
            "GET /E15.host-socket HTTP/1.0\r\n\r\n",
            Some("E15.host-socket"),
        );
        check("/N01.udp", Some("N01.udp"));
        check("GET / HTTP/1.0", None);
        check("\u{16}\u{3}\u{1}", None);
    }

    #[test]
    fn every_way_to_call_is_remembered_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let name = format!("attack-test-{}", std::process::id());
        let listeners = Listeners::start(&path, &name).unwrap();
        let call = |mut stream: Box<dyn ReadWrite>, id: &str| {
            let request = format!("GET /{id} HTTP/1.0\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            // Who is answered has been noted.
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with("ok"), "{answer}");
        };
        call(Box::new(UnixStream::connect(&path).unwrap()), "a");
        let address = UnixAddress::from_abstract_name(&name).unwrap();
        call(Box::new(UnixStream::connect_addr(&address).unwrap()), "b");
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, listeners.port)).unwrap();
        call(Box::new(tcp), "c");
        assert_eq!(Vec::from_iter(listeners.take()), ["a", "b", "c"]);
        assert!(listeners.take().is_empty());
    }

    trait ReadWrite: Read + Write {}
    impl<T: Read + Write> ReadWrite for T {}
}
