//! One line for each thing that happens in a run: phases as they are, output by its newest whole line.

use executor_core::{Event, OutputStream};

use crate::visible;

/// Turns events into progress messages. How often they are sent is decided elsewhere; the newest wins.
#[derive(Debug, Default)]
pub(crate) struct Ticker {
    stdout: Line,
    stderr: Line,
}

impl Ticker {
    /// What to tell about `event`, if it is worth a line.
    pub(crate) fn message(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Progress(text) => Some(visible::line(text, MAX_CHARS)),
            Event::Started(_) => Some("a fresh sandbox is up".to_owned()),
            Event::Output { stream, bytes } => {
                let line = match stream {
                    OutputStream::Stdout => &mut self.stdout,
                    OutputStream::Stderr => &mut self.stderr,
                };
                line.push(bytes)
            }
            _ => None,
        }
    }
}

/// The line that a stream is in the middle of: its first bytes only.
#[derive(Debug, Default)]
struct Line(Vec<u8>);

impl Line {
    /// Takes the next bytes; the last line that they complete, unless it is blank.
    fn push(&mut self, bytes: &[u8]) -> Option<String> {
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            self.extend(bytes);
            return None;
        };
        let (whole, rest) = bytes.split_at_checked(end)?;
        match whole.iter().rposition(|byte| *byte == b'\n') {
            Some(start) => {
                self.0.clear();
                self.extend(whole.get(start.saturating_add(1)..).unwrap_or_default());
            }
            None => self.extend(whole),
        }
        let line = String::from_utf8_lossy(&self.0).trim().to_owned();
        self.0.clear();
        self.extend(rest.get(1..).unwrap_or_default());
        (!line.is_empty()).then(|| visible::line(&line, MAX_CHARS))
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = MAX_BYTES.saturating_sub(self.0.len()).min(bytes.len());
        self.0
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
    }
}

/// A message is one line of a client's window.
const MAX_CHARS: usize = 160;
const MAX_BYTES: usize = 4 * MAX_CHARS;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[track_caller]
    fn check(chunks: &[&str], expected: &[&str]) {
        let mut ticker = Ticker::default();
        let messages: Vec<String> = chunks
            .iter()
            .filter_map(|chunk| {
                let bytes = Bytes::copy_from_slice(chunk.as_bytes());
                ticker.message(&Event::Output {
                    stream: OutputStream::Stdout,
                    bytes,
                })
            })
            .collect();
        assert_eq!(messages, expected);
    }

    #[test]
    fn lines() {
        check(&["one\ntwo\nthr", "ee\n"], &["two", "three"]);
        check(&["a", "b", "\n", "\n \n"], &["ab"]);
        check(&["\u{1b}[1mx\n"], &[r"\x1b[1mx"]);
        check(&[&"x".repeat(5000), &"y".repeat(5000), "\nz\n"], &["z"]);
        check(&[&"x".repeat(5000), "\n"], &[&("x".repeat(160) + "…")]);
    }

    #[test]
    fn phases() {
        let mut ticker = Ticker::default();
        let phase = Event::Progress("downloading numpy (16.9 MB)".to_owned());
        assert_eq!(
            ticker.message(&phase).as_deref(),
            Some("downloading numpy (16.9 MB)")
        );
    }
}
