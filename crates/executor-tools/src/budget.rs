//! What one result may take of its reader: text for a model's context, pictures for a message.
//!
//! A result has two forms, of which clients give a model one or both. Each form has a budget of its own, in bytes of JSON
//! and in tokens; whichever is used up first counts. What is named is paid for before what is shown of it, so that a long
//! output hides no file.

use executor_core::limits::{ByteSize, ResultLimits};

use crate::cost::Cost;

/// How much of a run a result shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a result is made of text and pictures"
)]
pub struct ResultBudget {
    /// All text of a result with its links, in bytes of JSON. What is more is cut in the middle, and the whole is linked
    /// to. The structured form may have half as much again.
    pub text: ByteSize,
    /// The same in tokens, of each of the two forms: an estimate that is rather too high, for digits, encodings and
    /// scripts that take many tokens as well.
    pub tokens: u64,
    /// All pictures of a result, before they are encoded; further ones are linked to.
    pub pictures: ByteSize,
}

impl Default for ResultBudget {
    /// 96 KiB of text and 20,000 tokens: the common clients take 25,000, by vocabularies that differ by some percent. And
    /// 512 KiB of pictures: together with the structured form a message stays below 1 MB.
    fn default() -> Self {
        Self {
            text: ByteSize::kib(96),
            tokens: 20_000,
            pictures: ByteSize::kib(512),
        }
    }
}

impl ResultBudget {
    /// The longest that a result can be with it, in bytes of JSON.
    #[must_use]
    pub fn longest(&self, limits: &ResultLimits) -> u64 {
        let pictures = self.pictures.get().max(limits.picture.get());
        // Base64 makes four bytes of three.
        let pictures = pictures.div_ceil(3).saturating_mul(4);
        let text = self.text.get().saturating_mul(5) / 2;
        pictures.saturating_add(text).saturating_add(FRAME)
    }

    /// All text of a form.
    fn whole(&self) -> Cost {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Cost::of(number(self.text.get()), number(self.tokens))
    }

    /// What we say ourselves: how the program ended, hints, notes.
    pub(crate) fn own(&self) -> Cost {
        self.whole().part(1, 12).max(LEAST_OWN)
    }

    /// What the structured form may take, without our own words.
    pub(crate) fn structured(&self) -> Cost {
        let whole = self.whole();
        let longer = Cost {
            bytes: whole.bytes / 2 * 3,
            ..whole
        };
        longer.without(self.own())
    }

    /// What standard output and standard error may take, in this order, where there is room for so much.
    pub(crate) fn outputs(&self, room: Cost) -> (Cost, Cost) {
        let whole = self.whole();
        let stdout = whole.part(2, 3).min(room.part(4, 5));
        let stderr = whole.part(1, 6).min(room.part(1, 5));
        (stdout, stderr)
    }
}

/// What a message has besides: numbers, what was installed and by whom it was served.
const FRAME: u64 = 16 * 1024;

/// How a program ended and what to do about it is said in any case.
const LEAST_OWN: Cost = Cost::of(2048, 500);

/// What displays and files that are still to come take at least.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Coming {
    /// Their links, which are more than anything.
    pub(crate) links: Cost,
    /// The beginnings of their texts.
    pub(crate) texts: Cost,
}

impl Coming {
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            links: self.links.and(other.links),
            texts: self.texts.and(other.texts),
        }
    }
}

/// What is left of the text form while a result is made.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cost,
    /// For what is still to come, so that the first of many displays does not take the place of the last.
    reserved: Coming,
    most_of_one: Cost,
    pictures: u64,
}

impl Budget {
    /// With displays and files to come that take so much at least.
    pub(crate) fn new(budget: &ResultBudget, limits: &ResultLimits, coming: Coming) -> Self {
        let whole = budget.whole();
        let links = coming.links.min(whole.part(1, 2));
        let texts = coming.texts.min(whole.part(1, 2).without(links));
        Self {
            left: whole.without(budget.own()),
            reserved: Coming { links, texts },
            most_of_one: whole.part(1, 4),
            // One picture that may be shown is shown.
            pictures: budget.pictures.get().max(limits.picture.get()),
        }
    }

    /// What is left for things that are not expected.
    pub(crate) const fn room(&self) -> Cost {
        let Coming { links, texts } = self.reserved;
        self.left.without(links).without(texts)
    }

    /// What was expected has come: what was kept for it is there to be taken.
    pub(crate) const fn begin(&mut self, expected: Coming) {
        let Coming { links, texts } = self.reserved;
        self.reserved = Coming {
            links: links.without(expected.links),
            texts: texts.without(expected.texts),
        };
    }

    /// Counts what is there already.
    pub(crate) const fn spend(&mut self, cost: Cost) {
        self.left = self.left.without(cost);
    }

    /// Counts something, if there is room for it.
    pub(crate) fn take(&mut self, cost: Cost) -> bool {
        self.left.take(cost)
    }

    /// What the text of one display may take, beside links that take so much.
    pub(crate) fn display(&self, links: Cost) -> Cost {
        self.room().without(links).min(self.most_of_one)
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

/// A text of which less is shown says nothing.
pub(crate) const LEAST_TEXT: Cost = Cost::of(240, 100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_below_what_clients_take() {
        let (budget, limits) = (ResultBudget::default(), ResultLimits::default());
        assert!(budget.tokens < 25_000);
        let longest = budget.longest(&limits);
        assert!(longest < 1_000_000, "{longest}");
    }

    #[test]
    fn much_that_is_to_come_leaves_the_outputs_less() {
        let (budget, limits) = (ResultBudget::default(), ResultLimits::default());
        let outputs = |coming| budget.outputs(Budget::new(&budget, &limits, coming).room());
        let (stdout, stderr) = outputs(Coming::default());
        assert_eq!((stdout.bytes, stderr.bytes), (64 * 1024, 16 * 1024));
        assert_eq!((stdout.tokens, stderr.tokens), (1_333_332, 333_333));
        let (stdout, stderr) = outputs(Coming {
            links: Cost::of(1 << 20, 1 << 20),
            texts: Cost::default(),
        });
        assert!(
            stdout.bytes >= 24 * 1024 && stderr.bytes >= 6 * 1024,
            "{stdout:?} {stderr:?}"
        );
    }
}
