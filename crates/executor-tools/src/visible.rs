//! Writes out what a reader of text would not see, or what would change what is seen: control characters and escape
//! sequences, directional marks, zero-width and tag characters. Nothing is dropped.

use std::fmt::Write as _;

/// Appends `c`, written out if it is not plain text.
pub(crate) fn push(text: &mut String, c: char) {
    match c {
        '\n' | '\t' => text.push(c),
        '\r' => text.push_str("\\r"),
        _ if !is_hidden(c) => text.push(c),
        _ if c.is_ascii() => push_byte(text, u8::try_from(c).unwrap_or_default()),
        // Writing to a string does not fail.
        _ => drop(write!(text, "\\u{{{:04x}}}", u32::from(c))),
    }
}

/// Appends a byte that is no text.
pub(crate) fn push_byte(text: &mut String, byte: u8) {
    // Writing to a string does not fail.
    let _ = write!(text, "\\x{byte:02x}");
}

/// `text` with everything written out, on one line and at most `max` characters long: for progress messages.
pub(crate) fn line(text: &str, max: usize) -> String {
    let mut shown = String::new();
    for (count, c) in text.trim_end().chars().enumerate() {
        if count == max {
            shown.push('…');
            break;
        }
        push(&mut shown, if c == '\n' { ' ' } else { c });
    }
    shown
}

/// `text` with everything written out; line ends stay.
pub(crate) fn all(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut shown, c));
    shown
}

/// Characters that a reader does not see, or that rearrange what stands around them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, and marks that join or separate invisibly.
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
            // Direction: Arabic letter mark, marks, embeddings, overrides, isolates.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // Zero width: space, joiners, word joiner and invisible operators, byte order mark.
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}'
            // Line and paragraph separators, which some readers take for line ends.
            | '\u{2028}' | '\u{2029}'
            // Variation selectors, but for the two that choose between text and emoji.
            | '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}'
            // Annotations, noncharacters, tags.
            | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(all(text), expected);
    }

    #[test]
    fn what_is_written_out() {
        check("plain\ttext\n", "plain\ttext\n");
        check("日本 ✔\u{fe0f} é", "日本 ✔\u{fe0f} é");
        check("\u{1b}[31mred\u{1b}[0m", r"\x1b[31mred\x1b[0m");
        check("10%\r20%\r\n", "10%\\r20%\\r\n");
        check("a\0\u{7}\u{8}\u{7f}", r"a\x00\x07\x08\x7f");
        check("\u{9b}31m", r"\u{009b}31m");
        check("\u{202e}cba\u{2066}", r"\u{202e}cba\u{2066}");
        check("a\u{200b}\u{feff}\u{e0041}", r"a\u{200b}\u{feff}\u{e0041}");
        check("\u{2028}", r"\u{2028}");
    }

    #[test]
    fn lines_for_progress() {
        assert_eq!(line("one\ntwo\n", 80), "one two");
        assert_eq!(line("abcdef", 3), "abc…");
    }
}
