//! What operators write, for the fuzz targets. Not part of the API.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::environment::Environment;
use crate::settings::{self, Mistakes, Transport};

/// Reads and resolves the text of a settings file, for the server over HTTP. What a file names is not opened.
///
/// # Errors
///
/// Every mistake, as a person is told of it.
pub fn settings_file(text: &str) -> Result<(), String> {
    // A file that the text names could be a device that never ends.
    let named = ["token-file", "ca-bundle"];
    if named.iter().any(|key| text.contains(key)) {
        return Err("it names a file".to_owned());
    }
    settings::check_file(Path::new("settings.toml"), text, Transport::Http, &Nothing)
        .map_err(|mistakes: Mistakes| mistakes.to_string())
}

/// A time as people write it.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    settings::duration(text)
}

/// An environment in which nothing is set, except that the host's certificates are not looked for: they take long to read.
#[derive(Debug)]
struct Nothing;

impl Environment for Nothing {
    fn get(&self, name: &str) -> Option<OsString> {
        (name == "SSL_CERT_FILE").then(|| "/dev/null".into())
    }

    fn names(&self) -> Vec<OsString> {
        Vec::new()
    }
}
