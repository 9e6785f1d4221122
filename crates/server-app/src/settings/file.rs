//! The settings file: where it is looked for, and its TOML as raw settings.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use super::source::{Given, Raw, Source};
use super::table::{KEYS, find};
use crate::environment::Environment;

/// The longest settings file: 256 KiB.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// A settings file that should be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// Somebody named it: it must be there.
    Named(PathBuf),
    /// The usual place: it may be absent.
    Usual(PathBuf),
}

/// The usual place: `$XDG_CONFIG_HOME/mcp-python-executor/config.toml`, where the directory is
/// `~/.config` unless the variable names another.
pub(crate) fn usual_place(environment: &dyn Environment) -> Option<Location> {
    // XDG Base Directory Specification: a relative path there is to be ignored.
    let base = environment
        .get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| {
            environment
                .get("HOME")
                .map(|home| Path::new(&home).join(".config"))
        })
        .filter(|path| path.is_absolute())?;
    Some(Location::Usual(
        base.join("mcp-python-executor").join("config.toml"),
    ))
}

/// Reads the file at `location`.
pub(crate) fn read(location: &Location, mistakes: &mut Vec<Mistake>) -> Raw {
    let (path, may_be_absent) = match location {
        Location::Named(path) => (path, false),
        Location::Usual(path) => (path, true),
    };
    let subject = || path.display().to_string();
    match read_bounded(path) {
        Ok(text) => parse(path, &text, mistakes),
        Err(error) if may_be_absent && error.kind() == std::io::ErrorKind::NotFound => {
            Raw::default()
        }
        Err(error) => {
            mistakes.push(
                Mistake::about(
                    subject(),
                    format!("the settings file cannot be read: {error}"),
                )
                .hint("name another with `--config FILE`"),
            );
            Raw::default()
        }
    }
}

/// The TOML `text` of the file at `path`; the path is only said in mistakes.
pub(crate) fn parse(path: &Path, text: &str, mistakes: &mut Vec<Mistake>) -> Raw {
    let mut reader = Reader {
        path,
        text,
        raw: Raw::default(),
        mistakes,
    };
    match DeTable::parse(text) {
        Ok(table) => reader.table("", table.get_ref()),
        Err(error) => {
            let line = error.span().map_or(1, |span| reader.line(span.start));
            let place = format!("{}, line {line}", path.display());
            let reason = error
                .message()
                .lines()
                .next()
                .unwrap_or("not TOML")
                .to_owned();
            reader.mistakes.push(Mistake::about(place, reason));
        }
    }
    reader.raw
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    raw: Raw,
    mistakes: &'a mut Vec<Mistake>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let line = self.line(key.span().start);
            let opens_a_table = KEYS
                .iter()
                .any(|key| key.name.starts_with(&format!("{name}.")));
            match (find(&name), value.get_ref()) {
                (Some(key), value) => self.key(key.name, key.takes_many(), line, value),
                (None, DeValue::Table(inner)) if opens_a_table => {
                    self.table(&format!("{name}."), inner);
                }
                (None, _) => {
                    let source = self.source(line);
                    self.mistakes.push(Mistake::unknown_key(&name, source));
                }
            }
        }
    }

    fn key(&mut self, name: &'static str, takes_many: bool, line: usize, value: &DeValue<'_>) {
        if name == "token" {
            self.mistakes.push(
                Mistake::about(name, "a secret does not belong into the settings file").hint(
                    "put it into a file of its own and name that with `token-file`, or set \
                     MCP_PYTHON_TOKEN",
                ),
            );
            return;
        }
        match (takes_many, value) {
            (true, DeValue::Array(items)) => {
                self.raw.touch(name);
                for item in items.iter() {
                    let line = self.line(item.span().start);
                    self.scalar(name, line, item.get_ref());
                }
            }
            _ => self.scalar(name, line, value),
        }
    }

    fn scalar(&mut self, name: &'static str, line: usize, value: &DeValue<'_>) {
        let source = self.source(line);
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Integer(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                let reason = format!(
                    "{source}: a value of type {} is not taken",
                    value.type_str()
                );
                self.mistakes.push(
                    Mistake::about(name, reason).hint("write a string, a number, true or false"),
                );
                return;
            }
        };
        self.raw.push(name, Given { text, source });
    }

    fn source(&self, line: usize) -> Source {
        Source::File {
            path: self.path.to_owned(),
            line,
        }
    }

    /// The number of the line in which the byte at `offset` stands, from 1.
    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        before
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            .saturating_add(1)
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let mut file = std::fs::File::open(path)?.take(MAX_FILE_BYTES.saturating_add(1));
    let length = file.read_to_string(&mut text)?;
    if u64::try_from(length).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(std::io::Error::other(format!(
            "it is longer than {MAX_FILE_BYTES} bytes"
        )));
    }
    Ok(text)
}
