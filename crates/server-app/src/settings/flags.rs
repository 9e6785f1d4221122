//! The command line: its grammar, made from the table of keys, and what it says as raw settings.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::key::{Form, Group, Key};
use super::mistake::Mistake;
use super::source::{Given, Raw, Source};
use super::table::KEYS;

/// Adds a flag for each key of a group that `shows`, and the flags about settings themselves.
pub(crate) fn add_to(command: Command, shows: impl Fn(Group) -> bool) -> Command {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .global(true)
        .value_parser(clap::value_parser!(PathBuf))
        .help_heading("Settings")
        .help("Read this settings file instead of the usual one.");
    let print = Arg::new(PRINT)
        .long(PRINT)
        .global(true)
        .action(ArgAction::SetTrue)
        .help_heading("Settings")
        .help("Print every setting in force and where it came from, and exit.");
    KEYS.iter()
        .filter(|key| shows(key.group))
        .filter_map(argument)
        .fold(command.arg(config).arg(print), Command::arg)
}

/// What the flags of `matches` say.
pub(crate) fn read(matches: &ArgMatches) -> Raw {
    let mut raw = Raw::default();
    for key in KEYS.iter() {
        let Some(flag) = key.flag() else { continue };
        // Keys of the other transport are not flags here.
        let Ok(Some(values)) = matches.try_get_many::<String>(key.name) else {
            continue;
        };
        for text in values {
            let given = Given {
                text: text.clone(),
                source: Source::Flag(flag.clone()),
            };
            raw.push(key.name, given);
        }
    }
    raw
}

/// The settings file that a flag names.
pub(crate) fn config_file(matches: &ArgMatches) -> Option<PathBuf> {
    matches.get_one::<PathBuf>(CONFIG).cloned()
}

/// Whether the settings are to be printed.
pub(crate) fn wants_print(matches: &ArgMatches) -> bool {
    matches.get_flag(PRINT)
}

/// Parses `arguments`. A flag that does not exist is noted as a mistake and left out together with
/// its value, so that it is told along with what else is wrong.
pub(crate) fn parse(
    command: &Command,
    mut arguments: Vec<OsString>,
    mistakes: &mut Vec<Mistake>,
) -> Result<ArgMatches, clap::Error> {
    loop {
        let error = match command.clone().try_get_matches_from(&arguments) {
            Ok(matches) => return Ok(matches),
            Err(error) => error,
        };
        let unknown = unknown_flag(&error);
        let Some((flag, at)) = unknown.and_then(|flag| position(&arguments, &flag)) else {
            return Err(error);
        };
        let known = KEYS
            .iter()
            .filter_map(Key::flag)
            .map(|flag| format!("--{flag}"));
        mistakes.push(Mistake::about(flag, "unknown flag").nearest(known));
        let removed = arguments.remove(at);
        if !removed.to_string_lossy().contains('=') && value_follows(command, &arguments, at) {
            arguments.remove(at);
        }
    }
}

/// Whether the argument at `at` looks like the value of the flag that stood before it. After `run`
/// it may as well be the file, and nothing will be run anyway.
fn value_follows(command: &Command, arguments: &[OsString], at: usize) -> bool {
    let after_run = arguments.iter().take(at).any(|argument| argument == "run");
    arguments.get(at).is_some_and(|next| {
        let next = next.to_string_lossy();
        !after_run && !next.starts_with('-') && command.find_subcommand(next.as_ref()).is_none()
    })
}

const CONFIG: &str = "config";
const PRINT: &str = "print-config";

fn argument(key: &Key) -> Option<Arg> {
    let default = match key.form {
        Form::Switch => String::new(),
        Form::One | Form::Many | Form::Lists | Form::Url | Form::Urls | Form::Secret => {
            let bare = key.default.trim_start_matches('(').trim_end_matches(')');
            format!(" [default: {bare}]")
        }
    };
    let argument = Arg::new(key.name)
        .long(key.flag()?)
        .global(true)
        .help_heading(key.group.heading())
        .help(format!("{}{default}", key.help.replace('`', "")));
    Some(match key.form {
        Form::Many | Form::Lists | Form::Urls => {
            argument.value_name(key.value).action(ArgAction::Append)
        }
        Form::Switch => argument
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true),
        Form::One | Form::Url | Form::Secret => argument.value_name(key.value),
    })
}

/// The long flag that clap does not know.
fn unknown_flag(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if flag.starts_with("--") => Some(flag.clone()),
        _ => None,
    }
}

/// Where `flag` stands, with `=value` or without.
fn position(arguments: &[OsString], flag: &str) -> Option<(String, usize)> {
    let bare = flag.split('=').next().unwrap_or(flag);
    let at = arguments.iter().position(|argument| {
        let argument = argument.to_string_lossy();
        argument.split('=').next() == Some(bare)
    })?;
    Some((bare.to_owned(), at))
}
