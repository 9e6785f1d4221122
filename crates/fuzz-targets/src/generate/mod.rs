//! Makes inputs that are nearly valid: a valid one, changed in a few places that its format has.
//!
//! Noise is turned away by the first check of a decoder and tests nothing behind it. What a target takes as valid are its
//! seeds; the changes know JSON, lines and the heads of requests, and keep the rest whole.

mod bytes;
mod json;
mod random;
mod script;
mod tree;
mod values;

pub use random::Random;

use tree::Node;

/// What the inputs of a target look like.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every target says its shape; there is no code outside"
)]
pub enum Shape {
    /// One JSON text.
    Json,
    /// Lines: JSON texts, and orders that begin with `!`. The orders are what may be put in.
    Script(&'static [&'static str]),
    /// Lines of text, an empty line, and a JSON text or nothing. The words are what the lines are made of.
    Request(&'static [&'static [u8]]),
    /// Bytes, and the words that the format is made of.
    Bytes(&'static [&'static [u8]]),
}

/// The longest input: a quarter of what an HTTP body may have. What would be longer is cut.
pub const MAX_INPUT: usize = 1024 * 1024;

/// How many changes one input has at most.
const CHANGES: usize = 6;

/// Makes the inputs of one target.
#[derive(Debug)]
pub struct Generator {
    shape: Shape,
    seeds: Vec<Vec<u8>>,
    forms: Vec<Form>,
}

/// An input taken apart, as far as its shape allows.
#[derive(Clone, Debug)]
enum Form {
    Json(Node),
    Script(Vec<script::Line>),
    Request(Vec<u8>, Option<Node>),
    Bytes(Vec<u8>),
}

impl Generator {
    /// A generator around these valid inputs.
    #[must_use]
    pub fn new(shape: Shape, seeds: Vec<Vec<u8>>) -> Self {
        let forms = seeds.iter().map(|seed| Form::of(shape, seed)).collect();
        Self {
            shape,
            seeds,
            forms,
        }
    }

    /// The valid inputs.
    #[must_use]
    pub fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    /// The input of this number: first the valid ones, then changed ones.
    #[must_use]
    pub fn input(&self, name: &str, seed: u64, index: u64) -> Vec<u8> {
        let valid = usize::try_from(index)
            .ok()
            .and_then(|at| self.seeds.get(at));
        if let Some(valid) = valid {
            return valid.clone();
        }
        let mut random = Random::of(seed, name, index);
        let form = random.pick(&self.forms).cloned();
        self.change(form.unwrap_or_else(|| Form::Bytes(Vec::new())), &mut random)
    }

    /// A changed form of any input, for a fuzzer that has its own.
    #[must_use]
    pub fn changed(&self, input: &[u8], seed: u64) -> Vec<u8> {
        self.change(Form::of(self.shape, input), &mut Random::new(seed))
    }

    fn change(&self, mut form: Form, random: &mut Random) -> Vec<u8> {
        let changes = random.few(CHANGES);
        let mut loose = 0;
        for _ in 0..changes {
            // Most changes keep the form whole: what cannot be read is refused early.
            if random.below(8) == 0 {
                loose += 1;
            } else {
                let other = random.pick(&self.forms);
                form.change(self.shape, other, random);
            }
        }
        let mut input = form.write();
        for _ in 0..loose {
            bytes::change(&mut input, self.shape.words(), random);
        }
        if random.per_mille(5) {
            bytes::dress(&mut input, random);
        }
        input.truncate(MAX_INPUT);
        input
    }
}

impl Shape {
    const fn words(self) -> &'static [&'static [u8]] {
        match self {
            Self::Request(words) | Self::Bytes(words) => words,
            Self::Json | Self::Script(_) => JSON_WORDS,
        }
    }
}

/// What JSON is made of.
const JSON_WORDS: &[&[u8]] = &[
    b"{", b"}", b"[", b"]", b",", b":", b"\"", b"null", b"true", b"{}", b"[]", b"\\", b"//",
    b"/**/", b"'", b"\n",
];

impl Form {
    fn of(shape: Shape, input: &[u8]) -> Self {
        let bytes = || Self::Bytes(input.to_vec());
        match shape {
            Shape::Json => Node::parse(input).map_or_else(bytes, Self::Json),
            Shape::Script(_) => Self::Script(script::read(input)),
            Shape::Request(_) => {
                let end = input.windows(2).position(|pair| pair == b"\n\n");
                let (head, body) = match end {
                    Some(end) => input.split_at(end + 2),
                    None => (input, &[][..]),
                };
                match Node::parse(body) {
                    None if !body.is_empty() => bytes(),
                    body => Self::Request(head.to_vec(), body),
                }
            }
            Shape::Bytes(_) => bytes(),
        }
    }

    fn change(&mut self, shape: Shape, other: Option<&Self>, random: &mut Random) {
        match self {
            Self::Json(tree) => {
                let other = match other {
                    Some(Self::Json(other)) => Some(other),
                    _ => None,
                };
                json::change(tree, other, random);
            }
            Self::Script(lines) => {
                let other = match other {
                    Some(Self::Script(other)) => other.as_slice(),
                    _ => &[],
                };
                let orders = match shape {
                    Shape::Script(orders) => orders,
                    Shape::Json | Shape::Request(_) | Shape::Bytes(_) => &[],
                };
                script::change(lines, other, orders, random);
            }
            Self::Request(head, body) => match body {
                Some(body) if random.below(2) == 0 => json::change(body, None, random),
                _ => script::change_head(head, shape.words(), random),
            },
            Self::Bytes(bytes) => bytes::change(bytes, shape.words(), random),
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Json(tree) => tree.write(&mut out),
            Self::Script(lines) => script::write(lines, &mut out),
            Self::Request(head, body) => {
                out.extend_from_slice(head);
                if let Some(body) = body {
                    body.write(&mut out);
                }
            }
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_named_by_seed_and_number() {
        let seeds = vec![br#"{"a":[1,"x"]}"#.to_vec(), b"[]".to_vec()];
        let generator = Generator::new(Shape::Json, seeds.clone());
        assert_eq!(generator.input("t", 1, 0), seeds[0]);
        assert_eq!(generator.input("t", 1, 1), seeds[1]);
        let some: Vec<_> = (2..50)
            .map(|index| generator.input("t", 1, index))
            .collect();
        let same: Vec<_> = (2..50)
            .map(|index| generator.input("t", 1, index))
            .collect();
        assert_eq!(some, same);
        let others: Vec<_> = (2..50)
            .map(|index| generator.input("t", 2, index))
            .collect();
        assert_ne!(some, others);
    }

    #[test]
    fn most_changed_texts_are_still_nearly_valid() {
        let seed =
            br#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[1,2,{"b":"c"}]}}"#.to_vec();
        let generator = Generator::new(Shape::Json, vec![seed.clone()]);
        let read = (1..2000).filter(|index| {
            let input = generator.input("t", 3, *index);
            input != seed && serde_json::from_slice::<serde_json::Value>(&input).is_ok()
        });
        let share = read.count() * 100 / 2000;
        assert!((20..80).contains(&share), "{share} % can be read");
    }

    #[test]
    fn every_shape_survives_a_thousand_changes() {
        for shape in [
            Shape::Json,
            Shape::Script(&["!wake"]),
            Shape::Request(&[b"Accept: "]),
            Shape::Bytes(&[b"x"]),
        ] {
            let generator = Generator::new(shape, vec![b"GET /\nHost: x\n\n{\"a\":1}".to_vec()]);
            let mut input = generator.seeds()[0].clone();
            for seed in 0..1000 {
                input = generator.changed(&input, seed);
                assert!(input.len() <= MAX_INPUT);
                if input.is_empty() || input.len() > 10_000 {
                    input = generator.seeds()[0].clone();
                }
            }
        }
    }
}
