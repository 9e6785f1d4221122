//! JSON that is ASCII alone, whatever went in: no reader of the audit is shown a control character, a directional mark or
//! a line end that is not ours.

use std::io::{self, Write};

use serde_json::ser::Formatter;
use serde_json::{Map, Value};

/// The longest text in a line; the rest is cut, and three dots say so.
const MAX_TEXT: usize = 200;

/// The most entries of a list; the rest is counted in a last one.
const MAX_ENTRIES: usize = 24;

/// The longest line, its end included: what the queue takes whole.
pub(super) const MAX_LINE: usize = 8 * 1024;

/// One object as a line. One that is too long keeps what is short in it, and says that it was cut.
pub(super) fn line(object: Map<String, Value>) -> Vec<u8> {
    let line = write(&Value::Object(object.clone()));
    if line.len() <= MAX_LINE {
        return line;
    }
    let mut short = object;
    short.retain(|_, value| !matches!(value, Value::Array(_)));
    short.insert("cut".to_owned(), true.into());
    write(&Value::Object(short))
}

/// A text, no longer than texts may be.
pub(super) fn text(text: &str) -> Value {
    let mut kept: String = text.chars().take(MAX_TEXT).collect();
    if kept.len() < text.len() {
        kept.push_str("...");
    }
    Value::String(kept)
}

/// A list of texts, no longer than lists may be.
pub(super) fn list<'a>(entries: impl ExactSizeIterator<Item = &'a str>) -> Value {
    let more = entries.len().saturating_sub(MAX_ENTRIES);
    let mut kept: Vec<_> = entries.take(MAX_ENTRIES).map(text).collect();
    if more > 0 {
        kept.push(Value::String(format!("... and {more} more")));
    }
    Value::Array(kept)
}

fn write(value: &Value) -> Vec<u8> {
    let mut line = Vec::with_capacity(1024);
    let mut writer = serde_json::Serializer::with_formatter(&mut line, Ascii);
    // Neither a value nor a vector fails.
    let _ = serde::Serialize::serialize(value, &mut writer);
    line.push(b'\n');
    line
}

/// Escapes whatever is not printable ASCII; quotes and control characters are escaped already.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut units = [0_u16; 2];
        for c in fragment.chars() {
            if matches!(c, ' '..='~') {
                writer.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
                continue;
            }
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_goes_in_a_line_is_one_line_of_printable_ascii() {
        let nasty =
            "a\n{\"kind\":\"execution\"}\r\u{1b}[2J\u{7f}\u{85}\u{2028}\u{202e}\u{1f40d}\"\\";
        let object = Map::from_iter([
            (nasty.to_owned(), text(nasty)),
            ("list".to_owned(), list([nasty].into_iter())),
        ]);
        let line = line(object.clone());
        let (end, rest) = line.split_last().unwrap();
        assert_eq!(*end, b'\n');
        assert!(rest.iter().all(|byte| (b' '..=b'~').contains(byte)));
        let back: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(back, Value::Object(object));
    }

    #[test]
    fn no_line_is_longer_than_the_queue_takes() {
        let long = "\u{1f40d}".repeat(100_000);
        let many = std::iter::repeat_n(long.as_str(), 1000);
        let object = Map::from_iter([
            ("kept".to_owned(), text(&long)),
            ("many".to_owned(), list(many)),
        ]);
        let line = line(object);
        assert!(line.len() <= MAX_LINE, "{}", line.len());
        let back: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(back["cut"], true);
        assert!(back["kept"].as_str().unwrap().ends_with("..."));
        assert!(back.get("many").is_none());
    }
}
