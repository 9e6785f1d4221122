//! Changes to a JSON tree: types, sizes, depth, keys that repeat, numbers at bounds, halves of characters.

use super::random::Random;
use super::tree::{Node, quote};
use super::values::{self, ABYSS, DEPTHS, WORDS};

/// Changes a tree in one place. `other` is a tree to take parts from.
pub(super) fn change(tree: &mut Node, other: Option<&Node>, random: &mut Random) {
    let mut place = random.below(tree.count());
    let kind = random.below(14);
    tree.edit(&mut place, &mut |node| {
        change_node(node, kind, other, random)
    });
}

fn change_node(node: &mut Node, kind: usize, other: Option<&Node>, random: &mut Random) {
    match kind {
        0..=2 => *node = Node::Raw(values::scalar(random)),
        3 => remove(node, random),
        4 => repeat(node, random),
        5 => rename(node, random),
        6 => nest(node, random),
        7 => *node = borrowed(other, random),
        8 | 9 => add(node, other, random),
        10 | 11 => garble(node, random),
        12 => swap(node, random),
        _ => multiply(node, random),
    }
}

fn remove(node: &mut Node, random: &mut Random) {
    match node {
        Node::Array(items) if !items.is_empty() => drop(items.remove(random.below(items.len()))),
        Node::Object(members) if !members.is_empty() => {
            drop(members.remove(random.below(members.len())));
        }
        node => *node = Node::Raw(Vec::new()),
    }
}

/// The same key once more, with the same value or with another.
fn repeat(node: &mut Node, random: &mut Random) {
    match node {
        Node::Object(members) => {
            let Some((key, value)) = random.pick(members).cloned() else {
                return;
            };
            let value = match random.below(2) {
                0 => value,
                _ => Node::Raw(values::scalar(random)),
            };
            let at = random.below(members.len() + 1);
            members.insert(at, (key, value));
        }
        Node::Array(items) => {
            let item = random.pick(items).cloned();
            items.extend(item);
        }
        Node::Raw(_) => add(node, None, random),
    }
}

fn rename(node: &mut Node, random: &mut Random) {
    let Node::Object(members) = node else {
        *node = Node::Raw(values::scalar(random));
        return;
    };
    let at = random.below(members.len());
    let Some((key, _)) = members.get_mut(at) else {
        return;
    };
    *key = match random.below(7) {
        0 => key.to_ascii_uppercase(),
        1 => quote(random.pick(WORDS).copied().unwrap_or_default()),
        2 => values::string(random),
        // The same name to a reader that resolves escapes.
        3 => match key.get(1) {
            Some(first) if first.is_ascii_alphabetic() => {
                let rest = key.get(2..).unwrap_or_default();
                [format!("\"\\u{first:04x}").as_bytes(), rest].concat()
            }
            _ => values::string(random),
        },
        4 => Vec::new(),
        5 => key
            .get(1..key.len().saturating_sub(1))
            .unwrap_or_default()
            .to_vec(),
        _ => {
            let mut longer = key.clone();
            let at = longer.len().saturating_sub(1);
            longer.splice(at..at, values::text(random).iter().copied());
            longer
        }
    };
}

fn nest(node: &mut Node, random: &mut Random) {
    let depth = if random.per_mille(1) {
        ABYSS
    } else {
        random.pick(DEPTHS).copied().unwrap_or(1)
    };
    let (open, close): (&[u8], &[u8]) = if random.below(2) == 0 {
        (b"[", b"]")
    } else {
        (b"{\"a\":", b"}")
    };
    let mut text = open.repeat(depth);
    node.write(&mut text);
    // Not closed, now and then.
    if random.below(20) > 0 {
        text.extend_from_slice(&close.repeat(depth));
    }
    *node = Node::Raw(text);
}

/// A part of another tree.
fn borrowed(other: Option<&Node>, random: &mut Random) -> Node {
    let Some(other) = other else {
        return Node::Raw(values::scalar(random));
    };
    let mut current = other;
    loop {
        let inner = match current {
            Node::Raw(_) => None,
            Node::Array(items) => random.pick(items),
            Node::Object(members) => random.pick(members).map(|(_, value)| value),
        };
        match inner {
            Some(inner) if random.below(3) > 0 => current = inner,
            _ => return current.clone(),
        }
    }
}

fn add(node: &mut Node, other: Option<&Node>, random: &mut Random) {
    let value = match random.below(3) {
        0 => borrowed(other, random),
        _ => Node::Raw(values::scalar(random)),
    };
    match node {
        Node::Array(items) => items.insert(random.below(items.len() + 1), value),
        Node::Object(members) => {
            let key = match random.below(4) {
                0 => values::string(random),
                _ => quote(random.pick(WORDS).copied().unwrap_or_default()),
            };
            members.insert(random.below(members.len() + 1), (key, value));
        }
        Node::Raw(_) => *node = value,
    }
}

/// Puts something strange into a string or a number.
fn garble(node: &mut Node, random: &mut Random) {
    match node {
        Node::Raw(bytes) if !bytes.is_empty() => {
            let inside = usize::from(bytes.first() == Some(&b'"'));
            let at = (inside + random.below(bytes.len())).min(bytes.len() - inside);
            bytes.splice(at..at, values::text(random).iter().copied());
        }
        node => *node = Node::Raw(values::string(random)),
    }
}

/// Exchanges two members or items.
fn swap(node: &mut Node, random: &mut Random) {
    match node {
        Node::Array(items) => {
            let (a, b) = (random.below(items.len()), random.below(items.len()));
            if !items.is_empty() {
                items.swap(a, b);
            }
        }
        Node::Object(members) if members.len() > 1 => {
            let (a, b) = (random.below(members.len()), random.below(members.len()));
            let moved = members.get(a).map(|(_, value)| value.clone());
            let other = members.get(b).map(|(_, value)| value.clone());
            if let (Some((_, place)), Some(other)) = (members.get_mut(a), other) {
                *place = other;
            }
            if let (Some((_, place)), Some(moved)) = (members.get_mut(b), moved) {
                *place = moved;
            }
        }
        node => *node = Node::Raw(values::scalar(random)),
    }
}

/// The same many times: past the bound of a batch now and then, past that of a message rarely.
fn multiply(node: &mut Node, random: &mut Random) {
    let times = match random.below(1000) {
        0 => 100_001,
        1..=40 => *random.pick(&[127, 128, 129, 1000]).unwrap_or(&1),
        _ => 1 + random.below(6),
    };
    match node {
        Node::Array(items) => {
            let item = random.pick(items).cloned();
            let item = item.filter(|item| times < 1000 || item.count() < 3);
            let item = item.unwrap_or_else(|| Node::Raw(b"0".to_vec()));
            items.extend(std::iter::repeat_n(item, times));
        }
        Node::Object(members) => {
            let more =
                (0..times).map(|number| (quote(&format!("k{number}")), Node::Raw(b"0".to_vec())));
            members.extend(more);
        }
        Node::Raw(bytes) if times < 1000 && bytes.len() < 10_000 => {
            let quoted = bytes.first() == Some(&b'"') && bytes.len() > 1;
            let at = bytes.len() - usize::from(quoted);
            let inner = bytes
                .get(usize::from(quoted)..at)
                .unwrap_or_default()
                .repeat(times);
            bytes.splice(at..at, inner);
        }
        Node::Raw(bytes) => *bytes = values::string(random),
    }
}
