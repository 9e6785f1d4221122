//! The entries of a set on their way from its builder into the store: each is checked before it goes on.
//!
//! A builder runs nothing of a package unless its operator allowed that, and is taken for hostile all the same. What
//! passes here are regular files, directories and links, under relative names, each below a directory that came before
//! it, links leading nowhere but into the set; as many and as large as announced, within the bounds.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;

/// The most entries of one set. Large ones, such as those for machine learning, have some thirty thousand.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// The longest name, in bytes: a quarter of what Linux takes as a path, for it goes below another.
const MAX_NAME: usize = 1024;

/// The longest part of a name, as file systems take it.
const MAX_PART: usize = 255;

/// The deepest nesting; the deepest packages have a dozen levels.
const MAX_DEPTH: usize = 64;

/// All names together: what the check itself may hold in memory.
const MAX_NAMES: usize = 16 * 1024 * 1024;

/// The longest description of one entry: two names, each character of which may be written in six.
const MAX_HEADER: usize = 16 * 1024;

/// What is wrong with an entry. The text names it, shortened; it is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadEntry(String);

/// Checks a stream of entries while it passes.
#[derive(Debug)]
pub(crate) struct Checker {
    most_bytes: u64,
    /// The beginning of an entry's description, whose end has not come yet.
    partial: BytesMut,
    /// What is still to come of the file that is passing.
    left: u64,
    seen: BTreeMap<String, Kind>,
    names: usize,
    announced: Option<(u64, usize)>,
    bytes: u64,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    Other,
}

/// The description of one entry, as `export.py` writes it.
#[derive(Debug, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case", deny_unknown_fields)]
enum Entry {
    Begin {
        bytes: u64,
        entries: usize,
    },
    Dir {
        p: String,
    },
    File {
        p: String,
        s: u64,
        #[serde(rename = "x")]
        _x: bool,
    },
    Link {
        p: String,
        t: String,
    },
    End {},
}

impl Checker {
    /// A check of one set that may take so many bytes.
    pub(crate) fn new(most_bytes: u64) -> Self {
        Self {
            most_bytes,
            partial: BytesMut::new(),
            left: 0,
            seen: BTreeMap::new(),
            names: 0,
            announced: None,
            bytes: 0,
            ended: false,
        }
    }

    /// Looks at what comes next. Only what it agrees to may go on to the store.
    pub(crate) fn look(&mut self, bytes: &Bytes) -> Result<(), BadEntry> {
        let mut rest: &[u8] = bytes;
        loop {
            let file = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
            rest = rest.get(file..).unwrap_or_default();
            self.left -= u64::try_from(file).unwrap_or(0);
            if rest.is_empty() {
                return Ok(());
            }
            if self.ended {
                return Err(bad("something came after the end"));
            }
            self.partial.extend_from_slice(rest);
            let Some((head, _)) = self.partial.split_first_chunk::<4>() else {
                return Ok(());
            };
            let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
            if length > MAX_HEADER {
                return Err(bad(&format!("an entry is described in {length} bytes")));
            }
            let whole = length.saturating_add(4);
            let before = self.partial.len().saturating_sub(rest.len());
            let Some(description) = self.partial.get(4..whole) else {
                return Ok(());
            };
            let entry = serde_json::from_slice(description)
                .map_err(|error| bad(&format!("an entry is malformed: {error}")))?;
            self.partial.clear();
            rest = rest.get(whole.saturating_sub(before)..).unwrap_or_default();
            self.enter(entry)?;
        }
    }

    /// Whether all has come that was announced, and nothing is missing.
    pub(crate) fn finish(self) -> Result<u64, BadEntry> {
        if self.ended && self.left == 0 && self.partial.is_empty() {
            Ok(self.bytes)
        } else {
            Err(bad("the entries were cut"))
        }
    }

    fn enter(&mut self, entry: Entry) -> Result<(), BadEntry> {
        let Some((all_bytes, all_entries)) = self.announced else {
            let Entry::Begin { bytes, entries } = entry else {
                return Err(bad("the entries were not announced"));
            };
            if bytes > self.most_bytes {
                return Err(bad(&format!("{bytes} bytes of {}", self.most_bytes)));
            }
            if entries > MAX_ENTRIES {
                return Err(bad(&format!("{entries} entries of {MAX_ENTRIES}")));
            }
            self.announced = Some((bytes, entries));
            return Ok(());
        };
        match entry {
            Entry::Begin { .. } => return Err(bad("the entries were announced twice")),
            Entry::Dir { p } => self.place(p, Kind::Directory)?,
            Entry::File { p, s, .. } => {
                self.bytes = self.bytes.saturating_add(s);
                if self.bytes > all_bytes {
                    return Err(bad(&format!("`{}` is more than announced", short(&p))));
                }
                self.left = s;
                self.place(p, Kind::Other)?;
            }
            Entry::Link { p, t } => {
                stays_inside(&p, &t)?;
                self.place(p, Kind::Other)?;
            }
            Entry::End {} => {
                if (self.bytes, self.seen.len()) != (all_bytes, all_entries) {
                    return Err(bad("there are fewer entries than announced"));
                }
                self.ended = true;
                return Ok(());
            }
        }
        if self.seen.len() > all_entries {
            return Err(bad("there are more entries than announced"));
        }
        Ok(())
    }

    fn place(&mut self, name: String, kind: Kind) -> Result<(), BadEntry> {
        let refuse = |why: &str| Err(bad(&format!("`{}` {why}", short(&name))));
        if name.len() > MAX_NAME || name.split('/').count() > MAX_DEPTH {
            return refuse("is too long");
        }
        if name.chars().any(char::is_control) {
            return refuse("has control characters");
        }
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refuse("is no plain relative name");
        }
        if name.split('/').any(|part| part.len() > MAX_PART) {
            return refuse("is too long");
        }
        if let Some((parent, _)) = name.rsplit_once('/')
            && self.seen.get(parent) != Some(&Kind::Directory)
        {
            return refuse("lies in no directory of the set");
        }
        self.names = self.names.saturating_add(name.len());
        if self.names > MAX_NAMES {
            return refuse("is one name too many");
        }
        if self.seen.contains_key(&name) {
            return refuse("came twice");
        }
        self.seen.insert(name, kind);
        Ok(())
    }
}

/// A link's target is looked at without following anything: as many steps down as up, at every point.
fn stays_inside(name: &str, target: &str) -> Result<(), BadEntry> {
    let refuse = || Err(bad(&format!("the link `{}` leads out", short(name))));
    if target.is_empty() || target.len() > MAX_NAME || target.starts_with('/') {
        return refuse();
    }
    if target.chars().any(char::is_control) {
        return refuse();
    }
    let mut depth = name.split('/').count().saturating_sub(1);
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return refuse(),
            },
            // Through a link below, `..` would not lead back here: a target goes up first and then down.
            _ => depth = depth.saturating_add(1),
        }
    }
    let mut parts = target.split('/').skip_while(|part| *part == "..");
    if parts.any(|part| part == "..") {
        return refuse();
    }
    Ok(())
}

fn bad(text: &str) -> BadEntry {
    BadEntry(text.to_owned())
}

/// Enough of a foreign name to know it by.
fn short(name: &str) -> String {
    name.chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(entries: &[(Value, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (entry, content) in entries {
            let text = entry.to_string();
            bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text.as_bytes());
            bytes.extend(content.as_bytes());
        }
        bytes
    }

    /// What is said of these entries between a fitting beginning and end, cut in pieces of any size.
    #[track_caller]
    fn check(entries: &[(Value, &str)], expected: &str) {
        let size: usize = entries.iter().map(|(_, content)| content.len()).sum();
        let begin = json!({"k": "begin", "bytes": size, "entries": entries.len()});
        let mut all = vec![(begin, "")];
        all.extend(entries.iter().cloned());
        all.push((json!({"k": "end"}), ""));
        check_bytes(&written(&all), expected);
    }

    #[track_caller]
    fn check_bytes(bytes: &[u8], expected: &str) {
        for piece in [1, 7, bytes.len().max(1)] {
            let mut checker = Checker::new(1000);
            let looked = bytes
                .chunks(piece)
                .try_for_each(|piece| checker.look(&Bytes::copy_from_slice(piece)));
            let said = match looked.and_then(|()| checker.finish()) {
                Ok(bytes) => format!("{bytes} bytes"),
                Err(error) => error.to_string(),
            };
            assert_eq!(said, expected, "in pieces of {piece}");
        }
    }

    fn file(name: &str) -> (Value, &'static str) {
        (json!({"k": "file", "p": name, "s": 2, "x": false}), "ab")
    }

    fn dir(name: &str) -> (Value, &'static str) {
        (json!({"k": "dir", "p": name}), "")
    }

    fn link(name: &str, target: &str) -> (Value, &'static str) {
        (json!({"k": "link", "p": name, "t": target}), "")
    }

    #[test]
    fn what_a_package_is_made_of_passes() {
        check(&[], "0 bytes");
        check(
            &[dir("a"), file("a/__init__.py"), file("b.py"), dir("a/c")],
            "4 bytes",
        );
        check(
            &[dir("a"), link("a/l", "../b.so"), link("m", "a/x")],
            "0 bytes",
        );
        check(&[file("caf\u{e9}.py"), file("...")], "4 bytes");
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["../x", "/etc/x", "a/../../x", "..", ".", "", "a//x", "./x"] {
            let said = format!("`{name}` is no plain relative name");
            check(&[dir("a"), file(name)], &said);
        }
        check(&[file("a\nb")], "`a\\nb` has control characters");
        check(&[file("a\0b")], "`a\\u{0}b` has control characters");
        let long = "x".repeat(256);
        let said = format!("`{}` is too long", "x".repeat(80));
        check(&[file(&long)], &said);
    }

    #[test]
    fn nothing_goes_through_what_is_no_directory() {
        check(&[file("a/x")], "`a/x` lies in no directory of the set");
        check(
            &[link("a", "b"), file("a/x")],
            "`a/x` lies in no directory of the set",
        );
        check(
            &[file("a"), file("a/x")],
            "`a/x` lies in no directory of the set",
        );
        check(&[file("a"), file("a")], "`a` came twice");
        check(&[dir("a"), link("a", "b")], "`a` came twice");
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        for target in ["/etc/passwd", "..", "../x", "b/../../x", "", "b/../c"] {
            check(&[link("a", target)], "the link `a` leads out");
        }
        check(
            &[dir("d"), link("d/a", "../../x")],
            "the link `d/a` leads out",
        );
    }

    #[test]
    fn numbers_are_held_to() {
        let announced = |bytes: u64, entries: usize, rest: &[(Value, &str)]| {
            let begin = json!({"k": "begin", "bytes": bytes, "entries": entries});
            let mut all = vec![(begin, "")];
            all.extend(rest.iter().cloned());
            written(&all)
        };
        let end = (json!({"k": "end"}), "");
        check_bytes(&announced(1001, 0, &[]), "1001 bytes of 1000");
        check_bytes(&announced(1, 100_001, &[]), "100001 entries of 100000");
        check_bytes(&announced(1, 1, &[file("a")]), "`a` is more than announced");
        check_bytes(
            &announced(4, 1, &[file("a"), file("b")]),
            "there are more entries than announced",
        );
        check_bytes(
            &announced(2, 2, &[file("a"), end.clone()]),
            "there are fewer entries than announced",
        );
        check_bytes(&announced(2, 1, &[file("a")]), "the entries were cut");
        check_bytes(
            &announced(2, 1, &[(file("a").0, "a")]),
            "the entries were cut",
        );
        check_bytes(
            &announced(0, 0, &[end.clone(), end]),
            "something came after the end",
        );
        check_bytes(&written(&[file("a")]), "the entries were not announced");
        check_bytes(&[0xff; 8], "an entry is described in 4294967295 bytes");
        check_bytes(b"", "the entries were cut");
    }

    #[test]
    fn other_kinds_are_refused() {
        let bytes = written(&[(json!({"k": "begin", "bytes": 0, "entries": 1}), "")]);
        for entry in [
            json!({"k": "device", "p": "a"}),
            json!({"k": "dir", "p": "a", "mode": 0o4755}),
            json!([]),
        ] {
            let mut checker = Checker::new(1000);
            checker.look(&Bytes::from(bytes.clone())).unwrap();
            let next = Bytes::from(written(&[(entry.clone(), "")]));
            let error = checker.look(&next).unwrap_err();
            assert!(error.to_string().contains("malformed"), "{entry}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_mean_the_same_in_any_pieces(
            at in 0_usize..200,
            with in proptest::collection::vec(any::<u8>(), 0..8),
            piece in 1_usize..40,
        ) {
            let begin = json!({"k": "begin", "bytes": 2, "entries": 3});
            let end = (json!({"k": "end"}), "");
            let mut bytes = written(&[(begin, ""), dir("a"), file("a/x"), link("l", "a/x"), end]);
            let at = at.min(bytes.len());
            bytes.splice(at..at, with);
            let said = |piece: usize| {
                let mut checker = Checker::new(1000);
                let mut pieces = bytes.chunks(piece).map(Bytes::copy_from_slice);
                let looked = pieces.try_for_each(|piece| checker.look(&piece));
                looked.and_then(|()| checker.finish())
            };
            prop_assert_eq!(said(piece), said(bytes.len()));
        }
    }
}
