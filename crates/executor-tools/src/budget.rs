//! What one result may take of its reader: text for a model's context, pictures for a message.

use executor_core::limits::{ByteSize, ResultLimits};

/// How much of a run a result shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a result is made of text and pictures"
)]
pub struct ResultBudget {
    /// All text of a result, in bytes of JSON: some four of them are a token. What is more is cut in the middle, and the
    /// whole is linked to.
    pub text: ByteSize,
    /// All pictures of a result, before they are encoded; further ones are linked to.
    pub pictures: ByteSize,
}

impl Default for ResultBudget {
    /// 96 KiB of text, which is below the 25,000 tokens that the common clients take, and 512 KiB of pictures: together
    /// with the structured form a message stays below 1 MB.
    fn default() -> Self {
        Self {
            text: ByteSize::kib(96),
            pictures: ByteSize::kib(512),
        }
    }
}

impl ResultBudget {
    /// What standard output may take, in bytes of JSON.
    pub(crate) fn stdout(&self) -> usize {
        self.whole() / 3 * 2
    }

    /// What standard error may take.
    pub(crate) fn stderr(&self) -> usize {
        self.whole() / 6
    }

    fn whole(&self) -> usize {
        usize::try_from(self.text.get()).unwrap_or(usize::MAX)
    }
}

/// What is left of a budget while a result is made.
#[derive(Debug)]
pub(crate) struct Budget {
    text: usize,
    pictures: u64,
    most_of_one: usize,
}

impl Budget {
    pub(crate) fn new(budget: &ResultBudget, limits: &ResultLimits) -> Self {
        Self {
            text: budget.whole(),
            // One picture that may be shown is shown.
            pictures: budget.pictures.get().max(limits.picture.get()),
            most_of_one: budget.whole() / 4,
        }
    }

    /// Counts text.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.text = self.text.saturating_sub(bytes);
    }

    /// Whether so much text is left.
    pub(crate) const fn fits(&self, bytes: usize) -> bool {
        bytes <= self.text
    }

    /// What the text of one display may take: a part, and never so little that it says nothing.
    pub(crate) fn display(&self) -> usize {
        self.text.min(self.most_of_one).max(LEAST)
    }

    /// Counts a picture, if there is room for it.
    pub(crate) fn take_picture(&mut self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let fits = bytes <= self.pictures;
        if fits {
            self.pictures -= bytes;
        }
        fits
    }
}

/// What even the last of many displays may say, in bytes of JSON.
const LEAST: usize = 200;
