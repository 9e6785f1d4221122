//! Opening a tunnel through the host's own proxy: `CONNECT`, or SOCKS5 with the name left to the proxy.

use std::io;
use std::net::IpAddr;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::dial::BoxStream;
use super::host_proxy::{Login, Proxy, ProxyKind};
use super::name::{Destination, Host};

/// Asks `proxy`, to which `stream` is connected, for a tunnel to `destination`.
pub(super) async fn open(
    proxy: &Proxy,
    stream: BoxStream,
    destination: &Destination,
    header_bytes: usize,
) -> Result<BoxStream, ProxyFault> {
    match proxy.kind {
        ProxyKind::Http => connect(proxy, stream, destination, header_bytes).await,
        ProxyKind::Socks5 => socks(proxy, stream, destination).await,
    }
}

/// How the host's proxy failed, in words that say nothing about where it is.
#[derive(Debug, Error)]
pub(super) enum ProxyFault {
    #[error("it ended the conversation")]
    Io(#[from] io::Error),
    #[error("it wants a login")]
    Login,
    #[error("it refused with status {0}")]
    Status(u16),
    #[error("it refused with code {0}")]
    Code(u8),
    #[error("its answer could not be understood")]
    Answer,
}

async fn connect(
    proxy: &Proxy,
    mut stream: BoxStream,
    destination: &Destination,
    header_bytes: usize,
) -> Result<BoxStream, ProxyFault> {
    let authority = destination.authority();
    let login = proxy
        .authorization()
        .map(|value| format!("Proxy-Authorization: {value}\r\n"))
        .unwrap_or_default();
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;

    // What follows the head belongs to the tunnel, so the reader stays in front of the stream.
    let mut stream = BufReader::with_capacity(READ_BYTES, stream);
    let mut left = header_bytes;
    let status = status(&line(&mut stream, &mut left).await?).ok_or(ProxyFault::Answer)?;
    while !line(&mut stream, &mut left).await?.is_empty() {}
    match status {
        200..=299 => Ok(Box::new(stream)),
        407 => Err(ProxyFault::Login),
        other => Err(ProxyFault::Status(other)),
    }
}

/// One line of a head without its end; `left` is what the whole head may still take.
async fn line(stream: &mut BufReader<BoxStream>, left: &mut usize) -> Result<Vec<u8>, ProxyFault> {
    let mut line = Vec::new();
    let limit = u64::try_from(*left).unwrap_or(u64::MAX);
    let read = (&mut *stream)
        .take(limit)
        .read_until(b'\n', &mut line)
        .await?;
    *left = left.saturating_sub(read);
    if line.pop() != Some(b'\n') {
        return Err(ProxyFault::Answer);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let digits = rest.get(2..5).filter(|_| rest.get(1) == Some(&b' '))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// RFC 1928 and, for the login, RFC 1929.
async fn socks(
    proxy: &Proxy,
    mut stream: BoxStream,
    destination: &Destination,
) -> Result<BoxStream, ProxyFault> {
    let method = if proxy.login.is_some() { 2 } else { 0 };
    stream.write_all(&[5, 1, method]).await?;
    stream.flush().await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    match (chosen, &proxy.login) {
        ([5, 0], None) => {}
        ([5, 2], Some(login)) => socks_login(&mut stream, login).await?,
        ([5, 0xff], _) => return Err(ProxyFault::Login),
        _ => return Err(ProxyFault::Answer),
    }

    let mut request = vec![5, 1, 0];
    match &destination.host {
        Host::Name(name) => counted(&mut request, 3, name.as_str())?,
        Host::Address(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Host::Address(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
    }
    request.extend(destination.port.to_be_bytes());
    stream.write_all(&request).await?;
    stream.flush().await?;

    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [version, code, _, kind] = head;
    if version != 5 {
        return Err(ProxyFault::Answer);
    }
    if code != 0 {
        return Err(ProxyFault::Code(code));
    }
    // The address that the proxy bound says nothing to us, but stands before the tunnel's bytes.
    let bound = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(ProxyFault::Answer),
    };
    let mut skipped = vec![0; bound + 2];
    stream.read_exact(&mut skipped).await?;
    Ok(stream)
}

async fn socks_login(stream: &mut BoxStream, login: &Login) -> Result<(), ProxyFault> {
    let mut request = Vec::new();
    counted(&mut request, 1, &login.user)?;
    let length = u8::try_from(login.password.len()).map_err(|_| ProxyFault::Login)?;
    request.push(length);
    request.extend(login.password.as_bytes());
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    if answer == [1, 0] {
        Ok(())
    } else {
        Err(ProxyFault::Login)
    }
}

fn counted(request: &mut Vec<u8>, before: u8, text: &str) -> Result<(), ProxyFault> {
    request.push(before);
    request.push(u8::try_from(text.len()).map_err(|_| ProxyFault::Answer)?);
    request.extend(text.as_bytes());
    Ok(())
}

const READ_BYTES: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::host_proxy::{HostProxies, HostProxyValues};
    use proptest::prelude::*;

    fn proxy(url: &str) -> Proxy {
        let values = HostProxyValues {
            https: Some(url.to_owned()),
            ..HostProxyValues::default()
        };
        let proxies = HostProxies::from_values(&values).unwrap();
        proxies
            .for_destination(&destination(), false)
            .unwrap()
            .clone()
    }

    fn destination() -> Destination {
        Destination {
            host: Host::parse("example.com").unwrap(),
            port: 443,
        }
    }

    /// Lets the proxy at `url` answer with `answer`, and says what it was asked and how the attempt ended.
    async fn check(url: &str, answer: &[u8], asked: &[u8], expected: &str) {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(answer).await.unwrap();
        let (proxy, destination) = (proxy(url), destination());
        let opened = open(&proxy, Box::new(ours), &destination, 1024);
        let got = {
            // The proxy stays until the attempt is over, then ends the conversation.
            let (result, ()) = tokio::join!(
                async {
                    let mut stream = opened.await.map_err(|fault| fault.to_string())?;
                    let mut rest = String::new();
                    stream
                        .read_to_string(&mut rest)
                        .await
                        .map_err(|error| error.to_string())?;
                    Ok::<_, String>(format!("tunnel: {rest}"))
                },
                async {
                    theirs.shutdown().await.unwrap();
                }
            );
            result.unwrap_or_else(|error| error)
        };
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        assert_eq!(
            (got.as_str(), String::from_utf8_lossy(&sent)),
            (expected, String::from_utf8_lossy(asked))
        );
    }

    #[tokio::test]
    async fn tunnels_are_asked_for_in_http() {
        let plain = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
        let login = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
        check(
            "http://p",
            b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nearly",
            plain,
            "tunnel: early",
        )
        .await;
        check("http://u:p@p", b"HTTP/1.0 200 Fine\n\n", login, "tunnel: ").await;
        check(
            "http://p",
            b"HTTP/1.1 407 Who\r\n\r\n",
            plain,
            "it wants a login",
        )
        .await;
        check(
            "http://p",
            b"HTTP/1.1 403 No\r\n\r\n",
            plain,
            "it refused with status 403",
        )
        .await;
        check(
            "http://p",
            b"SSH-2.0\r\n\r\n",
            plain,
            "its answer could not be understood",
        )
        .await;
        let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"A: b\r\n".repeat(500)].concat();
        check(
            "http://p",
            &endless,
            plain,
            "its answer could not be understood",
        )
        .await;
    }

    #[tokio::test]
    async fn tunnels_are_asked_for_in_socks() {
        let name = b"\x05\x01\x00\x03\x0bexample.com\x01\xbb";
        let asked = [b"\x05\x01\x00".as_slice(), name].concat();
        let answer = b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00early";
        check("socks5://p", answer, &asked, "tunnel: early").await;
        let answer = b"\x05\x00\x05\x00\x00\x03\x02ab\x00\x00early";
        check("socks5://p", answer, &asked, "tunnel: early").await;
        check(
            "socks5://p",
            b"\x05\x00\x05\x02\x00\x01",
            &asked,
            "it refused with code 2",
        )
        .await;
        check(
            "socks5://p",
            b"\x05\xff",
            b"\x05\x01\x00",
            "it wants a login",
        )
        .await;
        let asked = [b"\x05\x01\x02\x01\x01u\x01p".as_slice(), name].concat();
        let answer = b"\x05\x02\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";
        check("socks5://u:p@p", answer, &asked, "tunnel: ").await;
        check(
            "socks5://u:p@p",
            b"\x05\x02\x01\x01",
            b"\x05\x01\x02\x01\x01u\x01p",
            "it wants a login",
        )
        .await;
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange(answer in proptest::collection::vec(any::<u8>(), 0..200), socks in any::<bool>()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
                theirs.write_all(&answer).await.unwrap();
                theirs.shutdown().await.unwrap();
                let url = if socks { "socks5://p" } else { "http://p" };
                let _ = open(&proxy(url), Box::new(ours), &destination(), 1024).await;
            });
        }
    }
}
