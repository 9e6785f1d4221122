//! About how many tokens a text is to a model, without any model's vocabulary: rather too many than too few.
//!
//! Bytes say little about tokens: four bytes of prose are about one, but a byte of digits, base64 or punctuation is nearly
//! one by itself. So what a tokenizer would make one token of most often is counted by its kind: words by their length,
//! digits by twos, mixed letters and digits and every mark by the character, scripts by what they cost where they cost
//! most. The weights were measured with the vocabularies `o200k_base` and `cl100k_base`; the tests hold them against both.

/// Counts a text as it is pushed, character by character. Copies are cheap and count on from where they were made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tokens {
    /// Of everything before the word that is open.
    closed: usize,
    word: Word,
    last: Option<char>,
}

/// The unit of all counts: hundredths of a token.
pub(crate) const TOKEN: usize = 100;

/// Letters and digits without anything between them.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    chars: usize,
    /// Pieces of one kind: `HTTPServer2` has `HTTPServer` and `2`.
    parts: usize,
    /// Of all pieces but the open one.
    closed: usize,
    part: Part,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    capitals: usize,
    small: usize,
    digits: usize,
    /// For letters beyond ASCII.
    foreign: usize,
}

/// What a character is to a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Capital,
    Small,
    Digit,
    Blank,
    LineEnd,
    Mark,
    /// Written out in six characters, in JSON.
    Control,
    /// A character that costs as much by itself.
    Other(usize),
}

impl Tokens {
    /// Of a whole text.
    pub(crate) fn of(text: &str) -> usize {
        let mut tokens = Self::default();
        tokens.extend(text);
        tokens.count()
    }

    pub(crate) fn extend(&mut self, text: &str) {
        text.chars().for_each(|c| self.push(c));
    }

    pub(crate) fn push(&mut self, c: char) {
        let kind = kind(c);
        match kind {
            Kind::Capital | Kind::Small | Kind::Digit => {
                if self.word.chars == 0 && kind == Kind::Digit && self.last == Some(' ') {
                    // A blank becomes one with the word behind it, but not with a number.
                    self.closed += TOKEN - BLANK;
                }
                self.word.push(kind, c);
            }
            Kind::Blank | Kind::LineEnd | Kind::Mark | Kind::Control | Kind::Other(_) => {
                self.closed += self.word.count() + self.single(kind, c);
                self.word = Word::default();
            }
        }
        self.last = Some(c);
    }

    /// So far, in hundredths of a token.
    pub(crate) fn count(&self) -> usize {
        self.closed + self.word.count()
    }

    /// A character that belongs to no word. What is repeated is one token in many cases.
    fn single(&self, kind: Kind, c: char) -> usize {
        let again = self.last == Some(c);
        match (kind, self.last.map(self::kind)) {
            (Kind::Blank, Some(Kind::Blank)) if again => 8,
            (Kind::Blank, _) if c == ' ' => BLANK,
            (Kind::LineEnd, _) if again => 30,
            (Kind::Mark, _) if again => 35,
            (Kind::Mark, Some(Kind::Mark)) => 85,
            (Kind::Control, _) => 450,
            (Kind::Other(weight), _) if again => weight / 2,
            (Kind::Other(weight), _) => weight,
            _ => TOKEN,
        }
    }
}

/// A blank before a word.
const BLANK: usize = 10;

impl Word {
    fn push(&mut self, kind: Kind, c: char) {
        let part = self.part;
        let begins = self.chars == 0
            || match kind {
                Kind::Capital => part.small > 0 || part.digits > 0,
                Kind::Small => part.digits > 0,
                _ => part.digits == 0,
            };
        if begins {
            self.closed += part.count();
            self.part = Part::default();
            self.parts += 1;
        }
        self.chars += 1;
        let part = &mut self.part;
        match kind {
            Kind::Capital => part.capitals += 1,
            Kind::Small => part.small += 1,
            _ => part.digits += 1,
        }
        if !c.is_ascii() {
            part.foreign += if c < '\u{100}' { FOREIGN } else { RARE };
        }
    }

    fn count(&self) -> usize {
        let natural = self.closed + self.part.count();
        // Hexadecimal digits, base64 and passwords change their kind all the time, names of any style do not.
        let is_mixed = self.chars >= 6 && 2 * self.chars < 7 * self.parts;
        if is_mixed {
            natural.max(MIXED * self.chars)
        } else {
            natural
        }
    }
}

/// A character of a word that is none.
const MIXED: usize = 82;

/// What a letter with an accent costs besides: one of western Europe, and any other.
const FOREIGN: usize = 70;
const RARE: usize = 180;

impl Part {
    fn count(self) -> usize {
        let digits = self.digits.div_ceil(2) * TOKEN;
        let letters = match (self.capitals, self.small) {
            (0, 0) => 0,
            (0 | 1, small) => word(self.capitals + small),
            (capitals, 0) => shout(capitals),
            (capitals, small) => shout(capitals) + word(small),
        };
        digits + letters + self.foreign
    }
}

/// A word in small letters, perhaps with a capital.
fn word(letters: usize) -> usize {
    match letters {
        0..=3 => 100,
        4..=7 => 125,
        8..=11 => 180,
        // No language that counts here has many of them.
        more => 180 + (more - 11) * 70,
    }
}

/// Capitals.
fn shout(letters: usize) -> usize {
    match letters {
        0..=2 => 100,
        3..=6 => 100 + (letters - 2) * 35,
        more => 240 + (more - 6) * 66,
    }
}

fn kind(c: char) -> Kind {
    match c {
        'a'..='z' => Kind::Small,
        'A'..='Z' => Kind::Capital,
        '0'..='9' => Kind::Digit,
        '\n' | '\r' => Kind::LineEnd,
        ' ' | '\t' => Kind::Blank,
        '\0'..'\u{20}' => Kind::Control,
        ..='\u{7f}' => Kind::Mark,
        // Latin letters with accents are parts of words.
        '\u{c0}'..='\u{24f}' if c.is_uppercase() => Kind::Capital,
        '\u{c0}'..='\u{24f}' => Kind::Small,
        // Cyrillic.
        '\u{400}'..='\u{52f}' => Kind::Other(65),
        // Greek, Armenian, Hebrew, Arabic.
        '\u{250}'..='\u{7ff}' => Kind::Other(125),
        // Kana.
        '\u{3040}'..='\u{30ff}' => Kind::Other(115),
        // The common Chinese characters, and the syllables of Korean.
        '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => Kind::Other(170),
        _ if c.len_utf8() == 2 => Kind::Other(130),
        _ if c.len_utf8() == 3 => Kind::Other(220),
        _ => Kind::Other(330),
    }
}

#[cfg(test)]
mod tests;
