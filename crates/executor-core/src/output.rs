//! What is kept of a stream that may be endless: its head, its tail, and an honest count.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::limits::ByteSize;

/// One of the two streams that a program prints on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a process has these two")]
pub enum OutputStream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// The kept part of one output stream.
///
/// When nothing was cut, [`head`](Self::head) is all of it and [`tail`](Self::tail) is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: Vec<u8>,
    total: u64,
}

impl Captured {
    /// The first bytes.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The last bytes, if some between head and tail were cut.
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// How many bytes the program printed in all, as far as they reached us.
    #[must_use]
    pub const fn total_bytes(&self) -> u64 {
        self.total
    }

    /// How many bytes between head and tail are not kept.
    #[must_use]
    pub fn omitted_bytes(&self) -> u64 {
        self.total
            .saturating_sub(count(&self.head))
            .saturating_sub(count(&self.tail))
    }

    /// Whether something was cut.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.omitted_bytes() > 0
    }

    /// Whether nothing was printed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Head and tail as they are, one after the other; without a mark between them.
    #[must_use]
    pub fn to_bytes(&self) -> Cow<'_, [u8]> {
        if self.tail.is_empty() {
            return Cow::Borrowed(&self.head);
        }
        let mut bytes = Vec::with_capacity(self.head.len().saturating_add(self.tail.len()));
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(&self.tail);
        Cow::Owned(bytes)
    }
}

/// For tests and for whoever has the whole output already.
impl From<Vec<u8>> for Captured {
    fn from(bytes: Vec<u8>) -> Self {
        let total = count(&bytes);
        Self {
            head: bytes,
            tail: Vec::new(),
            total,
        }
    }
}

/// Takes bytes as they come and keeps at most a given number of them.
#[derive(Debug)]
pub struct Keeper {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_bound: usize,
    tail_bound: usize,
    total: u64,
}

impl Keeper {
    /// A keeper of at most `kept` bytes: the first half from the head, the rest from the tail.
    #[must_use]
    pub fn new(kept: ByteSize) -> Self {
        let kept = usize::try_from(kept.get()).unwrap_or(usize::MAX);
        let head_bound = kept.div_ceil(2);
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            head_bound,
            tail_bound: kept.saturating_sub(head_bound),
            total: 0,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(count(bytes));
        let room = self
            .head_bound
            .saturating_sub(self.head.len())
            .min(bytes.len());
        let (to_head, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(to_head);
        // Of a chunk longer than the tail only its end can survive.
        let skip = rest.len().saturating_sub(self.tail_bound);
        let rest = rest.get(skip..).unwrap_or_default();
        let excess = self
            .tail
            .len()
            .saturating_add(rest.len())
            .saturating_sub(self.tail_bound);
        self.tail.drain(..excess.min(self.tail.len()));
        self.tail.extend(rest);
    }

    /// How many bytes were taken so far.
    #[must_use]
    pub const fn total_bytes(&self) -> u64 {
        self.total
    }

    /// What was kept.
    #[must_use]
    pub fn finish(self) -> Captured {
        let mut captured = Captured {
            head: self.head,
            tail: self.tail.into(),
            total: self.total,
        };
        // Nothing between the two: they are one piece.
        if captured.omitted_bytes() == 0 {
            captured.head.append(&mut captured.tail);
        }
        captured
    }
}

fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keep(kept: u64, chunks: &[&[u8]]) -> Captured {
        let mut keeper = Keeper::new(ByteSize::bytes(kept));
        for chunk in chunks {
            keeper.push(chunk);
        }
        keeper.finish()
    }

    #[test]
    fn what_fits_is_kept_whole() {
        let all = keep(8, &[b"abc", b"", b"defgh"]);
        assert_eq!((all.head(), all.tail()), (&b"abcdefgh"[..], &b""[..]));
        assert!(!all.is_truncated());
    }

    #[test]
    fn one_byte_too_many_is_counted() {
        let cut = keep(8, &[b"abcdefghi"]);
        assert_eq!((cut.head(), cut.tail()), (&b"abcd"[..], &b"fghi"[..]));
        assert_eq!((cut.omitted_bytes(), cut.total_bytes()), (1, 9));
    }

    proptest! {
        #[test]
        fn head_and_tail_are_the_ends_of_what_came(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
            kept in 0_u64..40,
        ) {
            let refs: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let whole = chunks.concat();
            let captured = keep(kept, &refs);
            prop_assert!(whole.starts_with(captured.head()));
            prop_assert!(whole.ends_with(captured.tail()));
            prop_assert_eq!(captured.total_bytes(), whole.len() as u64);
            let kept_bytes = (captured.head().len() + captured.tail().len()) as u64;
            prop_assert_eq!(kept_bytes, kept.min(whole.len() as u64));
            prop_assert_eq!(captured.omitted_bytes(), whole.len() as u64 - kept_bytes);
        }
    }
}
