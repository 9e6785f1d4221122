//! Connecting to addresses that have already been checked: the dialler's trait, TCP, and the order of attempts.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A byte stream in both directions, as the gateway has it on either side.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// An owned [`ByteStream`].
pub type BoxStream = Box<dyn ByteStream>;

/// Connects to an address.
#[async_trait]
pub trait Dial: Debug + Send + Sync + 'static {
    /// Connects to exactly `address`.
    ///
    /// Dropping the future gives up the attempt. The gateway bounds its time.
    ///
    /// # Errors
    ///
    /// When the connection could not be made.
    async fn dial(&self, address: SocketAddr) -> io::Result<BoxStream>;
}

/// Connects over TCP from the host.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TcpDialler;

#[async_trait]
impl Dial for TcpDialler {
    async fn dial(&self, address: SocketAddr) -> io::Result<BoxStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// Connects to the first of `addresses` that answers.
///
/// They are tried in order, the next one when the last has failed or been silent for a moment (RFC 8305, section 5), so that
/// a broken IPv6 costs no more than that moment.
pub(super) async fn first_of(
    dialler: &dyn Dial,
    addresses: &[SocketAddr],
) -> io::Result<(BoxStream, SocketAddr)> {
    let mut waiting = addresses.iter().copied();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let attempt = |address| async move { (dialler.dial(address).await, address) };
    attempts.extend(waiting.next().map(attempt));
    while !attempts.is_empty() {
        tokio::select! {
            Some((result, address)) = attempts.next() => match result {
                Ok(stream) => return Ok((stream, address)),
                Err(error) => {
                    last = error;
                    attempts.extend(waiting.next().map(attempt));
                }
            },
            () = tokio::time::sleep(ATTEMPT_DELAY), if waiting.len() > 0 => {
                attempts.extend(waiting.next().map(attempt));
            }
        }
    }
    Err(last)
}

/// RFC 8305, section 8: the recommended connection attempt delay.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
