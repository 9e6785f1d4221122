//! What a piece of a result takes of its reader: bytes of the message, and tokens of a model.

use mcp_protocol::content::{ContentBlock, ResourceBody};
use serde_json::Value;

use crate::tokens::{TOKEN, Tokens};

/// Bytes of JSON, and hundredths of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) bytes: usize,
    pub(crate) tokens: usize,
}

/// What stands around the text of a block.
const BLOCK: usize = 32;

/// What stands around a link or a file, keys included.
const RESOURCE: Cost = Cost::of(180, 30);

impl Cost {
    /// So many bytes and whole tokens.
    pub(crate) const fn of(bytes: usize, tokens: usize) -> Self {
        Self {
            bytes,
            tokens: tokens.saturating_mul(TOKEN),
        }
    }

    /// Of a text within a JSON string.
    pub(crate) fn of_text(text: &str) -> Self {
        let mut meter = Meter::default();
        meter.extend(text);
        meter.cost()
    }

    /// Of a value as JSON.
    pub(crate) fn of_json(value: &Value) -> Self {
        let text = value.to_string();
        Self {
            bytes: text.len(),
            tokens: Tokens::of(&text),
        }
    }

    /// Of a block of content. A picture is no text: only what stands around it counts.
    pub(crate) fn of_block(block: &ContentBlock) -> Self {
        let of_uri = |uri: &str| RESOURCE.and(Self::of_text(uri));
        match block {
            ContentBlock::Text(content) => Self::of_block_text(&content.text),
            ContentBlock::ResourceLink(link) => of_uri(&link.uri)
                .and(Self::of_text(&link.name))
                .and(Self::of_text(
                    link.description.as_deref().unwrap_or_default(),
                )),
            ContentBlock::Resource(embedded) => {
                let contents = &embedded.contents;
                let body = match &contents.body {
                    ResourceBody::Text(text) => Self::of_text(text),
                    _ => Self::default(),
                };
                of_uri(&contents.uri).and(body)
            }
            _ => Self::of(96, 0),
        }
    }

    /// Of a text with the block around it.
    pub(crate) fn of_block_text(text: &str) -> Self {
        Self::of_text(text).and(Self::of(BLOCK, 0))
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }

    /// What is left of this when `other` is taken.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }

    /// `part` in `whole` parts of it.
    pub(crate) const fn part(self, part: usize, whole: usize) -> Self {
        Self {
            bytes: self.bytes / whole * part,
            tokens: self.tokens / whole * part,
        }
    }

    /// So many of it.
    pub(crate) const fn times(self, count: usize) -> Self {
        Self {
            bytes: self.bytes.saturating_mul(count),
            tokens: self.tokens.saturating_mul(count),
        }
    }

    /// The lesser of each.
    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.min(other.bytes),
            tokens: self.tokens.min(other.tokens),
        }
    }

    /// The greater of each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.max(other.bytes),
            tokens: self.tokens.max(other.tokens),
        }
    }

    pub(crate) const fn fits(self, room: Self) -> bool {
        self.bytes <= room.bytes && self.tokens <= room.tokens
    }

    /// Takes `other` out of this if it fits.
    pub(crate) fn take(&mut self, other: Self) -> bool {
        let fits = other.fits(*self);
        if fits {
            *self = self.without(other);
        }
        fits
    }
}

/// Counts a text as it is pushed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    bytes: usize,
    tokens: Tokens,
}

impl Meter {
    pub(crate) fn push(&mut self, c: char) {
        self.bytes = self.bytes.saturating_add(json_cost(c));
        self.tokens.push(c);
    }

    pub(crate) fn extend(&mut self, text: &str) {
        text.chars().for_each(|c| self.push(c));
    }

    pub(crate) fn cost(&self) -> Cost {
        Cost {
            bytes: self.bytes,
            tokens: self.tokens.count(),
        }
    }
}

/// What one character takes in a JSON string.
fn json_cost(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..'\u{20}' => 6,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use mcp_protocol::Revision;
    use mcp_protocol::content::{EmbeddedResource, ResourceContents, ResourceLink};
    use mcp_protocol::tools::CallToolResult;
    use mcp_protocol::wire::ToWire as _;

    use super::*;

    #[test]
    fn bytes_are_those_of_json() {
        for text in [
            "",
            "plain",
            "\"\\\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}",
            "é日🙂",
        ] {
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(Cost::of_text(text).bytes + 2, json.len(), "{text:?}");
        }
    }

    #[test]
    fn a_block_is_as_long_as_it_counts_or_shorter() {
        let mut link = ResourceLink::new("python-executor://runs/0/x", "a \"name\"");
        link.mime_type =
            Some("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned());
        link.size = Some(1 << 40);
        link.description = Some("d".repeat(50));
        let contents = ResourceContents::text("uri", link.mime_type.clone(), "a\nb");
        for block in [
            ContentBlock::text("some\ntext"),
            ContentBlock::ResourceLink(link),
            ContentBlock::Resource(EmbeddedResource::new(contents)),
            ContentBlock::image(b"", "image/jpeg"),
        ] {
            let length = |blocks| {
                let result = CallToolResult::new(blocks).to_wire(Revision::ALL[0]);
                Value::Object(result).to_string().len()
            };
            let actual = length(vec![block.clone()]) - length(Vec::new());
            let counted = Cost::of_block(&block).bytes;
            assert!(actual <= counted, "{block:?}: {actual} counts as {counted}");
        }
    }
}
