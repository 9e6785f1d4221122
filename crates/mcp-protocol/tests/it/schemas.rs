//! What is sent fits the official schemas, where these are at hand: `MCP_SCHEMA_DIR` names a directory with one
//! `<revision>.json` each. The golden `surface` covers machines without them.

use std::path::{Path, PathBuf};

use mcp_protocol::Revision;
use serde_json::{Value, json};

use crate::samples;

#[test]
fn what_is_sent_fits_the_official_schemas() {
    let Some(directory) = std::env::var_os("MCP_SCHEMA_DIR").map(PathBuf::from) else {
        println!("SKIPPED: the official schemas: MCP_SCHEMA_DIR names no directory of them");
        return;
    };
    for revision in Revision::ALL {
        let schema = load(&directory, revision);
        let samples = samples::results(revision)
            .into_iter()
            .chain(samples::messages(revision));
        for (name, sample) in samples {
            let errors = violations(&schema, name, &sample);
            assert!(
                errors.is_empty(),
                "{revision} {name}: {errors:#?}\n{sample:#}"
            );
            // The check has teeth: the same without one of its members is refused, or nothing would be.
            let mut broken = sample.clone();
            let required = required_member(&schema, name);
            if let Some(required) = required {
                broken.as_object_mut().unwrap().remove(&required);
                assert!(
                    !violations(&schema, name, &broken).is_empty(),
                    "{revision} {name}"
                );
            }
        }
    }
}

fn load(directory: &Path, revision: Revision) -> Value {
    let path = directory.join(format!("{revision}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).unwrap()
}

fn definitions(schema: &Value) -> (&'static str, &Value) {
    match schema.get("$defs") {
        Some(definitions) => ("$defs", definitions),
        None => ("definitions", &schema["definitions"]),
    }
}

fn required_member(schema: &Value, name: &str) -> Option<String> {
    let (_, definitions) = definitions(schema);
    definitions[name]["required"]
        .as_array()?
        .first()?
        .as_str()
        .map(str::to_owned)
}

fn violations(schema: &Value, name: &str, sample: &Value) -> Vec<String> {
    let (keyword, definitions) = definitions(schema);
    assert!(
        definitions.get(name).is_some(),
        "the schema has no `{name}`"
    );
    let root = json!({
        "$schema": schema["$schema"],
        "$ref": format!("#/{keyword}/{name}"),
        keyword: definitions,
    });
    let validator = jsonschema::validator_for(&root).unwrap();
    validator
        .iter_errors(sample)
        .map(|error| error.to_string())
        .collect()
}
