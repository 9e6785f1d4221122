//! A tap on a sandbox's stream: sees every frame, one way or both, and may change it.
//!
//! The unconfined backend moves a run's paths with it; liars lie with it. It knows no more of the
//! frame format than kind and length (`docs/stream.md`), so that it cannot agree with a mistake.

use std::pin::Pin;
use std::task::{Context, Poll};

use executor_core::backend::SandboxStream;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};
use tokio::task::JoinSet;

/// One frame as it lies on the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "kind and payload are all a frame has"
)]
pub struct Frame {
    /// What it is.
    pub kind: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// The kinds that taps of this crate look at.
pub mod kind {
    /// Host to runner: what to run.
    pub const RUN: u8 = 0x01;
    /// Host to runner: what to make ready.
    pub const PREPARE: u8 = 0x03;
    /// Runner to host: it waits for its first command.
    pub const READY: u8 = 0x11;
    /// Runner to host: how a run ended.
    pub const DONE: u8 = 0x13;
    /// Both ways: bytes of a channel.
    pub const DATA: u8 = 0x21;
}

/// Gives each frame's successors: none, itself, or others.
pub type Change = Box<dyn FnMut(Frame) -> Vec<Frame> + Send>;

/// More than any frame has; a longer one ends the tapped stream.
const MAX_FRAME: usize = 2 * 1024 * 1024;

/// What one read of a tap takes.
const CHUNK: usize = 64 * 1024;

/// Puts a tap on both directions: `down` sees what the host sends after the runner's source, `up`
/// what the runner sends.
#[must_use]
pub fn tap(stream: SandboxStream, down: Change, up: Change) -> SandboxStream {
    let SandboxStream { reader, writer, .. } = stream;
    let (read_end, read_feed) = tokio::io::duplex(CHUNK);
    let (write_end, write_feed) = tokio::io::duplex(CHUNK);
    let mut reading = JoinSet::new();
    reading.spawn(pump(reader, read_feed, up));
    let mut writing = JoinSet::new();
    writing.spawn(pump_down(write_feed, writer, down));
    SandboxStream::new(
        Tapped {
            end: read_end,
            _pump: reading,
        },
        Tapped {
            end: write_end,
            _pump: writing,
        },
    )
}

/// Leaves every frame as it is.
#[must_use]
pub fn unchanged() -> Change {
    Box::new(|frame| vec![frame])
}

/// Changes the JSON object that frames of `kind` carry.
#[must_use]
pub fn change_control(
    kind: u8,
    mut change: impl FnMut(&mut serde_json::Map<String, serde_json::Value>) + Send + 'static,
) -> Change {
    Box::new(move |mut frame| {
        if frame.kind == kind
            && let Ok(serde_json::Value::Object(mut object)) =
                serde_json::from_slice(&frame.payload)
        {
            change(&mut object);
            frame.payload = serde_json::Value::Object(object).to_string().into_bytes();
        }
        vec![frame]
    })
}

/// Before its frames the host sends the runner's source, after its length in four bytes.
async fn pump_down(
    mut from: DuplexStream,
    mut to: Box<dyn AsyncWrite + Send + Unpin>,
    change: Change,
) {
    let mut length = [0_u8; 4];
    if from.read_exact(&mut length).await.is_err() || to.write_all(&length).await.is_err() {
        return;
    }
    let mut source = (&mut from).take(u64::from(u32::from_be_bytes(length)));
    if tokio::io::copy(&mut source, &mut to).await.is_err() {
        return;
    }
    pump(from, to, change).await;
}

/// Passes frames on until either side ends, then closes the other by dropping it.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut change: Change,
) {
    let mut waiting = Vec::new();
    let mut chunk = vec![0_u8; CHUNK];
    loop {
        let read = match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        waiting.extend_from_slice(chunk.get(..read).unwrap_or_default());
        while let Some(frame) = split(&mut waiting) {
            for frame in change(frame) {
                let length = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
                let mut bytes = vec![frame.kind];
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(&frame.payload);
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        }
        if waiting.len() > MAX_FRAME || to.flush().await.is_err() {
            return;
        }
    }
}

/// Takes the first complete frame off the buffer.
fn split(waiting: &mut Vec<u8>) -> Option<Frame> {
    let (header, rest) = waiting.split_first_chunk::<5>()?;
    let [kind, length @ ..] = *header;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    let payload = rest.get(..length)?.to_vec();
    waiting.drain(..length.saturating_add(5));
    Some(Frame { kind, payload })
}

/// One direction behind a tap. Dropping it ends the pump, which closes the other side.
struct Tapped {
    end: DuplexStream,
    _pump: JoinSet<()>,
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.end).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.end).poll_write(context, buffer)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.end).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.end).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_are_split_wherever_they_are_cut() {
        let whole = [frame(1, b"abc"), frame(2, b""), frame(3, b"d")].concat();
        for cut in 0..whole.len() {
            let mut waiting = whole[..cut].to_vec();
            let mut seen: Vec<_> = std::iter::from_fn(|| split(&mut waiting)).collect();
            waiting.extend_from_slice(&whole[cut..]);
            seen.extend(std::iter::from_fn(|| split(&mut waiting)));
            let kinds: Vec<_> = seen.iter().map(|frame| frame.kind).collect();
            assert_eq!((kinds, waiting.len()), (vec![1, 2, 3], 0), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn source_passes_and_frames_are_changed() {
        let (host_side, sandbox) = tokio::io::duplex(1024);
        let (reader, mut from_host) = tokio::io::split(sandbox);
        drop(host_side);
        let (keep, writer) = tokio::io::duplex(1024);
        let stream = SandboxStream::new(reader, writer);
        let mut tapped = tap(
            stream,
            change_control(kind::RUN, |run| {
                run.insert("cwd".to_owned(), "/elsewhere".into());
            }),
            unchanged(),
        );
        let sent = [
            b"\0\0\0\x02xy".to_vec(),
            frame(kind::RUN, b"{\"cwd\":\"/\"}"),
        ]
        .concat();
        tapped.writer.write_all(&sent).await.unwrap();
        let expected = [
            b"\0\0\0\x02xy".to_vec(),
            frame(kind::RUN, b"{\"cwd\":\"/elsewhere\"}"),
        ];
        let mut got = vec![0; expected.concat().len()];
        let mut keep = keep;
        keep.read_exact(&mut got).await.unwrap();
        assert_eq!(got, expected.concat());
        let _ = from_host.shutdown().await;
    }
}
