//! The frame codec: kinds, bounds, encoder and push decoder. Pure; no order is checked here.
//!
//! A frame is a kind (one byte), a length (four bytes, big endian) and so many bytes of payload. Nothing is
//! kept or allocated for a frame before its kind and length have been found good.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::error::StreamError;

/// The most that one data frame carries, in bytes.
pub(super) const MAX_DATA: usize = 64 * 1024;

/// The longest control payload, in bytes.
pub(super) const MAX_CONTROL: usize = 1024 * 1024;

/// The longest word of a display, in bytes of JSON: 256 bytes of text, each at most six as an escape.
const MAX_SHOWN: usize = 2 * 1024;

/// Kind and length.
pub(super) const HEADER: usize = 5;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Host,
    Runner,
}

/// One frame, decoded as far as its kind says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// A command, as JSON.
    Run(Bytes),
    Ping(u64),
    /// What to make ready before the first command, as JSON.
    Prepare(Bytes),
    /// The runner waits for its first command; JSON.
    Ready(Bytes),
    /// What came of making something ready; JSON.
    Prepared(Bytes),
    /// The runner as the interpreter has compiled it.
    Compiled(Bytes),
    /// What the runner has made of the certificates, for other sandboxes to lay down.
    Trusted(Bytes),
    /// The command runs; JSON.
    Started(Bytes),
    /// The command and all it started are gone; JSON.
    Done(Bytes),
    Pong(u64),
    /// What the bytes on the channel of results were; JSON.
    Item(Bytes),
    /// The program has shown something; JSON.
    Shown(Bytes),
    /// A connection to the proxy's port: a new channel.
    Open {
        channel: u32,
    },
    Data {
        channel: u32,
        payload: Bytes,
    },
    /// No more data on this channel from this side.
    End {
        channel: u32,
    },
    /// No more frames on this channel from this side.
    Reset {
        channel: u32,
    },
    Credit {
        channel: u32,
        bytes: u32,
    },
}

/// A kind: its byte, its name, who may send it, and its shortest and longest payload.
struct Kind {
    code: u8,
    name: &'static str,
    from: Option<Side>,
    min: usize,
    max: usize,
}

/// All kinds.
#[rustfmt::skip]
const KINDS: [Kind; 17] = [
    Kind { code: 0x01, name: "Run",     from: Some(Side::Host),   min: 2, max: MAX_CONTROL },
    Kind { code: 0x02, name: "Ping",    from: Some(Side::Host),   min: 8, max: 8 },
    Kind { code: 0x03, name: "Prepare", from: Some(Side::Host),   min: 2, max: MAX_CONTROL },
    Kind { code: 0x11, name: "Ready",   from: Some(Side::Runner), min: 2, max: MAX_CONTROL },
    Kind { code: 0x12, name: "Started", from: Some(Side::Runner), min: 2, max: MAX_CONTROL },
    Kind { code: 0x13, name: "Done",    from: Some(Side::Runner), min: 2, max: MAX_CONTROL },
    Kind { code: 0x14, name: "Pong",    from: Some(Side::Runner), min: 8, max: 8 },
    Kind { code: 0x15, name: "Open",    from: Some(Side::Runner), min: 4, max: 4 },
    Kind { code: 0x16, name: "Item",    from: Some(Side::Runner), min: 2, max: MAX_CONTROL },
    Kind { code: 0x17, name: "Shown",   from: Some(Side::Runner), min: 2, max: MAX_SHOWN },
    Kind { code: 0x18, name: "Prepared", from: Some(Side::Runner), min: 2, max: MAX_CONTROL },
    Kind { code: 0x19, name: "Compiled", from: Some(Side::Runner), min: 1, max: MAX_CONTROL },
    Kind { code: 0x1A, name: "Trusted", from: Some(Side::Runner), min: 2, max: MAX_CONTROL },
    Kind { code: 0x21, name: "Data",    from: None,               min: 5, max: 4 + MAX_DATA },
    Kind { code: 0x22, name: "End",     from: None,               min: 4, max: 4 },
    Kind { code: 0x23, name: "Reset",   from: None,               min: 4, max: 4 },
    Kind { code: 0x24, name: "Credit",  from: None,               min: 8, max: 8 },
];

impl Frame {
    /// The kind's name, for errors.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "Run",
            Self::Ping(_) => "Ping",
            Self::Prepare(_) => "Prepare",
            Self::Ready(_) => "Ready",
            Self::Compiled(_) => "Compiled",
            Self::Trusted(_) => "Trusted",
            Self::Started(_) => "Started",
            Self::Done(_) => "Done",
            Self::Pong(_) => "Pong",
            Self::Item(_) => "Item",
            Self::Shown(_) => "Shown",
            Self::Prepared(_) => "Prepared",
            Self::Open { .. } => "Open",
            Self::Data { .. } => "Data",
            Self::End { .. } => "End",
            Self::Reset { .. } => "Reset",
            Self::Credit { .. } => "Credit",
        }
    }

    /// Appends the frame to `out`. The caller keeps payloads within their bounds.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Run(json) => head(out, 0x01, json.len()).put_slice(json),
            Self::Ping(token) => head(out, 0x02, 8).put_u64(*token),
            Self::Prepare(json) => head(out, 0x03, json.len()).put_slice(json),
            Self::Ready(json) => head(out, 0x11, json.len()).put_slice(json),
            Self::Compiled(code) => head(out, 0x19, code.len()).put_slice(code),
            Self::Trusted(json) => head(out, 0x1A, json.len()).put_slice(json),
            Self::Started(json) => head(out, 0x12, json.len()).put_slice(json),
            Self::Done(json) => head(out, 0x13, json.len()).put_slice(json),
            Self::Pong(token) => head(out, 0x14, 8).put_u64(*token),
            Self::Item(json) => head(out, 0x16, json.len()).put_slice(json),
            Self::Shown(json) => head(out, 0x17, json.len()).put_slice(json),
            Self::Prepared(json) => head(out, 0x18, json.len()).put_slice(json),
            Self::Open { channel } => head(out, 0x15, 4).put_u32(*channel),
            Self::Data { channel, payload } => {
                let out = head(out, 0x21, payload.len().saturating_add(4));
                out.put_u32(*channel);
                out.put_slice(payload);
            }
            Self::End { channel } => head(out, 0x22, 4).put_u32(*channel),
            Self::Reset { channel } => head(out, 0x23, 4).put_u32(*channel),
            Self::Credit { channel, bytes } => {
                let out = head(out, 0x24, 8);
                out.put_u32(*channel);
                out.put_u32(*bytes);
            }
        }
    }

    /// A complete payload of a kind whose length was checked.
    fn from_payload(code: u8, mut payload: Bytes) -> Result<Self, StreamError> {
        Ok(match code {
            0x01 => Self::Run(payload),
            0x02 => Self::Ping(payload.get_u64()),
            0x03 => Self::Prepare(payload),
            0x11 => Self::Ready(payload),
            0x12 => Self::Started(payload),
            0x13 => Self::Done(payload),
            0x14 => Self::Pong(payload.get_u64()),
            0x15 => Self::Open {
                channel: payload.get_u32(),
            },
            0x16 => Self::Item(payload),
            0x17 => Self::Shown(payload),
            0x18 => Self::Prepared(payload),
            0x19 => Self::Compiled(payload),
            0x1A => Self::Trusted(payload),
            0x21 => Self::Data {
                channel: payload.get_u32(),
                payload,
            },
            0x22 => Self::End {
                channel: payload.get_u32(),
            },
            0x23 => Self::Reset {
                channel: payload.get_u32(),
            },
            0x24 => Self::Credit {
                channel: payload.get_u32(),
                bytes: payload.get_u32(),
            },
            other => return Err(StreamError::UnknownKind(other)),
        })
    }
}

fn head(out: &mut BytesMut, code: u8, length: usize) -> &mut BytesMut {
    out.put_u8(code);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    out
}

/// Cuts a byte stream from one side into frames.
///
/// It holds at most one incomplete frame and what was pushed last. After an error the stream is lost: a
/// decoder does not look for the next frame.
#[derive(Debug)]
pub(super) struct Decoder {
    from: Side,
    buffer: BytesMut,
}

impl Decoder {
    /// A decoder for what `from` sends.
    pub(super) fn new(from: Side) -> Self {
        Self {
            from,
            buffer: BytesMut::new(),
        }
    }

    /// Where the next bytes are to be appended.
    pub(super) fn space(&mut self) -> &mut BytesMut {
        self.buffer.reserve(MAX_DATA);
        &mut self.buffer
    }

    /// The next complete frame, if it is there.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, StreamError> {
        let Some((header, _)) = self.buffer.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [code, a, b, c, d] = *header;
        let length = u32::from_be_bytes([a, b, c, d]);
        let kind = KINDS.iter().find(|kind| kind.code == code);
        let kind = kind.ok_or(StreamError::UnknownKind(code))?;
        if kind.from.is_some_and(|from| from != self.from) {
            return Err(StreamError::WrongDirection(kind.name));
        }
        let size = match usize::try_from(length) {
            Ok(size) if (kind.min..=kind.max).contains(&size) => size,
            _ => {
                return Err(StreamError::BadLength {
                    kind: kind.name,
                    length,
                });
            }
        };
        if self.buffer.len() < HEADER.saturating_add(size) {
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        Frame::from_payload(code, self.buffer.split_to(size).freeze()).map(Some)
    }
}
