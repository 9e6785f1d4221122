//! Settings: one table of keys, four sources, raw texts and then resolved values.
//!
//! Defaults < file < environment < flags. A later source replaces what an earlier one said about a
//! key. Nothing is taken in part: every mistake of every source is found, and one is enough to
//! refuse all of it.

mod authorization;
mod file;
mod flags;
mod foreign;
mod key;
mod mistake;
mod print;
mod quantity;
mod resolve;
mod resolved;
mod source;
mod table;
mod variables;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::authorization::{
    AuthorizationSettings, Issuer, IssuerReach, KeysUrl, Resource, Scope, SigningAlgorithm,
    UrlRefused,
};
pub use self::mistake::{Mistake, Mistakes};
pub use self::resolve::Transport;
pub use self::resolved::{
    HttpSettings, LogFormat, LogLevel, LogSettings, ModuleSettings, NetworkSettings,
    ResultSettings, Settings, Times,
};

pub(crate) use self::flags::{add_to, config_file, parse, read as read_flags, wants_print};
pub(crate) use self::key::Group;
pub(crate) use self::source::Raw;

use self::file::Location;
use crate::environment::Environment;

/// Settings with the texts that they were made from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    /// Whether anybody said how much is to be logged.
    pub(crate) log_level_was_given: bool,
    raw: Raw,
}

impl Loaded {
    /// What `--print-config` prints.
    pub(crate) fn print(&self, transport: Transport) -> String {
        let worked_out = |key: &str| match key {
            "concurrency" => Some(self.settings.concurrency.to_string()),
            "pool" => Some(self.settings.pool.most.to_string()),
            _ => None,
        };
        print::render(&self.raw, |group| shows(transport, group), worked_out)
    }
}

/// Puts file, environment and `flags` together and resolves them. `named` is the file that a flag
/// names; `mistakes` are those that the command line has already.
pub(crate) fn load(
    flags: Raw,
    named: Option<PathBuf>,
    transport: Transport,
    environment: &dyn Environment,
    mut mistakes: Vec<Mistake>,
) -> Result<Loaded, Mistakes> {
    let named = named
        .or_else(|| foreign::text(environment, &variables::config_variable()).map(PathBuf::from));
    let location = named
        .map(Location::Named)
        .or_else(|| file::usual_place(environment));
    let mut raw = Raw::default();
    if let Some(location) = location {
        raw.overlay(file::read(&location, &mut mistakes));
    }
    raw.overlay(variables::read(environment, &mut mistakes));
    raw.overlay(flags);
    let settings = resolve::resolve(&raw, transport, environment, &mut mistakes);
    match (settings, mistakes.is_empty()) {
        (Some(settings), true) => {
            let log_level_was_given = raw.last("log-level").is_some();
            Ok(Loaded {
                settings,
                log_level_was_given,
                raw,
            })
        }
        (_, _) => Err(Mistakes::of(mistakes)),
    }
}

/// Holds the text of a settings file alone against everything that it may say.
pub(crate) fn check_file(
    path: &Path,
    text: &str,
    transport: Transport,
    environment: &dyn Environment,
) -> Result<(), Mistakes> {
    let mut mistakes = Vec::new();
    let raw = file::parse(path, text, &mut mistakes);
    let settings = resolve::resolve(&raw, transport, environment, &mut mistakes);
    match (settings, mistakes.is_empty()) {
        (Some(_), true) => Ok(()),
        (_, _) => Err(Mistakes::of(mistakes)),
    }
}

/// A time as it is written in a setting.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    quantity::duration(text).ok()
}

/// Whether a group of settings concerns that server. The other's are accepted in file and
/// environment, which both may share, and are no flags.
pub(crate) const fn shows(transport: Transport, group: Group) -> bool {
    match (transport, group) {
        (Transport::Stdio, Group::Http | Group::DangerHttp) => false,
        (Transport::Stdio | Transport::Http, _) => true,
    }
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
