//! What a program shows besides what it prints: values, tables, pictures, as its sandbox lays them down.
//!
//! The bytes come from the program's own process. They are read within bounds and believed in nothing that can be looked
//! at here; what cannot be read is no error of anybody's, and is left out.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::FileName;
use crate::limits::ResultLimits;
use crate::media::{Picture, is_text, media_type};

/// Something that a program has shown.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Display {
    /// How it came to be shown.
    pub kind: DisplayKind,
    /// Its text, at most 256 KiB; may be empty.
    pub text: String,
    /// Its first rows, if it is a table.
    pub table: Option<Table>,
    /// Its pictures and files.
    pub parts: Vec<Part>,
    /// What could not be made of it, in sentences.
    pub notes: Vec<String>,
}

/// How something came to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DisplayKind {
    /// It is the value of the program's last line.
    Value,
    /// The program asked for it.
    Display,
    /// It was an open figure.
    Figure,
    /// The program took a picture of a page.
    Screenshot,
}

impl DisplayKind {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Display => "display",
            Self::Figure => "figure",
            Self::Screenshot => "screenshot",
        }
    }
}

/// The first rows of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Table {
    /// What its columns are; an index is the first of them.
    pub columns: Vec<Column>,
    /// At most 200, of as many cells as there are columns here; each cell null, a boolean, a number or a text of at most
    /// 4 KiB, and all of them together at most 64 KiB.
    pub rows: Vec<Vec<Value>>,
    /// How many rows it has in all.
    pub row_count: u64,
    /// How many columns it has in all, without its index.
    pub column_count: u64,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its cells are, in the words of the library that made it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Bytes that belong to a display.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// What it would be called as a file.
    pub name: FileName,
    /// What it is: one of a few types.
    pub media_type: &'static str,
    /// A picture that is small enough to be looked at by everybody, with its size; everything else is for who asks.
    pub view: Option<Picture>,
    /// The bytes.
    pub bytes: Bytes,
}

/// The longest head: text, table and what the parts are.
const MAX_HEAD: usize = 1024 * 1024;
const MAX_TEXT: usize = 256 * 1024;
const MAX_PARTS: usize = 8;
const MAX_NOTES: usize = 8;
const MAX_NOTE: usize = 400;
const MAX_ROWS: usize = 200;
const MAX_COLUMNS: usize = 64;
const MAX_LABEL: usize = 200;
const MAX_CELL: usize = 4 * 1024;
/// All names and cells of a table together, in bytes. Ours are of half as many.
const MAX_TABLE: usize = 64 * 1024;

/// What a part may be called; anything else is bytes.
const TYPES: [&str; 9] = [
    "image/png",
    "image/jpeg",
    "image/svg+xml",
    "text/csv",
    "text/html",
    "text/markdown",
    "text/plain",
    "application/json",
    PARQUET,
];

/// The one type of them that is neither a picture nor text.
const PARQUET: &str = "application/vnd.apache.parquet";
/// What such a file begins with.
const PARQUET_MAGIC: &[u8] = b"PAR1";

#[derive(Deserialize)]
struct Head {
    kind: DisplayKind,
    text: String,
    table: Option<Table>,
    #[serde(default)]
    notes: Vec<String>,
    parts: Vec<PartHead>,
}

#[derive(Deserialize)]
struct PartHead {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    bytes: usize,
}

impl Display {
    /// A display of text alone.
    #[must_use]
    pub fn of_text(kind: DisplayKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            table: None,
            parts: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Reads what a sandbox laid down: a head's length in four bytes, the head as JSON, the parts one behind the other.
    pub(crate) fn read(mut bytes: Bytes, limits: &ResultLimits) -> Option<Self> {
        let length = u32::from_be_bytes(*bytes.first_chunk::<4>()?);
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= MAX_HEAD)?;
        let _ = bytes.split_to(4);
        let head: Head = serde_json::from_slice(bytes.get(..length)?).ok()?;
        let mut rest = bytes.split_off(length);
        if head.text.len() > MAX_TEXT || head.parts.len() > MAX_PARTS {
            return None;
        }
        let mut parts = Vec::with_capacity(head.parts.len());
        for part in head.parts {
            if part.bytes > rest.len() {
                return None;
            }
            let bytes = rest.split_to(part.bytes);
            parts.push(Part::read(&part, bytes, limits)?);
        }
        let notes = head.notes.into_iter().take(MAX_NOTES);
        let mut notes: Vec<String> = notes
            .map(|note| note.chars().take(MAX_NOTE).collect())
            .collect();
        let came = head.table.is_some();
        let table = head.table.and_then(Table::bounded);
        if came && table.is_none() {
            notes.push(
                "the table is left out of the data: it is not one, or beyond its bounds".to_owned(),
            );
        }
        Some(Self {
            kind: head.kind,
            text: head.text,
            table,
            parts,
            notes,
        })
    }
}

impl Part {
    fn read(head: &PartHead, bytes: Bytes, limits: &ResultLimits) -> Option<Self> {
        let name = FileName::new(head.name.replace('/', "-")).ok()?;
        let picture = Picture::of(&bytes);
        let view = picture.filter(|picture| limits.shows(*picture, bytes.len()));
        let known = TYPES.into_iter().find(|known| *known == head.kind);
        let kind = match (picture, known) {
            (Some(picture), _) => picture.media_type,
            (None, Some(known)) if !known.starts_with("image/") || known == "image/svg+xml" => {
                let is_it = if known == PARQUET {
                    bytes.starts_with(PARQUET_MAGIC)
                } else {
                    is_text(&bytes)
                };
                if is_it {
                    known
                } else {
                    "application/octet-stream"
                }
            }
            // A file that the program has named: by its name and what stands in it, as any other.
            (None, None) if head.kind.is_empty() => media_type(name.last(), &bytes),
            (None, _) => "application/octet-stream",
        };
        Some(Self {
            name,
            media_type: kind,
            view,
            bytes,
        })
    }
}

impl Table {
    /// The table within its bounds: long names cut, and without the rows from which on it is too much. None if it is no
    /// table, or has more columns, rows or text in a cell than any of ours.
    fn bounded(mut self) -> Option<Self> {
        if self.columns.len() > MAX_COLUMNS || self.rows.len() > MAX_ROWS {
            return None;
        }
        let mut size = 0;
        for column in &mut self.columns {
            for label in [&mut column.name, &mut column.kind] {
                cut(label);
                size += label.len();
            }
        }
        let mut kept = 0;
        for row in &self.rows {
            if row.len() != self.columns.len() {
                return None;
            }
            for cell in row {
                size += match cell {
                    Value::String(text) if text.len() <= MAX_CELL => text.len(),
                    Value::Null | Value::Bool(_) | Value::Number(_) => NUMBER,
                    _ => return None,
                };
            }
            kept += usize::from(size <= MAX_TABLE);
        }
        self.rows.truncate(kept);
        Some(self)
    }
}

/// What a cell counts that is no text.
const NUMBER: usize = 8;

/// Shortens a name that is too long, in front of a character.
fn cut(label: &mut String) {
    if label.len() > MAX_LABEL {
        let end = label.floor_char_boundary(MAX_LABEL - '…'.len_utf8());
        label.truncate(end);
        label.push('…');
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn laid_down(head: &str, rest: &[u8]) -> Bytes {
        let length = u32::try_from(head.len()).unwrap().to_be_bytes();
        [length.as_slice(), head.as_bytes(), rest].concat().into()
    }

    #[track_caller]
    fn check(head: &str, rest: &[u8], expected: &Expect) {
        let read = Display::read(laid_down(head, rest), &ResultLimits::default());
        expected.assert_eq(&format!("{read:?}"));
    }

    #[test]
    fn what_is_laid_down_is_read() {
        check(
            r#"{"kind":"value","text":"4","table":null,"notes":["n"],"parts":[{"name":"a/b.csv","type":"text/csv","role":"full","bytes":4}]}"#,
            b"a,b\nxx",
            &expect![[
                r#"Some(Display { kind: Value, text: "4", table: None, parts: [Part { name: FileName("a-b.csv"), media_type: "text/csv", view: None, bytes: b"a,b\n" }], notes: ["n"] })"#
            ]],
        );
        check(
            r#"{"kind":"display","text":"","table":{"columns":[{"name":"a","type":"int64"}],"rows":[[1],[null]],"row_count":2,"column_count":1},"parts":[]}"#,
            b"",
            &expect![[
                r#"Some(Display { kind: Display, text: "", table: Some(Table { columns: [Column { name: "a", kind: "int64" }], rows: [[Number(1)], [Null]], row_count: 2, column_count: 1 }), parts: [], notes: [] })"#
            ]],
        );
    }

    #[test]
    fn pictures_are_what_they_begin_with() {
        let small = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x04\0\0\0\x04";
        let large = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x40\0\0\0\0\x04";
        let head = |bytes: usize| {
            format!(
                r#"{{"kind":"figure","text":"","table":null,"parts":[{{"name":"x","type":"image/png","bytes":{bytes}}}]}}"#
            )
        };
        let part = |bytes: &[u8]| {
            let read = Display::read(
                laid_down(&head(bytes.len()), bytes),
                &ResultLimits::default(),
            );
            let part = read.unwrap().parts.remove(0);
            (part.media_type, part.view.is_some())
        };
        assert_eq!(part(small), ("image/png", true));
        assert_eq!(part(large), ("image/png", false));
        assert_eq!(part(b"<script>"), ("application/octet-stream", false));
    }

    #[test]
    fn what_is_no_text_is_what_it_begins_with() {
        #[track_caller]
        fn check(kind: &str, bytes: &[u8], expected: &str) {
            let head = format!(
                r#"{{"kind":"display","text":"","table":null,"parts":[{{"name":"x","type":"{kind}","bytes":{}}}]}}"#,
                bytes.len()
            );
            let read = Display::read(laid_down(&head, bytes), &ResultLimits::default());
            assert_eq!(read.unwrap().parts[0].media_type, expected);
        }
        check(PARQUET, b"PAR1\0\xff", PARQUET);
        check(PARQUET, b"<script>", "application/octet-stream");
        check("text/csv", b"PAR1\0\xff", "application/octet-stream");
        check("text/csv", b"PAR1", "text/csv");
        check("image/svg+xml", b"<svg/>", "image/svg+xml");
        check("text/x-script", b"x", "application/octet-stream");
        check("", b"x", "text/plain");
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        let refused =
            |head: &str| Display::read(laid_down(head, b"abc"), &ResultLimits::default()).is_none();
        assert!(refused("{}"));
        assert!(refused(
            r#"{"kind":"other","text":"","table":null,"parts":[]}"#
        ));
        assert!(refused(
            r#"{"kind":"value","text":"","table":null,"parts":[{"name":"x","type":"text/csv","bytes":4}]}"#
        ));
        assert!(refused(
            r#"{"kind":"value","text":"","table":null,"parts":[{"name":"..","type":"text/csv","bytes":1}]}"#
        ));
        assert!(
            Display::read(
                Bytes::from_static(b"\xff\xff\xff\xff{}"),
                &ResultLimits::default()
            )
            .is_none()
        );
        assert!(Display::read(Bytes::new(), &ResultLimits::default()).is_none());
        let nested = r#"{"kind":"value","text":"","table":{"columns":[{"name":"a","type":"b"}],"rows":[[[1]]],"row_count":1,"column_count":1},"parts":[]}"#;
        let read = Display::read(laid_down(nested, b""), &ResultLimits::default()).unwrap();
        assert_eq!(read.table, None, "cells are scalars");
        assert_eq!(read.notes.len(), 1, "and it is said");
    }

    /// A table of one column with this name, and these cells below it.
    fn table(name: &str, cells: &[String]) -> Option<Table> {
        let head = serde_json::json!({
            "kind": "value", "text": "", "parts": [],
            "table": {
                "columns": [{ "name": name, "type": "t" }],
                "rows": cells.iter().map(|cell| [cell]).collect::<Vec<_>>(),
                "row_count": cells.len(), "column_count": 1,
            },
        });
        let read = Display::read(laid_down(&head.to_string(), b""), &ResultLimits::default());
        read.unwrap().table
    }

    #[test]
    fn a_forged_table_is_cut_or_none() {
        let named = table(&"é".repeat(500), &[]).unwrap();
        let name = &named.columns[0].name;
        assert!(name.len() <= MAX_LABEL && name.ends_with("é…"), "{name}");
        let longest = "x".repeat(MAX_CELL);
        let rows = vec![longest.clone(); 200];
        assert_eq!(
            table("a", &rows).unwrap().rows.len(),
            15,
            "of 4 KiB each, and a name"
        );
        assert_eq!(table("a", &rows[..15]).unwrap().rows.len(), 15);
        assert_eq!(table("a", &[longest + "x"]), None);
        assert_eq!(table("a", &vec![String::new(); 201]), None);
    }

    proptest! {
        /// Whatever is laid down, what is read of it is within bounds.
        #[test]
        fn any_bytes_are_read_within_bounds(
            at in 0..60_usize, with in prop::collection::vec(any::<u8>(), 0..4), rest in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let head = r#"{"kind":"value","text":"4","table":null,"parts":[{"name":"a","type":"text/csv","bytes":4}]}"#;
            let mut bytes = laid_down(head, &rest).to_vec();
            bytes.splice(at..(at + with.len()), with);
            let given = bytes.len();
            if let Some(read) = Display::read(bytes.into(), &ResultLimits::default()) {
                let parts: usize = read.parts.iter().map(|part| part.bytes.len()).sum();
                prop_assert!(parts <= rest.len() && read.text.len() <= given);
            }
        }
    }
}
