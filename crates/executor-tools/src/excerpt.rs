//! As much of an output as a message may hold: its head, a note of what is missing, its tail.
//!
//! The budget counts bytes of JSON, not of output, because an output of control characters grows six-fold on the wire;
//! and tokens, because an output of digits takes four times as many as one of words.

use std::marker::PhantomData;

use executor_core::Captured;

use crate::cost::{Cost, Meter};
use crate::visible;

/// How the bytes of an output become text.
pub(crate) trait Style {
    /// Appends one character of the output.
    fn push(text: &mut String, c: char);
    /// Appends one byte that is not UTF-8.
    fn push_invalid(text: &mut String, byte: u8);
}

/// The text as it is, for programs: only what is not UTF-8 is replaced.
#[derive(Debug)]
pub(crate) struct Faithful;

impl Style for Faithful {
    fn push(text: &mut String, c: char) {
        text.push(c);
    }

    fn push_invalid(text: &mut String, _byte: u8) {
        text.push(char::REPLACEMENT_CHARACTER);
    }
}

/// The text for a model or a person: what would be invisible, or would change what is seen, is written out.
#[derive(Debug)]
pub(crate) struct Visible;

impl Style for Visible {
    fn push(text: &mut String, c: char) {
        visible::push(text, c);
    }

    fn push_invalid(text: &mut String, byte: u8) {
        visible::push_byte(text, byte);
    }
}

/// The part of one output stream that goes into a message.
#[derive(Debug)]
pub(crate) struct Excerpt<S> {
    head: String,
    tail: String,
    omitted: u64,
    invalid_utf8: bool,
    is_exact: bool,
    style: PhantomData<S>,
}

impl<S: Style> Excerpt<S> {
    /// All of `output` if it fits `room`, else its two ends, half the room each.
    pub(crate) fn of(output: &Captured, room: Cost) -> Self {
        let cut = output.is_truncated();
        // No byte of output takes less than one on the wire, so most of what is too long shows at once.
        if !cut && output.head().len() <= room.bytes && total_cost::<S>(output.head()).fits(room) {
            return Self::new(output.head(), &[], 0);
        }
        let half = room.part(1, 2);
        let head = if cut {
            without_split_end(output.head())
        } else {
            output.head()
        };
        let (head, rest) = head
            .split_at_checked(prefix::<S>(head, half))
            .unwrap_or((head, &[]));
        let tail = if cut {
            without_split_start(output.tail())
        } else {
            rest
        };
        let tail = suffix::<S>(tail, half);
        let shown = u64::try_from(head.len().saturating_add(tail.len())).unwrap_or(u64::MAX);
        Self::new(head, tail, output.total_bytes().saturating_sub(shown))
    }

    fn new(head: &[u8], tail: &[u8], omitted: u64) -> Self {
        let valid = std::str::from_utf8(head).is_ok() && std::str::from_utf8(tail).is_ok();
        let (head_text, tail_text) = (text::<S>(head), text::<S>(tail));
        let is_same = head_text.as_bytes() == head && tail_text.as_bytes() == tail;
        Self {
            head: head_text,
            tail: tail_text,
            omitted,
            invalid_utf8: !valid,
            is_exact: omitted == 0 && is_same,
            style: PhantomData,
        }
    }

    /// How many bytes of the output are not in the excerpt.
    pub(crate) fn omitted(&self) -> u64 {
        self.omitted
    }

    /// Whether it is the output to the byte: nothing is left out, nothing stands for something else.
    pub(crate) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Whether something in the excerpt was not UTF-8.
    pub(crate) fn invalid_utf8(&self) -> bool {
        self.invalid_utf8
    }

    /// Head, note and tail.
    pub(crate) fn into_text(self) -> String {
        if self.omitted == 0 {
            return self.head;
        }
        let before = if self.head.is_empty() || self.head.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        format!(
            "{}{before}… {} bytes omitted …\n{}",
            self.head,
            grouped(self.omitted),
            self.tail
        )
    }
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A character, or a byte that belongs to none.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Char(char),
    Invalid(u8),
}

impl Piece {
    /// Its length in the output.
    fn bytes(self) -> usize {
        match self {
            Self::Char(c) => c.len_utf8(),
            Self::Invalid(_) => 1,
        }
    }

    fn push<S: Style>(self, text: &mut String) {
        match self {
            Self::Char(c) => S::push(text, c),
            Self::Invalid(byte) => S::push_invalid(text, byte),
        }
    }

    /// Counts it as it is shown.
    fn measure<S: Style>(self, meter: &mut Meter, scratch: &mut String) {
        scratch.clear();
        self.push::<S>(scratch);
        meter.extend(scratch);
    }
}

fn pieces(bytes: &[u8]) -> impl Iterator<Item = Piece> + '_ {
    bytes.utf8_chunks().flat_map(|chunk| {
        let invalid = chunk.invalid().iter().map(|byte| Piece::Invalid(*byte));
        chunk.valid().chars().map(Piece::Char).chain(invalid)
    })
}

fn text<S: Style>(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    pieces(bytes).for_each(|piece| piece.push::<S>(&mut text));
    text
}

fn total_cost<S: Style>(bytes: &[u8]) -> Cost {
    let (mut meter, mut scratch) = (Meter::default(), String::new());
    pieces(bytes).for_each(|piece| piece.measure::<S>(&mut meter, &mut scratch));
    meter.cost()
}

/// How many bytes from the start fit `room`.
fn prefix<S: Style>(bytes: &[u8], room: Cost) -> usize {
    let (mut meter, mut scratch) = (Meter::default(), String::new());
    pieces(bytes)
        .take_while(|piece| {
            piece.measure::<S>(&mut meter, &mut scratch);
            meter.cost().fits(room)
        })
        .map(Piece::bytes)
        .sum()
}

/// The end of `bytes` that fits `room`.
fn suffix<S: Style>(bytes: &[u8], room: Cost) -> &[u8] {
    // Only so many of the last bytes can be in it, so no more are looked at.
    let from = bytes.len().saturating_sub(room.bytes);
    let near = bytes.get(from..).unwrap_or(bytes);
    let near = if from > 0 {
        without_split_start(near)
    } else {
        near
    };
    let total = total_cost::<S>(near);
    let (mut meter, mut scratch) = (Meter::default(), String::new());
    let skipped: usize = pieces(near)
        .take_while(|piece| {
            let over = !total.without(meter.cost()).fits(room);
            piece.measure::<S>(&mut meter, &mut scratch);
            over
        })
        .map(Piece::bytes)
        .sum();
    near.get(skipped..).unwrap_or_default()
}

/// Leaves out the beginning of a character whose rest was cut off: that is no mistake of the program.
fn without_split_end(bytes: &[u8]) -> &[u8] {
    match bytes.utf8_chunks().last() {
        Some(chunk)
            if std::str::from_utf8(chunk.invalid())
                .is_err_and(|error| error.error_len().is_none()) =>
        {
            bytes
                .get(..bytes.len() - chunk.invalid().len())
                .unwrap_or(bytes)
        }
        _ => bytes,
    }
}

/// Leaves out the end of a character whose beginning was cut off.
fn without_split_start(bytes: &[u8]) -> &[u8] {
    let continued = bytes
        .iter()
        .take(3)
        .take_while(|byte| **byte & 0xC0 == 0x80)
        .count();
    bytes.get(continued..).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use executor_core::Keeper;
    use executor_core::limits::ByteSize;

    use super::*;

    fn captured(bytes: &[u8], kept: u64) -> Captured {
        let mut keeper = Keeper::new(ByteSize::bytes(kept));
        keeper.push(bytes);
        keeper.finish()
    }

    /// So many bytes, and any number of tokens.
    fn room(bytes: usize) -> Cost {
        Cost::of(bytes, usize::MAX)
    }

    #[track_caller]
    fn check(bytes: &[u8], kept: u64, budget: usize, expected: &str) {
        assert_eq!(
            Excerpt::<Faithful>::of(&captured(bytes, kept), room(budget)).into_text(),
            expected
        );
    }

    #[test]
    fn what_fits_is_whole() {
        check(b"hello\n", 100, 100, "hello\n");
        check(b"", 100, 100, "");
        check("déjà".as_bytes(), 100, 6, "déjà");
    }

    #[test]
    fn what_does_not_fit_loses_its_middle() {
        check(b"abcdefghij", 100, 4, "ab\n… 6 bytes omitted …\nij");
        check(b"ab\ndefghij", 100, 8, "ab\n… 3 bytes omitted …\nghij");
        // Line ends and control characters take more than one byte on the wire.
        check(b"\n\n\n\n\n\n", 100, 8, "\n\n… 2 bytes omitted …\n\n\n");
        check(b"\x01\x01\x01", 100, 12, "\x01\n… 1 bytes omitted …\n\x01");
        check(b"abcdefghij", 6, 100, "abc\n… 4 bytes omitted …\nhij");
        check(b"abcdefghij", 6, 4, "ab\n… 6 bytes omitted …\nij");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn characters_are_not_split() {
        // The keeper cuts both `é` in two; the halves count as omitted and not as invalid.
        let excerpt = Excerpt::<Faithful>::of(&captured("aéxxéb".as_bytes(), 4), room(100));
        assert!(!excerpt.invalid_utf8());
        assert_eq!(excerpt.into_text(), "a\n… 6 bytes omitted …\nb");
        check("ééé".as_bytes(), 100, 5, "é\n… 2 bytes omitted …\né");
    }

    #[test]
    fn bytes_that_are_no_text() {
        let output = captured(b"a\xff\xfeb", 100);
        let faithful = Excerpt::<Faithful>::of(&output, room(100));
        assert!(faithful.invalid_utf8());
        assert_eq!(faithful.into_text(), "a\u{fffd}\u{fffd}b");
        assert_eq!(
            Excerpt::<Visible>::of(&output, room(100)).into_text(),
            r"a\xff\xfeb"
        );
    }

    #[test]
    fn the_budget_holds_on_the_wire() {
        for byte in 0..=255_u8 {
            for budget in [0, 1, 50, 999] {
                let output = captured(&vec![byte; 5000], 2000);
                let text = Excerpt::<Visible>::of(&output, room(budget)).into_text();
                let wire = serde_json::to_string(&text).expect("JSON").len();
                assert!(wire <= budget + 60, "{byte}: {wire}");
            }
        }
    }
    #[test]
    fn the_budget_holds_in_tokens() {
        for text in [
            "1 2 3 ",
            "0123456789abcdef",
            "some words and ",
            "日本語",
            "{[(;:!",
        ] {
            let output = captured(text.repeat(2000).as_bytes(), 100_000);
            let budget = Cost::of(usize::MAX, 1000);
            let excerpt = Excerpt::<Visible>::of(&output, budget);
            assert!(excerpt.omitted() > 0, "{text}");
            let cost = Cost::of_text(&excerpt.into_text());
            // Half of it each for head and tail, which are filled, and a note between them.
            let tokens = cost.tokens / crate::tokens::TOKEN;
            assert!((900..1020).contains(&tokens), "{text}: {tokens}");
        }
    }

    #[test]
    fn what_is_not_as_it_was_is_told() {
        let exact = |bytes: &[u8], budget| {
            Excerpt::<Visible>::of(&captured(bytes, 100), room(budget)).is_exact()
        };
        assert!(exact(b"", 10) && exact("é\n".as_bytes(), 10));
        assert!(!exact(b"\xff", 10) && !exact(b"a\x1b", 10) && !exact("\u{202e}".as_bytes(), 10));
        assert!(!exact(b"abcdefghijkl", 10));
    }
}
