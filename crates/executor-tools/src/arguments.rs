//! Reads the arguments of a call, by hand, so that a mistake is answered with the field, the bound and the way out.

use std::time::Duration;

use executor_core::ExecutionRequest;
use executor_core::limits::{MAX_PROGRAM, WallTime};
use executor_core::modules::{ModuleError, ModuleSet};
use serde_json::{Map, Value};

use crate::facts::Facts;
use crate::incoming::{self, Earlier};
use crate::visible;

/// The names of the arguments.
const CODE: &str = "code";
const MODULES: &str = "modules";
const TIMEOUT: &str = "timeout_seconds";
const STDIN: &str = "stdin";
const FILES: &str = "files";
const KNOWN: [&str; 5] = [CODE, MODULES, TIMEOUT, STDIN, FILES];

/// The request that `arguments` describe, or a text that says everything that is wrong with them. `earlier` gives what
/// earlier results of the same caller linked to.
pub(crate) fn decode(
    arguments: &Map<String, Value>,
    facts: &Facts,
    earlier: Earlier<'_>,
) -> Result<ExecutionRequest, String> {
    let code = code(arguments);
    let modules = modules(arguments);
    let timeout = timeout(arguments, facts);
    let stdin = stdin(arguments);
    let files = incoming::files(arguments.get(FILES), earlier);
    let unknown = unknown(arguments);
    match (code, modules, timeout, stdin, files, unknown) {
        (Ok(code), Ok(modules), Ok(timeout), Ok(stdin), Ok(files), None) => {
            let request = ExecutionRequest::new(code)
                .with_modules(modules)
                .with_stdin(stdin)
                .with_files(files);
            Ok(match timeout {
                Some(timeout) => request.with_timeout(timeout),
                None => request,
            })
        }
        (code, modules, timeout, stdin, files, unknown) => {
            let mistakes = [
                code.err(),
                modules.err(),
                timeout.err(),
                stdin.err(),
                files.err(),
                unknown,
            ];
            Err(mistakes
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("\n"))
        }
    }
}

fn code(arguments: &Map<String, Value>) -> Result<String, String> {
    let code = match arguments.get(CODE) {
        None | Some(Value::Null) => {
            return Err(
                "`code` is missing; give the program's text, such as `print(2 + 2)`".to_owned(),
            );
        }
        Some(Value::String(code)) => code,
        Some(other) => {
            return Err(format!(
                "`code` must be a string with the program's text, not {}",
                kind(other)
            ));
        }
    };
    if u64::try_from(code.len()).is_ok_and(|bytes| bytes > MAX_PROGRAM.get()) {
        return Err(format!(
            "`code` has {} bytes; the limit is {MAX_PROGRAM}; let the program fetch or make its data instead of carrying it",
            code.len()
        ));
    }
    match code.find('\0') {
        Some(at) => Err(format!(
            "`code` has a NUL character at byte {at}, which Python refuses; write `\\0` inside a literal"
        )),
        None => Ok(code.clone()),
    }
}

fn stdin(arguments: &Map<String, Value>) -> Result<String, String> {
    match arguments.get(STDIN) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!(
            "`stdin` must be a string, which the program reads from standard input, not {}",
            kind(other)
        )),
    }
}

fn modules(arguments: &Map<String, Value>) -> Result<ModuleSet, String> {
    let parsed = match arguments.get(MODULES) {
        None | Some(Value::Null) => return Ok(ModuleSet::default()),
        Some(Value::String(text)) => ModuleSet::parse(text),
        Some(Value::Array(items)) => {
            if let Some((at, other)) = items.iter().enumerate().find(|(_, item)| !item.is_string())
            {
                return Err(format!(
                    "`modules[{at}]` must be a string, not {}",
                    kind(other)
                ));
            }
            ModuleSet::parse_list(items.iter().filter_map(Value::as_str))
        }
        Some(other) => {
            return Err(format!(
                "`modules` must be a string of names separated by commas, or an array of strings, not {}",
                kind(other)
            ));
        }
    };
    parsed.map_err(|error: ModuleError| format!("{error}; {}", error.hint()))
}

fn timeout(arguments: &Map<String, Value>, facts: &Facts) -> Result<Option<WallTime>, String> {
    let (least, most, default) = (
        least_seconds(),
        facts.max_seconds(),
        facts.default_seconds(),
    );
    let number = match arguments.get(TIMEOUT) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(other) => {
            return Err(format!(
                "`timeout_seconds` must be a number from {least} to {most}, not {}; left out it is {default}",
                kind(other)
            ));
        }
    };
    let wall_time = number
        .as_f64()
        .filter(|seconds| *seconds <= most)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .and_then(|time| WallTime::new(time).ok());
    match wall_time {
        Some(time) => Ok(Some(time)),
        None => Err(format!(
            "`timeout_seconds` of {} is out of bounds: it must be from {least} to {most}; left out it is {default}",
            visible::line(&number.to_string(), 40)
        )),
    }
}

fn least_seconds() -> f64 {
    WallTime::FLOOR.get().as_secs_f64()
}

/// Names that the tool does not know, with the nearest one that it does.
fn unknown(arguments: &Map<String, Value>) -> Option<String> {
    let mut names = arguments
        .keys()
        .filter(|name| !KNOWN.contains(&name.as_str()));
    let name = names.next()?;
    let more = match names.count() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    let nearest = KNOWN
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, &short(name)), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2)
        .map_or_else(|| meant(name), |(_, known)| Some(*known));
    let way_out = match nearest {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("there are `{}`", KNOWN.join("`, `")),
    };
    Some(format!(
        "`{}` is not an argument of this tool{more}; {way_out}",
        visible::line(name, 40).replace('`', "'")
    ))
}

/// Other words for the same things.
fn meant(name: &str) -> Option<&'static str> {
    match name {
        "script" | "source" | "program" | "python" => Some(CODE),
        "input" => Some(STDIN),
        "attachments" | "inputs" => Some(FILES),
        "packages" | "requirements" | "dependencies" | "deps" | "libraries" | "pip" => {
            Some(MODULES)
        }
        "timeout" | "timeout_s" | "timeout_ms" | "time_limit" | "max_seconds" => Some(TIMEOUT),
        _ => None,
    }
}

/// Enough of a foreign name to compare it.
fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

/// What a JSON value is, with its article.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn read(arguments: Value) -> Result<ExecutionRequest, String> {
        let Value::Object(arguments) = arguments else {
            panic!("an object")
        };
        decode(&arguments, &Facts::sample(), &|_| None)
    }

    #[track_caller]
    fn check(arguments: Value, expected: &Expect) {
        let shown = match read(arguments) {
            Ok(request) => format!(
                "{:?} {:?} {:?}",
                request.program,
                request
                    .modules
                    .requirements()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
                request.timeout.map(|time| time.to_string()),
            ),
            Err(text) => text,
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn requests() {
        check(
            json!({"code": "print(1)"}),
            &expect![[r#"b"print(1)" [] None"#]],
        );
        check(
            json!({"code": "", "modules": "numpy, pandas>=2,<3", "timeout_seconds": 5}),
            &expect![[r#"b"" ["numpy", "pandas<3,>=2"] Some("5 s")"#]],
        );
        check(
            json!({"code": "x", "modules": ["numpy", "a, b"], "timeout_seconds": 0.5}),
            &expect![[r#"b"x" ["numpy", "a", "b"] Some("0.5 s")"#]],
        );
        check(
            json!({"code": "x", "modules": null, "timeout_seconds": null}),
            &expect![[r#"b"x" [] None"#]],
        );
        check(
            json!({"code": "x", "timeout_seconds": 600.0}),
            &expect![[r#"b"x" [] Some("600 s")"#]],
        );
    }

    #[test]
    fn mistakes() {
        check(
            json!({}),
            &expect!["`code` is missing; give the program's text, such as `print(2 + 2)`"],
        );
        check(
            json!({"code": 7}),
            &expect!["`code` must be a string with the program's text, not a number"],
        );
        check(
            json!({"code": "a\0b"}),
            &expect![[
                r"`code` has a NUL character at byte 1, which Python refuses; write `\0` inside a literal"
            ]],
        );
        check(
            json!({"code": "#".repeat((1 << 20) + 1)}),
            &expect![
                "`code` has 1048577 bytes; the limit is 1 MiB; let the program fetch or make its data instead of carrying it"
            ],
        );
        assert!(read(json!({"code": "#".repeat(1 << 20)})).is_ok());
        check(
            json!({"code": "x", "modules": {"numpy": 1}}),
            &expect![[
                "`modules` must be a string of names separated by commas, or an array of strings, not an object"
            ]],
        );
        check(
            json!({"code": "x", "modules": ["numpy", 3]}),
            &expect!["`modules[1]` must be a string, not a number"],
        );
        check(
            json!({"code": "x", "modules": "-r x"}),
            &expect![
                "module `-r x` was refused: options of the installer are not accepted; a module is a name from the package index with optional extras and version bounds, such as `numpy`, `requests[socks]` or `pandas>=2,<3`"
            ],
        );
        check(
            json!({"script": "x", "x\u{202e}": 1}),
            &expect![[r#"
            `code` is missing; give the program's text, such as `print(2 + 2)`
            `script` is not an argument of this tool (and 1 more); did you mean `code`?"#]],
        );
        check(
            json!({"Code": "x", "module": "numpy"}),
            &expect![[r#"
            `code` is missing; give the program's text, such as `print(2 + 2)`
            `Code` is not an argument of this tool (and 1 more); did you mean `code`?"#]],
        );
        check(
            json!({"code": "x", "packages": "numpy"}),
            &expect!["`packages` is not an argument of this tool; did you mean `modules`?"],
        );
        check(
            json!({"code": "x", "frobnicate": 1}),
            &expect![
                "`frobnicate` is not an argument of this tool; there are `code`, `modules`, `timeout_seconds`, `stdin`, `files`"
            ],
        );
    }

    #[test]
    fn times_out_of_bounds() {
        check(
            json!({"code": "x", "timeout_seconds": "30"}),
            &expect![
                "`timeout_seconds` must be a number from 0.001 to 600, not a string; left out it is 60"
            ],
        );
        for given in [
            json!(0),
            json!(-1),
            json!(601),
            json!(600.001),
            json!(1e18),
            json!(1e-9),
            json!(u64::MAX),
            json!(f64::MIN_POSITIVE),
        ] {
            let text =
                read(json!({"code": "x", "timeout_seconds": given})).expect_err("out of bounds");
            assert_eq!(
                text,
                format!(
                    "`timeout_seconds` of {given} is out of bounds: it must be from 0.001 to 600; left out it is 60"
                )
            );
        }
    }
}
