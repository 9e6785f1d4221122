//! The command line of both servers: what they are called, what they can be told, and what was
//! asked for.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::environment::Environment;
use crate::settings::{self, Group, Loaded, Mistakes, Transport};

/// One of our programs, as it presents itself.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Program {
    /// Its name on the command line.
    pub name: &'static str,
    /// How it is reached.
    pub transport: Transport,
}

impl Program {
    /// The server on standard input and output.
    pub const STDIO: Self = Self {
        name: "mcp-python-stdio",
        transport: Transport::Stdio,
    };
    /// The server over HTTP.
    pub const HTTP: Self = Self {
        name: "mcp-python-sse",
        transport: Transport::Http,
    };
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Task {
    /// Serve until told otherwise.
    Serve,
    /// Run one program and pass its exit code on.
    Run(RunTask),
    /// Look at everything and say what is there.
    Doctor(DoctorTask),
    /// See to the sets of modules that are kept.
    Env(EnvTask),
    /// Say something and leave: help, version, settings.
    Print(String),
}

/// One program from the shell.
#[derive(Debug)]
pub(crate) struct RunTask {
    /// The program's file; `None` for standard input.
    pub(crate) file: Option<PathBuf>,
    pub(crate) args: Vec<String>,
    pub(crate) modules: Vec<String>,
    /// Files that the program finds in its working directory: paths, or names, `=` and paths.
    pub(crate) files: Vec<String>,
    /// Where the files that it leaves there are kept.
    pub(crate) out: Option<PathBuf>,
    /// Whether the program reads our standard input.
    pub(crate) stdin: bool,
    /// Whether nothing but the program's own output is shown.
    pub(crate) quiet: bool,
}

/// A look at everything.
#[derive(Debug)]
pub(crate) struct DoctorTask {
    pub(crate) json: bool,
    /// Whether every promise is tried, and not only looked at.
    pub(crate) prove: bool,
}

/// What is to be done about the sets of modules that are kept.
#[derive(Debug)]
pub(crate) struct EnvTask {
    pub(crate) json: bool,
    pub(crate) deed: EnvDeed,
}

#[derive(Debug)]
pub(crate) enum EnvDeed {
    /// Say what is there.
    List,
    /// Build this set, unless it is there.
    Build(Vec<String>),
    /// Remove what is broken or too much.
    Prune,
    /// Remove everything.
    PruneAll,
}

/// The command line understood: the task and the settings for it.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) task: Task,
    pub(crate) loaded: Loaded,
}

/// Why nothing can be done.
#[derive(Debug)]
pub(crate) enum CliError {
    /// The command line itself; also its help and version, which are no errors.
    Arguments(Box<clap::Error>),
    /// The settings, those on the command line included.
    Settings(Mistakes),
}

/// Understands `arguments`, the program's name first.
pub(crate) fn parse(
    program: Program,
    arguments: Vec<OsString>,
    environment: &dyn Environment,
) -> Result<Invocation, CliError> {
    let command = command(program);
    let mut mistakes = Vec::new();
    let matches = settings::parse(&command, arguments, &mut mistakes)
        .map_err(|error| CliError::Arguments(Box::new(error)))?;
    // Global flags are seen from the subcommand as well, which knows those on both sides of it.
    let mut innermost = &matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    let loaded = settings::load(
        settings::read_flags(innermost),
        settings::config_file(innermost),
        program.transport,
        environment,
        mistakes,
    )
    .map_err(CliError::Settings)?;
    let task = if settings::wants_print(innermost) {
        Task::Print(loaded.print(program.transport))
    } else {
        task(&matches)
    };
    Ok(Invocation { task, loaded })
}

fn task(matches: &ArgMatches) -> Task {
    match matches.subcommand() {
        Some(("run", run)) => {
            let all = |name| {
                run.get_many::<String>(name)
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect()
            };
            let file = run.get_one::<PathBuf>("file").cloned();
            Task::Run(RunTask {
                file: file.filter(|file| file.as_os_str() != "-"),
                args: all("args"),
                modules: all("modules"),
                files: all("in"),
                out: run.get_one::<PathBuf>("out").cloned(),
                stdin: run.get_flag("stdin"),
                quiet: run.get_flag("quiet"),
            })
        }
        Some(("doctor", doctor)) => Task::Doctor(DoctorTask {
            json: doctor.get_flag("json"),
            prove: doctor.get_flag("prove"),
        }),
        Some(("env", env)) => env_task(env),
        Some(_) | None => Task::Serve,
    }
}

fn env_task(env: &ArgMatches) -> Task {
    let (name, inner) = env.subcommand().unwrap_or(("list", env));
    let deed = match name {
        "build" => {
            let modules = inner.get_many::<String>("modules");
            EnvDeed::Build(modules.into_iter().flatten().cloned().collect())
        }
        "prune" if inner.get_flag("all") => EnvDeed::PruneAll,
        "prune" => EnvDeed::Prune,
        _ => EnvDeed::List,
    };
    Task::Env(EnvTask {
        json: inner.get_flag("json"),
        deed,
    })
}

/// The grammar, from which clap also makes the help.
fn command(program: Program) -> Command {
    let (about, after) = match program.transport {
        Transport::Stdio => (STDIO_ABOUT, STDIO_AFTER),
        Transport::Http => (HTTP_ABOUT, HTTP_AFTER),
    };
    let command = Command::new(program.name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .after_help(after)
        .max_term_width(100)
        .subcommand(run_command(program))
        .subcommand(doctor_command())
        .subcommand(env_command())
        .disable_help_subcommand(true)
        .next_help_heading("Settings");
    settings::add_to(command, |group: Group| {
        settings::shows(program.transport, group)
    })
}

fn run_command(program: Program) -> Command {
    Command::new("run")
        .about("Run one Python program in a fresh sandbox and pass its output and exit code on")
        .long_about(RUN_ABOUT)
        .after_help(RUN_AFTER.replace("PROGRAM", program.name))
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("The program's file, or - for standard input."),
        )
        .arg(
            Arg::new("args")
                .value_name("ARGS")
                .num_args(0..)
                .last(true)
                .help("What the program finds in sys.argv."),
        )
        .arg(
            Arg::new("modules")
                .long("modules")
                .short('m')
                .value_name("MODULES")
                .action(ArgAction::Append)
                .help("Packages to install first, separated by commas, such as \"requests, numpy>=2\"."),
        )
        .arg(
            Arg::new("in")
                .long("in")
                .value_name("[NAME=]FILE")
                .action(ArgAction::Append)
                .help("A file that the program finds in its working directory, under its own name or another."),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Where to keep the files and pictures that the program leaves."),
        )
        .arg(
            Arg::new("stdin")
                .long("stdin")
                .action(ArgAction::SetTrue)
                .help("Read standard input to its end first and pass it to the program."),
        )
        .arg(
            Arg::new("quiet")
                .long("quiet")
                .short('q')
                .action(ArgAction::SetTrue)
                .help("Show nothing but the program's own output."),
        )
}

fn doctor_command() -> Command {
    Command::new("doctor")
        .about(
            "Look at the engine, the image and a real sandbox: what is there, what is enforced, \
                what is missing, and what to do about it",
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Write one JSON object instead of text."),
        )
        .arg(
            Arg::new("prove")
                .long("prove")
                .action(ArgAction::SetTrue)
                .help(
                    "Attack sandboxes of our own and show what held: every limit, forbidden \
                     system calls, every way out. Takes half a minute at most.",
                ),
        )
}

fn env_command() -> Command {
    let json = || {
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("Write one JSON object instead of text.")
    };
    Command::new("env")
        .about("List, build and remove the sets of modules that are kept for later calls")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("list")
                .about("Show the sets that are kept: size, last use, what is in them")
                .arg(json()),
        )
        .subcommand(
            Command::new("build")
                .about("Build a set of modules, unless it is there")
                .arg(
                    Arg::new("modules")
                        .value_name("MODULE")
                        .required(true)
                        .num_args(1..)
                        .help("A package, as a call would name it, such as \"pandas>=2\"."),
                )
                .arg(json()),
        )
        .subcommand(
            Command::new("prune")
                .about("Remove what is broken, abandoned, or more than the store's size")
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help("Remove everything, and the engine's volume with it."),
                )
                .arg(json()),
        )
}

const STDIO_ABOUT: &str = "\
An MCP server on standard input and output. Its tool `execute-python` runs Python programs, each \
in a fresh hardened container that is destroyed afterwards.

An MCP client starts this program and speaks with it; started by hand in a terminal it waits for \
such messages. Try `run` and `doctor` instead.";

const HTTP_ABOUT: &str = "\
An MCP server over HTTP. Its tool `execute-python` runs Python programs, each in a fresh hardened \
container that is destroyed afterwards.

It serves /mcp (Streamable HTTP), /sse with /message (for old clients) and /healthz, on \
127.0.0.1:8080 unless told otherwise.";

const STDIO_AFTER: &str = "\
Examples:
  mcp-python-stdio                          Serve, as an MCP client starts it
  mcp-python-stdio --memory 2GiB --timeout 2m
  mcp-python-stdio doctor                   See whether everything is in order
  mcp-python-stdio doctor --prove           Attack a sandbox on this host, and see what holds
  mcp-python-stdio run --modules requests fetch.py
  mcp-python-stdio env build numpy pandas   Have these modules ready for the first call
  mcp-python-stdio --allow 'api.example.com' --print-config

Every setting can also be given by environment (MCP_PYTHON_MEMORY for --memory) and in
~/.config/mcp-python-executor/config.toml. Flags win over the environment, which wins over the
file. Exit codes: 0 well, 1 failed, 2 wrong arguments or settings, 3 no usable engine, 4 the
engine cannot keep what a sandbox promises.";

const HTTP_AFTER: &str = "\
Examples:
  mcp-python-sse                            Serve on http://127.0.0.1:8080/mcp
  mcp-python-sse --bind 127.0.0.1:0         Serve on a free port, which the log names
  mcp-python-sse --bind 0.0.0.0:8080 --token-file /etc/mcp-python/token --allowed-host mcp.example
  mcp-python-sse doctor                     See whether everything is in order
  mcp-python-sse run --modules requests fetch.py

Every setting can also be given by environment (MCP_PYTHON_MEMORY for --memory) and in
~/.config/mcp-python-executor/config.toml. Flags win over the environment, which wins over the
file. The token itself is taken from MCP_PYTHON_TOKEN or a file, never from a flag. Exit codes:
0 well, 1 failed, 2 wrong arguments or settings, 3 no usable engine, 4 the engine cannot keep what
a sandbox promises, 5 the address cannot be had.";

const RUN_ABOUT: &str = "\
Run one Python program in a fresh sandbox. What it prints appears as it prints it, its exit code \
becomes ours; 128 + n means that signal n ended it, 124 that it took too long, 125 that it could \
not be run, or not to its end.";

const RUN_AFTER: &str = "\
Examples:
  PROGRAM run hello.py
  echo 'print(2 + 2)' | PROGRAM run -
  PROGRAM run --modules 'requests, numpy>=2' --timeout 5m report.py -- --year 2025
  PROGRAM run --stdin --network none count.py < words.txt
  PROGRAM run --in data.csv --out plots --modules pandas,matplotlib plot.py";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::FixedEnvironment;

    fn invoke(program: Program, line: &str) -> Result<Invocation, CliError> {
        let words = line.split_whitespace().map(Into::into).collect();
        parse(program, words, &FixedEnvironment::default())
    }

    #[test]
    fn the_grammar_is_sound() {
        command(Program::STDIO).debug_assert();
        command(Program::HTTP).debug_assert();
    }

    #[test]
    fn tasks() {
        let stdio = |line: &str| invoke(Program::STDIO, line).unwrap().task;
        assert!(matches!(stdio("x"), Task::Serve));
        assert!(matches!(
            stdio("x doctor --json"),
            Task::Doctor(DoctorTask {
                json: true,
                prove: false
            })
        ));
        for (line, expected) in [
            ("x env list --json", "List"),
            ("x env build a b>=2", "Build([\"a\", \"b>=2\"])"),
            ("x env prune", "Prune"),
            ("x env prune --all", "PruneAll"),
        ] {
            let Task::Env(env) = stdio(line) else {
                panic!("{line}")
            };
            assert_eq!(format!("{:?}", env.deed), expected);
            assert_eq!(env.json, line.contains("--json"));
        }
        let Task::Run(run) = stdio("x run -m a,b --modules c main.py -- --year 5") else {
            panic!("not a run");
        };
        assert_eq!(run.file, Some("main.py".into()));
        assert_eq!(run.modules, ["a,b", "c"]);
        assert_eq!(run.args, ["--year", "5"]);
        let Task::Run(run) = stdio("x run a.py --in b.csv --in c=d --out e") else {
            panic!("not a run");
        };
        assert_eq!(run.files, ["b.csv", "c=d"]);
        assert_eq!(run.out, Some("e".into()));
        let Task::Run(run) = stdio("x run -") else {
            panic!("not a run")
        };
        assert_eq!(run.file, None);
        let Task::Print(text) = stdio("x run main.py --print-config --memory 2GiB") else {
            panic!("not a print");
        };
        assert!(
            text.contains("memory = \"2GiB\"  # flag --memory"),
            "{text}"
        );
    }

    #[test]
    fn settings_stand_before_or_after_the_subcommand() {
        for line in ["x --memory 2GiB run a.py", "x run a.py --memory 2GiB"] {
            let invocation = invoke(Program::STDIO, line).unwrap();
            assert_eq!(
                invocation.loaded.settings.limits.memory.to_string(),
                "2 GiB",
                "{line}"
            );
        }
    }

    #[test]
    fn unknown_flags_are_told_with_the_other_mistakes() {
        let error = invoke(
            Program::STDIO,
            "x --memroy 1GiB --cpus none --danger-x run a.py",
        );
        let CliError::Settings(mistakes) = error.unwrap_err() else {
            panic!("not settings")
        };
        assert_eq!(mistakes.iter().count(), 3, "{mistakes}");
    }

    #[test]
    fn listening_is_no_matter_of_the_server_that_does_not_listen() {
        let error = invoke(Program::STDIO, "x --bind 0.0.0.0:1").unwrap_err();
        assert!(matches!(error, CliError::Settings(_)));
        assert!(invoke(Program::HTTP, "x --bind 127.0.0.1:1").is_ok());
    }
}
