//! The tool as clients list it: name, description for a model, schemas, hints.

use executor_core::files::MAX_INPUT_FILES;
use mcp_protocol::tools::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::facts::{Facts, Reach};
use crate::structured;

/// The tool's name.
pub(crate) const NAME: &str = "execute-python";

/// The entry in `tools/list`.
pub(crate) fn definition(facts: &Facts) -> Tool {
    let hints = ToolAnnotations::new()
        .read_only(false)
        .destructive(false)
        .idempotent(false)
        .open_world(true);
    Tool::new(NAME, input_schema(facts))
        .with_title("Execute Python")
        .with_description(description(facts))
        .with_output_schema(structured::schema())
        .with_annotations(hints)
}

/// What a model has to know to write a program that works at the first try.
fn description(facts: &Facts) -> String {
    let network = match &facts.reach {
        Reach::Nothing => "The program has no network; modules are still installed.".to_owned(),
        Reach::Public => "The program reaches public HTTP and HTTPS hosts through a proxy that its environment names; \
             private addresses are refused."
            .to_owned(),
        Reach::Names(names) => {
            format!("The program reaches these hosts only, through a proxy that its environment names: {names}.")
        }
        Reach::Policy(policy) => format!("What the program reaches is decided by the policy `{policy}`."),
    };
    format!(
        "Runs a Python program in a fresh, isolated Linux container and returns what it prints, the value of its last \
         line, what it passes to `display()` (a whole table with `format='csv'` or `'parquet'`), its matplotlib figures, \
         and the files that it leaves in its working directory ({files}). Nothing is kept between calls: no variables, files or modules. Limits: {timeout} unless `timeout_seconds` says otherwise, {memory} of memory including the files \
         in /tmp, the only place that can be written. {network} Name third-party packages in `modules`; the standard \
         library is always there.{ready} For a browser use module `playwright` without a version and launch Chromium \
         headless.",
        files = kept(facts),
        ready = ready(facts),
        timeout = facts.timeout,
        memory = facts.memory,
    )
}

/// What a model gains by naming just these modules.
fn ready(facts: &Facts) -> String {
    if facts.ready.is_empty() {
        return String::new();
    }
    let sets = facts.ready.join("; ");
    format!(" Ready at once, if `modules` names nothing besides one of these sets: {sets}.")
}

/// How long a result's links hold.
fn kept(facts: &Facts) -> String {
    let seconds = facts.keep.as_secs();
    let time = match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    };
    format!("as resources, for {time}")
}

fn input_schema(facts: &Facts) -> Map<String, Value> {
    let schema = json!({
        "type": "object",
        "properties": {
            "code": {
                "type": "string",
                "description": "The program's text, run as a script. At most 1 MiB.",
            },
            "modules": {
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
                "description": "Packages to install from the package index first, separated by commas, with optional \
                    extras and versions: `numpy, pandas>=2,<3, requests[socks]`. At most 64.",
            },
            "timeout_seconds": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": seconds(facts.max_seconds()),
                "default": seconds(facts.default_seconds()),
                "description": "How long the program may run; installing modules is not counted.",
            },
            "stdin": {
                "type": "string",
                "description": "What the program reads from standard input.",
            },
            "files": {
                "type": "array",
                "maxItems": MAX_INPUT_FILES,
                "items": {
                    "type": "object",
                    "properties": {
                        "name": { "type": "string" },
                        "text": { "type": "string" },
                        "base64": { "type": "string" },
                        "uri": { "type": "string" },
                    },
                    "required": ["name"],
                    "additionalProperties": false,
                },
                "description": "Files to put into the working directory first: a relative `name`, and one of `text`, \
                    `base64`, or the `uri` of a file of an earlier result.",
            },
        },
        "required": ["code"],
        "additionalProperties": false,
    });
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// A number of seconds without a needless fraction.
pub(crate) fn seconds(seconds: f64) -> Value {
    // A whole number below 2^53 prints the same as an integer; JSON knows one kind of number, its readers two.
    format!("{seconds}")
        .parse()
        .map_or_else(|_| json!(seconds), |whole: u64| json!(whole))
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_entry_in_the_list() {
        let tool = definition(&Facts::sample());
        let entry = json!({
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "inputSchema": tool.input_schema,
            "outputSchema": tool.output_schema,
            "annotations": {
                "readOnlyHint": tool.annotations.as_ref().and_then(|hints| hints.read_only),
                "destructiveHint": tool.annotations.as_ref().and_then(|hints| hints.destructive),
                "idempotentHint": tool.annotations.as_ref().and_then(|hints| hints.idempotent),
                "openWorldHint": tool.annotations.as_ref().and_then(|hints| hints.open_world),
            },
        });
        let shown = serde_json::to_string_pretty(&entry).expect("JSON");
        expect_file!["../tests/golden/execute-python.json"].assert_eq(&(shown + "\n"));
    }

    #[test]
    fn sets_that_are_ready_are_named() {
        let shown = |ready: &[&str]| {
            description(&Facts {
                ready: ready.iter().map(|&set| set.to_owned()).collect(),
                ..Facts::sample()
            })
        };
        assert!(!shown(&[]).contains("Ready"));
        let sentence = "is always there. Ready at once, if `modules` names nothing besides one of these sets: numpy, \
                        pandas; scipy. For a browser";
        assert!(shown(&["numpy, pandas", "scipy"]).contains(sentence));
    }

    #[test]
    fn the_network_in_words() {
        let shown = |reach| {
            description(&Facts {
                reach,
                ..Facts::sample()
            })
        };
        assert!(
            shown(Reach::Nothing)
                .contains("The program has no network; modules are still installed.")
        );
        assert!(
            shown(Reach::Names("example.org:443".to_owned())).contains("names: example.org:443.")
        );
    }
}
