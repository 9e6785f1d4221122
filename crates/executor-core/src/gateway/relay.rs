//! Bytes between a program and its destination, both ways at once, with half-closes kept; and the one look at the first of
//! them, so that a tunnel to one name is not used to ask for another.

use std::io;

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf,
};

use super::failure::{Failure, Refusal};
use super::hello::{Hello, UNRECOGNIZED_NAME};
use super::name::{Host, HostName};

/// Relays until both directions have ended.
///
/// If `name` is given and the program speaks TLS, its hello must ask for that name or for none. The time without a byte is
/// bounded by whoever awaits this.
///
/// # Errors
///
/// The refusal, if the hello asks for another name. A broken connection is an end like any other.
pub(super) async fn relay<P, D>(
    program: P,
    destination: D,
    name: Option<&HostName>,
) -> Result<(), Failure>
where
    P: AsyncRead + AsyncWrite + Unpin,
    D: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_program, mut to_program) = tokio::io::split(program);
    let (mut from_destination, mut to_destination) = tokio::io::split(destination);
    let up = up(&mut from_program, &mut to_destination, name);
    let down = async { Ok(copy(&mut from_destination, &mut to_program).await?) };
    match tokio::try_join!(up, down) {
        Ok(((), ())) | Err(End::Broken) => Ok(()),
        Err(End::Refused(refusal)) => {
            // The program is told in its own protocol; if it no longer listens, so be it.
            let _told = to_program.write_all(&UNRECOGNIZED_NAME).await;
            let _closed = to_program.shutdown().await;
            Err(Failure::Refused(refusal))
        }
    }
}

enum End {
    Broken,
    Refused(Refusal),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

async fn up<P: AsyncRead + AsyncWrite, D: AsyncRead + AsyncWrite>(
    program: &mut ReadHalf<P>,
    destination: &mut WriteHalf<D>,
    name: Option<&HostName>,
) -> Result<(), End> {
    if let Some(name) = name {
        let first = first_flight(program, name).await?;
        destination.write_all(&first).await?;
        destination.flush().await?;
    }
    Ok(copy(program, destination).await?)
}

/// The first bytes of the program, held back until they are known to ask for `name`.
async fn first_flight(
    program: &mut (impl AsyncRead + Unpin),
    name: &HostName,
) -> Result<Vec<u8>, End> {
    let mut held = Vec::new();
    let mut needed = 1;
    loop {
        // At most one buffer more than the bound that the reader of hellos sets.
        held.reserve(FIRST_BYTES);
        if program.read_buf(&mut held).await? == 0 {
            // A part of a hello is of no use to anybody.
            return Ok(Vec::new());
        }
        if held.len() < needed {
            continue;
        }
        let asked = match Hello::read(&held) {
            Hello::NotTls | Hello::Nameless => return Ok(held),
            Hello::Incomplete(at_least) => {
                needed = at_least;
                continue;
            }
            Hello::Named(asked) => asked,
            Hello::Malformed => "a malformed hello".to_owned(),
        };
        if Host::parse(&asked).is_ok_and(|asked| asked.name() == Some(name)) {
            return Ok(held);
        }
        let asked = asked
            .chars()
            .filter(|c| !c.is_control())
            .take(SHOWN_CHARS)
            .collect();
        return Err(End::Refused(Refusal::ServerName {
            host: name.to_string(),
            asked,
        }));
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            return to.shutdown().await;
        };
        to.write_all(chunk).await?;
        to.flush().await?;
    }
}

/// Held twice for each connection.
const CHUNK_BYTES: usize = 16 * 1024;
const FIRST_BYTES: usize = 2 * 1024;
/// How much of a foreign server name is repeated.
const SHOWN_CHARS: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::hello::tests::hello;

    /// Sends `sent` through a relay for `a.example`; says what the destination got and what the program got back.
    async fn check(sent: &[u8], arrives: bool, refused: bool) {
        let (mut program, near) = tokio::io::duplex(64 * 1024);
        let (far, mut destination) = tokio::io::duplex(64 * 1024);
        let Ok(Host::Name(name)) = Host::parse("a.example") else {
            panic!("not a name")
        };
        program.write_all(sent).await.unwrap();
        program.shutdown().await.unwrap();
        let peer = async {
            let mut got = Vec::new();
            destination.read_to_end(&mut got).await.unwrap();
            destination.write_all(b"answer").await.ok();
            drop(destination);
            got
        };
        // The relay owns the far end, so it must end before the peer's read can.
        let relay = async { relay(near, far, Some(&name)).await };
        let (result, got) = tokio::join!(relay, peer);
        let mut back = Vec::new();
        program.read_to_end(&mut back).await.unwrap();
        assert_eq!(got, if arrives { sent } else { b"" });
        assert_eq!(result.is_err(), refused);
        assert_eq!(
            back,
            if refused {
                UNRECOGNIZED_NAME.as_slice()
            } else {
                b"answer"
            }
        );
    }

    #[tokio::test]
    async fn a_hello_must_ask_for_the_name_of_the_tunnel() {
        check(&hello(Some("a.example"), 16_000), true, false).await;
        check(&hello(Some("A.Example"), 16_000), true, false).await;
        check(&hello(Some("a.example"), 1), true, false).await;
        check(&hello(None, 16_000), true, false).await;
        check(b"GET / HTTP/1.1\r\n\r\n", true, false).await;
        check(&hello(Some("b.example"), 16_000), false, true).await;
        check(&hello(Some("b.example"), 1), false, true).await;
        check(&hello(Some("10.0.0.1"), 16_000), false, true).await;
        check(&[22, 9, 9, 9, 9, 9], false, true).await;
        check(&hello(Some("a.example"), 16_000)[..20], false, false).await;
    }

    #[tokio::test]
    async fn each_direction_ends_by_itself() {
        let (mut program, near) = tokio::io::duplex(16);
        let (far, mut destination) = tokio::io::duplex(16);
        let talk = async {
            program.shutdown().await.unwrap();
            let mut end = Vec::new();
            destination.read_to_end(&mut end).await.unwrap();
            // The program has closed its side; it still gets the whole answer.
            let answer = vec![7; 100_000];
            let (sent, got) = tokio::join!(
                async {
                    destination.write_all(&answer).await.unwrap();
                    destination.shutdown().await.unwrap();
                    100_000
                },
                async {
                    let mut got = Vec::new();
                    program.read_to_end(&mut got).await.unwrap();
                    got.len()
                }
            );
            assert_eq!((end.len(), sent, got), (0, 100_000, 100_000));
        };
        let (result, ()) = tokio::join!(relay(near, far, None), talk);
        assert_eq!(result, Ok(()));
    }
}
