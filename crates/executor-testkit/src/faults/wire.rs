//! As much of HTTP/1.1 as an engine's calls and answers need: a head, and a body by whichever rule the head names.
//!
//! It decides nothing and changes only how a body's length is told.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// The longest head. An engine's have a few hundred bytes.
const MAX_HEAD: usize = 64 * 1024;

/// The longest body: lists of many containers take some megabytes.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A call or an answer, its body taken out of whatever it was wrapped in.
#[derive(Debug, Clone)]
pub(super) struct Message {
    first_line: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The next message on a connection; none at its end.
    ///
    /// `answer` says that a body without a length goes on to the end of the connection.
    pub(super) async fn read(
        from: &mut (impl AsyncBufRead + Unpin),
        answer: bool,
    ) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if from.read_until(b'\n', &mut head).await? == 0 {
                return Ok(None);
            }
            if head.len() > MAX_HEAD {
                return Err(malformed("a head without an end"));
            }
        }
        let text = String::from_utf8_lossy(&head);
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut message = Self {
            first_line,
            headers,
            body: Vec::new(),
        };
        message.body = message.read_body(from, answer).await?;
        Ok(Some(message))
    }

    async fn read_body(
        &self,
        from: &mut (impl AsyncBufRead + Unpin),
        answer: bool,
    ) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding") == Some("chunked") {
            read_chunks(from, &mut body).await?;
        } else if let Some(length) = self.header("content-length") {
            let length: usize = length.parse().map_err(|_| malformed("a length"))?;
            if length > MAX_BODY {
                return Err(malformed("a body that is too long"));
            }
            body.resize(length, 0);
            from.read_exact(&mut body).await?;
        } else if answer && !self.has_no_body() {
            let bound = u64::try_from(MAX_BODY).unwrap_or(u64::MAX);
            from.take(bound).read_to_end(&mut body).await?;
        }
        Ok(body)
    }

    fn has_no_body(&self) -> bool {
        matches!(self.status(), Some(101 | 204 | 304))
    }

    /// The status of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.first_line.split(' ').nth(1)?.parse().ok()
    }

    /// The method of a call.
    pub(super) fn method(&self) -> &str {
        self.first_line.split(' ').next().unwrap_or_default()
    }

    /// The path of a call, without the version of the API and the query.
    pub(super) fn path(&self) -> &str {
        let target = self.first_line.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let versioned = path
            .strip_prefix("/v1.")
            .and_then(|rest| rest.find('/').and_then(|at| rest.get(at..)));
        versioned.unwrap_or(path)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Its bytes, with the body as it is now; the last of its connection unless that is upgraded.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first_line);
        let upgrades = self.header("upgrade").is_some();
        for (name, value) in &self.headers {
            let ours = match name.as_str() {
                "content-length" | "transfer-encoding" => true,
                "connection" => !upgrades,
                _ => false,
            };
            if !ours {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !upgrades {
            text.push_str("connection: close\r\n");
        }
        if !self.has_no_body() {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// An answer of our own.
    pub(super) fn answer(status: u16, body: &[u8]) -> Self {
        Self {
            first_line: format!("HTTP/1.1 {status} Said"),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_vec(),
        }
    }

    /// Changes the JSON that it carries; any other body stays.
    pub(super) fn rewrite(&mut self, change: &(dyn Fn(&mut Value) + Send + Sync)) {
        if let Ok(mut told) = serde_json::from_slice(&self.body) {
            change(&mut told);
            self.body = told.to_string().into_bytes();
        }
    }
}

async fn read_chunks(from: &mut (impl AsyncBufRead + Unpin), body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        from.read_line(&mut line).await?;
        let length = line.trim().split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(length, 16).map_err(|_| malformed("a chunk"))?;
        let start = body.len();
        if start.saturating_add(length) > MAX_BODY {
            return Err(malformed("a body that is too long"));
        }
        body.resize(start.saturating_add(length), 0);
        if let Some(chunk) = body.get_mut(start..) {
            from.read_exact(chunk).await?;
        }
        // The end of the chunk's line, and behind the last chunk that of the message.
        from.read_line(&mut String::new()).await?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str, answer: bool) -> Message {
        let mut bytes = text.as_bytes();
        Message::read(&mut bytes, answer).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn bodies_are_read_by_every_rule_and_told_by_one() {
        for (text, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcde", "abc"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
                "abc",
            ),
            ("HTTP/1.1 200 OK\r\n\r\nabc", "abc"),
            ("HTTP/1.1 204 No Content\r\n\r\nabc", ""),
        ] {
            let message = read(text, true).await;
            assert_eq!(message.body, body.as_bytes(), "{text}");
            let told = String::from_utf8(message.to_bytes()).unwrap();
            let length = format!("content-length: {}\r\n", body.len());
            assert_eq!(
                told.contains(&length),
                message.status() == Some(200),
                "{told}"
            );
            assert!(told.contains("connection: close\r\n"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_call_is_known_by_its_method_and_its_path() {
        let text = "DELETE /v1.48/containers/mcp-python-a?force=true HTTP/1.1\r\nhost: x\r\n\r\n";
        let call = read(text, false).await;
        assert_eq!(
            (call.method(), call.path()),
            ("DELETE", "/containers/mcp-python-a")
        );
        assert_eq!(
            read("GET /version HTTP/1.1\r\n\r\n", false).await.path(),
            "/version"
        );
    }

    #[tokio::test]
    async fn what_upgrades_keeps_its_connection() {
        let text =
            "POST /containers/x/attach HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        let told = String::from_utf8(read(text, false).await.to_bytes()).unwrap();
        assert!(told.contains("connection: Upgrade\r\n"), "{told}");
        assert!(!told.contains("close"), "{told}");
    }

    #[tokio::test]
    async fn json_is_changed_and_told_with_its_new_length() {
        let mut message = Message::answer(200, b"{\"a\":1}");
        message.rewrite(&|told| told["a"] = Value::from("longer"));
        let told = String::from_utf8(message.to_bytes()).unwrap();
        assert!(
            told.ends_with("content-length: 14\r\n\r\n{\"a\":\"longer\"}"),
            "{told}"
        );
        let mut other = Message::answer(200, b"no json");
        other.rewrite(&|told| *told = Value::Null);
        assert_eq!(other.body, b"no json");
    }
}
