//! The golden surface: every revision's form of one rich sample. Released revisions are frozen, so a change here is a
//! change for clients in the field.

use expect_test::{ExpectFile, expect_file};
use mcp_protocol::Revision;
use serde_json::Value;

use crate::samples;

fn check(revision: Revision, expected: &ExpectFile) {
    let mut text = String::new();
    for (name, sample) in samples::results(revision)
        .into_iter()
        .chain(samples::messages(revision))
    {
        let shown = match &sample {
            // The messages repeat the results, which stand before them.
            Value::Object(message) if message.contains_key("result") => continue,
            sample => serde_json::to_string_pretty(sample).unwrap(),
        };
        text.push_str(&format!("// {name}\n{shown}\n\n"));
    }
    expected.assert_eq(&text);
}

#[test]
fn each_revision_has_its_form() {
    check(
        Revision::V2024_11_05,
        &expect_file!["golden/2024-11-05.txt"],
    );
    check(
        Revision::V2025_03_26,
        &expect_file!["golden/2025-03-26.txt"],
    );
    check(
        Revision::V2025_06_18,
        &expect_file!["golden/2025-06-18.txt"],
    );
    check(
        Revision::V2025_11_25,
        &expect_file!["golden/2025-11-25.txt"],
    );
    check(
        Revision::V2026_07_28,
        &expect_file!["golden/2026-07-28.txt"],
    );
}
