//! JSON as a tree that can also be wrong: keys may repeat, and scalars are any bytes.

use serde_json::Value;

/// A node of a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A scalar as it is written, or anything else that stands where a value should.
    Raw(Vec<u8>),
    Array(Vec<Self>),
    /// Keys as they are written, quotes included.
    Object(Vec<(Vec<u8>, Self)>),
}

impl Node {
    /// The tree of a JSON text; none if it is not one.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text)
            .ok()
            .map(|value| Self::of(&value))
    }

    /// The tree of a value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::Array(items.iter().map(Self::of).collect()),
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, value)| (quote(key), Self::of(value)))
                    .collect(),
            ),
            scalar => Self::Raw(scalar.to_string().into_bytes()),
        }
    }

    /// Appends its text.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Raw(bytes) => out.extend_from_slice(bytes),
            Self::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(key);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// How many nodes there are, itself included.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Raw(_) => 1,
            Self::Array(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Self::Object(members) => {
                1 + members
                    .iter()
                    .map(|(_, value)| value.count())
                    .sum::<usize>()
            }
        }
    }

    /// Changes the node at a place, counted in the order in which they are written; false if there are not so many.
    pub(super) fn edit(&mut self, place: &mut usize, change: &mut dyn FnMut(&mut Self)) -> bool {
        let Some(before) = place.checked_sub(1) else {
            change(self);
            return true;
        };
        *place = before;
        match self {
            Self::Raw(_) => false,
            Self::Array(items) => items.iter_mut().any(|item| item.edit(place, change)),
            Self::Object(members) => members
                .iter_mut()
                .any(|(_, value)| value.edit(place, change)),
        }
    }
}

/// A text as a JSON string.
pub(super) fn quote(text: &str) -> Vec<u8> {
    Value::from(text).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_written_as_it_was_read() {
        let text = br#"{"a":[1,-2.5,"x\u0000",null,true,{"b":{}}],"c":""}"#;
        let node = Node::parse(text).unwrap();
        let mut out = Vec::new();
        node.write(&mut out);
        assert_eq!(
            serde_json::from_slice::<Value>(&out).unwrap(),
            serde_json::from_slice::<Value>(text).unwrap()
        );
        assert_eq!(Node::parse(b"{"), None);
    }

    #[test]
    fn every_node_can_be_reached_and_no_other() {
        let whole = Node::parse(br#"{"a":[1,[2]],"b":3}"#).unwrap();
        let mut seen = Vec::new();
        for place in 0..whole.count() {
            let mut tree = whole.clone();
            assert!(tree.edit(&mut { place }, &mut |node| *node = Node::Raw(b"X".to_vec())));
            let mut out = Vec::new();
            tree.write(&mut out);
            seen.push(String::from_utf8(out).unwrap());
        }
        let expected = [
            "X",
            r#"{"a":X,"b":3}"#,
            r#"{"a":[X,[2]],"b":3}"#,
            r#"{"a":[1,X],"b":3}"#,
            r#"{"a":[1,[X]],"b":3}"#,
            r#"{"a":[1,[2]],"b":X}"#,
        ];
        assert_eq!(seen, expected);
        assert!(!whole.clone().edit(&mut { whole.count() }, &mut |_| {}));
    }
}
