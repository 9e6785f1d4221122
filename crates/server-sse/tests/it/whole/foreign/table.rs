//! `docs/clients.md`: made from what the tests saw, and held against it row by row.
//!
//! With `UPDATE_EXPECT=1` each test writes its row instead, so a run of all of them renews the document.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::cells::Cell;
use super::{Entry, Row, Verdict};

/// Fails unless the document has this row for this entry.
pub(super) fn compare(matrix: &[Entry], entry: &Entry, row: &Row) {
    let seen = line(matrix, entry, row);
    if renewing() {
        let turn = turn();
        let document = document();
        let lines = matrix.iter().map(|other| {
            if beginning(other) == beginning(entry) {
                Some(seen.as_str())
            } else {
                found(&document, other)
            }
        });
        let renewed = render(matrix, lines);
        std::fs::write(place(), renewed).unwrap();
        drop(turn);
        return;
    }
    assert_eq!(
        Some(seen.as_str()),
        found(&document(), entry),
        "docs/clients.md is out of date; UPDATE_EXPECT=1 renews it"
    );
}

/// Fails unless the document is what the rows in it make, one for each entry.
pub(super) fn compare_all(matrix: &[Entry]) {
    if renewing() {
        // The rows are the other tests' to write.
        return;
    }
    let document = document();
    for entry in matrix {
        let there = found(&document, entry).is_some();
        assert!(there, "docs/clients.md has no row `{}`", beginning(entry));
    }
    let rendered = render(matrix, matrix.iter().map(|entry| found(&document, entry)));
    assert_eq!(
        document, rendered,
        "docs/clients.md is out of date; UPDATE_EXPECT=1 renews it"
    );
}

fn render<'a>(matrix: &[Entry], lines: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut text = String::from(
        "# Clients\n\n\
         <!-- Made from what the clients saw by the tests of `server-sse`: run them with `UPDATE_EXPECT=1` to renew it. -->\n\n\
         Both servers are tested with these clients, none of which is ours: each over each transport that it speaks, as it\n\
         is released, against a real container engine. A test tells the client what to do and judges what it then saw; there\n\
         is one test for each row, and the row is made from that run. The revision is the one that the client says was agreed\n\
         upon; `auto` is a client that finds out by itself whether a server speaks the newest.\n\n",
    );
    let titles: Vec<_> = Cell::ALL.iter().map(|cell| cell.title()).collect();
    let width = titles.len() + 4;
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "| client | release | transport | revision | {} |",
        titles.join(" | ")
    );
    let _ = writeln!(text, "|{}", "---|".repeat(width));
    for line in lines.flatten() {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text);
    for (number, reason) in (1..).zip(reasons(matrix)) {
        let _ = writeln!(text, "{number}. {reason}");
    }
    let _ = writeln!(text, "\nWhat a *yes* says:\n");
    for cell in Cell::ALL {
        let _ = writeln!(text, "- **{}**: {}", cell.title(), cell.meaning());
    }
    text
}

fn line(matrix: &[Entry], entry: &Entry, row: &Row) -> String {
    let mut line = format!("{}{} |", beginning(entry), row.revision);
    for (cell, verdict) in Cell::ALL.into_iter().zip(&row.cells) {
        let note = entry.client.cannot(cell);
        let number = note.and_then(|why| reasons(matrix).iter().position(|other| *other == why));
        let note = number.map_or_else(String::new, |number| format!(" ({})", number + 1));
        let said = match verdict {
            Verdict::Seen => "yes",
            Verdict::ByHangingUp => "by hanging up",
            Verdict::Unable => "–",
        };
        let _ = write!(line, " {said}{note} |");
    }
    line
}

/// How the row of an entry begins, which no other's does.
fn beginning(entry: &Entry) -> String {
    let client = entry.client;
    let transport = entry.transport.title();
    format!("| {} | {} | {transport} | ", client.name, client.version)
}

fn found<'a>(document: &'a str, entry: &Entry) -> Option<&'a str> {
    let beginning = beginning(entry);
    document.lines().find(|line| line.starts_with(&beginning))
}

/// Why some cells are empty, each reason once, in the order of the rows.
fn reasons(matrix: &[Entry]) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    for entry in matrix {
        for why in Cell::ALL
            .iter()
            .filter_map(|cell| entry.client.cannot(*cell))
        {
            if !reasons.contains(&why) {
                reasons.push(why);
            }
        }
    }
    reasons
}

fn renewing() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

/// The right to write the document, in whichever process.
fn turn() -> File {
    let path = std::env::temp_dir().join("mcp-python-executor-clients.lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.lock().unwrap();
    file
}

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/clients.md")
}

/// The document as it is; empty if it is yet to be made.
fn document() -> String {
    std::fs::read_to_string(place()).unwrap_or_default()
}
