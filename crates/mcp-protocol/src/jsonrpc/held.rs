//! How much memory a message takes once it is read: an estimate that errs upwards, for those who keep budgets. What is
//! done when a budget is used up is theirs.

use serde_json::{Map, Value};

use super::{Frame, Incoming, MAX_VALUES};

/// What an object takes besides what is inside its members: one node of the tree that it is kept in, which has room for eleven.
const OBJECT: usize = 640;

/// The members that a node is sure to hold when there are more nodes than one.
const PER_NODE: usize = 5;

/// What an array takes besides its elements: the places that it begins with.
const ARRAY: usize = 128;

/// What an element takes: two places, since arrays double when they grow.
const ELEMENT: usize = 64;

/// What a text takes besides its bytes.
const TEXT: usize = 32;

/// The most that values can take besides their texts: half of them are the objects around the other half.
const CEILING: usize = MAX_VALUES / 2 * (OBJECT + ELEMENT + TEXT);

/// How much memory the message in `bytes` takes at most when it is read, known before it is. Cheap beside reading it.
#[must_use]
pub fn held_at_most(bytes: &[u8]) -> usize {
    let mut held: usize = 0;
    let (mut in_text, mut escaped) = (false, false);
    // What is empty takes nothing.
    let mut opened = 0;
    for byte in bytes {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'}' | b']' => {}
            _ => held += opened,
        }
        opened = 0;
        match byte {
            b'"' => {
                in_text = true;
                held += TEXT;
            }
            b'{' => opened = OBJECT,
            b'[' => opened = ARRAY,
            // An element of an array, or a member of an object: a part of a node.
            b',' => held += OBJECT / PER_NODE,
            _ => {}
        }
    }
    bytes.len() + held.min(CEILING)
}

/// How much memory an object takes.
#[must_use]
pub fn held_by(members: &Map<String, Value>) -> usize {
    let nodes = members.len().div_ceil(PER_NODE);
    let inside = members
        .iter()
        .map(|(key, value)| TEXT + key.len() + inside(value));
    OBJECT * nodes + inside.sum::<usize>()
}

/// What a value takes besides its place in the array or object around it.
fn inside(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => TEXT + text.len(),
        Value::Array(elements) if elements.is_empty() => 0,
        Value::Array(elements) => {
            let elements = elements.iter().map(|element| ELEMENT + inside(element));
            ARRAY + elements.sum::<usize>()
        }
        Value::Object(members) => held_by(members),
    }
}

impl Frame {
    /// How much memory the parameters and results in it take.
    #[must_use]
    pub fn held(&self) -> usize {
        let one = |message: &Incoming| match message {
            Incoming::Request(request) => held_by(&request.params),
            Incoming::Notification(notification) => held_by(&notification.params),
            Incoming::Response(response) => match &response.outcome {
                Ok(members) | Err(members) => held_by(members),
            },
        };
        match self {
            Self::Single(message) => one(message),
            Self::Batch(elements) => elements.iter().flatten().map(one).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonrpc::decode;

    /// The shapes that grow most.
    fn shapes() -> Vec<(&'static str, String)> {
        let of = |element: &str| format!("[{}]", vec![element; 1000].join(","));
        vec![
            ("numbers", of("0")),
            ("empty arrays", of("[]")),
            ("empty objects", of("{}")),
            ("small objects", of(r#"{"":0}"#)),
            ("objects of two", of(r#"{"a":0,"b":0}"#)),
            ("texts", of(r#""x""#)),
            (
                "commas in a text",
                format!("\"{}\"", ",[{\\\"".repeat(1000)),
            ),
        ]
    }

    #[test]
    fn what_is_foretold_covers_what_is_held() {
        for (name, shape) in shapes() {
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"x":{shape}}}}}"#);
            let frame = decode(text.as_bytes()).unwrap();
            let (foretold, held) = (held_at_most(text.as_bytes()), frame.held());
            assert!(held <= foretold, "{name}: {held} of {foretold}");
            // A text is no more than its bytes, whatever stands in it.
            if name == "commas in a text" {
                assert!(foretold < text.len() + 4096, "{foretold}");
            }
        }
    }

    #[test]
    fn small_objects_are_the_dearest_and_there_is_a_ceiling() {
        let of = |count: usize| held_at_most(r#"{"":0},"#.repeat(count).as_bytes());
        assert!(of(1000) > 600 * 1000);
        assert!(of(1_000_000) < 48 * 1024 * 1024);
    }
}
