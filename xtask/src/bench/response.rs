//! Reads responses of HTTP/1.1 out of bytes: JSON or events, of a length that is known or in chunks.

use anyhow::{Context as _, Result, bail};
use httparse::Status;
use serde_json::Value;

/// How many headers a response may have.
const MAX_HEADERS: usize = 32;

/// A whole response.
#[derive(Debug)]
pub(super) struct Response {
    /// Its status.
    pub(super) status: u16,
    /// The session that it names.
    pub(super) session: Option<String>,
    /// What it holds.
    pub(super) body: Vec<u8>,
    events: bool,
}

impl Response {
    /// The messages in it; what is not JSON is none.
    pub(super) fn messages(&self) -> Vec<Value> {
        if self.events {
            return messages_in(&self.body);
        }
        serde_json::from_slice(&self.body).into_iter().collect()
    }
}

/// Takes one response from the front of what was received, if it is all there.
pub(super) fn take(received: &mut Vec<u8>) -> Result<Option<Response>> {
    let Some(head) = Head::read(received)? else {
        return Ok(None);
    };
    let rest = received.get(head.length..).unwrap_or_default();
    let (body, length) = match head.framing {
        Framing::Length(length) => match rest.get(..length) {
            Some(body) => (body.to_vec(), length),
            None => return Ok(None),
        },
        Framing::Chunks => match unchunk(rest)? {
            Unchunked {
                body,
                end: Some(end),
            } => (body, end),
            Unchunked { end: None, .. } => return Ok(None),
        },
    };
    received.drain(..head.length + length);
    Ok(Some(Response {
        status: head.status,
        session: head.session,
        body,
        events: head.events,
    }))
}

/// Whether the head of a response is all there.
pub(super) fn has_head(received: &[u8]) -> Result<bool> {
    Ok(Head::read(received)?.is_some())
}

/// The first message of a stream that is not over yet.
pub(super) fn first_message(received: &[u8]) -> Result<Option<Value>> {
    let Some(head) = Head::read(received)? else {
        return Ok(None);
    };
    let rest = received.get(head.length..).unwrap_or_default();
    let body = unchunk(rest)?.body;
    // An event is over with a blank line; the piece behind the last one is not.
    let Some(end) = body.windows(2).rposition(|pair| pair == b"\n\n") else {
        return Ok(None);
    };
    let whole = body.get(..end).unwrap_or_default();
    Ok(messages_in(whole).into_iter().next())
}

fn messages_in(events: &[u8]) -> Vec<Value> {
    events
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"data:"))
        .filter_map(|data| serde_json::from_slice(data).ok())
        .collect()
}

#[derive(Debug)]
struct Head {
    length: usize,
    status: u16,
    session: Option<String>,
    events: bool,
    framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunks,
}

impl Head {
    fn read(received: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let Status::Complete(length) = parsed
            .parse(received)
            .context("the head of a response cannot be read")?
        else {
            return Ok(None);
        };
        let mut head = Self {
            length,
            status: parsed.code.unwrap_or_default(),
            session: None,
            events: false,
            framing: Framing::Length(0),
        };
        for header in parsed.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
            match header.name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    let length = value.parse().context("`Content-Length` is no number")?;
                    head.framing = Framing::Length(length);
                }
                "transfer-encoding" => head.framing = Framing::Chunks,
                "content-type" => head.events = value.starts_with("text/event-stream"),
                "mcp-session-id" => head.session = Some(value.to_owned()),
                _ => {}
            }
        }
        Ok(Some(head))
    }
}

struct Unchunked {
    body: Vec<u8>,
    /// Where it ends in the bytes as received, if it has ended.
    end: Option<usize>,
}

fn unchunk(received: &[u8]) -> Result<Unchunked> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let rest = received.get(at..).unwrap_or_default();
        let parsed = httparse::parse_chunk_size(rest);
        let Ok(parsed) = parsed else {
            bail!("the size of a chunk cannot be read");
        };
        let Status::Complete((line, size)) = parsed else {
            return Ok(Unchunked { body, end: None });
        };
        let size = usize::try_from(size).context("a chunk is too large")?;
        let end = line.saturating_add(size).saturating_add(2);
        let Some(data) = rest.get(line..end) else {
            return Ok(Unchunked { body, end: None });
        };
        at += end;
        if size == 0 {
            let end = Some(at);
            return Ok(Unchunked { body, end });
        }
        body.extend_from_slice(data.get(..size).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: s1\r\n\
        content-length: 8\r\n\r\n{\"id\":1}";
    const EVENTS: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
        transfer-encoding: chunked\r\n\r\n\
        0c\r\nid: 1\ndata:\n\r\n9\r\n\ndata: {\"\r\n8\r\nid\":2}\n\n\r\n0\r\n\r\n";

    #[test]
    fn a_response_is_taken_when_it_is_all_there() {
        for (bytes, id, session) in [(JSON, 1, Some("s1")), (EVENTS, 2, None)] {
            for end in 0..bytes.len() {
                let mut received = bytes[..end].to_vec();
                assert!(take(&mut received).unwrap().is_none(), "at {end}");
                assert_eq!(received.len(), end);
            }
            let mut received = [bytes, b"HTTP"].concat();
            let response = take(&mut received).unwrap().unwrap();
            assert_eq!(received, b"HTTP");
            assert_eq!(response.status, 200);
            assert_eq!(response.session.as_deref(), session);
            assert_eq!(response.messages(), [serde_json::json!({ "id": id })]);
        }
    }

    #[test]
    fn the_first_message_of_an_open_stream_is_read() {
        let open = EVENTS.len() - b"0\r\n\r\n".len();
        for end in 0..open - 2 {
            assert_eq!(first_message(&EVENTS[..end]).unwrap(), None, "at {end}");
        }
        let message = first_message(&EVENTS[..open]).unwrap();
        assert_eq!(message, Some(serde_json::json!({ "id": 2 })));
    }

    #[test]
    fn what_is_no_http_is_said() {
        assert!(take(&mut b"220 mail\r\n\r\n".to_vec()).is_err());
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(take(&mut [head.as_slice(), b"zz\r\n"].concat()).is_err());
    }
}
