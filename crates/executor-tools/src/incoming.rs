//! Files that come with a call: read by hand like the other arguments, so that a mistake names the file and the way out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use executor_core::files::{FileName, InputFile, MAX_INPUT_FILES};
use serde_json::{Map, Value};

use crate::arguments::kind;
use crate::visible;

/// Gives what an earlier result of the same caller linked to.
pub(crate) type Earlier<'a> = &'a (dyn Fn(&str) -> Option<Bytes> + Sync);

/// The files that the argument describes. How much they may be together is the executor's matter.
pub(crate) fn files(
    argument: Option<&Value>,
    earlier: Earlier<'_>,
) -> Result<Vec<InputFile>, String> {
    let items = match argument {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => {
            return Err(format!(
                "`files` must be an array of objects such as {EXAMPLE}, not {}",
                kind(other)
            ));
        }
    };
    if items.len() > MAX_INPUT_FILES {
        return Err(format!(
            "`files` has {} items; at most {MAX_INPUT_FILES} are taken",
            items.len()
        ));
    }
    let mut files = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let file = match item {
            Value::Object(item) => file(item, earlier),
            other => Err(format!(
                "must be an object such as {EXAMPLE}, not {}",
                kind(other)
            )),
        };
        files.push(file.map_err(|mistake| format!("`files[{at}]` {mistake}"))?);
    }
    Ok(files)
}

const EXAMPLE: &str = r#"`{"name": "data.csv", "text": "a,b\n1,2\n"}`"#;

fn file(item: &Map<String, Value>, earlier: Earlier<'_>) -> Result<InputFile, String> {
    let name = match item.get("name") {
        Some(Value::String(name)) => FileName::new(name.as_str()).map_err(|error| {
            let error = visible::line(&error.to_string(), 200);
            format!("has a wrong `name`: {error}; give a relative path such as `data/a.csv`")
        })?,
        Some(other) => {
            return Err(format!(
                "must have a string as its `name`, not {}",
                kind(other)
            ));
        }
        None => return Err("has no `name`; give one such as `data.csv`".to_owned()),
    };
    let known = ["name", "text", "base64", "uri"];
    if let Some(other) = item.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!(
            "has `{}`, which is none of `name`, `text`, `base64`, `uri`",
            visible::line(other, 40).replace('`', "'")
        ));
    }
    let mut given = ["text", "base64", "uri"]
        .into_iter()
        .filter_map(|key| Some((key, item.get(key)?)))
        .filter(|(_, value)| !value.is_null());
    let (Some((key, value)), None) = (given.next(), given.next()) else {
        return Err("must have exactly one of `text`, `base64` and `uri`".to_owned());
    };
    let Value::String(value) = value else {
        return Err(format!(
            "must have a string as its `{key}`, not {}",
            kind(value)
        ));
    };
    let bytes = match key {
        "text" => Bytes::from(value.clone()),
        "base64" => {
            let compact: String = value.split_ascii_whitespace().collect();
            let decoded = STANDARD.decode(compact).map_err(|error| {
                format!("has a `base64` that is not standard base64 with padding: {error}")
            })?;
            Bytes::from(decoded)
        }
        _ => earlier(value).ok_or_else(|| {
            format!(
                "names `{}`, which is not there (any more); give a `uri` of a recent result of this tool, or the content itself",
                visible::line(value, 100).replace('`', "'")
            )
        })?,
    };
    Ok(InputFile::new(name, bytes))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(argument: &Value, expected: &Expect) {
        let earlier = |uri: &str| (uri == "x://1").then(|| Bytes::from_static(b"old"));
        let shown = match files(Some(argument), &earlier) {
            Ok(files) => files
                .iter()
                .map(|file| format!("{}: {:?}", file.name, file.bytes))
                .collect::<Vec<_>>()
                .join("\n"),
            Err(text) => text,
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn files_in_three_forms() {
        check(&json!([]), &expect![""]);
        check(
            &json!([
                {"name": "a.csv", "text": "a,é\n"},
                {"name": "d/b.bin", "base64": "AA\nEC", "text": null},
                {"name": "c", "uri": "x://1"},
            ]),
            &expect![[r#"
                a.csv: b"a,\xc3\xa9\n"
                d/b.bin: b"\0\x01\x02"
                c: b"old""#]],
        );
    }

    #[test]
    fn mistakes() {
        check(
            &json!({"a.csv": "x"}),
            &expect![[
                r#"`files` must be an array of objects such as `{"name": "data.csv", "text": "a,b\n1,2\n"}`, not an object"#
            ]],
        );
        check(
            &json!(["a.csv"]),
            &expect![[
                r#"`files[0]` must be an object such as `{"name": "data.csv", "text": "a,b\n1,2\n"}`, not a string"#
            ]],
        );
        check(
            &json!([{"text": "x"}]),
            &expect!["`files[0]` has no `name`; give one such as `data.csv`"],
        );
        check(
            &json!([{"name": "../x", "text": "x"}]),
            &expect![
                "`files[0]` has a wrong `name`: `../x` is not a file's name: a part of it is `.` or `..`; give a relative path such as `data/a.csv`"
            ],
        );
        check(
            &json!([{"name": "x"}]),
            &expect!["`files[0]` must have exactly one of `text`, `base64` and `uri`"],
        );
        check(
            &json!([{"name": "x", "text": "", "uri": "x://1"}]),
            &expect!["`files[0]` must have exactly one of `text`, `base64` and `uri`"],
        );
        check(
            &json!([{"name": "x", "text": 1}]),
            &expect!["`files[0]` must have a string as its `text`, not a number"],
        );
        check(
            &json!([{"name": "x", "content": "1"}]),
            &expect!["`files[0]` has `content`, which is none of `name`, `text`, `base64`, `uri`"],
        );
        check(
            &json!([{"name": "x", "uri": "x://2"}]),
            &expect![
                "`files[0]` names `x://2`, which is not there (any more); give a `uri` of a recent result of this tool, or the content itself"
            ],
        );
        let many = vec![json!({"name": "x", "text": ""}); 65];
        check(
            &Value::Array(many),
            &expect!["`files` has 65 items; at most 64 are taken"],
        );
        assert!(files(Some(&json!([{"name": "x", "base64": "!"}])), &|_| None).is_err());
    }
}
