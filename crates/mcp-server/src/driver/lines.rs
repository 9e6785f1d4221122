//! Lines from a byte stream, with a bound: a line that is too long is thrown away while it streams in.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// Reads lines. Memory: one line of the bound and the buffer.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    limit: usize,
    /// Inside a line that was reported as too long.
    skipping: bool,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line that is not blank, without its line break.
    Text(Vec<u8>),
    /// A line passed the bound. The rest of it will be skipped.
    TooLong,
    /// The stream has ended.
    End,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            limit,
            skipping: false,
        }
    }

    /// Waits for the next line. Cancel safe: what was read so far is kept.
    pub(super) async fn next(&mut self) -> io::Result<Line> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(match std::mem::take(&mut self.line) {
                    line if line.trim_ascii().is_empty() => Line::End,
                    line => Line::Text(line),
                });
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let (part, used) = match end {
                Some(end) => (chunk.get(..end).unwrap_or_default(), end + 1),
                None => (chunk, chunk.len()),
            };
            let fits = self.line.len() + part.len() <= self.limit;
            if fits && !self.skipping {
                self.line.extend_from_slice(part);
            }
            self.reader.consume(used);
            let was_skipping = self.skipping;
            self.skipping = end.is_none() && (was_skipping || !fits);
            if !fits && !was_skipping {
                self.line = Vec::new();
                return Ok(Line::TooLong);
            }
            if end.is_some() && !was_skipping {
                let mut line = std::mem::take(&mut self.line);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                if !line.trim_ascii().is_empty() {
                    return Ok(Line::Text(line));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(bytes: &[u8], expected: &[Line]) {
        // Whatever the pieces are in which the bytes arrive, the lines are the same.
        for piece in [1, 2, 3, 7, 64] {
            let mut lines = Lines::new(bytes, 8);
            lines.reader = BufReader::with_capacity(piece, bytes);
            let mut read = Vec::new();
            loop {
                match lines.next().await.unwrap() {
                    Line::End => break,
                    line => read.push(line),
                }
            }
            assert_eq!(read, expected, "in pieces of {piece}");
        }
    }

    fn text(text: &str) -> Line {
        Line::Text(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn lines_are_bounded_and_blank_ones_skipped() {
        check(b"", &[]).await;
        check(b"a\nb\r\n\n \r\nc", &[text("a"), text("b"), text("c")]).await;
        check(b"12345678\n", &[text("12345678")]).await;
        check(b"123456789\nx\n", &[Line::TooLong, text("x")]).await;
        check(
            b"1234567890123456789012345\n\nx",
            &[Line::TooLong, text("x")],
        )
        .await;
        check(b"1234567890123456789012345", &[Line::TooLong]).await;
        check(b"\xff\x00\n", &[Line::Text(vec![0xff, 0])]).await;
    }
}
