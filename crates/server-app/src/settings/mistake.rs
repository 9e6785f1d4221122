//! What is wrong with the settings: all of it at once, each with its key, source, value, reason
//! and way out.

use std::fmt;

use super::key::{Form, Key, PREFIX};
use super::source::{Given, Source};
use super::table::KEYS;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What it is about: a key, a variable or a flag.
    subject: String,
    /// The value as given, if it may be shown.
    value: Option<String>,
    /// Where it came from, if that is not said by the subject.
    source: Option<Source>,
    reason: String,
    hint: Option<String>,
}

/// Every mistake that was found, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

/// Why a parser does not take a value, without saying which value of which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    reason: String,
    hint: Option<String>,
}

impl Refusal {
    pub(crate) fn because(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Mistake {
    /// A value of `key` that is not taken.
    pub(crate) fn value(key: &Key, given: &Given, refusal: Refusal) -> Self {
        Self {
            subject: key.name.to_owned(),
            value: (key.form != Form::Secret).then(|| shorten(&shown(key, &given.text))),
            source: Some(given.source.clone()),
            reason: refusal.reason,
            hint: refusal.hint,
        }
    }

    /// Something that is wrong about `subject` as a whole.
    pub(crate) fn about(subject: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self {
            subject: subject.into(),
            value: None,
            source: None,
            reason: reason.to_string(),
            hint: None,
        }
    }

    /// With the way out.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the nearest of `known` as the way out, if one is near.
    pub(crate) fn nearest<S: AsRef<str>>(self, known: impl IntoIterator<Item = S>) -> Self {
        let near = known
            .into_iter()
            .map(|name| (strsim::jaro_winkler(name.as_ref(), &self.subject), name))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| name.as_ref().to_owned());
        match near {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None => self.hint("`--help` lists what there is"),
        }
    }

    /// A key in the file that does not exist.
    pub(crate) fn unknown_key(name: &str, source: Source) -> Self {
        let mut mistake =
            Self::about(name, "unknown setting").nearest(KEYS.iter().map(|key| key.name));
        mistake.source = Some(source);
        mistake
    }

    /// A variable with our prefix that does not exist.
    pub(crate) fn unknown_variable(name: &str) -> Self {
        let known = KEYS
            .iter()
            .map(Key::variable)
            .chain([format!("{PREFIX}CONFIG")]);
        Self::about(name, "unknown variable of this program").nearest(known)
    }
}

impl Mistakes {
    /// Those that were found.
    pub(crate) const fn of(found: Vec<Mistake>) -> Self {
        Self(found)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.subject)?;
        if let Some(value) = &self.value {
            write!(f, " = `{value}`")?;
        }
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        write!(f, ": {}", self.reason)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n    hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "error: a setting is wrong")?,
            count => writeln!(f, "error: {count} settings are wrong")?,
        }
        for mistake in &self.0 {
            writeln!(f, "  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// The value of `key` as it may be shown: no secret, no credentials.
pub(crate) fn shown(key: &Key, text: &str) -> String {
    match key.form {
        Form::Secret => "(secret)".to_owned(),
        Form::Url | Form::Urls => without_credentials(text),
        Form::One | Form::Many | Form::Lists | Form::Switch => text.to_owned(),
    }
}

/// A URL with what stands before its last `@` in the authority blotted out.
pub(crate) fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(scheme, rest)| (scheme, rest));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let Some((_, host)) = authority.rsplit_once('@') else {
        return url.to_owned();
    };
    let path = rest.get(authority.len()..).unwrap_or_default();
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}***@{host}{path}")
}

/// Keeps a long value from hiding its reason, and control characters from the terminal.
fn shorten(text: &str) -> String {
    const MOST: usize = 120;
    let mut short: String = text
        .chars()
        .take(MOST)
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        for (url, shown) in [
            ("https://pypi.org/simple", "https://pypi.org/simple"),
            (
                "https://me:secret@index.example/simple",
                "https://***@index.example/simple",
            ),
            (
                "https://me:a@b@index.example/x@y",
                "https://***@index.example/x@y",
            ),
            ("me:secret@proxy:3128", "***@proxy:3128"),
            ("http://proxy:3128", "http://proxy:3128"),
        ] {
            assert_eq!(without_credentials(url), shown, "{url}");
        }
    }
}
