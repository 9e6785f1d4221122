//! Output as lines for progress messages: the newest whole line of a chunk, and the line that is not whole yet.

use crate::visible;

/// One stream of a program. A line ends with a line feed or a carriage return, as terminals show it: progress bars
/// write their line anew behind a carriage return.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The first bytes of the line that the stream is in the middle of.
    unfinished: Vec<u8>,
    /// Whether something of it has not been told.
    is_fresh: bool,
}

impl Lines {
    /// Takes the next bytes; the newest line that they complete, unless all of these are blank.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<String> {
        let Some(end) = bytes.iter().rposition(is_end) else {
            self.extend(bytes);
            return None;
        };
        let (whole, rest) = bytes.split_at_checked(end)?;
        let mut parts = whole.rsplit(is_end).peekable();
        let mut newest = None;
        while let (None, Some(part)) = (&newest, parts.next()) {
            newest = if parts.peek().is_some() {
                shown(part.get(..MAX_BYTES).unwrap_or(part))
            } else {
                // The oldest of them has begun in an earlier chunk.
                self.extend(part);
                shown(&self.unfinished)
            };
        }
        self.unfinished.clear();
        self.is_fresh = false;
        self.extend(rest.get(1..).unwrap_or_default());
        newest
    }

    /// The line that is not whole yet, such as a question to the user, unless it has been told or is blank.
    pub(crate) fn unfinished(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.is_fresh) {
            return None;
        }
        shown(&self.unfinished)
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = MAX_BYTES.saturating_sub(self.unfinished.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.unfinished.extend_from_slice(taken);
        self.is_fresh |= !taken.is_empty();
    }
}

/// A message is one line of a client's window.
pub(crate) const MAX_CHARS: usize = 160;
const MAX_BYTES: usize = 4 * MAX_CHARS;

fn is_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn shown(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    // The last character may not be whole yet.
    let text = text.trim().trim_end_matches(char::REPLACEMENT_CHARACTER);
    (!text.is_empty()).then(|| visible::line(text, MAX_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(chunks: &[&[u8]], expected: &[&str], unfinished: Option<&str>) {
        let mut lines = Lines::default();
        let told: Vec<String> = chunks
            .iter()
            .filter_map(|chunk| lines.push(chunk))
            .collect();
        assert_eq!(told, expected);
        assert_eq!(lines.unfinished().as_deref(), unfinished);
        assert_eq!(lines.unfinished(), None, "told once");
    }

    #[test]
    fn the_newest_whole_line_is_told() {
        check(&[b"one\ntwo\nthr", b"ee\n"], &["two", "three"], None);
        check(&[b"a", b"b", b"\n", b"\n \n"], &["ab"], None);
        check(&[b"one\n\n\n"], &["one"], None);
        check(&[b"on", b"e\n\n"], &["one"], None);
        check(&[b"one\r\n", b"two\r", b"\n"], &["one", "two"], None);
        check(&[b"\x1b[1mx\n"], &[r"\x1b[1mx"], None);
    }

    #[test]
    fn progress_bars_and_questions_are_told() {
        check(
            &[b"\r10%", b"\r20%", b"\r30%"],
            &["10%", "20%"],
            Some("30%"),
        );
        check(&[b"x\nyour name? "], &["x"], Some("your name?"));
        check(&[b"  "], &[], None);
        check(&[b"caf\xc3"], &[], Some("caf"));
    }

    #[test]
    fn what_comes_behind_an_unfinished_line_makes_it_fresh_again() {
        let mut lines = Lines::default();
        lines.push(b"..");
        assert_eq!(lines.unfinished().as_deref(), Some(".."));
        lines.push(b".");
        assert_eq!(lines.unfinished().as_deref(), Some("..."));
        lines.push(b"\n");
        assert_eq!(lines.unfinished(), None);
    }

    #[test]
    fn long_lines_are_cut_and_never_kept_whole() {
        let long = [b'x'; 5000];
        let cut = "x".repeat(MAX_CHARS) + "…";
        check(&[&long, b"\n"], &[&cut], None);
        check(&[&long, &long, b"\nz\n"], &["z"], None);
        check(&[b"a\n", &long], &["a"], Some(&cut));
        let mut lines = Lines::default();
        lines.push(&long);
        assert_eq!(lines.unfinished.len(), MAX_BYTES);
    }
}
