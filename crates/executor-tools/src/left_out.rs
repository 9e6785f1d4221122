//! What a program left and nobody returns, in sentences: which limit it was, and what to do.

use executor_core::files::{LeftOut, LeftOutReason};
use executor_core::limits::ResultLimits;

use crate::visible;

/// How many of what was left out are named.
const NAMED: usize = 8;

/// One sentence each, and the limit with the first that it left out.
pub(crate) fn sentences(left_out: &[LeftOut], more: u64, limits: &ResultLimits) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut explained = Vec::new();
    for one in left_out.iter().take(NAMED) {
        let name = visible::line(&one.name, 80).replace('`', "'");
        let mut sentence = format!("`{name}` was not returned: {}", one.reason);
        if !explained.contains(&one.reason) {
            explained.push(one.reason);
            if let Some(limit) = limit(one.reason, limits) {
                sentence.push_str("; ");
                sentence.push_str(&limit);
            }
        }
        sentences.push(sentence);
    }
    let unnamed = left_out.len().saturating_sub(NAMED);
    let more = more.saturating_add(u64::try_from(unnamed).unwrap_or(u64::MAX));
    if more > 0 {
        sentences.push(format!("{more} more files or displays were not returned"));
    }
    sentences
}

/// The limit behind a reason, and the way around it. None of these can be set by an operator.
fn limit(reason: LeftOutReason, limits: &ResultLimits) -> Option<String> {
    let ResultLimits {
        displays,
        files,
        item,
        total,
        ..
    } = limits;
    Some(match reason {
        LeftOutReason::Size => {
            format!("a file or display may have {item}; leave smaller ones")
        }
        LeftOutReason::Total => {
            format!(
                "all files and displays may have {total} together; leave the rest in another call"
            )
        }
        LeftOutReason::Count => format!(
            "{files} files and {displays} displays are returned; pack many files into one archive"
        ),
        LeftOutReason::Link => "copy what it leads to".to_owned(),
        LeftOutReason::Depth => {
            "files are returned from up to eight directories below the working directory".to_owned()
        }
        LeftOutReason::Name => {
            "a name has at most 512 bytes, no control characters and no backslash".to_owned()
        }
        LeftOutReason::Time => {
            "20 s after the program's end everything must have been read; leave less".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_limit_is_named_once_with_its_number() {
        let of = |name: &str, reason| LeftOut::new(name, reason);
        let left_out = [
            of("a", LeftOutReason::Size),
            of("b`\n", LeftOutReason::Size),
            of("c", LeftOutReason::Total),
            of("d", LeftOutReason::Count),
            of("e", LeftOutReason::Link),
            of("f", LeftOutReason::Special),
            of("g", LeftOutReason::Depth),
            of("h", LeftOutReason::Name),
            of("i", LeftOutReason::Time),
        ];
        let said = sentences(&left_out, 3, &ResultLimits::default());
        expect![[r#"
            `a` was not returned: too large; a file or display may have 16 MiB; leave smaller ones
            `b'` was not returned: too large
            `c` was not returned: too much together with the others; all files and displays may have 32 MiB together; leave the rest in another call
            `d` was not returned: too many; 100 files and 64 displays are returned; pack many files into one archive
            `e` was not returned: a symbolic link; copy what it leads to
            `f` was not returned: not a regular file
            `g` was not returned: too deep; files are returned from up to eight directories below the working directory
            `h` was not returned: a name that cannot be given on; a name has at most 512 bytes, no control characters and no backslash
            4 more files or displays were not returned"#]]
        .assert_eq(&said.join("\n"));
    }
}
