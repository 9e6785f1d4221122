//! Our environment variables as raw settings.

use super::key::{Form, PREFIX};
use super::mistake::Mistake;
use super::source::{Given, Raw, Source};
use super::table::KEYS;
use crate::environment::Environment;

/// Reads every variable of ours. One that is set to nothing counts as not set, as it does for most
/// programs; one that we do not know is a mistake.
pub(crate) fn read(environment: &dyn Environment, mistakes: &mut Vec<Mistake>) -> Raw {
    let mut raw = Raw::default();
    for key in KEYS.iter() {
        let variable = key.variable();
        let Some(value) = environment.get(&variable) else {
            continue;
        };
        let Ok(text) = value.into_string() else {
            mistakes.push(Mistake::about(variable, "its value is not Unicode"));
            continue;
        };
        if text.is_empty() {
            continue;
        }
        let source = Source::Variable(variable);
        if key.takes_many() {
            raw.touch(key.name);
            let separates = |char: char| match key.form {
                Form::Lists => char == ';',
                _ => char == ',' || char.is_whitespace(),
            };
            let parts = text.split(separates).map(str::trim);
            for part in parts.filter(|part| !part.is_empty()) {
                raw.push(
                    key.name,
                    Given {
                        text: part.to_owned(),
                        source: source.clone(),
                    },
                );
            }
        } else {
            raw.push(key.name, Given { text, source });
        }
    }
    for name in environment.names() {
        let name = name.to_string_lossy();
        // Ours first: all of a process's variables come by here at every start.
        let is_known =
            || name == config_variable() || KEYS.iter().any(|key| key.variable() == name);
        if name.starts_with(PREFIX) && !is_known() {
            mistakes.push(Mistake::unknown_variable(&name));
        }
    }
    raw
}

/// The variable that names the settings file.
pub(crate) fn config_variable() -> String {
    format!("{PREFIX}CONFIG")
}
