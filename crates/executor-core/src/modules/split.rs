//! Splits the comma-separated text of `modules` into entries. It knows brackets and version operators, nothing else.

/// The entries of `text`, trimmed, in order; empty ones are kept, so that the caller can name them.
///
/// A comma separates two entries unless it stands inside `[]` or `()`, or the next thing after it is a version
/// operator: `pandas>=2,<3, numpy` is two entries.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 && !continues(text.get(at + 1..).unwrap_or_default()) => {
                entries.push(text.get(start..at).unwrap_or_default().trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    entries.push(text.get(start..).unwrap_or_default().trim_ascii());
    entries
}

/// Whether what follows a comma is a further version bound of the same requirement.
fn continues(rest: &str) -> bool {
    rest.trim_ascii_start()
        .starts_with(['<', '>', '=', '!', '~'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::split;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(split(text), expected, "{text}");
    }

    #[test]
    fn commas() {
        check("", &[""]);
        check("numpy", &["numpy"]);
        check(" numpy ,pandas", &["numpy", "pandas"]);
        check("pandas>=2,<3, numpy", &["pandas>=2,<3", "numpy"]);
        check("pandas >=2 , <3 ,numpy", &["pandas >=2 , <3", "numpy"]);
        check("a!=1,!=2,~=3,==3.*,b", &["a!=1,!=2,~=3,==3.*", "b"]);
        check("requests[socks,security]", &["requests[socks,security]"]);
        check("foo (>=1,<2), bar", &["foo (>=1,<2)", "bar"]);
        check("a,,b,", &["a", "", "b", ""]);
        check("a],b", &["a]", "b"]);
        check("a[,b", &["a[,b"]);
    }

    proptest! {
        #[test]
        fn joining_what_was_split_gives_the_text_back(text in ".{0,200}") {
            let squeeze = |text: &str| text.split_ascii_whitespace().collect::<String>();
            let joined = split(&text).join(",");
            prop_assert_eq!(squeeze(&joined), squeeze(&text));
        }

        #[test]
        fn splitting_what_was_joined_gives_the_names_back(names in proptest::collection::vec("[a-z][a-z0-9]{0,8}(\\[x,y\\])?(>=1,<2)?", 1..20)) {
            let text = names.join(", ");
            prop_assert_eq!(split(&text), names);
        }
    }
}
