//! Changes to what consists of lines: a conversation, or the head of a request.

use super::bytes;
use super::json;
use super::random::Random;
use super::tree::Node;

/// A line of a conversation.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Json(Node),
    /// An order, or what is no JSON.
    Other(Vec<u8>),
}

/// How many lines a conversation may grow to.
const MAX_LINES: usize = 60;

/// Takes a conversation apart.
pub(super) fn read(input: &[u8]) -> Vec<Line> {
    let lines = input
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let line =
        |line: &[u8]| Node::parse(line).map_or_else(|| Line::Other(line.to_vec()), Line::Json);
    lines.map(line).collect()
}

/// Puts it together again.
pub(super) fn write(lines: &[Line], out: &mut Vec<u8>) {
    for line in lines {
        match line {
            Line::Json(node) => node.write(out),
            Line::Other(bytes) => out.extend_from_slice(bytes),
        }
        out.push(b'\n');
    }
}

/// Changes a conversation in one place: what is said, its order, or what happens in between.
pub(super) fn change(lines: &mut Vec<Line>, other: &[Line], orders: &[&str], random: &mut Random) {
    let at = random.below(lines.len());
    let end = random.below(lines.len() + 1);
    match random.below(10) {
        0..=3 => {
            let borrowed = random.pick(other).cloned();
            match lines.get_mut(at) {
                Some(Line::Json(node)) => {
                    let other = match &borrowed {
                        Some(Line::Json(other)) => Some(other),
                        _ => None,
                    };
                    json::change(node, other, random);
                }
                Some(Line::Other(order)) => bytes::change(order, &[], random),
                None => {}
            }
        }
        4 if lines.len() > 1 => drop(lines.remove(at)),
        5 => {
            let again = lines.get(at).cloned();
            lines.splice(end..end, again);
        }
        6 => {
            let more = other.iter().take(random.few(8)).cloned();
            lines.splice(end..end, more);
        }
        7 if !lines.is_empty() => lines.swap(at, random.below(end)),
        _ => {
            let order = random.pick(orders).copied().unwrap_or_default();
            let number = random.below(8);
            let order = format!("{order} {number}").into_bytes();
            lines.splice(end..end, [Line::Other(order)]);
        }
    }
    lines.truncate(MAX_LINES);
}

/// Changes the head of a request in one line: its text, its place, or that it is there at all.
pub(super) fn change_head(head: &mut Vec<u8>, words: &[&[u8]], random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = head
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    // The empty lines at the end belong to the form.
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    let at = random.below(lines.len());
    match random.below(8) {
        0 if lines.len() > 1 => drop(lines.remove(at)),
        1 => {
            let again = lines.get(at).cloned();
            lines.extend(again);
        }
        2 if !lines.is_empty() => lines.swap(at, random.below(at + 1)),
        3 => {
            let mut line = random.pick(words).copied().unwrap_or_default().to_vec();
            line.extend_from_slice(random.pick(words).copied().unwrap_or_default());
            lines.push(line);
        }
        _ => {
            if let Some(line) = lines.get_mut(at) {
                bytes::change(line, words, random);
            }
        }
    }
    *head = lines.join(&b'\n');
    head.extend_from_slice(b"\n\n");
}
