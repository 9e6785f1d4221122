//! SOCKS5 as programs speak it to the gateway (RFC 1928): `CONNECT` to a name or an address, without a login. `BIND` and
//! `UDP ASSOCIATE` are refused with their code; SOCKS4 is told so in its own words.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::audit::Protocol;
use super::entry::Entry;
use super::failure::{Failure, socks_code};
use super::link::Visit;
use super::name::{Destination, Host};
use super::reach::{Purpose, reach};
use super::relay::relay;

/// The first byte of every SOCKS5 conversation.
pub(super) const VERSION: u8 = 5;
/// The first byte of every SOCKS4 conversation.
pub(super) const VERSION_4: u8 = 4;

/// Serves one connection of a program that speaks SOCKS5.
pub(super) async fn serve<C>(visit: &Visit, mut channel: C)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let time = visit.link.shared.limits.header_timeout;
    // A program that is silent, breaks off or speaks something else has no use for an answer.
    let Ok(Ok(asked)) = timeout(time, negotiate(&mut channel)).await else {
        return;
    };
    let destination = match asked {
        Asked::Connect(destination) => destination,
        Asked::Refused(code) => return end(&mut channel, code).await,
        Asked::NoHost => {
            let failure = Failure::Malformed("the host is not valid".to_owned());
            Entry::new(&visit.link, Protocol::Socks5, None).failed(&failure);
            return end(&mut channel, failure.socks_code()).await;
        }
        Asked::NoMethod => return close(&mut channel, &[VERSION, NO_ACCEPTABLE_METHOD]).await,
    };
    let mut entry = Entry::new(&visit.link, Protocol::Socks5, Some(destination.clone()));
    match reach(visit, &destination, Purpose::Tunnel, &mut entry).await {
        Err(failure) => end(&mut channel, failure.socks_code()).await,
        Ok(reached) => {
            if send(&mut channel, &reply(socks_code::SUCCEEDED))
                .await
                .is_err()
            {
                return;
            }
            if let Err(failure) = relay(channel, reached.stream, destination.host.name()).await {
                entry.failed(&failure);
            }
        }
    }
}

/// Tells a program that speaks SOCKS4 that nothing here does: request rejected, code 91.
pub(super) async fn refuse_version_4(channel: &mut (impl AsyncWrite + Unpin)) {
    close(channel, &[0, 91, 0, 0, 0, 0, 0, 0]).await;
}

/// What a negotiation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Connect(Destination),
    /// Something that is answered with this code.
    Refused(u8),
    /// A host that is none.
    NoHost,
    /// No method that we speak.
    NoMethod,
}

async fn negotiate<C>(channel: &mut C) -> io::Result<Asked>
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = [0; 2];
    channel.read_exact(&mut head).await?;
    let [version, count] = head;
    let mut methods = vec![0; usize::from(count)];
    channel.read_exact(&mut methods).await?;
    if version != VERSION {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if !methods.contains(&NO_LOGIN) {
        return Ok(Asked::NoMethod);
    }
    send(channel, &[VERSION, NO_LOGIN]).await?;

    let mut head = [0; 4];
    channel.read_exact(&mut head).await?;
    let [version, command, _, kind] = head;
    if version != VERSION {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let host = match kind {
        IPV4 => {
            let mut octets = [0; 4];
            channel.read_exact(&mut octets).await?;
            Some(Host::Address(Ipv4Addr::from(octets).into()))
        }
        IPV6 => {
            let mut octets = [0; 16];
            channel.read_exact(&mut octets).await?;
            Some(Host::Address(Ipv6Addr::from(octets).into()))
        }
        NAME => {
            let mut name = vec![0; usize::from(channel.read_u8().await?)];
            channel.read_exact(&mut name).await?;
            std::str::from_utf8(&name)
                .ok()
                .and_then(|name| Host::parse(name).ok())
        }
        _ => return Ok(Asked::Refused(socks_code::ADDRESS_NOT_SUPPORTED)),
    };
    let port = channel.read_u16().await?;
    if command != CONNECT {
        return Ok(Asked::Refused(socks_code::COMMAND_NOT_SUPPORTED));
    }
    Ok(match host {
        Some(host) if port != 0 => Asked::Connect(Destination { host, port }),
        _ => Asked::NoHost,
    })
}

/// The last words of a conversation that comes to nothing.
async fn end(channel: &mut (impl AsyncWrite + Unpin), code: u8) {
    close(channel, &reply(code)).await;
}

async fn close(channel: &mut (impl AsyncWrite + Unpin), last: &[u8]) {
    // Whoever no longer listens need not be told.
    if send(channel, last).await.is_ok() {
        let _closed = channel.shutdown().await;
    }
}

async fn send(channel: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    channel.write_all(bytes).await?;
    channel.flush().await
}

/// A reply; the address that we bound is no business of the program.
fn reply(code: u8) -> [u8; 10] {
    [VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0]
}

const NO_LOGIN: u8 = 0;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn negotiated(sent: &[u8]) -> (Option<Asked>, Vec<u8>) {
        let mut answered = Vec::new();
        let mut channel = tokio::io::join(sent, &mut answered);
        let asked = negotiate(&mut channel).await.ok();
        (asked, answered)
    }

    async fn check(request: &[u8], expected: Option<Asked>) {
        let (asked, answered) = negotiated(&[b"\x05\x02\x01\x00", request].concat()).await;
        assert_eq!((asked, answered), (expected, vec![5, 0]), "{request:?}");
    }

    fn to(host: &str, port: u16) -> Option<Asked> {
        Some(Asked::Connect(Destination {
            host: Host::parse(host).unwrap(),
            port,
        }))
    }

    #[tokio::test]
    async fn requests_are_understood() {
        check(
            b"\x05\x01\x00\x03\x09a.exampleX\x00",
            to("a.example", 0x5800),
        )
        .await;
        check(
            b"\x05\x01\x00\x01\x01\x02\x03\x04\x00\x50",
            to("1.2.3.4", 80),
        )
        .await;
        check(b"\x05\x01\x00\x03\x060x7f.1\x00\x50", to("127.0.0.1", 80)).await;
        let v6 = [b"\x05\x01\x00\x04".as_slice(), &[0; 15], b"\x01\x00\x50"].concat();
        check(&v6, to("::1", 80)).await;
    }

    #[tokio::test]
    async fn what_is_not_offered_has_its_code() {
        let refused = |code| Some(Asked::Refused(code));
        check(b"\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50", refused(7)).await;
        check(b"\x05\x03\x00\x01\x01\x02\x03\x04\x00\x50", refused(7)).await;
        check(b"\x05\x01\x00\x09", refused(8)).await;
        check(b"\x05\x01\x00\x03\x00\x00\x50", Some(Asked::NoHost)).await;
        check(b"\x05\x01\x00\x03\x03a\x00b\x00\x50", Some(Asked::NoHost)).await;
        check(b"\x05\x01\x00\x03\x02\xff\xfe\x00\x50", Some(Asked::NoHost)).await;
        check(b"\x05\x01\x00\x03\x01a\x00\x00", Some(Asked::NoHost)).await;
        check(b"\x04\x01\x00\x01\x01\x02\x03\x04\x00\x50", None).await;
        check(b"\x05\x01\x00\x01\x01\x02", None).await;
        assert_eq!(
            negotiated(b"\x05\x01\x02").await,
            (Some(Asked::NoMethod), vec![])
        );
        assert_eq!(
            negotiated(b"\x05\x00").await,
            (Some(Asked::NoMethod), vec![])
        );
        assert_eq!(negotiated(b"\x05").await, (None, vec![]));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(sent in proptest::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(negotiated(&sent));
            runtime.block_on(negotiated(&[b"\x05\x01\x00\x05\x01\x00", sent.as_slice()].concat()));
        }
    }
}
