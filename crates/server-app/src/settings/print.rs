//! `--print-config`: every setting in force with the place it came from, as a settings file.

use std::fmt::Write as _;

use super::key::{Form, Group, Key};
use super::mistake::shown;
use super::source::{Given, Raw};
use super::table::KEYS;

/// The text. It is TOML: what has no fixed default is commented out, and so is what is secret.
/// `worked_out` knows the value of a default that depends on the host.
pub(crate) fn render(
    raw: &Raw,
    shows: impl Fn(Group) -> bool,
    worked_out: impl Fn(&str) -> Option<String>,
) -> String {
    let mut text = String::new();
    let mut table = "";
    for key in KEYS.iter().filter(|key| shows(key.group)) {
        let (prefix, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if prefix != table {
            table = prefix;
            let _ = writeln!(text, "\n[{table}]");
        }
        let default = worked_out(key.name).unwrap_or_else(|| key.default.to_owned());
        let _ = writeln!(text, "{}", line(key, name, raw, &default));
    }
    text
}

fn line(key: &Key, name: &str, raw: &Raw, default: &str) -> String {
    let Some(given) = raw.all(key.name) else {
        let comment = if default.starts_with('(') { "# " } else { "" };
        return format!("{comment}{name} = {}  # default", literal(key, default));
    };
    let Some(last) = given.last() else {
        return format!("{name} = []  # emptied");
    };
    let values = |given: &Given| literal(key, &shown(key, &given.text));
    // What is not shown as it was given would not work if it were read again.
    let hidden = given
        .iter()
        .any(|given| shown(key, &given.text) != given.text);
    let comment = if hidden { "# " } else { "" };
    if key.takes_many() {
        let all: Vec<_> = given.iter().map(values).collect();
        return format!("{comment}{name} = [{}]  # {}", all.join(", "), last.source);
    }
    format!("{comment}{name} = {}  # {}", values(last), last.source)
}

/// Switches bare, the rest as strings: every key takes its value as a string.
fn literal(key: &Key, text: &str) -> String {
    match (key.form, text) {
        (Form::Switch, "true" | "false") => text.to_owned(),
        _ => toml::Value::String(text.to_owned()).to_string(),
    }
}
